from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np
import pyspiel
import pytest
from numpy.typing import NDArray

from engine.agents.network_agent import NetworkAgent
from engine.agents.parser import parse_agent
from engine.config import SearchConfig, load_config
from engine.errors import TesujiError
from engine.game import Symmetry, room
from engine.native import core
from engine.search.search import search
from games.einstein_wurfelt_nicht.expectimax import Expectimax, reach
from games.einstein_wurfelt_nicht.game import render, symmetries

NAME = "einstein_wurfelt_nicht"
GAME = pyspiel.load_game(NAME)
HOMES = tuple(
    [(r, c) for r in range(5) for c in range(5) if inside(r + c)] for inside in (lambda s: s <= 2, lambda s: s >= 6)
)
"""The cells of each player's cubes at the start, in the order of OpenSpiel's permutations."""
LAYOUTS = list(permutations(range(1, 7)))
"""The numbers in those cells, by the action that chooses them."""
MOVES = ((1, 1), (1, 0), (0, 1), (-1, 0), (-1, -1), (0, -1))


def by_name() -> dict[str, Symmetry]:
    return {symmetry.name: symmetry for symmetry in room(NAME).symmetries(GAME, NAME)}


def encoded(state: pyspiel.State) -> NDArray[np.float32]:
    return np.asarray(core.encode([state], NAME))[0]


def legal(state: pyspiel.State) -> NDArray[np.uint8]:
    return np.asarray(core.legal_mask([state]))[0]


def setup(*layouts: tuple[int, ...]) -> pyspiel.State:
    """Black's cubes, then white's, row by row; a die is to be rolled for white."""
    state = GAME.new_initial_state()
    for layout in layouts:
        state.apply_action(LAYOUTS.index(layout))
    return state


def cubes(state: pyspiel.State) -> dict[tuple[int, int], str]:
    """(row, column) -> name of the cube there, from OpenSpiel's own text."""
    rows = [row.strip("|").split("||") for row in str(state).splitlines()]
    return {(r, c): cell for r, row in enumerate(rows) for c, cell in enumerate(row) if cell != "__"}


def decode(action: int) -> tuple[int, int, int, int]:
    """Row, column, direction and capture."""
    cell, rest = divmod(action, 12)
    return (*divmod(cell, 5), *divmod(rest, 2))


def encode(row: int, column: int, step: tuple[int, int], capture: int) -> int:
    return ((row * 5 + column) * 6 + MOVES.index(step)) * 2 + capture


def roll_and_move(state: pyspiel.State, roll: int, name: str) -> None:
    state.apply_action(roll - 1)
    state.apply_action(state.string_to_action(name))


def mirrored_action(action: int) -> int:
    row, column, direction, capture = decode(action)
    return encode(column, row, MOVES[direction][::-1], capture)


def turned_action(action: int) -> int:
    row, column, direction, capture = decode(action)
    return encode(4 - row, 4 - column, (-MOVES[direction][0], -MOVES[direction][1]), capture)


def replays(seed: int, mirror: bool, renumbered: tuple[bool, bool]) -> Iterator[tuple[pyspiel.State, pyspiel.State]]:
    """A random game and its image, replayed from the transformed history, at every decision and at the end.

    renumbered: whether the numbers of black's and of white's cubes are counted from the other end.
    """
    random = np.random.default_rng(seed)
    layouts = [LAYOUTS[random.integers(720)] for _ in range(2)]
    images = []
    for layout, home, reverse in zip(layouts, HOMES, renumbered, strict=True):
        numbers = dict(zip(home, layout, strict=True))
        image = tuple(numbers[(c, r) if mirror else (r, c)] for r, c in home)
        images.append(tuple(7 - number for number in image) if reverse else image)
    state, image_state = setup(*layouts), setup(*images)
    while not state.is_terminal():
        roll = int(random.integers(6))
        state.apply_action(roll)
        image_state.apply_action(5 - roll if renumbered[state.current_player()] else roll)
        yield state, image_state
        action = int(random.choice(state.legal_actions()))
        state.apply_action(action)
        image_state.apply_action(mirrored_action(action) if mirror else action)
    yield state, image_state


# Facts of OpenSpiel that the room stands on


def test_facts_of_the_game() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    assert cubes(state) == dict(
        zip(HOMES[0] + HOMES[1], ["b1", "b2", "b3", "b4", "b5", "b6", "w6", "w5", "w4", "w3", "w2", "w1"], strict=True)
    )
    state.apply_action(0)
    observations = {player: state.observation_tensor(player) for player in (0, 1)}
    assert state.current_player() == 1  # white moves first
    other = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    other.apply_action(5)
    assert observations[0] == observations[1] == other.observation_tensor(0)  # neither seat nor die


