"""The board as a picture, with arrows for moves."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import Board, column_name, step_of, turn

STONES = {"o": ("#f7f5ee", "#555555"), "x": ("#1f2430", "#000000")}
"""Fill and outline, by seat."""
NAMES = ("o (white)", "x (black)")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position, row 1 at the bottom."""
    rows = cells(state)
    player = state.current_player()
    said = turn(player, NAMES)
    board = Board(f"Clobber, {said}", len(rows), len(rows[0]))
    board.checker("#eadfc8", "#cdb88f")
    board.stones(rows, STONES)
    board.names([str(len(rows) - row) for row in range(len(rows))], [column_name(at) for at in range(len(rows[0]))])
    for action, words in marks.items():
        start, end = step_of(rows, cells(state.child(action)), [*STONES][player])
        board.arrow(action, words, board.centre(*start), board.centre(*end))
    board.caption(said)
    return board.svg()


def cells(state: pyspiel.State) -> list[str]:
    """The rows of the printed board without their numbers."""
    return [line.lstrip("0123456789") for line in str(state).splitlines() if line[:1].isdigit()]
