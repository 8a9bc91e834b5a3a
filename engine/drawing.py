"""Pictures of positions as SVG: the few shapes that boards are made of, and marks that tell moves apart.

A mark says what is known of a move: "accepted", "forbidden", "chosen" (by an agent), or two of them. Shapes tell them
apart as well as colours (those of Okabe and Ito, 2008, which people with any colour vision can tell apart): a ring is
accepted, a cross is forbidden, a diamond is chosen. A picture refers to nothing outside itself and has no ids, so
that many of them may stand in one page; its labels take the colour of the text around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.markup import Attribute, Markup, element, join, number

__all__ = [
    "CAPTION",
    "CELL",
    "EDGE",
    "NARROWEST",
    "Board",
    "Cell",
    "Drawing",
    "Point",
    "colour_of",
    "column_name",
    "step_of",
    "turn",
]

CELL = 40.0
"""Width of a cell, in the units of a drawing."""
EDGE = 22.0
"""Room for labels on each side of a board."""
CAPTION = 30.0
"""Height of the line below a board."""
NARROWEST = 210.0
"""Width of a drawing that has a caption, however small its board."""
TAIL = 13.0
"""How far an arrow begins from the middle of its cell, so that the piece can be seen."""
ACCEPTED, FORBIDDEN, CHOSEN = "#0072b2", "#d55e00", "#7b2d8b"
WORDS = ("accepted", "forbidden", "chosen")
HALO = "#ffffff"
"""Around marks, so that they show on boards and stones of every colour."""

Point = tuple[float, float]
"""(x to the right, y down)."""
Cell = tuple[int, int]
"""(row from the top, column)."""


class Drawing:
    """An SVG being drawn. Lengths are in its own units; it scales to the place it is shown in."""

    def __init__(self, title: str, width: float, height: float) -> None:
        self.title, self.width, self.height = title, width, height
        self.parts: list[Markup] = []

    def add(self, tag: str, text: str = "", /, **attributes: Attribute) -> None:
        """An element; its attributes are spelt as `engine.markup.element` takes them."""
        self.parts.append(element(tag, text, **attributes))

    def group(self, shapes: Iterable[Markup], **attributes: Attribute) -> None:
        """Shapes that look alike."""
        self.parts.append(element("g", *shapes, **attributes))

    def rect(self, x: float, y: float, width: float, height: float, fill: str, **attributes: Attribute) -> None:
        """A rectangle by its upper left corner."""
        self.add("rect", x=x, y=y, width=width, height=height, fill=fill, **attributes)

    def disc(self, centre: Point, radius: float, fill: str, **attributes: Attribute) -> None:
        """A filled circle."""
        self.add("circle", cx=centre[0], cy=centre[1], r=radius, fill=fill, **attributes)

    def line(self, start: Point, end: Point, colour: str, width: float, **attributes: Attribute) -> None:
        """A stroke with round ends."""
        (x1, y1), (x2, y2) = start, end
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width, **attributes)

    def polygon(self, points: Sequence[Point], fill: str, **attributes: Attribute) -> None:
        """A closed shape."""
        self.add("polygon", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), fill=fill, **attributes)

    def label(
        self, centre: Point, text: str, size: float = 12.0, colour: str = "currentColor", **more: Attribute
    ) -> None:
        """A word, its middle at `centre`."""
        x, y = centre
        self.add("text", text, x=x, y=y + 0.35 * size, font_size=size, text_anchor="middle", fill=colour, **more)

    def caption(self, text: str) -> None:
        """A line of words below everything."""
        self.label((self.width / 2.0, self.height - 12.0), text, size=13.0, kind="caption")

    def mark(self, action: int, words: str, centre: Point, size: float = CELL) -> None:
        """What is known of the move to a cell of this size, drawn in its middle."""
        self.marked(action, words, signs(words, centre, size))

    def arrow(self, action: int, words: str, start: Point, end: Point, label: str = "", aside: float = 0.0) -> None:
        """What is known of a move from cell to cell: an arrow with its mark behind the head, dashed where forbidden.

        label: a word beside the head, such as what a pawn becomes. aside: how far to the right of its way it lies, so
        that moves which differ in more than their cells can be told apart.
        """
        length = math.dist(start, end)
        dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length

        def at(along: float, right: float = 0.0) -> Point:
            return start[0] + along * dx - (aside + right) * dy, start[1] + along * dy + (aside + right) * dx

        colour = colour_of(words)
        neck = length - 14.0
        ends: dict[str, Attribute] = {"d": path((at(TAIL), at(neck)))}
        head = path((at(neck + 11.0), at(neck, 7.0), at(neck, -7.0))) + "z"
        inside = [
            element("path", **ends, stroke=HALO, stroke_width=7.5),
            element("path", d=head, fill=colour, stroke=HALO, stroke_width=3, paint_order="stroke"),
            element("path", **ends, stroke=colour, stroke_width=4, **dashes(words)),
            signs(words, at(neck - 6.0), 0.5 * CELL),
        ]
        if label:
            x, y = at(length + 9.0)
            inside.append(element("circle", cx=x, cy=y, r=8, fill=HALO, stroke=colour, stroke_width=1.5))
            look: dict[str, Attribute] = {"font_size": 11, "text_anchor": "middle", "fill": colour}
            inside.append(element("text", label, x=x, y=y + 4.0, **look))
        self.marked(action, words, *inside)

    def edge(self, action: int, words: str, start: Point, end: Point) -> None:
        """What is known of a move that draws a line: the line in the mark's colour, dashed where it is forbidden."""
        middle = ((start[0] + end[0]) / 2.0, (start[1] + end[1]) / 2.0)
        look: dict[str, Attribute] = {"stroke": colour_of(words), "stroke_width": 5}
        line = element("path", d=path((start, end)), **look, **dashes(words))
        badge = signs(words, middle, 0.5 * CELL)
        self.marked(action, words, line, badge)

    def marked(self, action: int, words: str, *shapes: Markup) -> None:
        """The shapes that mark one move."""
        self.group(shapes, kind=f"mark {words}", data_action=action, fill="none")

    def svg(self) -> Markup:
        """The whole picture."""
        return element(
            "svg",
            element("title", self.title),
            *self.parts,
            xmlns="http://www.w3.org/2000/svg",
            width=self.width,
            height=self.height,
            viewBox=f"0 0 {number(self.width)} {number(self.height)}",
            role="img",
            font_family="sans-serif",
        )


