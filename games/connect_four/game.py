"""What the engine asks of Connect Four: its mirror symmetry and a board for the terminal."""

from __future__ import annotations

import numpy as np
import pyspiel

from engine.game import Symmetry

ROWS = 6
COLUMNS = 7


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The left-right mirror, for inputs [planes, 6, 7] with the row at the bottom first and columns last.

    That is what both encoders in use write: "connect_four" (2 planes) and the observation tensor (3 planes). For inputs
    of another form no symmetry is known.
    """
    if len(input_shape) != 3 or input_shape[1:] != (ROWS, COLUMNS):
        return []
    index = np.arange(np.prod(input_shape), dtype=np.int64).reshape(input_shape)
    mirrored = np.ascontiguousarray(index[:, :, ::-1]).reshape(-1)
    return [Symmetry("mirror", mirrored, np.arange(COLUMNS, dtype=np.int64)[::-1].copy())]


def render(state: pyspiel.State) -> str:
    """The board with x and o, the top row first, above the numbers of the columns (which are the actions)."""
    rows = str(state).splitlines()[:ROWS]
    lines = ["| " + " ".join(row.replace(".", "·")) + " |" for row in rows]
    lines.append("+" + "-" * (2 * COLUMNS + 1) + "+")
    lines.append("  " + " ".join(str(column) for column in range(COLUMNS)))
    return "\n".join(lines)
