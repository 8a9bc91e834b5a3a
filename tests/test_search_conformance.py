"""Every OpenSpiel game with a tensor can be searched: 64 simulations at 20 random states of each.

That chance nodes are visited as their outcomes are likely is checked node by node in csrc/tests/kinds_test.cc.
"""

from __future__ import annotations

import itertools
import math
import random
import warnings

import numpy as np
import pyspiel
import pytest
from positions import NOT_BY_DEFAULT, TRANSFORMED, decisions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.errors import TesujiError
from engine.native import core

STATES = 20
SIMULATIONS = 64
MOST_DECISIONS = 200

# What a search says to those that it refuses.
REFUSED = {
    "bridge_uncontested_bidding": "hidden chance",
    "chat_game": "actions are different numbers from 0 to 1",  # it has 2, and lists 8
    "crossword": "action structs only",  # moves without a number: OpenSpiel lists no legal actions
    "morpion_solitaire": "cannot be copied safely",
    "negotiation": "hidden chance",
} | {
    kind.short_name: "mean-field game"
    for kind in pyspiel.registered_games()
    if kind.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD
}
# Searched, but no search of them can be repeated.
FICKLE = [
    "python_dynamic_routing",  # its tensor keeps what earlier states wrote into it
]
DEFAULT = set(pyspiel.registered_names()) - NOT_BY_DEFAULT
GAMES = [
    *sorted(
        kind.short_name
        for kind in pyspiel.registered_games()
        if kind.short_name in DEFAULT - REFUSED.keys()
        and (kind.provides_observation_tensor or kind.provides_information_state_tensor)
    ),
    *TRANSFORMED,
    "normal_form_extensive_game(game=kuhn_poker())",
    "repeated_game(stage_game=matrix_mp(),num_repetitions=3)",
]


def some_decisions(game: pyspiel.Game, seed: int) -> list[pyspiel.State]:
    """Every fifth decision of random games, so that all phases of a game occur."""
    generator = random.Random(seed)
    games = (itertools.islice(decisions(game, generator), 0, MOST_DECISIONS, 5) for _ in itertools.count())
    return list(itertools.islice(itertools.chain.from_iterable(games), STATES))


def fake_evaluator(game: pyspiel.Game) -> core.Evaluator:
    observed = game.get_type().provides_observation_tensor
    return core.FakeEvaluator(game, "observation" if observed else "information_state")


def assert_sound(game: pyspiel.Game, state: pyspiel.State, result: core.SearchResult, scale: float) -> None:
    simultaneous = state.is_simultaneous_node()
    assert result.player == state.current_player()
    for player in range(game.num_players()) if simultaneous else [state.current_player()]:
        own = result.owners == player
        assert result.actions[own].tolist() == state.legal_actions(player)
        if not own.any():
            continue
        assert result.visits[own].sum() == result.simulations
        for shares in (result.prior, result.target, result.policy(0.5)):
            assert shares[own].sum() == pytest.approx(1.0, abs=1e-5)
            assert np.all(shares[own] >= 0.0)
    assert result.simulations == SIMULATIONS or result.root_proven
    # The fake evaluator answers within [-1, 1]; what the game says may lie outside.
    low, high = (bound / scale if math.isfinite(bound) else bound for bound in (game.min_utility(), game.max_utility()))
    for values in (result.values, result.q):
        assert np.all(values >= min(low, -1.0) - 1e-6) and np.all(values <= max(high, 1.0) + 1e-6)
    line = state.clone()
    for action in result.principal_variation:
        if line.is_chance_node():
            assert action in [outcome for outcome, _ in line.chance_outcomes()]
        else:
            assert action in line.legal_actions()
        line.apply_action(action)


@pytest.mark.parametrize("selection", ["puct", "gumbel"])
@pytest.mark.parametrize("name", GAMES)
def test_a_search_is_sound_in_every_game(name: str, selection: str) -> None:
    game = pyspiel.load_game(name)
    evaluator = fake_evaluator(game)
    wide = evaluator.value_scale > 1.0 or not math.isfinite(game.max_utility())
    params = core.SearchParams(simulations=SIMULATIONS, selection=selection, value_range="tree" if wide else "declared")
    states = some_decisions(game, seed=1)
    seeds = list(range(STATES))
    results = core.search(states, evaluator, params, seeds, 2)
    for state, result, seed in zip(states, results, seeds, strict=True):
        assert_sound(game, state, result, evaluator.value_scale)
        if seed % 7 == 0 and name not in FICKLE:
            (alone,) = core.search([state], evaluator, params, [seed])
            for field in ("visits", "q", "values", "target"):
                np.testing.assert_array_equal(getattr(alone, field), getattr(result, field), err_msg=field)


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_what_cannot_be_searched_says_why(name: str, message: str) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    if state.is_chance_node() and game.get_type().chance_mode == pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC:
        state.apply_action(state.chance_outcomes()[0][0])
    with pytest.raises(TesujiError, match=message):
        core.search([state], core.RolloutEvaluator(game), core.SearchParams(), [0])
