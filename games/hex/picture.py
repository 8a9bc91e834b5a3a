"""The board as a picture: a rhombus of hexagons, each pair of sides in the colour of the player who has to join it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pyspiel

from engine.drawing import CAPTION, CELL, NARROWEST, Drawing, Point, column_name, turn
from engine.markup import Attribute, Markup, element, number

STONES = {"x": ("#22222a", "#000000"), "o": ("#d1495b", "#7d1f2d")}
"""Fill and outline of the stones, and by their fill of the sides."""
NAMES = ("Black (x)", "Red (o)")
KINDS = dict.fromkeys("xyzX", "x") | dict.fromkeys("opqO", "o")
"""Letters of a printed board -> whose stone it is; the explicit form tells which sides it is joined to."""
RADIUS = CELL / math.sqrt(3.0)
"""From the middle of a hexagon, as wide as a cell, to its corners."""
MARGIN = 26.0


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position; the mark of a swap of colours is put below it."""
    rows = [line.split() for line in str(state).splitlines()]
    return rhombus("Hex", rows, turn(state.current_player(), NAMES), marks)


def rhombus(game: str, rows: Sequence[Sequence[str]], said: str, marks: Mapping[int, str]) -> str:
    """A board of any size, from its letters; actions are the cells, row by row."""
    height, width = len(rows), len(rows[0])
    across = max(2 * MARGIN + (width + (height - 1) / 2.0) * CELL, NARROWEST)
    board = Drawing(f"{game}, {said}", across, 2 * MARGIN + (1.5 * height + 0.5) * RADIUS + CAPTION - 10.0)
    sides(board, height, width)
    places = [(row, column) for row in range(height) for column in range(width)]
    cells = (hexagon(row, column) for row, column in places)
    board.group(cells, fill="#efe6d2", stroke="#8f836b", stroke_width=1.2)
    for kind, (fill, outline) in STONES.items():
        stones = (
            element("circle", cx=x, cy=y, r=0.36 * CELL, kind=f"stone {kind}")
            for row, column in places
            if KINDS.get(rows[row][column]) == kind
            for x, y in (centre(row, column),)
        )
        board.group(stones, fill=fill, stroke=outline)
    for column in range(width):
        x, y = centre(0, column)
        board.label((x - 8.0, y - RADIUS - 10.0), column_name(column))
    for row in range(height):
        x, y = centre(row, 0)
        board.label((x - CELL / 2.0 - 13.0, y - 2.0), str(row + 1))
    for action, words in marks.items():
        if action < height * width:
            board.mark(action, words, centre(*divmod(action, width)))
        else:
            board.mark(action, words, (MARGIN, board.height - 16.0), 0.8 * CELL)
    board.caption(said)
    return board.svg()


def centre(row: int, column: int) -> Point:
    """The middle of a cell: each row lies half a cell further to the right."""
    return MARGIN + (column + 0.5 * row + 0.5) * CELL, MARGIN + (1.5 * row + 1.0) * RADIUS


def hexagon(row: int, column: int) -> Markup:
    """A cell."""
    points = " ".join(f"{number(x)},{number(y)}" for x, y in corners(row, column))
    return element("polygon", points=points, kind="cell")


def corners(row: int, column: int) -> list[Point]:
    """Of a cell, clockwise from the top."""
    x, y = centre(row, column)
    angles = (math.radians(60.0 * step - 90.0) for step in range(6))
    return [(x + RADIUS * math.cos(angle), y + RADIUS * math.sin(angle)) for angle in angles]


def sides(board: Drawing, height: int, width: int) -> None:
    """The four sides, under the cells."""
    top = [corners(0, column)[step] for column in range(width) for step in (5, 0, 1)]
    bottom = [corners(height - 1, column)[step] for column in range(width) for step in (4, 3, 2)]
    left = [corners(row, 0)[step] for row in range(height) for step in (5, 4, 3)][: 3 * height - 1]
    right = [corners(row, width - 1)[step] for row in range(height) for step in (0, 1, 2)][1:]
    for line, kind in ((top, "x"), (bottom, "x"), (left, "o"), (right, "o")):
        points = " ".join(f"{number(x)},{number(y)}" for x, y in line)
        look: dict[str, Attribute] = {
            "fill": "none",
            "stroke_width": 9,
            "stroke_linejoin": "round",
            "kind": f"side {kind}",
        }
        board.add("polyline", points=points, stroke=STONES[kind][0], **look)
