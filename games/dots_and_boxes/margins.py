"""Who gets how many of the boxes that are left: exact, and the same whoever owns those already closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyspiel
from numpy.typing import NDArray

from engine.probing.oracles import Verdict
from games.dots_and_boxes.game import score

LINES = 18
"""Open lines at most: each further one doubles the work (about a tenth of a second for 18)."""

Boxes = tuple[frozenset[int], ...]
"""The four lines of each box, numbered as the actions are."""


def board_boxes(game: pyspiel.Game) -> Boxes:
    """The boxes of a game's board, row by row."""
    rows, columns = (int(game.get_parameters()[name]) for name in ("num_rows", "num_cols"))
    across = (rows + 1) * columns
    found = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * columns + column, across + row * (columns + 1) + column
            found.append(frozenset((top, top + columns, left, left + 1)))
    return tuple(found)


@dataclass(frozen=True)
class Worth:
    """What drawing a line is worth."""

    closed: int
    """Boxes that it closes."""
    gives: int
    """Boxes that it leaves with one open line, for the other to close, if it closes none itself."""
    margin: int
    """Boxes that the mover gets more than the other from now on, with perfect play after it."""


def worths(boxes: Boxes, lines: Sequence[int]) -> dict[int, Worth]:
    """Every open line's worth.

    Source: one value for each set of open lines, the unscored states of Barker and Korf 2012, Solving Dots-and-Boxes.
    """
    bits = {line: 1 << place for place, line in enumerate(lines)}
    open_boxes = {box: sum(bits.get(line, 0) for line in box) for box in boxes}
    beside = {line: [bits_of for box, bits_of in open_boxes.items() if line in box] for line in lines}
    every = np.arange(1 << len(lines))
    best = np.full(len(every), -len(boxes) - 1)
    best[0] = 0
    counts = sum((every >> place & 1 for place in range(len(lines))), np.zeros_like(every))

    def margins(line: int, left: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of drawing `line` in sets of open lines that contain it."""
        closed = sum((left & box == bits[line] for box in beside[line]), np.zeros(len(left), dtype=np.int64))
        rest = best[left ^ bits[line]]
        gained: NDArray[np.int64] = np.where(closed > 0, closed + rest, -rest)
        return gained

    for count in range(1, len(lines)):
        sets = every[counts == count]
        for line in lines:
            left = sets[sets & bits[line] != 0]
            best[left] = np.maximum(best[left], margins(line, left))
    found = {}
    for line in lines:
        sizes = [int(counts[box]) for box in beside[line]]
        found[line] = Worth(sizes.count(1), sizes.count(2), int(margins(line, every[-1:])[0]))
    return found


def lead(state: pyspiel.State) -> int:
    """By how many closed boxes the mover is ahead."""
    first, second = score(state)
    return first - second if state.current_player() == 0 else second - first


class Margins:
    """Boxes counted over all ways to draw the lines that are left."""

    name = "margins"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The utility of every move, the margin or who wins; None with more than LINES lines open."""
        lines = state.legal_actions()
        if len(lines) > LINES:
            return None
        game = state.get_game()
        values = {}
        for line, worth in worths(board_boxes(game), lines).items():
            final = lead(state) + worth.margin
            values[line] = float(final if game.get_parameters()["utility_margin"] else np.sign(final))
        return Verdict(values, max(values.values()))
