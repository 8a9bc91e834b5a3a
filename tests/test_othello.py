from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyspiel
import pytest
from numpy.typing import NDArray
from positions import random_state

from engine.agents.parser import parse_agent
from engine.config import load_config
from engine.game import Symmetry, room
from engine.native import core
from engine.search.solver import solve
from games.othello.game import PASS, render, symmetries

GAME = pyspiel.load_game("othello")
KEEP_THE_START = ("180 degrees", "90 degrees, flipped", "270 degrees, flipped")
"""A half turn and the reflections at the diagonals: the first four discs stay as they are."""


def by_name() -> dict[str, Symmetry]:
    return {symmetry.name: symmetry for symmetry in room("othello").symmetries(GAME)}


def state_after(moves: str) -> pyspiel.State:
    state = GAME.new_initial_state()
    for move in moves.split():
        state.apply_action(state.string_to_action(move))
    return state


def games(count: int) -> Iterator[pyspiel.State]:
    """Every decision of random games; the states are the caller's."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        state = GAME.new_initial_state()
        while not state.is_terminal():
            yield state.clone()
            state.apply_action(int(random.choice(state.legal_actions())))


def planes(state: pyspiel.State, player: int) -> NDArray[np.float32]:
    return np.array(state.observation_tensor(player), np.float32).reshape(3, 8, 8)


def flipped_by(own: NDArray[np.bool_], other: NDArray[np.bool_], row: int, column: int) -> list[tuple[int, int]]:
    """The discs that a move to this cell turns over, by the rules of the game; no legal move turns none."""
    found: list[tuple[int, int]] = []
    if own[row, column] or other[row, column]:
        return found
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            line = []
            r, c = row + down, column + right
            while 0 <= r < 8 and 0 <= c < 8 and other[r, c]:
                line.append((r, c))
                r, c = r + down, c + right
            if 0 <= r < 8 and 0 <= c < 8 and own[r, c]:
                found += line
    return found


def legal_by_the_rules(own: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.uint8]:
    moves = [bool(flipped_by(own, other, *divmod(cell, 8))) for cell in range(64)]
    return np.array([*moves, not any(moves)], np.uint8)


# Facts of OpenSpiel that the room stands on


def test_facts_of_the_game() -> None:
    assert GAME.get_parameters() == {}  # 8 x 8 only
    assert GAME.num_distinct_actions() == PASS + 1
    state = GAME.new_initial_state()
    empty, own, other = planes(state, 0)
    assert np.argwhere(own).tolist() == [[3, 4], [4, 3]]
    assert np.argwhere(other).tolist() == [[3, 3], [4, 4]]
    assert empty.sum() == 60
    np.testing.assert_array_equal(planes(state, 1)[1:], [other, own])  # drawn from the seat of the player asked for


def test_the_networks_input_is_drawn_from_the_movers_seat() -> None:
    states = list(games(2))
    expected = [state.observation_tensor(state.current_player()) for state in states]
    np.testing.assert_array_equal(core.encode(states), expected)
    assert {state.current_player() for state in states} == {0, 1}


# Symmetries


@pytest.mark.parametrize("name", KEEP_THE_START)
def test_images_of_inputs_are_inputs_of_images(name: str) -> None:
    symmetry = by_name()[name]
    image_of = np.argsort(symmetry.actions)  # action -> its image
    passes = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        state, image = GAME.new_initial_state(), GAME.new_initial_state()
        while not state.is_terminal():
            np.testing.assert_array_equal(core.encode([state])[:, symmetry.inputs], core.encode([image]))
            np.testing.assert_array_equal(core.legal_mask([state])[:, symmetry.actions], core.legal_mask([image]))
            action = int(random.choice(state.legal_actions()))
            passes += action == PASS
            state.apply_action(action)
            image.apply_action(int(image_of[action]))
        assert image.is_terminal() and image.returns() == state.returns()
    assert passes > 0


def test_all_seven_commute_with_the_rules() -> None:
    """Four of them exchange the colours of the first discs, so that no image can be replayed: asked of the rules."""
    known = by_name()
    for state in list(games(12))[::17]:
        inputs, legal = core.encode([state])[0], core.legal_mask([state])[0]
        _, own, other = inputs.reshape(3, 8, 8) > 0
        np.testing.assert_array_equal(legal, legal_by_the_rules(own, other))
        action = state.legal_actions()[-1]
        child = planes(state.child(action), state.current_player())  # from the same seat
        for symmetry in known.values():
            empty, image, image_other = inputs[symmetry.inputs].reshape(3, 8, 8) > 0
            np.testing.assert_array_equal(legal[symmetry.actions], legal_by_the_rules(image, image_other))
            if action == PASS:
                continue
            place = divmod(int(np.flatnonzero(symmetry.actions == action)[0]), 8)
            for turned in flipped_by(image, image_other, *place):
                image[turned], image_other[turned] = True, False
            image[place], empty[place] = True, False
            np.testing.assert_array_equal(
                child.reshape(-1)[symmetry.inputs].reshape(3, 8, 8) > 0, [empty, image, image_other]
            )


def test_the_seven_are_different_and_closed() -> None:
    known = by_name()
    images = {tuple(symmetry.actions.tolist()) for symmetry in known.values()} | {tuple(range(65))}
    assert len(known) == 7 and len(images) == 8
    assert {tuple(np.array(a)[list(b)].tolist()) for a in images for b in images} == images
    assert all(symmetry.actions[PASS] == PASS for symmetry in known.values())


def test_a_quarter_turn_by_hand() -> None:
    symmetry = by_name()["90 degrees"]  # against the clock: what was at h1, the upper right, comes to a1
    (h1,) = (cell for cell in range(64) if cell == 7)
    assert symmetry.actions[0] == h1
    assert symmetry.inputs[64] == 64 + h1  # in each plane


def test_symmetries_of_other_inputs() -> None:
    assert len(room("othello").symmetries(GAME, "observation_pair")) == 7
    assert symmetries(GAME, (192,)) == []
    assert symmetries(GAME, (3, 6, 6)) == []


# For the terminal


def test_render() -> None:
    assert render(state_after("f5 d6")).splitlines() == [
        "  a b c d e f g h",
        "1 · · · · · · · ·",
        "2 · · · · · · · ·",
        "3 · · · · · · · ·",
        "4 · · · o x · · ·",
        "5 · · · o x x · ·",
        "6 · · · o · · · ·",
        "7 · · · · · · · ·",
        "8 · · · · · · · ·",
        "x 3, o 3; x to move",
    ]


def test_render_of_a_finished_game() -> None:
    state = state_after("f5 d6 c5 f4 e3 f6 g5 e6 e7")  # the shortest game: white has no disc left
    assert state.is_terminal() and state.returns() == [1.0, -1.0]
    assert render(state).splitlines()[0] == "  a b c d e f g h"
    assert render(state).splitlines()[-1] == "x 13, o 0"


# What comes with it


@pytest.mark.parametrize("seed", range(5))
def test_the_string_identifies_a_position(seed: int) -> None:
    """The solver meets transpositions by it, and comes to the same values."""
    state = random_state("othello", 53, seed)
    assert room("othello").string_identifies(state.get_game())
    by_string, by_history = (solve(state, transpositions=way, every_move=True) for way in ("auto", "history"))
    assert by_string.proven and by_history.proven
    np.testing.assert_array_equal(by_string.move_values, by_history.move_values)
    assert by_string.nodes <= by_history.nodes


def test_defaults() -> None:
    config = load_config(overrides={"game": "othello"})
    assert config.network.encoder == "observation"
    assert config.network.channels == 32


def test_the_shipped_agent_takes_corners() -> None:
    """Its teacher does in a third of such positions only; a disc in a corner is never turned over."""
    agent = parse_agent("othello/imitation:backend=torch,precision=fp32")
    corners = {0, 7, 56, 63}
    states = [state for state in games(20) if len(corners & set(state.legal_actions())) == 1]
    taken = [int(decision.probabilities.argmax()) in corners for decision in agent.policy(states)]
    assert len(taken) > 100
    assert np.mean(taken) > 0.5
