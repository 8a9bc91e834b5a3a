"""The board as a picture: numbered cubes, the die below, arrows for moves."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import CELL, EDGE, Board, column_name
from engine.markup import Attribute
from games.einstein_wurfelt_nicht.game import DIRECTIONS, SIDE

CUBES = {"b": ("#2c3e63", "#ffffff"), "w": ("#fbfaf5", "#222222")}
"""Colours of a cube and of its number."""
NAMES = "BW"
PIPS = ((4,), (0, 8), (0, 4, 8), (0, 2, 6, 8), (0, 2, 4, 6, 8), (0, 2, 3, 5, 6, 8))
"""Which of the nine places of a die's face have a pip, by its number less one."""


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position; B is at home in the upper left corner."""
    player = state.current_player()
    said = f"{NAMES[player]} has rolled {state.history()[-1] + 1}" if player >= 0 else "nobody to move"
    board = Board(f"EinStein würfelt nicht!, {said}", SIDE, SIDE)
    board.ground("#e4d9c0")
    board.lines("#9c8b66")
    for row, line in enumerate(str(state).splitlines()):
        for column, cube in enumerate(line.strip("|").split("||")):
            if cube != "__":
                draw_cube(board, row, column, cube)
    board.names([str(row + 1) for row in range(SIDE)], [column_name(column) for column in range(SIDE)])
    for action, words in marks.items():
        cell, direction = divmod(action // 2, len(DIRECTIONS))
        row, column = divmod(cell, SIDE)
        down, right = DIRECTIONS[direction]
        board.arrow(action, words, board.centre(row, column), board.centre(row + down, column + right))
    if player >= 0:
        draw_die(board, state.history()[-1])
    board.caption(said)
    return board.svg()


def draw_cube(board: Board, row: int, column: int, cube: str) -> None:
    """A cube, from its colour and number as in "b3"."""
    fill, ink = CUBES[cube[0]]
    x, y = board.corner(row, column)
    side = 0.72 * CELL
    inset = (CELL - side) / 2.0
    look: dict[str, Attribute] = {"rx": 4, "stroke": "#333333", "stroke_width": 1.5}
    board.rect(x + inset, y + inset, side, side, fill, kind=f"cube {cube[0]}", **look)
    board.label(board.centre(row, column), cube[1], size=19.0, colour=ink, font_weight="bold", kind="number")


def draw_die(board: Board, rolled: int) -> None:
    """The face that was rolled, less one, at the lower left."""
    left, top, side = EDGE, board.height - 27.0, 24.0
    board.rect(left, top, side, side, "#ffffff", rx=5, stroke="#333333", stroke_width=1.5, kind="die")
    for place in PIPS[rolled]:
        row, column = divmod(place, 3)
        board.disc((left + side * (1 + column) / 4.0, top + side * (1 + row) / 4.0), 2.3, "#222222", kind="pip")
