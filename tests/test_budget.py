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
    before.durations["match"] = 11.0
    before.matches = 7.0
    clock[0] += 40.0
    state = before.state()
    clock[0] += 1000.0
    after = Budget(RunConfig(minutes=2.0))
    after.restore(state)
    clock[0] += 5.0
    assert (after.elapsed, after.time_for_training, after.matches) == (45.0, 64.0, 7.0)


def test_time_is_set_aside_for_the_match_against_random_play(clock):
    budget = Budget(RunConfig(minutes=2.0), closing=2)
    assert budget.time_for_random == 2.4
    budget.set_aside(1.0)
    assert budget.time_for_training == 118.0 and budget.time_for_match(2) == 59.0
    budget.set_aside(100.0)
    assert budget.time_for_training == pytest.approx(117.6)
    after = Budget(RunConfig(minutes=2.0))
    after.restore(budget.state())
    assert after.time_for_training == budget.time_for_training
    endless = Budget(RunConfig(iterations=4))
    endless.set_aside(1.0)
    assert endless.time_for_training == endless.time_for_random == float("inf")


def test_matches_keep_to_their_share(clock):
    budget = Budget(RunConfig(minutes=2.0), closing=2)
    budget.durations = {"self-play": 20.0, "learning": 40.0, "match": 100.0}
    assert budget.time_for_training == 120.0 - 2 * 12.0  # a tenth of the time for each match at the end, at most
    clock[0] += 60.0
    assert budget.time_for_match() == 12.0  # a fifth of the time so far
    budget.matches = 5.0
    assert budget.time_for_match() == 7.0
    budget.matches = 50.0
    assert budget.time_for_match() == 0.0
    clock[0] += 40.0
    assert (budget.time_for_match(2), budget.time_for_match(1)) == (10.0, 20.0)
    clock[0] += 60.0
    assert budget.time_for_match(2) == budget.time_for_match(1) == pytest.approx(2.4)  # a little is always left
    assert budget.time_to_play == 0.0


def test_games_are_cut_off_while_they_can_still_be_learnt_from(clock):
    budget = Budget(RunConfig(minutes=2.0))
    assert budget.time_to_play == 60.0  # half of it for the first
    clock[0] += 60.0
    budget.durations["self-play"] = 60.0
    assert budget.time_to_play == 30.0  # as long as nothing has been learnt
    clock[0] += 55.0
    assert budget.time_to_play == 5.0  # all that is left
    clock[0] -= 55.0
    budget.durations["learning"] = 40.0
    assert budget.time_to_play == 50.0


def test_a_budget_in_iterations_limits_nothing(clock):
    budget = Budget(RunConfig(iterations=4), closing=2)
    clock[0] += 1e6
    assert budget.time_to_play == budget.time_for_match() == budget.time_for_match(2) == float("inf")
