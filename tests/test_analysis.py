"""One position on all cores: budgets, stopping, reporting, continuing, and errors that arrive once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyspiel
import pytest
from positions import Failing, assert_same, played

from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.native import core
from engine.search.analysis import Analysis
from engine.search.search import search

UNPROVEN = SearchConfig(proofs=False)


def test_one_worker_searches_as_the_facade_does(connect_four: pyspiel.Game) -> None:
    """And in parts as at once."""
    state, evaluator = played(connect_four, [3, 3]), core.FakeEvaluator(connect_four)
    whole = search(state, evaluator, simulations=300, seed=4)
    analysis = Analysis(state, evaluator, seed=4, workers=1)
    for part in (1, 99, 0, 200):
        found = analysis.run(part)
    assert_same(found, whole)
    assert_same(analysis.report(), whole)


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize("name", ["connect_four", "backgammon", "goofspiel(num_cards=4,points_order=descending)"])
def test_many_workers_make_exactly_the_simulations_asked_for(name: str, leaves: int) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.legal_actions()[0])
    config = SearchConfig(proofs=False, leaves_in_flight=leaves)
    analysis = Analysis(state, core.FakeEvaluator(game), config, workers=4)
    for total in (50, 1050, 3000):
        result = analysis.run(total - (0 if total == 50 else {1050: 50, 3000: 1050}[total]))
        assert result.simulations == total
        for owner in np.unique(result.owners):
            assert result.visits[result.owners == owner].sum() == total
        assert np.all(np.abs(result.q) <= 1.0 + 1e-9)  # no virtual loss is left behind
        assert np.all(np.abs(result.values) <= 1.0)


def test_workers_find_and_prove_a_win(connect_four: pyspiel.Game) -> None:
    state = played(connect_four, [2, 2, 3, 3, 4, 6])
    result = Analysis(state, core.FakeEvaluator(connect_four), workers=4).run(50_000)
    assert result.root_proven and result.simulations < 50_000
    assert int(result.actions[result.best]) in (1, 5)
    assert result.values.tolist() == [1.0, -1.0]


def test_the_lines_of_all_moves(connect_four: pyspiel.Game) -> None:
    result = Analysis(played(connect_four), core.FakeEvaluator(connect_four), UNPROVEN, workers=2).run(500)
    assert [line[0] for line in result.variations] == result.actions.tolist()
    for line in result.variations:
        played(connect_four, line)  # legal
    assert result.variations[result.best] == result.principal_variation


def test_time_is_a_budget(connect_four: pyspiel.Game) -> None:
    analysis = Analysis(played(connect_four), core.RolloutEvaluator(connect_four, 4), UNPROVEN, workers=2)
    first = analysis.run(seconds=0.2)  # nothing else ends it
    assert first.simulations > 0 and not first.root_proven
    enough = analysis.run(simulations=5, seconds=1000.0)
    assert enough.simulations == first.simulations + 5
    late = analysis.run(simulations=10**9, seconds=0.0)
    assert enough.simulations <= late.simulations < 10**9


def test_start_report_stop_and_go_on(connect_four: pyspiel.Game) -> None:
    analysis = Analysis(played(connect_four), core.RolloutEvaluator(connect_four), UNPROVEN, workers=2)
    with pytest.raises(TesujiError, match="run it first"):
        analysis.report()
    analysis.start()
    seen = [analysis.report().simulations]
    while len(seen) < 4:
        time.sleep(0.01)
        seen.append(analysis.report().simulations)
        assert seen[-1] >= seen[-2]
    with pytest.raises(TesujiError, match="running"):
        analysis.start()
    with pytest.raises(TesujiError, match="running"):
        analysis.run(1)
    stopped = analysis.stop()
    assert stopped.simulations >= seen[-1]
    assert analysis.report().simulations == stopped.simulations
    analysis.start(simulations=100)
    assert analysis.wait().simulations == stopped.simulations + 100
    assert analysis.stop().simulations == stopped.simulations + 100


def test_a_running_analysis_ends_with_the_program(repository: Path) -> None:
    """And with its object: no thread is left in the core when the interpreter goes."""
    script = """
import gc, threading, pyspiel
from engine.native import core
from engine.search.analysis import Analysis
game = pyspiel.load_game("connect_four")
def started():
    analysis = Analysis(game.new_initial_state(), core.RolloutEvaluator(game), workers=2)
    analysis.start()
    return analysis
forgotten = started()
assert threading.active_count() == 2
del forgotten
gc.collect()
assert threading.active_count() == 1
kept = started()
print(kept.report().simulations >= 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=repository)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("good", [0, 20])
def test_a_worker_s_exception_arrives_once(connect_four: pyspiel.Game, good: int) -> None:
    evaluator = core.NetworkEvaluator(
        connect_four, "observation", [Failing(connect_four, good), Failing(connect_four, 1000)]
    )
    analysis = Analysis(played(connect_four), evaluator, workers=2)
    analysis.start()
    with pytest.raises(ValueError, match="no device"):
        analysis.wait()
    with pytest.raises(TesujiError, match="make a new one"):
        analysis.run(1)


def test_games_written_in_python_run_on_the_calling_thread() -> None:
    import open_spiel.python.games  # noqa: F401

    game = pyspiel.load_game("python_tic_tac_toe")
    result = Analysis(game.new_initial_state(), core.FakeEvaluator(game), UNPROVEN, workers=2).run(60)
    assert result.visits.sum() == 60


def test_reports_meanwhile_count_what_was_answered() -> None:
    """Nothing in flight, whoever holds the interpreter's lock."""
    import open_spiel.python.games  # noqa: F401

    for name, leaves in (("python_tic_tac_toe", 1), ("connect_four", 4)):
        game = pyspiel.load_game(name)
        config = SearchConfig(proofs=False, leaves_in_flight=leaves)
        analysis = Analysis(game.new_initial_state(), core.FakeEvaluator(game), config, workers=2)
        analysis.start(3000)
        for _ in range(20):
            found = analysis.report()
            assert found.visits.sum() == found.simulations
        assert analysis.wait().simulations == 3000


def test_what_an_analysis_refuses(connect_four: pyspiel.Game, tic_tac_toe: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four)
    start = played(connect_four)
    with pytest.raises(TesujiError, match="gumbel"):
        Analysis(start, evaluator, SearchConfig(selection="gumbel"))
    with pytest.raises(TesujiError, match="belongs to"):
        Analysis(played(tic_tac_toe), evaluator)
    with pytest.raises(TesujiError, match="workers is 0"):
        Analysis(start, evaluator, workers=0)
    with pytest.raises(TesujiError, match="workers is 2"):
        Analysis(start, core.NetworkEvaluator(connect_four, "observation", [Failing(connect_four, 9)]), workers=2)
    with pytest.raises(TesujiError, match="give simulations, seconds or both"):
        Analysis(start, evaluator).run()
    with pytest.raises(TesujiError, match="seconds is -1"):
        Analysis(start, evaluator).run(seconds=-1.0)
    with pytest.raises(TesujiError, match="terminal"):
        Analysis(played(connect_four, [0, 1, 0, 1, 0, 1, 0]), evaluator, workers=1).run(1)
