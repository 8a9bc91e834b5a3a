"""What the engine asks of Connect Four: its mirror symmetry, a board for the terminal, and who judges it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import pyspiel

from engine.game import LabelledPosition, Oracle, Symmetry

ROWS = 6
COLUMNS = 7
STANDARD = {"rows": ROWS, "columns": COLUMNS, "x_in_row": 4}
"""The parameters that make the rules, as the solver knows them."""


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The left-right mirror, for inputs [planes, rows, columns] with the row at the bottom first.

    That is what both encoders in use write: "connect_four" (2 planes) and the observation tensor (3 planes). For inputs
    of another form no symmetry is known.
    """
    if len(input_shape) != 3 or input_shape[1:] != tuple(game.observation_tensor_shape()[1:]):
        return []
    index = np.arange(np.prod(input_shape), dtype=np.int64).reshape(input_shape)
    mirrored = np.ascontiguousarray(index[:, :, ::-1]).reshape(-1)
    return [Symmetry("mirror", mirrored, np.arange(input_shape[2], dtype=np.int64)[::-1].copy())]


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("x", "o")


def render(state: pyspiel.State) -> str:
    """The board with x and o, the top row first, above the numbers of the columns (which are the actions)."""
    rows = str(state).splitlines()
    columns = range(state.num_distinct_actions())
    width = len(str(columns[-1]))
    lines = ["| " + " ".join(cell.rjust(width) for cell in row.replace(".", "·")) + " |" for row in rows]
    lines.append("+" + "-" * (len(lines[0]) - 2) + "+")
    lines.append("  " + " ".join(str(column).rjust(width) for column in columns))
    return "\n".join(lines)


def winning_line(state: pyspiel.State) -> list[tuple[int, int]]:
    """The discs of all rows that won, as lines and columns of the text that `render` gives."""
    rows = str(state).splitlines()
    need, width = state.get_game().get_parameters()["x_in_row"], len(str(state.num_distinct_actions() - 1))
    found = set()
    for row, column in product(range(len(rows)), range(len(rows[0]))):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            line = [(row + step * down, column + step * right) for step in range(need)]
            if all(0 <= r < len(rows) and 0 <= c < len(rows[0]) for r, c in line):
                discs = {rows[r][c] for r, c in line}
                found |= set(line) if len(discs) == 1 and discs != {"."} else set()
    return [(row, 1 + (column + 1) * (width + 1) - 1) for row, column in sorted(found)]


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The board as an SVG, with marks on actions."""
    from games.connect_four.picture import draw

    return draw(state, marks)


def oracle(game: pyspiel.Game) -> Oracle | None:
    """The perfect solver; it knows the standard rules only."""
    from games.connect_four import oracle as solver

    return solver.Oracle() if is_standard(game) else None


def positions(game: pyspiel.Game) -> list[LabelledPosition]:
    """The held-out positions, which the solver has labelled under the standard rules."""
    from games.connect_four.positions import load

    return load() if is_standard(game) else []


def string_identifies(game: pyspiel.Game) -> bool:
    """The string is the board: its discs say whose turn it is, and nothing else matters, whatever its size."""
    return True


def is_standard(game: pyspiel.Game) -> bool:
    """Six rows, seven columns, four in a row; how observations are drawn makes no difference."""
    return bool(STANDARD.items() <= game.get_parameters().items())
