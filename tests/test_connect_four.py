from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine.errors import TesujiError
from engine.game import room
from engine.native import core
from games.connect_four import positions as held_out
from games.connect_four.game import render, symmetries
from games.connect_four.oracle import Oracle

GAME = pyspiel.load_game("connect_four")


def state_after(moves: str) -> pyspiel.State:
    state = GAME.new_initial_state()
    for move in moves:
        state.apply_action(int(move))
    return state


def random_state(random: np.random.Generator, plies: int) -> pyspiel.State:
    """A position after exactly this many random moves."""
    while True:
        state = GAME.new_initial_state()
        for _ in range(plies):
            if state.is_terminal():
                break
            state.apply_action(int(random.choice(state.legal_actions())))
        if not state.is_terminal():
            return state


def mirrored(state: pyspiel.State) -> pyspiel.State:
    return state_after("".join(str(6 - action) for action in state.history()))


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    pytest.importorskip("bitbully")
    return Oracle()


# Symmetry and rendering


@pytest.mark.parametrize("encoder", ["connect_four", "observation"])
def test_mirror_of_the_input_is_the_input_of_the_mirror(encoder: str) -> None:
    (mirror,) = room("connect_four").symmetries(GAME, encoder)
    random = np.random.default_rng(0)
    states = [random_state(random, plies) for plies in (0, 1, 5, 12, 23) for _ in range(4)]
    images = [mirrored(state) for state in states]
    np.testing.assert_array_equal(core.encode(states, encoder)[:, mirror.inputs], core.encode(images, encoder))
    np.testing.assert_array_equal(core.legal_mask(states)[:, mirror.actions], core.legal_mask(images))


def test_no_symmetry_is_claimed_for_unknown_inputs() -> None:
    assert symmetries(GAME, (126,)) == []
    assert symmetries(GAME, (3, 7, 6)) == []


def test_the_mirror_of_a_variant_fits_its_board() -> None:
    game = pyspiel.load_game("connect_four(rows=4,columns=5)")
    (mirror,) = room("connect_four").symmetries(game)
    state, image = game.new_initial_state(), game.new_initial_state()
    for action in (0, 0, 3):
        state.apply_action(action)
        image.apply_action(4 - action)
    np.testing.assert_array_equal(core.encode([state])[:, mirror.inputs], core.encode([image]))
    assert mirror.actions.tolist() == [4, 3, 2, 1, 0]


def test_encoder_has_own_discs_first_and_the_bottom_row_first() -> None:
    own, opponent = core.encode([state_after("334")], "connect_four").reshape(2, 6, 7)
    assert np.argwhere(own).tolist() == [[1, 3]]  # o to move: one disc, in the second row of the middle column
    assert np.argwhere(opponent).tolist() == [[0, 3], [0, 4]]


def test_render() -> None:
    assert render(state_after("3320")).splitlines() == [
        "| · · · · · · · |",
        "| · · · · · · · |",
        "| · · · · · · · |",
        "| · · · · · · · |",
        "| · · · o · · · |",
        "| o · x x · · · |",
        "+---------------+",
        "  0 1 2 3 4 5 6",
    ]
    assert "|  x x x x" in render(state_after("0011223")).replace("| x", "|  x")  # finished games too


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (
            "connect_four(rows=7,columns=4)",
            ["| · · · · |"] * 5 + ["| o · · · |", "| x · · x |", "+---------+", "  0 1 2 3"],
        ),
        (
            "connect_four(rows=2,columns=11,x_in_row=3)",
            [
                "|  o  ·  ·  ·  ·  ·  ·  ·  ·  ·  · |",
                "|  x  ·  ·  x  ·  ·  ·  ·  ·  ·  · |",
                "+----------------------------------+",
                "   0  1  2  3  4  5  6  7  8  9 10",
            ],
        ),
    ],
)
def test_render_of_a_variant(variant: str, expected: list[str]) -> None:
    state = pyspiel.load_game(variant).new_initial_state()
    for action in (0, 0, 3):
        state.apply_action(action)
    assert render(state).splitlines() == expected


# The oracle


@cache
def solve(history: tuple[int, ...]) -> int:
    """Plain minimax: the value for the mover of the state before, who has just made the last move."""
    state = state_after("".join(map(str, history)))
    mover = 1 - (len(history) % 2)
    if state.is_terminal():
        return int(state.returns()[mover])
    return -max(solve((*history, action)) for action in state.legal_actions())


def test_oracle_agrees_with_minimax_in_endgames(oracle: Oracle) -> None:
    random = np.random.default_rng(1)
    states = [random_state(random, plies) for plies in range(32, 42) for _ in range(3)]
    expected = [{a: solve((*state.history(), a)) for a in state.legal_actions()} for state in states]
    assert oracle.scores(states) == expected
    assert {value for scores in expected for value in scores.values()} == {-1, 0, 1}