# The encoder


def test_planes_of_white_are_turned() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    state.apply_action(4)  # white rolls 5, which lies at (3, 3)
    planes = encoded(state).reshape(13, 5, 5)
    expected = np.zeros((13, 5, 5), np.float32)
    for (row, column), name in cubes(state).items():
        expected[int(name[1]) - 1 + (0 if name[0] == "w" else 6), 4 - row, 4 - column] = 1
    expected[12, 1, 1] = 1
    np.testing.assert_array_equal(planes, expected)
    assert [argument.tolist() for argument in np.argwhere(planes[0])] == [[0, 0]]  # white's 1 in the corner


def test_planes_of_black_are_the_board() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    roll_and_move(state, 5, "W5-diag")
    roll_and_move(state, 5, "B5-diag*")  # takes white's 5
    roll_and_move(state, 1, "W1-up*")  # white's 1 takes its own 4
    state.apply_action(4 - 1)
    planes = encoded(state).reshape(13, 5, 5)
    assert {int(plane): [int(r), int(c)] for plane, r, c in np.argwhere(planes)} == {
        **{0: [0, 0], 1: [0, 1], 2: [0, 2], 3: [1, 0], 4: [2, 2], 5: [2, 0]},
        **{6: [3, 4], 7: [4, 3], 8: [4, 2], 11: [2, 4]},
        12: [1, 0],
    }


def test_only_what_the_die_lets_move_counts() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    roll_and_move(state, 5, "W5-diag")
    roll_and_move(state, 5, "B5-diag*")
    roll_and_move(state, 1, "W1-up*")  # takes its own 4: white is left with 1, 2, 3 and 6
    roll_and_move(state, 1, "B1-right*")
    inputs = []
    for roll in range(6):
        rolled = state.child(roll)
        inputs.append(encoded(rolled))
        rows, columns = np.nonzero(inputs[-1].reshape(13, 5, 5)[12])
        movable = {cubes(rolled)[4 - int(r), 4 - int(c)] for r, c in zip(rows, columns, strict=True)}
        assert movable == {"w" + name[1] for name in map(rolled.action_to_string, rolled.legal_actions())}
        assert movable == [{"w1"}, {"w2"}, {"w3"}, {"w3", "w6"}, {"w3", "w6"}, {"w6"}][roll]
    same = {(a, b) for a, b in combinations(range(6), 2) if np.array_equal(inputs[a], inputs[b])}
    assert same == {(3, 4)}


def test_the_encoder_is_for_this_game() -> None:
    with pytest.raises(TesujiError, match=f"encoder '{NAME}' is for the game of that name, not 'connect_four"):
        core.encoder_shape(pyspiel.load_game("connect_four"), NAME)


# Symmetries


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("renumbered", [(False, False), (True, False), (False, True), (True, True)])
def test_images_of_inputs_are_inputs_of_images(mirror: bool, renumbered: tuple[bool, bool]) -> None:
    known = by_name()
    for seed in range(5):
        for state, image in replays(seed, mirror, renumbered):
            assert image.is_terminal() == state.is_terminal()
            assert image.current_player() == state.current_player()
            if state.is_terminal():
                assert image.returns() == state.returns()
                break
            own, other = renumbered[state.current_player()], renumbered[1 - state.current_player()]
            names = [word for word, on in (("mirror", mirror), ("own", own), ("other", other)) if on]
            if not names:
                np.testing.assert_array_equal(encoded(state), encoded(image))
                continue
            symmetry = known[" ".join(names)]
            np.testing.assert_array_equal(encoded(state)[symmetry.inputs], encoded(image))
            np.testing.assert_array_equal(legal(state)[symmetry.actions], legal(image))


def test_a_turned_board_with_the_seats_exchanged_is_the_same_game() -> None:
    """White always begins, so that no game is the turned image of another from its start: these two meet later."""
    turn = by_name()["turn"]
    numbers = (2, 4, 6, 5, 3, 1)
    compared = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        state, image = setup(numbers, numbers), setup(numbers[::-1], numbers[::-1])
        roll_and_move(state, 4, "W4-left")  # not yet turned images: white has taken two steps for one move of black's
        roll_and_move(state, 3, "B3-right")
        roll_and_move(state, 4, "W4-up")
        roll_and_move(image, 3, "W3-left")
        roll_and_move(image, 4, "B4-diag")
        while not state.is_terminal():
            roll = int(random.integers(6))
            state.apply_action(roll)
            image.apply_action(roll)
            assert image.current_player() == 1 - state.current_player()
            np.testing.assert_array_equal(encoded(state)[turn.inputs], encoded(image))
            np.testing.assert_array_equal(legal(state)[turn.actions], legal(image))
            action = int(random.choice(state.legal_actions()))
            state.apply_action(action)
            image.apply_action(turned_action(action))
            compared += 1
        assert image.is_terminal()
        assert image.returns() == state.returns()[::-1]
    assert compared > 200


