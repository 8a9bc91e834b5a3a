"""The training budget: what is used, what is left, what there is still time for."""

import pytest

from engine.config import RunConfig
from engine.training import budget as module
from engine.training.budget import Budget


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def test_iterations(clock):
    budget = Budget(RunConfig(iterations=4))
    assert (budget.share(0), budget.left(0), budget.used_up(0)) == (0.0, None, False)
    clock[0] += 30.0
    budget.durations = {"self-play": 1e9, "learning": 1e9, "match": 1e9}
    assert (budget.elapsed, budget.share(3), budget.left(3)) == (30.0, 0.75, 10.0)
    assert budget.share(2.5) == 0.625
    assert budget.time_for_games and not budget.used_up(3)
    assert budget.used_up(4)


def test_minutes_end_with_the_last_match(clock):
    budget = Budget(RunConfig(minutes=2.0))
    assert budget.time_for_games  # nothing is known yet
    budget.durations = {"self-play": 20.0, "learning": 40.0, "match": 10.0}
    clock[0] += 60.0
    assert (budget.share(7), budget.left(7), budget.time_for_training) == (0.5, 60.0, 50.0)
    assert budget.time_for_games
    clock[0] += 16.0  # 34 seconds are as long as games take, and a quarter of what learning does
    assert not budget.time_for_games and not budget.used_up(7)
    clock[0] += 34.0
    assert budget.used_up(7) and budget.left(7) == 10.0
    clock[0] += 100.0
    assert (budget.share(7), budget.left(7)) == (1.0, 0.0)


def test_another_session_goes_on_with_time_and_durations(clock):
    before = Budget(RunConfig(minutes=2.0))
    before.durations["match"] = 15.0
    clock[0] += 40.0
    state = before.state()
    clock[0] += 1000.0
    after = Budget(RunConfig(minutes=2.0))
    after.restore(state)
    clock[0] += 5.0
    assert (after.elapsed, after.time_for_training) == (45.0, 60.0)
