"""The board as a picture."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import CELL, EDGE, Board, column_name, turn
from games.othello.game import PASS, SIDE

STONES = {"x": ("#1b1b1b", "#000000"), "o": ("#f7f7f2", "#555555")}
"""Fill and outline."""
NAMES = ("Black (x)", "White (o)")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position; a mark on the only move "pass" is put below it."""
    rows = [line[2 : 2 + 2 * SIDE : 2] for line in str(state).splitlines()[2 : 2 + SIDE]]
    said = turn(state.current_player(), NAMES)
    board = Board(f"Othello, {said}", SIDE, SIDE)
    board.ground("#3c7d58")
    board.lines("#235239")
    board.stones(rows, STONES)
    board.names([str(row + 1) for row in range(SIDE)], [column_name(column) for column in range(SIDE)])
    for action, words in marks.items():
        if action == PASS:
            board.mark(action, words, (EDGE + 0.5 * CELL, board.height - 16.0), 0.8 * CELL)
        else:
            board.mark(action, words, board.centre(*divmod(action, SIDE)))
    board.caption(said)
    return board.svg()