class Board(Drawing):
    """A drawing of rows and columns of square cells, labels on its left and below, and a line of words."""

    def __init__(self, title: str, rows: int, columns: int, above: float = 8.0) -> None:
        """above: height of the room over the first row."""
        width = max(2 * EDGE + columns * CELL, NARROWEST)
        super().__init__(title, width, above + rows * CELL + EDGE + CAPTION)
        self.rows, self.columns, self.above = rows, columns, above
        self.left = (width - columns * CELL) / 2.0

    def corner(self, row: int, column: int) -> Point:
        """The upper left corner of a cell; row 0 is on top."""
        return self.left + column * CELL, self.above + row * CELL

    def centre(self, row: int, column: int) -> Point:
        """The middle of a cell; row 0 is on top."""
        x, y = self.corner(row, column)
        return x + CELL / 2.0, y + CELL / 2.0

    def ground(self, fill: str) -> None:
        """The board under the cells."""
        self.rect(*self.corner(0, 0), self.columns * CELL, self.rows * CELL, fill, kind="board")

    def checker(self, light: str, dark: str) -> None:
        """Squares of two colours, the one at the lower left dark."""
        self.ground(light)
        squares = (
            f"M{number(x)} {number(y)}h{number(CELL)}v{number(CELL)}h-{number(CELL)}z"
            for row in range(self.rows)
            for column in range((self.rows - 1 - row) % 2, self.columns, 2)
            for x, y in (self.corner(row, column),)
        )
        self.add("path", d="".join(squares), fill=dark)

    def lines(self, colour: str) -> None:
        """Lines between and around the cells."""
        (left, top), (right, bottom) = self.corner(0, 0), self.corner(self.rows, self.columns)
        across = (f"M{number(left)} {number(top + row * CELL)}H{number(right)}" for row in range(self.rows + 1))
        down = (f"M{number(left + col * CELL)} {number(top)}V{number(bottom)}" for col in range(self.columns + 1))
        self.add("path", d="".join((*across, *down)), fill="none", stroke=colour, stroke_width=1.5)

    def names(self, rows: Sequence[str], columns: Sequence[str]) -> None:
        """The words beside the rows, from the top, and below the columns."""
        for row, name in enumerate(rows):
            self.label((self.left - EDGE / 2.0, self.centre(row, 0)[1]), name)
        for column, name in enumerate(columns):
            self.label((self.centre(0, column)[0], self.above + self.rows * CELL + EDGE / 2.0), name)

    def stones(self, rows: Sequence[str], looks: Mapping[str, tuple[str, str]], radius: float = 0.4) -> None:
        """Round pieces: a letter a cell, and for each letter drawn its fill and outline; their class is "stone" and it.

        radius: in cells.
        """
        places = [(row, column) for row, line in enumerate(rows) for column in range(len(line))]
        for letter, (fill, outline) in looks.items():
            self.group(
                (
                    element("circle", cx=x, cy=y, r=radius * CELL, kind=f"stone {letter}")
                    for row, column in places
                    if rows[row][column] == letter
                    for x, y in (self.centre(row, column),)
                ),
                fill=fill,
                stroke=outline,
                stroke_width=1.5,
            )


