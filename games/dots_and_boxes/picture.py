"""The board as a picture: dots, the lines between them, and whose the boxes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyspiel

from engine.drawing import CELL, Board, Point, turn

OWNERS = ("#9ec5e3", "#f0b98d")
"""Of boxes, by seat."""
NAMES = ("Player 1", "Player 2")
INK = "#3a3a3a"


class Line(NamedTuple):
    """Between two neighbouring dots; action k draws the k-th, those across first."""

    down: bool
    row: int
    column: int

    def ends(self, board: Board) -> tuple[Point, Point]:
        """The two dots."""
        further = (self.row + 1, self.column) if self.down else (self.row, self.column + 1)
        return board.corner(self.row, self.column), board.corner(*further)


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position, boxes in their owners' colour with their number, and the score."""
    size = state.get_game().get_parameters()
    rows, columns = int(size["num_rows"]), int(size["num_cols"])
    said = turn(state.current_player(), NAMES)
    board = Board(f"Dots and Boxes, {said}", rows, columns, above=16.0)
    board.rect(board.left - 14, 2, columns * CELL + 28, rows * CELL + 28, "#faf8f2", rx=6, kind="board")
    printed = str(state).splitlines()
    owned = [0, 0]
    for row in range(rows):
        for column in range(columns):
            owner = printed[2 * row + 1][4 * column + 2]
            if owner != " ":
                seat = int(owner) - 1
                owned[seat] += 1
                board.rect(*board.corner(row, column), CELL, CELL, OWNERS[seat], kind=f"box p{owner}")
                board.label(board.centre(row, column), owner, size=16.0, colour=INK)
    every = lines(rows, columns)
    for line, drawn in zip(every, state.dbn_string(), strict=True):
        if drawn == "1":
            board.line(*line.ends(board), INK, 4.0, stroke_linecap="round", kind="drawn")
        else:
            board.line(*line.ends(board), "#d5cfc0", 1.2, kind="open")
    for action, words in marks.items():
        board.edge(action, words, *every[action].ends(board))
    for row in range(rows + 1):
        for column in range(columns + 1):
            board.disc(board.corner(row, column), 4.0, INK, kind="dot")
    score = " : ".join(map(str, owned))
    board.caption(f"{said}, boxes {score}")
    return board.svg()


def lines(rows: int, columns: int) -> list[Line]:
    """Of a board of so many boxes, in the order of actions."""
    across = [Line(False, row, column) for row in range(rows + 1) for column in range(columns)]
    return across + [Line(True, row, column) for row in range(rows) for column in range(columns + 1)]
