"""Every OpenSpiel game, as the native core sees it and as pyspiel does: step by step the same."""

from __future__ import annotations

import warnings

import numpy as np
import pyspiel
import pytest
from positions import NOT_BY_DEFAULT, TRANSFORMED

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.errors import TesujiError
from engine.native import core

MAX_STEPS = 60
# Moves are structures without a number: not even pyspiel lists its legal actions.
REFUSED = {
    "crossword": "action structs",
    "chat_game": "actions are different numbers from 0 to 1",  # it has 2, and lists 8
}
# These draw inside the state, from a stream that begins anew with each game object.
SEEDED = {
    "bridge_uncontested_bidding": "bridge_uncontested_bidding(num_redeals=1,rng_seed=5)",  # each redeal is solved
    "negotiation": "negotiation(rng_seed=5)",
    "stones_and_gems": "stones_and_gems(rng_seed=5)",
    "tarok": "tarok(rng_seed=5)",
}
# Copies of its states refer to the state they were made from (OpenSpiel 2.0.2): refused, for they crash.
NOT_COPYABLE = "morpion_solitaire"
GAMES = sorted(set(pyspiel.registered_names()) - NOT_BY_DEFAULT - {NOT_COPYABLE})
SEQUENTIAL = pyspiel.GameType.Dynamics.SEQUENTIAL
SAMPLED = pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC


def assert_conforms(text: str, seed: int) -> None:
    game = pyspiel.load_game(text)
    kind = game.get_type()
    played = core.playthrough(game, seed, max_steps=MAX_STEPS)
    state = (pyspiel.load_game(text) if kind.chance_mode == SAMPLED else game).new_initial_state()
    for index, step in enumerate(played["steps"]):
        at = f"step {index}: {state.history()}"
        assert not state.is_terminal(), at
        assert step["player"] == state.current_player(), at
        if state.is_chance_node():
            assert step["chance_outcomes"] == state.chance_outcomes(), at
            assert step["legal_actions"] == [] and step["observation"].size == step["information_state"].size == 0
            assert step["action"] in [outcome for outcome, _ in state.chance_outcomes()], at
        else:
            player = state.current_player()
            assert step["legal_actions"] == state.legal_actions(), at
            assert step["action"] in step["legal_actions"], at
            assert step["chance_outcomes"] == []
            for provided, found, tensor in (
                (kind.provides_observation_tensor, step["observation"], state.observation_tensor),
                (kind.provides_information_state_tensor, step["information_state"], state.information_state_tensor),
            ):
                expected = np.array(tensor(player) if provided else [], np.float32)
                np.testing.assert_array_equal(found, expected, err_msg=at)
        state.apply_action(step["action"])
    assert played["terminal"] == state.is_terminal()
    assert played["terminal"] or len(played["steps"]) == MAX_STEPS
    assert played["returns"] == list(state.returns())


@pytest.mark.parametrize("name", GAMES)
def test_a_random_game_is_the_same_in_the_core_and_in_pyspiel(name: str) -> None:
    game = pyspiel.load_game(name)
    if game.get_type().dynamics != SEQUENTIAL:
        with pytest.raises(TesujiError, match="simultaneous"):
            core.playthrough(game, 0, max_steps=MAX_STEPS)
        return
    if name in REFUSED:
        with pytest.raises(TesujiError, match=REFUSED[name]):
            core.playthrough(game, 0, max_steps=MAX_STEPS)
        return
    for seed in (0, 1):
        assert_conforms(SEEDED.get(name, name), seed)


@pytest.mark.parametrize("text", TRANSFORMED)
def test_games_with_parameters(text: str) -> None:
    for seed in range(4):
        assert_conforms(text, seed)


def test_the_seed_decides_the_game(connect_four: pyspiel.Game) -> None:
    moves = [
        [step["action"] for step in core.playthrough(connect_four, seed, max_steps=MAX_STEPS)["steps"]]
        for seed in (0, 0, 1)
    ]
    assert moves[0] == moves[1] != moves[2]


def test_a_game_can_be_cut_short(connect_four: pyspiel.Game) -> None:
    played = core.playthrough(connect_four, 0, max_steps=3)
    assert len(played["steps"]) == 3
    assert not played["terminal"] and played["returns"] == [0.0, 0.0]


def test_a_game_whose_copies_crash_is_refused() -> None:
    with pytest.raises(TesujiError, match="cannot be copied safely"):
        core.playthrough(pyspiel.load_game(NOT_COPYABLE), 0)
