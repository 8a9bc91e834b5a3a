"""A board in the terminal: the last move and the winning line marked in it, in colours where there are any.

A room gives the board as text (`Room.render`). What was placed last is what differs from the text before that move; a
cell is one letter, its marks are `(x)` for the last move and a capital for the winning line, or colours instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

__all__ = ["Cell", "Screen", "draw", "placed", "plain"]

Cell = tuple[int, int]
"""Line and column in a board's text."""

EMPTY = " ·.+-_"
"""Letters of cells with nothing on them."""
SIDES = ("bold cyan", "bold yellow")
"""Styles of what belongs to the first and to the second side, where their signs are single letters."""
LAST, WINNING = "reverse", "bold black on green"
WORDS = re.compile(r"[A-Za-z]{3,}")


class Screen:
    """Where a person reads: styles reach a terminal only, and none if NO_COLOR is set."""

    def __init__(self, sink: TextIO) -> None:
        """sink: gets plain text unless it is a terminal that knows colours."""
        self._sink = sink
        self._console = Console(file=sink, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.coloured = self._console.color_system is not None and not os.environ.get("NO_COLOR")

    def write(self, text: Text | str, style: str = "", end: str = "\n") -> None:
        """Write at once; `text` holds nothing that a terminal obeys."""
        if self.coloured:
            self._console.print(text, style=style, end=end)
        else:
            self._sink.write(str(text) + end)
        self._sink.flush()


def placed(before: str, after: str) -> list[Cell]:
    """The cells that a move put something on: empty ones if there are any, else all that changed and are not empty.

    None where the two texts have not as many lines.
    """
    old, new = before.split("\n"), after.split("\n")
    if len(old) != len(new):
        return []
    changed = [
        (number, column)
        for number, (one, other) in enumerate(zip(old, new, strict=True))
        if len(one) == len(other) and shows_cells(other)
        for column in range(len(one))
        if one[column] != other[column] and other[column] not in EMPTY
    ]
    return [(line, column) for line, column in changed if old[line][column] in EMPTY] or changed


def shows_cells(line: str) -> bool:
    """Whether a line of a text belongs to the board: it has no sentence in it."""
    return not any(sign in line for sign in ",;:") and not any(len(set(word)) > 2 for word in WORDS.findall(line))


def plain(text: str, last: Collection[Cell] = (), winning: Collection[Cell] = ()) -> str:
    """The board with its marks written as characters, as far as they fit."""
    lines = [list(line) for line in text.split("\n")]
    for number, row in enumerate(lines):
        for line, column in winning:
            if line == number:
                row[column] = row[column].upper()
        for first, end in runs(sorted(column for line, column in last if line == number)):
            if first > 0 and row[first - 1] == " " and (end == len(row) or row[end] == " "):
                row[first - 1] = "("
                row[end : end + 1] = ")"
    return "\n".join("".join(row) for row in lines)


def runs(columns: Sequence[int]) -> list[tuple[int, int]]:
    """(first, behind the last) of neighbouring columns, which are in order."""
    found: list[tuple[int, int]] = []
    for column in columns:
        if found and found[-1][1] == column:
            found[-1] = found[-1][0], column + 1
        else:
            found.append((column, column + 1))
    return found


def draw(text: str, last: Collection[Cell] = (), winning: Collection[Cell] = (), signs: Sequence[str] = ()) -> Text:
    """The board in colours; signs: the letters of the first and of the second side."""
    drawn = Text(text)
    start = 0
    for number, line in enumerate(text.split("\n")):
        for column, letter in enumerate(line if shows_cells(line) else ""):
            if letter in signs:
                drawn.stylize(SIDES[list(signs).index(letter)], start + column, start + column + 1)
        for cells, style in ((last, LAST), (winning, WINNING)):
            for where, column in cells:
                if where == number:
                    drawn.stylize(style, start + column, start + column + 1)
        start += len(line) + 1
    return drawn