def test_the_other_symmetries_are_products() -> None:
    known = by_name()
    assert len(known) == 15
    for name, symmetry in known.items():
        inputs, actions = np.arange(13 * 25), np.arange(300)
        for part in name.split():
            inputs, actions = inputs[known[part].inputs], actions[known[part].actions]
        np.testing.assert_array_equal(symmetry.inputs, inputs)
        np.testing.assert_array_equal(symmetry.actions, actions)
    transformations = {(s.inputs.tobytes(), s.actions.tobytes()) for s in known.values()}
    identity = (np.arange(13 * 25).tobytes(), np.arange(300).tobytes())
    assert len(transformations | {identity}) == 16


def test_no_symmetry_is_claimed_for_other_inputs() -> None:
    assert symmetries(GAME, (300,)) == []
    assert room(NAME).symmetries(GAME) == []  # OpenSpiel's own observation


# For the terminal


def test_render() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    assert render(GAME.new_initial_state()).splitlines() == [
        "    a  b  c  d  e",
        *(f"{r}   ·  ·  ·  ·  ·" for r in range(1, 6)),
    ]
    roll_and_move(state, 5, "W5-diag")
    state.apply_action(4 - 1)
    assert render(state).splitlines() == [
        "    a  b  c  d  e",
        "1  B1 B2 B3  ·  ·",
        "2  B4 B5  ·  ·  ·",
        "3  B6  · W5  · W6",
        "4   ·  ·  ·  · W4",
        "5   ·  · W3 W2 W1",
        "B has rolled 4",
    ]


def test_render_of_a_finished_game() -> None:
    state = setup((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1))
    for roll, name in ((5, "W5-diag"), (3, "B3-right"), (5, "W5-diag*"), (3, "B3-right"), (5, "W5-diag*")):
        roll_and_move(state, roll, name)
    assert state.returns() == [-1.0, 1.0]
    assert render(state).splitlines() == [
        "    a  b  c  d  e",
        "1  W5 B2  ·  · B3",
        "2  B4  ·  ·  ·  ·",
        "3  B6  ·  ·  · W6",
        "4   ·  ·  ·  · W4",
        "5   ·  · W3 W2 W1",
    ]


# What comes with it


def test_defaults() -> None:
    config = load_config(overrides={"game": NAME})
    assert config.network.encoder == NAME
    assert config.selfplay.resign_threshold == 0.0


def test_the_shipped_agent_wins_where_it_can() -> None:
    agent = parse_agent(f"{NAME}/imitation:backend=torch,precision=fp32")
    states = []
    for seed in range(100):
        for state, _ in replays(seed, False, (False, False)):
            if any(state.child(action).is_terminal() for action in state.legal_actions()):
                states.append(state.clone())
    wins = [
        state.child(int(decision.probabilities.argmax())).is_terminal()
        for state, decision in zip(states, agent.policy(states), strict=True)
    ]
    assert len(wins) > 100
    assert np.mean(wins) > 0.95


def test_gumbel_s_root_value_is_nearer_the_truth_than_the_mean_of_its_simulations() -> None:
    """Sequential halving spends half of them on moves that nobody would play."""
    truth, errors = Expectimax(), []
    agent = parse_agent(f"{NAME}/imitation:backend=torch,precision=fp32")
    assert isinstance(agent, NetworkAgent)
    endgames = [
        state.clone()
        for seed in range(150)
        for state, _ in replays(seed, False, (False, False))
        if 5_000 < reach(state) < 60_000 and len(state.legal_actions()) > 1
    ][:120]
    config = SearchConfig(simulations=16, selection="gumbel")
    for state, found in zip(endgames, search(endgames, agent.native_evaluator(), config), strict=True):
        verdict = truth.judge(state)
        assert verdict is not None
        mean = float(found.visits @ found.q) / found.visits.sum()
        if not found.root_proven:
            errors.append((found.values[found.player] - verdict.value, mean - verdict.value))
    improved, plain = np.sqrt(np.mean(np.square(errors), axis=0))
    assert len(errors) > 30
    assert improved < 0.8 * plain
