"""Every OpenSpiel game with a tensor can be searched: 64 simulations at 20 random states of each."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pyspiel
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.errors import TesujiError
from engine.native import core

STATES = 20
SIMULATIONS = 64
MOST_PLIES = 200

NOT_BY_DEFAULT = {
    "add_noise": "needs another game",
    "cached_tree": "needs another game",
    "efg_game": "needs a file",
    "misere": "needs another game",
    "nfg_game": "needs a file",
    "normal_form_extensive_game": "needs another game",
    "repeated_game": "needs another game",
    "repeated_poker": "needs another game",
    "restricted_nash_response": "needs another game",
    "start_at": "needs another game",
    "turn_based_simultaneous_game": "needs another game",
    "zerosum": "needs another game",
}
CANNOT = {
    "bridge_uncontested_bidding": "draws hidden chance inside its states, which do not move to a search's own stream",
    "chat_game": "draws text inside its states: the same actions lead to different ones",
    "crossword": "moves are structures without a number: OpenSpiel lists no legal actions",
    "morpion_solitaire": "copies of its states use memory of the state they were made from",
    "negotiation": "draws hidden chance inside its states, which do not move to a search's own stream",
    "python_dynamic_routing": "its tensor has no entries",
}


def searchable(name: str) -> bool:
    kind = next(each for each in pyspiel.registered_games() if each.short_name == name)
    tensors = kind.provides_observation_tensor or kind.provides_information_state_tensor
    return tensors and kind.dynamics != pyspiel.GameType.Dynamics.MEAN_FIELD


GAMES = sorted(filter(searchable, set(pyspiel.registered_names()) - NOT_BY_DEFAULT.keys() - CANNOT.keys()))


def random_states(game: pyspiel.Game, count: int, seed: int) -> list[pyspiel.State]:
    """Decisions of random games, one of every few plies, so that all phases of a game occur."""
    generator = np.random.default_rng(seed)
    states: list[pyspiel.State] = []
    while len(states) < count:
        state, taken = game.new_initial_state(), len(states)
        for _ in range(MOST_PLIES):
            if state.is_terminal() or len(states) == count:
                break
            if state.is_chance_node():
                outcomes, probabilities = zip(*state.chance_outcomes(), strict=True)
                state.apply_action(int(generator.choice(outcomes, p=np.array(probabilities) / sum(probabilities))))
                continue
            if len(states) == taken or generator.random() < 0.2:
                states.append(state.clone())
            if state.is_simultaneous_node():
                legal = [state.legal_actions(player) or [0] for player in range(game.num_players())]
                state.apply_actions([int(generator.choice(actions)) for actions in legal])
            else:
                state.apply_action(int(generator.choice(state.legal_actions())))
    return states


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
    kind = game.get_type()
    encoder = "observation" if kind.provides_observation_tensor else "information_state"
    evaluator = core.FakeEvaluator(game, encoder)
    wide = evaluator.value_scale > 1.0 or not math.isfinite(game.max_utility())
    params = core.SearchParams(simulations=SIMULATIONS, selection=selection, value_range="tree" if wide else "declared")
    states = random_states(game, STATES, seed=1)
    seeds = list(range(STATES))
    results = core.search(states, evaluator, params, seeds, 2)
    for state, result, seed in zip(states, results, seeds, strict=True):
        assert_sound(game, state, result, evaluator.value_scale)
        if seed % 7 == 0:
            (alone,) = core.search([state], evaluator, params, [seed])
            for field in ("visits", "q", "values", "target"):
                np.testing.assert_array_equal(getattr(alone, field), getattr(result, field), err_msg=field)


def test_the_list_of_what_cannot_be_searched_is_short() -> None:
    assert len(CANNOT) <= 6
    for name, message in (("morpion_solitaire", "cannot be copied safely"), ("negotiation", "hidden chance")):
        game = pyspiel.load_game(name)
        with pytest.raises(TesujiError, match=message):
            core.search([game.new_initial_state()], core.RolloutEvaluator(game), core.SearchParams(), [0])
