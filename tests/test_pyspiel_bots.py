"""OpenSpiel's bots as agents, and agents as OpenSpiel's bots."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pyspiel
import pytest
from open_spiel.python.algorithms.evaluate_bots import evaluate_bots
from open_spiel.python.algorithms.mcts import MCTSBot, RandomRolloutEvaluator
from open_spiel.python.bots.uniform_random import UniformRandomBot

from engine.agents.bots import RandomAgent
from engine.api import as_agent, as_bot, evaluate, exploitability, match, probe, search
from engine.errors import TesujiError
from engine.frontends.terminal import TerminalGame


class Follower(pyspiel.Bot):  # type: ignore[misc]
    """Keeps its own copy of the game, and asserts at every move that it is where it thinks."""

    def __init__(self, game: pyspiel.Game) -> None:
        super().__init__()
        self.game = game
        self.restarts = 0
        self.restart()

    def restart(self) -> None:
        self.restarts += 1
        self.state = self.game.new_initial_state()

    def inform_action(self, state: pyspiel.State, player: int, action: int) -> None:
        assert state.history() == self.state.history() and player == state.current_player()
        self.state.apply_action(action)

    def step(self, state: pyspiel.State) -> int:
        assert state.history() == self.state.history()
        action: int = state.legal_actions()[-1]
        self.state.apply_action(action)
        return action


class Restarter(Follower):
    """The same, that can be set anywhere."""

    def restart_at(self, state: pyspiel.State) -> None:
        self.restarts += 1
        self.state = state.clone()


class Mixer(pyspiel.Bot):  # type: ignore[misc]
    """Gives these probabilities to the legal actions, in order."""

    def __init__(self, *shares: float) -> None:
        super().__init__()
        self.shares = shares

    def restart_at(self, state: pyspiel.State) -> None:
        pass

    def provides_policy(self) -> bool:
        return True

    def step_with_policy(self, state: pyspiel.State) -> tuple[list[tuple[int, float]], int]:
        legal = state.legal_actions()
        return list(zip(legal, self.shares, strict=False)), legal[0]

    def step(self, state: pyspiel.State) -> int:
        return self.step_with_policy(state)[1]


class First(pyspiel.Bot):  # type: ignore[misc]
    """An action that need not be legal; no more than OpenSpiel asks of a bot."""

    def __init__(self, action: int = -7) -> None:
        super().__init__()
        self.action = action

    def step(self, state: pyspiel.State) -> int:
        return state.legal_actions()[0] if self.action == -7 else self.action


@pytest.fixture
def poker() -> pyspiel.Game:
    return pyspiel.load_game("kuhn_poker")


def native_mcts(game: pyspiel.Game, simulations: int = 100) -> pyspiel.Bot:
    return pyspiel.MCTSBot(game, pyspiel.RandomRolloutEvaluator(1, 0), 2.0, simulations, 10, True, 0, False)


def test_a_native_bot_plays_a_match_in_both_seats(tic_tac_toe: pyspiel.Game) -> None:
    result = match(native_mcts(tic_tac_toe), "random", tic_tac_toe, games=20, opening_plies=0)
    assert result.a == "MCTSBot" and result.score > 0.8
    assert match("random", native_mcts(tic_tac_toe), tic_tac_toe, games=20, opening_plies=0).score < 0.2


def test_a_python_bot_plays_a_checkpoint_whose_game_need_not_be_named() -> None:
    game = pyspiel.load_game("connect_four")
    evaluator = RandomRolloutEvaluator(1, np.random.RandomState(0))
    bot = MCTSBot(game, 2.0, 4, evaluator, random_state=np.random.RandomState(1))
    result = match("connect_four/imitation", bot, games=2)
    assert len(result.games) == 2 and result.b == "MCTSBot"


@pytest.mark.parametrize("kind", [Follower, Restarter])
@pytest.mark.parametrize("plies", [0, 3])
@pytest.mark.parametrize("name", ["tic_tac_toe", "kuhn_poker", "pig(winscore=10,horizon=30)"])
def test_every_game_of_a_match_is_followed(kind: type[Follower], plies: int, name: str) -> None:
    game = pyspiel.load_game(name)
    bot = kind(game)
    result = match(bot, "random", game, games=12, opening_plies=plies)
    assert len(result.games) == 12  # the bot's own assertions say the rest
    assert bot.restarts >= 12 if plies == 0 else bot.restarts > 0
    assert match(bot, bot, game, games=4, opening_plies=plies).games


def test_a_bot_is_restarted_once_a_game_and_informed_of_the_rest(tic_tac_toe: pyspiel.Game) -> None:
    bot = Follower(tic_tac_toe)
    match(bot, "random", tic_tac_toe, games=6, opening_plies=0)
    assert bot.restarts == 1 + 6


def test_the_same_games_with_and_without_a_bot_around_an_agent(tic_tac_toe: pyspiel.Game) -> None:
    # Random openings and the other side's draws depend on the row, not on games side by side or one after the other.
    bots = [as_bot(RandomAgent(), 0), as_bot(RandomAgent(), 1)]
    plain = match("random", "mcts:20", tic_tac_toe, games=8, seed=3)
    assert match(bots, "mcts:20", tic_tac_toe, games=8, seed=3).games == plain.games


def test_states_in_any_order(tic_tac_toe: pyspiel.Game) -> None:
    for bot in (Follower(tic_tac_toe), Restarter(tic_tac_toe)):
        agent = as_agent(bot, tic_tac_toe)
        states = []
        for history in ([], [4, 0, 8], [4], [4, 0], [4, 0, 8, 1], [4, 0, 8, 7, 6]):
            state = tic_tac_toe.new_initial_state()
            for action in history:
                state.apply_action(action)
            states.append(state)
        for decision, state in zip(agent.policy(states), states, strict=True):
            assert decision.action == state.legal_actions()[-1]
            assert decision.probabilities[decision.action] == 1.0 and np.isnan(decision.values).all()


def test_a_policy_is_taken_where_a_bot_gives_one(poker: pyspiel.Game) -> None:
    state = poker.new_initial_state()
    state.apply_action(0)
    state.apply_action(1)
    assert as_agent(Mixer(0.25, 0.75), poker).policy(state).probabilities.tolist() == [0.25, 0.75]
    uniform = exploitability("random", poker)
    assert exploitability(Mixer(0.5, 0.5), poker).nash_conv == pytest.approx(uniform.nash_conv)
    by_seat = [pyspiel.make_uniform_random_bot(seat, 0) for seat in range(2)]
    assert exploitability(by_seat, poker).nash_conv == pytest.approx(uniform.nash_conv)
    # Who always bets loses to the king, is left the jack's ante, and breaks even with the queen: 1/3 to either seat.
    assert exploitability(Mixer(0.0, 1.0), poker).nash_conv == pytest.approx(2 / 3)


def test_exploitability_needs_a_policy(poker: pyspiel.Game) -> None:
    with pytest.raises(TesujiError, match="First does not say what it plays: it needs provides_policy"):
        exploitability(First(), poker)


def test_a_bot_is_evaluated_searched_and_probed(tic_tac_toe: pyspiel.Game) -> None:
    four = pyspiel.load_game("connect_four")
    found = evaluate(native_mcts(tic_tac_toe), "random", tic_tac_toe, games=4)
    assert found.match is not None and found.match.score >= 0.5
    state = tic_tac_toe.new_initial_state()
    for action in (0, 3, 1, 4):  # x wins at 2
        state.apply_action(action)
    assert search(state, native_mcts(tic_tac_toe)).action == 2
    answered = probe(native_mcts(four, 20), game="connect_four", families=["mirror"])
    assert answered.judged and not any(answer.error for each in answered.judged for answer in each.answers)
    with pytest.raises(TesujiError, match="say which game"):
        probe(native_mcts(four))


def test_a_bot_plays_in_the_terminal(tic_tac_toe: pyspiel.Game) -> None:
    sink = io.StringIO()
    bot = Follower(tic_tac_toe)
    played = TerminalGame(tic_tac_toe, bot, [0], io.StringIO("0\n1\nundo\n2\n4\n"), sink)
    played.play()
    assert played.history[:4] == (0, 8, 2, 7)


@pytest.mark.parametrize(
    ("bot", "message"),
    [
        (First(99), "First chose action 99, which is illegal for player 0 after .*as a list, one for each"),
        (UniformRandomBot(1, np.random.RandomState(0)), "UniformRandomBot .* no distribution over the legal actions"),
        (Mixer(0.5, 0.1), "Mixer gave probabilities that are no distribution"),
        (Mixer(1.5, -0.5), "Mixer gave probabilities that are no distribution"),
        (Mixer(float("nan"), 1.0), "Mixer gave probabilities that are no distribution"),
        ([First()], "1 bots: tic_tac_toe.* needs 2, one for each seat"),
    ],
)
def test_wrong_answers_are_told(tic_tac_toe: pyspiel.Game, bot: Any, message: str) -> None:
    with pytest.raises(TesujiError, match=message):
        match(bot, "random", tic_tac_toe, games=2)


def test_bots_of_one_seat_are_given_by_seat(tic_tac_toe: pyspiel.Game) -> None:
    bots = [pyspiel.make_uniform_random_bot(0, 0), UniformRandomBot(1, np.random.RandomState(0))]
    assert match(bots, "random", tic_tac_toe, games=4).a == "Bot, UniformRandomBot"
    with pytest.raises(TesujiError, match="made for one seat"):
        match(bots[0], "random", tic_tac_toe, games=2)  # it would crash in the other seat
    with pytest.raises(TesujiError, match=r"sits in seat 0, but player 1 is to move"):
        match(as_bot("random", 0, game=tic_tac_toe), "random", tic_tac_toe, games=2, opening_plies=0)


def test_simultaneous_games_and_other_games_are_refused(tic_tac_toe: pyspiel.Game) -> None:
    with pytest.raises(TesujiError, match="turn_based_simultaneous_game"):
        as_agent(First(), pyspiel.load_game("goofspiel"))
    with pytest.raises(TesujiError, match=r"First plays tic_tac_toe\(\), not pig"):
        as_agent(First(), tic_tac_toe).policy(pyspiel.load_game("pig").new_initial_state())


def test_a_game_from_a_fen_needs_restart_at() -> None:
    chess = pyspiel.load_game("chess")
    state = chess.new_initial_state("4k3/8/8/8/8/8/8/4K2R w K - 0 1")
    assert as_agent(native_mcts(chess, 2), chess).policy(state).action in state.legal_actions()
    with pytest.raises(TesujiError, match="First cannot follow a game that began elsewhere: it needs restart_at"):
        as_agent(First(), chess).policy(state)


@pytest.mark.parametrize("name", ["tic_tac_toe", "kuhn_poker"])
def test_agents_as_bots_by_openspiels_own_loops(name: str) -> None:
    game = pyspiel.load_game(name)
    bots = [as_bot("random", 0, 1, game=game), as_bot(RandomAgent(), 1, 2)]
    generator = np.random.default_rng(0)
    python = [evaluate_bots(game.new_initial_state(), bots, generator) for _ in range(80)]
    native = [pyspiel.evaluate_bots(game.new_initial_state(), bots, seed) for seed in range(80)]
    expected = exploitability("random", game).values
    for returns in (python, native):
        assert np.allclose(np.sum(returns, axis=1), 0.0)
        deviation = np.std(returns, axis=0) / np.sqrt(len(returns))
        assert (np.abs(np.mean(returns, axis=0) - expected) < 4 * deviation).all()
    assert len({tuple(returns) for returns in python}) > 1  # the games differ, though the seed does not


def test_a_bot_gives_the_agents_policy_and_repeats_for_a_seed(tic_tac_toe: pyspiel.Game) -> None:
    state = tic_tac_toe.new_initial_state()
    first, second, other = (as_bot("random", 0, seed, game=tic_tac_toe) for seed in (1, 1, 2))
    assert first.provides_policy() and first.get_policy(state) == [
        (action, pytest.approx(1 / 9)) for action in range(9)
    ]

    def drawn(bot: pyspiel.Bot) -> list[int]:
        actions = []
        for _ in range(20):
            bot.restart()
            actions.append(bot.step(state))
        return actions

    draws = drawn(first)
    assert draws == drawn(second) != drawn(other)
    assert len(set(draws)) > 3


def test_there_and_back(poker: pyspiel.Game) -> None:
    bots = [as_bot("kuhn_poker/best", seat) for seat in range(2)]
    assert exploitability(bots, poker).nash_conv == pytest.approx(exploitability("kuhn_poker/best").nash_conv, rel=1e-3)


def test_observers_are_told_who_moved(tic_tac_toe: pyspiel.Game) -> None:
    seen: list[tuple[tuple[int, ...], int]] = []
    resets = itertools.count()

    class Watcher(RandomAgent):
        def observe(self, state: pyspiel.State, action: int) -> None:
            seen.append((tuple(state.history()), action))

        def reset(self) -> None:
            next(resets)

    state = tic_tac_toe.new_initial_state()
    evaluate_bots(state, [as_bot(Watcher(), 0), Restarter(tic_tac_toe)], 0)
    history = state.history()
    assert seen == [(tuple(history[:number]), action) for number, action in enumerate(history)]
    assert next(resets) == 1