def test_oracle_on_known_openings(oracle: Oracle) -> None:
    first = {0: -1, 1: -1, 2: 0, 3: 1, 4: 0, 5: -1, 6: -1}  # the solved game: the middle wins, its neighbours draw
    assert oracle.scores([GAME.new_initial_state()]) == [first]


def test_oracle_takes_and_stops_wins(oracle: Oracle) -> None:
    take, stop = oracle.scores([state_after("010101"), state_after("01010")])
    assert take[0] == 1  # three x on column 0
    assert stop[0] > -1 and all(stop[action] == -1 for action in range(1, 7))
    assert {action: take[action] for action in take} == {action: take[action] for action in range(7)}


def test_oracle_full_columns_finished_games_and_last_cell(oracle: Oracle) -> None:
    assert set(oracle.scores([state_after("333333")])[0]) == {0, 1, 2, 4, 5, 6}
    assert oracle.scores([state_after("0101010")]) == [{}]
    assert oracle.scores([]) == []
    random = np.random.default_rng(2)
    last = random_state(random, 41)
    (action,) = last.legal_actions()
    assert oracle.scores([last]) == [{action: int(last.child(action).returns()[last.current_player()])}]


def test_oracle_is_blind_to_order_and_mirror(oracle: Oracle) -> None:
    state = state_after("3344")
    (scores,) = oracle.scores([state])
    assert oracle.scores([state_after("4433")]) == [scores]
    assert oracle.scores([mirrored(state)]) == [{6 - action: value for action, value in scores.items()}]


def test_missing_solver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitbully", None)
    with pytest.raises(TesujiError, match=r'pip install "tesuji\[oracle\]"'):
        Oracle()


def test_the_solver_is_needed_for_the_standard_games_referee_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitbully", None)  # as if the extra were not installed
    own = room("connect_four")
    assert len(own.positions(GAME)) == len(held_out.load())
    for variant in ("connect_four(rows=7)", "connect_four(columns=8)", "connect_four(x_in_row=3)"):
        assert own.oracle(pyspiel.load_game(variant)) is None
        assert own.positions(pyspiel.load_game(variant)) == []
    with pytest.raises(TesujiError, match="needs the solver bitbully"):
        own.oracle(GAME)
    redrawn = pyspiel.load_game("connect_four(egocentric_obs_tensor=true)")
    assert own.positions(redrawn) == own.positions(GAME)  # the rules are the same


# The held-out positions


def test_positions_cover_every_ply_and_both_sources() -> None:
    lines = held_out.FILE.read_text().splitlines()[1:]
    sources = [line[0] for line in lines]
    plies = [len(position.history) for position in held_out.load()]
    assert len(plies) == len(lines) >= 2000
    assert set(plies) == set(range(41))
    assert all(plies.count(ply) == 60 for ply in range(3, 34))
    assert 0.4 < sources.count("r") / len(sources) < 0.6


def test_positions_are_distinct_legal_and_worth_asking() -> None:
    positions = held_out.load()
    states = [position.state(GAME) for position in positions]
    assert len({held_out.board_key(state) for state in states}) == len(states)
    for position, state in zip(positions, states, strict=True):
        assert sorted(position.scores) == state.legal_actions()
        assert len(set(position.scores.values())) > 1


def check_labels(oracle: Oracle, step: int) -> None:
    positions = held_out.load()[::step]
    assert oracle.scores([position.state(GAME) for position in positions]) == [each.scores for each in positions]


def test_a_sample_of_the_labels_is_the_solvers(oracle: Oracle) -> None:
    check_labels(oracle, 20)


@pytest.mark.slow
def test_all_labels_are_the_solvers(oracle: Oracle) -> None:
    check_labels(oracle, 1)


def test_board_key_joins_mirrors_and_orders() -> None:
    assert held_out.board_key(state_after("3344")) == held_out.board_key(state_after("4433"))
    assert held_out.board_key(state_after("012")) == held_out.board_key(state_after("654"))
    assert held_out.board_key(state_after("012")) != held_out.board_key(state_after("021"))


@pytest.mark.parametrize("line", ["r 33", "r 33 -+", "q 33 -=-=-==", "r 33 -------", "r 3x -=-=-==", "r 33 -?-=-=="])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "positions.txt"
    file.write_text(f"# source, moves, classes\nr 3 -=-=-==\n{line}\n")
    with pytest.raises(TesujiError, match=r"positions\.txt:3: not a labelled position"):
        held_out.load(file)
