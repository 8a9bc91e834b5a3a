"""Games that pay on the way: answers and targets are about what is still to come, results about whole games."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine.agents.network_agent import NetworkAgent
from engine.agents.parser import parse_agent
from engine.config import NetworkConfig
from engine.evaluate.match import match
from engine.game import facts
from engine.native import core
from engine.network.build import build
from engine.network.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def game() -> pyspiel.Game:
    return pyspiel.load_game("2048")


def paid_state(game: pyspiel.Game, decisions: int) -> pyspiel.State:
    """A state after so many decisions, in which something has been paid."""
    state = game.new_initial_state()
    rng = np.random.default_rng(0)
    while decisions or state.is_chance_node():
        if state.is_chance_node():
            actions, chances = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(int(rng.choice(actions, p=chances)))
        else:
            state.apply_action(int(rng.choice(state.legal_actions())))
            decisions -= 1
    assert state.returns()[0] > 0
    return state


def test_which_games_pay_on_the_way(game: pyspiel.Game) -> None:
    assert facts(game).pays_on_the_way
    assert not facts(pyspiel.load_game("pig")).pays_on_the_way


def test_a_search_is_worth_what_was_paid_and_what_the_evaluator_expects(game: pyspiel.Game) -> None:
    """The fake evaluator knows only the board: the same board with more paid is worth exactly that much more."""
    scale = facts(game).value_scale
    evaluator = core.FakeEvaluator(game, seed=3)
    state = paid_state(game, 60)
    paid = state.returns()[0]
    (raw,) = core.search([state], evaluator, core.SearchParams(simulations=0), [0])
    assert abs(raw.values[0] - paid / scale) <= 1.0 + 1e-6  # answers lie in [-1, 1]
    probe = core.search([state], evaluator, core.SearchParams(simulations=40, value_range="tree"), [0])[0]
    assert abs(probe.values[0] - paid / scale) <= 1.5


def test_rollouts_from_a_state_are_worth_their_whole_games(game: pyspiel.Game) -> None:
    """Mean of the evaluator's answer and what was paid, against games played at random from the same state."""
    state = paid_state(game, 60)
    scale = facts(game).value_scale
    (result,) = core.search([state], core.RolloutEvaluator(game, 400, 1), core.SearchParams(simulations=0), [0])
    rng = np.random.default_rng(1)
    totals = []
    for _ in range(400):
        end = state.clone()
        while not end.is_terminal():
            if end.is_chance_node():
                actions, chances = zip(*end.chance_outcomes(), strict=True)
                end.apply_action(int(rng.choice(actions, p=chances)))
            else:
                end.apply_action(int(rng.choice(end.legal_actions())))
        totals.append(end.returns()[0])
    error = 4.0 * np.std(totals) * np.sqrt(2 / len(totals))
    assert result.values[0] * scale == pytest.approx(np.mean(totals), abs=error)


def test_targets_of_self_play_are_what_still_came(game: pyspiel.Game) -> None:
    scale = facts(game).value_scale
    pool = core.Pool(
        game,
        [core.FakeEvaluator(game)],
        [core.PlayerParams(0, core.SearchParams(simulations=2, value_range="tree"), temperature=1.0)],
        core.SelfPlayParams(),
        workers=1,
        games_per_worker=2,
        seed=1,
    )
    records = pool.run(games=3)
    offsets = records["game_offsets"]
    for index, history in enumerate(records["histories"]):
        state, row = game.new_initial_state(), int(offsets[index])
        for action in history:
            if not state.is_chance_node():
                came = records["game_returns"][index, 0] - state.returns()[0] / scale
                assert records["returns"][row, 0] == pytest.approx(came, abs=1e-6)
                assert abs(records["root_values"][row, 0]) <= 1.5  # answers lie in [-1, 1]
                row += 1
            state.apply_action(action)
        assert row == offsets[index + 1]
        assert records["returns"][int(offsets[index]), 0] == pytest.approx(records["game_returns"][index, 0])


def test_mcts_plays_them_with_our_own_search(game: pyspiel.Game) -> None:
    """And plays 2048 better than random: 20 games each."""
    result = match(parse_agent("mcts:30", game), parse_agent("random", game), game, games=20, seed=1)
    assert result.difference_low > 0


def test_a_raw_network_tells_whole_returns(game: pyspiel.Game, tmp_path: Path) -> None:
    """What it expects of the board, and what was paid: the same as a search of no simulations says."""
    about = facts(game)
    config = NetworkConfig(kind="mlp", hidden=8, layers=1)
    network = build(config, about, about.observation_shape, seed=1)
    save_checkpoint(tmp_path / "agent", network, config, str(game), "untrained", {}, {}, "")
    agent = parse_agent(f"{tmp_path / 'agent'}:precision=fp32", game)
    assert isinstance(agent, NetworkAgent)
    state = paid_state(game, 60)
    (bare,) = core.search([state], agent.native_evaluator(), core.SearchParams(simulations=0), [0])
    decision = agent.policy(state)
    assert decision.values[0] == pytest.approx(bare.values[0] * about.value_scale, rel=1e-4)
    observed = agent.evaluator().evaluate(core.encode([state], about.encoder), core.legal_mask([state]))[1][0, 0]
    assert decision.values[0] == pytest.approx(observed * about.value_scale + state.returns()[0], rel=1e-4)
