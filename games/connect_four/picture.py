"""The board as a picture: discs in holes, marks where a disc would come to lie and above its column."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import CELL, Board, colour_of, turn

DISCS = {"x": ("#f0c93a", "#1d3c69"), "o": ("#c8343c", "#1d3c69"), ".": ("#dfe6f0", "#2b5797")}
"""Fill and outline; a hole without a disc shows what is behind."""
NAMES = ("x (yellow)", "o (red)")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position with its columns named as actions are."""
    rows = str(state).splitlines()
    height, width = len(rows), len(rows[0])
    said = turn(state.current_player(), NAMES)
    board = Board(f"Connect Four, {said}", height, width, above=0.6 * CELL)
    board.ground("#2b5797")
    board.stones(rows, DISCS)
    board.names([], [str(column) for column in range(width)])
    for column, words in marks.items():
        landing = sum(line[column] == "." for line in rows) - 1
        x, y = board.centre(0, column)[0], 0.45 * CELL
        board.polygon(((x - 8, y - 10), (x + 8, y - 10), (x, y)), colour_of(words))
        board.mark(column, words, board.centre(landing, column))
    board.caption(said)
    return board.svg()
