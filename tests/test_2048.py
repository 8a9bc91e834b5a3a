"""The room of 2048, against OpenSpiel's own states."""

from __future__ import annotations

import numpy as np
import pyspiel
import pytest

from engine.game import encoder_shape, room
from engine.native import core


@pytest.fixture(scope="module")
def game() -> pyspiel.Game:
    return pyspiel.load_game("2048")


def random_states(game: pyspiel.Game) -> list[pyspiel.State]:
    """The decisions of a random game."""
    rng = np.random.default_rng(4)
    state, states = game.new_initial_state(), []
    while not state.is_terminal():
        if state.is_chance_node():
            actions, chances = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(int(rng.choice(actions, p=chances)))
        else:
            states.append(state.clone())
            state.apply_action(int(rng.choice(state.legal_actions())))
    return states


def test_planes_give_the_tiles_back(game: pyspiel.Game) -> None:
    states = random_states(game)
    planes = core.encode(states, "2048").reshape(len(states), *encoder_shape(game, "2048"))
    assert planes.sum(axis=1).tolist() == np.ones((len(states), 4, 4)).tolist()
    powers = planes.argmax(axis=1)
    tiles = np.where(powers > 0, 2**powers, 0)
    assert tiles.tolist() == [np.array(state.observation_tensor(0)).reshape(4, 4).tolist() for state in states]


def slide(row: list[float]) -> list[float]:
    """A row after a move to the left, by the rules."""
    tiles, merged = [tile for tile in row if tile], []
    while tiles:
        tile = tiles.pop(0)
        if tiles and tiles[0] == tile:
            tile += tiles.pop(0)
        merged.append(tile)
    return merged + [0.0] * (4 - len(merged))


def moved(board: np.ndarray, action: int) -> np.ndarray:
    """The board after a move (up, right, down, left), before the next tile."""
    turns = (1, 2, 3, 0)[action]  # until the move is one to the left
    turned = np.rot90(board, turns)
    return np.rot90(np.array([slide(list(row)) for row in turned]), -turns)


def test_the_rules_are_those_of_the_game(game: pyspiel.Game) -> None:
    for state in random_states(game)[::7]:
        board = np.array(state.observation_tensor(0)).reshape(4, 4)
        for action in state.legal_actions():
            after = np.array(state.child(action).observation_tensor(0)).reshape(4, 4)
            assert after.tolist() == moved(board, action).tolist()


def test_symmetries_commute_with_moves(game: pyspiel.Game) -> None:
    """A turned board after the turned move is the turned board after the move."""
    found = room("2048").symmetries(game, "observation")
    assert len(found) == 7
    for state in random_states(game)[::20]:
        board = np.array(state.observation_tensor(0))
        for symmetry in found:
            turned = board[symmetry.inputs].reshape(4, 4)
            for action in range(4):
                # policy[:, actions]: action a of the turned board is action actions[a] of this one.
                expected = moved(board.reshape(4, 4), int(symmetry.actions[action])).reshape(-1)[symmetry.inputs]
                assert moved(turned, action).reshape(-1).tolist() == expected.tolist()
    planes = room("2048").symmetries(game, "2048")
    assert [len(symmetry.inputs) for symmetry in planes] == [14 * 16] * 7
