"""Long native calls end soon after a signal, and at a limit of time they lose nothing but unfinished games."""

import signal
from contextlib import contextmanager

import numpy as np
import pyspiel
import pytest

from engine.agents.bots import MctsAgent
from engine.config import NetworkConfig, RolloutConfig
from engine.errors import TesujiError
from engine.finetune.rollout import GroupRollout, NetworkAnswers, Rollout
from engine.game import encoder_shape, facts
from engine.native import core
from engine.network import build

AT_ONCE = 1e-9
"""Seconds: over before anything is done."""


class Alarm(Exception):
    """The signal came through."""


@contextmanager
def alarm(seconds=0.2):
    """Within, a signal raises Alarm after so long: what Ctrl-C does, without a second thread."""

    def ring(number, frame):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_ends_a_search_of_openspiels_bot(connect_four: pyspiel.Game) -> None:
    agent = MctsAgent(connect_four, 2**31 - 1)  # hours
    with pytest.raises(Alarm), alarm():
        agent.policy(connect_four.new_initial_state())


@pytest.mark.parametrize("name", ["connect_four", "backgammon"])
def test_rollouts_that_hear_signals_are_openspiels(name: str) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.chance_outcomes()[3][0])
    visits = []
    for evaluator in (core.InterruptibleRollouts(2, 5), pyspiel.RandomRolloutEvaluator(2, 5)):
        bot = pyspiel.MCTSBot(game, evaluator, 2.0, 200, 1000, True, 7, False)
        visits.append(
            [(child.action, child.explore_count, child.total_reward) for child in bot.mcts_search(state).children]
        )
    assert visits[0] == visits[1]


def pool(game: pyspiel.Game, simulations: int) -> core.Pool:
    params = core.PlayerParams(0, core.SearchParams(simulations=simulations))
    return core.Pool(game, [core.FakeEvaluator(game, seed=1)], [params], core.SelfPlayParams(), 1, 4, 3)


def test_a_signal_ends_self_play(connect_four: pyspiel.Game) -> None:
    with pytest.raises(Alarm), alarm():
        pool(connect_four, 100_000).run(positions=1_000_000)


def test_a_signal_ends_games_that_only_one_thread_may_step() -> None:
    twixt = pyspiel.load_game("twixt")
    with pytest.raises(Alarm), alarm():
        pool(twixt, 1000).run(positions=1_000_000)


def test_games_cut_off_go_on_in_the_next_run(connect_four: pyspiel.Game) -> None:
    whole, cut = pool(connect_four, 16), pool(connect_four, 16)
    expected = whole.run(games=8)
    assert len(cut.run(positions=1000, seconds=AT_ONCE)["game_ids"]) == 0
    found = cut.run(games=8, seconds=1e9)
    assert found["histories"] == expected["histories"]
    np.testing.assert_array_equal(found["policy"], expected["policy"])


def test_a_match_cut_off_says_which_games_are_over(tic_tac_toe: pyspiel.Game) -> None:
    def played(openings: list[list[int]], seconds: float) -> list[tuple[list[int], list[float]] | None]:
        params = core.PlayerParams(0, core.SearchParams(simulations=4))
        seats, seeds = [[0, 0]] * len(openings), [1] * len(openings)
        evaluators = [core.FakeEvaluator(tic_tac_toe, seed=1)]
        return core.play_match(tic_tac_toe, evaluators, [params], openings, seats, seeds, seconds=seconds)

    assert played([[0], [4]], AT_ONCE) == [None, None]
    over = played([[0], [4]], 1e9)
    assert all(game is not None and game[0][0] == first for game, first in zip(over, (0, 4), strict=True))


class Slow(Exception):
    """Raised by a report."""


def test_games_that_are_slow_to_begin_are_reported_and_can_be_stopped() -> None:
    """A deal of bridge is solved double dummy, which takes a third of a second: this would take a minute."""
    seen: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        seen.append((done, total))
        if done:
            raise Slow

    game = pyspiel.load_game("bridge")
    with pytest.raises(Slow):
        core.BatchEnv(game, 200, report=report)
    assert 0 < seen[-1][0] < 100 and seen[-1][1] == 200
    with pytest.raises(Alarm), alarm():
        core.BatchEnv(game, 200)


def test_a_report_is_for_the_beginning_alone() -> None:
    game = pyspiel.load_game("kuhn_poker")
    env = core.BatchEnv(game, 2, report=lambda done, total: pytest.fail("it was over at once"))
    assert env.size == 2
    with pytest.raises(TesujiError):
        core.BatchEnv(game, 0, report=lambda done, total: None)


@pytest.mark.parametrize("group", [1, 4])
def test_roll_outs_without_time_have_no_games(group: int) -> None:
    game = pyspiel.load_game("leduc_poker")
    about = facts(game)
    network = build(NetworkConfig(), about, encoder_shape(game), seed=1)
    config = RolloutConfig(games=8, positions=8)  # a step each: no game is over
    answers = NetworkAnswers(network)
    rollout = GroupRollout(game, "auto", config, group=group) if group > 1 else Rollout(game, "auto", config)
    none = rollout.play(answers, AT_ONCE)
    assert len(none) == len(none.groups) == 0 and none.offsets.tolist() == [0]
    assert len(rollout.play(answers).groups) > 0