def signs(words: str, centre: Point, size: float) -> Markup:
    """A ring for accepted, a cross for forbidden, a diamond around it for chosen."""
    x, y = centre
    shapes = []
    said = words.split()
    if "accepted" in said:
        shapes.append((ring(x, y, 0.2 * size), ACCEPTED))
    if "forbidden" in said:
        r = 0.16 * size
        cross = path(((x - r, y - r), (x + r, y + r))) + path(((x - r, y + r), (x + r, y - r)))
        shapes.append((cross, FORBIDDEN))
    if "chosen" in said:
        r = 0.44 * size
        shapes.append((path(((x, y - r), (x + r, y), (x, y + r), (x - r, y))) + "z", CHOSEN))
    width = max(2.0, 0.09 * size)
    return join(
        *(
            element("path", d=shape, stroke=colour, stroke_width=stroke)
            for shape, mark in shapes
            for colour, stroke in ((HALO, 2.0 * width), (mark, width))
        )
    )


def path(points: Sequence[Point]) -> str:
    """The path along straight lines."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def dashes(words: str) -> dict[str, Attribute]:
    """How the line of a forbidden move is drawn."""
    return {"stroke_dasharray": "6 5"} if "forbidden" in words.split() else {}


def ring(x: float, y: float, radius: float) -> str:
    """The path of a circle."""
    half = f"a{number(radius)} {number(radius)} 0 1 0 "
    return f"M{number(x - radius)} {number(y)}{half}{number(2 * radius)} 0{half}{number(-2 * radius)} 0z"


def colour_of(words: str) -> str:
    """What is known of a move decides, else that it was chosen."""
    return next(
        colour for word, colour in zip(WORDS, (ACCEPTED, FORBIDDEN, CHOSEN), strict=True) if word in words.split()
    )


def turn(player: int, names: Sequence[str]) -> str:
    """Who is to move, in words."""
    return f"{names[player]} to move" if player >= 0 else "nobody to move"


def column_name(column: int) -> str:
    """Columns are lettered from a."""
    return chr(ord("a") + column)


def step_of(before: Sequence[str], after: Sequence[str], own: str) -> tuple[Cell, Cell]:
    """The cells that a piece left and reached, from two boards of characters; `own` are the mover's."""
    cells = [(row, column) for row, line in enumerate(before) for column in range(len(line))]
    left = [at for at in cells if before[at[0]][at[1]] in own and after[at[0]][at[1]] not in own]
    reached = [at for at in cells if before[at[0]][at[1]] != after[at[0]][at[1]] and after[at[0]][at[1]] in own]
    return left[0], reached[0]


def stepping_board(
    name: str, state: Any, marks: Mapping[int, str], stones: Mapping[str, tuple[str, str]], names: Sequence[str]
) -> str:
    """The SVG of a game whose moves take one piece from cell to cell on a board printed with numbered rows, the first
    at the bottom. state: an OpenSpiel state. stones: fill and outline by the printed letter, in the order of the seats,
    as are `names`.
    """
    rows = numbered_rows(state)
    player = state.current_player()
    said = turn(player, names)
    board = Board(f"{name}, {said}", len(rows), len(rows[0]))
    board.checker("#eadfc8", "#cdb88f")
    board.stones(rows, stones)
    board.names([str(len(rows) - row) for row in range(len(rows))], [column_name(at) for at in range(len(rows[0]))])
    for action, words in marks.items():
        start, end = step_of(rows, numbered_rows(state.child(action)), [*stones][player])
        board.arrow(action, words, board.centre(*start), board.centre(*end))
    board.caption(said)
    return board.svg()


def numbered_rows(state: Any) -> list[str]:
    """The rows of a printed board without their numbers."""
    return [line.lstrip("0123456789") for line in str(state).splitlines() if line[:1].isdigit()]
