"""Boards for the terminal against OpenSpiel's own text, all through random games."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pyspiel
import pytest

from engine.game import room


def games(name: str, count: int) -> Iterator[pyspiel.State]:
    """Every state of some random games."""
    game = pyspiel.load_game(name)
    for seed in range(count):
        generator = random.Random(seed)
        state = game.new_initial_state()
        while not state.is_terminal():
            yield state
            state.apply_action(generator.choice(state.legal_actions()))
        yield state


@pytest.mark.parametrize("size", [5, 9, 19])
def test_go_shows_every_stone_where_its_name_says(size: int) -> None:
    game = pyspiel.load_game(f"go(board_size={size})")
    state = game.new_initial_state()
    own = room("go")
    generator = random.Random(size)
    for _ in range(60):
        if state.is_terminal():
            break
        action = generator.choice(state.legal_actions())
        name = state.action_to_string(state.current_player(), action)
        side = state.current_player()
        state.apply_action(action)
        lines = own.render(state).splitlines()
        assert len(lines) == size + 2
        if "PASS" in name:
            assert lines[-1].endswith("the last move was a pass")
            continue
        letter, number = name.split()[1][0].upper(), int(name.split()[1][1:])
        assert lines[size - number][lines[size].index(letter)] == "xo"[side]
        assert "\n".join(lines).replace("·", "").count("x") - lines[-1].count("x") == str(state).count("X")
        assert "komi 7.5" in lines[-1]


def test_go_says_who_is_to_move() -> None:
    state = pyspiel.load_game("go(board_size=3)").new_initial_state()
    own = room("go")
    assert own.sides(state.get_game()) == ("x (Black)", "o (White)")
    assert own.render(state).splitlines() == [
        " 3 · · ·",
        " 2 · · ·",
        " 1 · · ·",
        "   A B C",
        "komi 7.5; x (Black) to move",
    ]
    for _ in range(2):
        state.apply_action(9)
    assert own.render(state).endswith("the game is over; the last move was a pass")


@pytest.mark.parametrize("name", ["backgammon", "backgammon(hyper_backgammon=True)"])
def test_backgammon_shows_all_checkers_of_both_sides(name: str) -> None:
    own = room("backgammon")
    for state in games(name, 2):
        lines = own.render(state).splitlines()
        assert [line[:2] for line in (lines[0], lines[1], lines[13], lines[14])] == ["o:", "x:", "o:", "x:"]
        for point in range(1, 25):  # as o counts them
            head, half = (lines[0], lines[2:7]) if point > 12 else (lines[13], lines[8:13])
            column = 3 + head[2:].index(f" {point:2d}") + 1
            shown = {line[column] for line in half} - {"·"}
            counts = {checker: state.board(seat, point - 1) for seat, checker in enumerate("xo")}
            assert {sign for sign in shown if sign in "xo"} == {checker for checker, count in counts.items() if count}
            signs = [line[column] for line in half if line[column] != "·"]
            many = [int(sign) for sign in signs if sign.isdecimal()]
            assert (many or [len(signs)]) == [sum(counts.values())]
        for seat, checker in enumerate("xo"):
            on_board = sum(state.board(seat, point) for point in range(24))
            bar, off = (int(re.findall(rf"{checker} (\d+)", part)[0]) for part in lines[15].split(";"))
            assert on_board + bar + off == (3 if "hyper" in name else 15)


def test_backgammon_says_who_is_to_move_with_which_dice() -> None:
    state = pyspiel.load_game("backgammon").new_initial_state()
    own = room("backgammon")
    assert own.render(state).endswith("bar: x 0, o 0; borne off: x 0, o 0")
    state.apply_action(7)  # o begins, with 5 and 1
    assert own.render(state).splitlines()[-1] == "o to move, dice: 1 5"
    assert own.sides(state.get_game()) == ("x", "o")


def test_winning_lines_are_those_of_the_winner() -> None:
    for name, length in (("connect_four", 4), ("hex(board_size=5)", 5)):
        own = room(name.split("(")[0])
        for state in games(name, 20):
            lines, cells = own.render(state).splitlines(), own.winning_line(state)
            decided = state.is_terminal() and state.returns()[0] != 0.0
            assert (len(cells) >= length) == decided and bool(cells) == decided
            if decided:
                winner = "xo"[0 if state.returns()[0] > 0.0 else 1]
                assert {lines[line][column] for line, column in cells} == {winner}
                last = state.full_history()[-1]
                assert "xo"[last.player] == winner
