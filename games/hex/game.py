"""What the engine asks of Hex: its half turn and the board for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyspiel

from engine.game import Symmetry

STONES = "xo"
"""By seat; x joins top and bottom, o left and right."""
STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 0), (1, -1), (0, -1))
"""From a cell to its neighbours, rows and columns."""


def size(game: pyspiel.Game) -> tuple[int, int]:
    """Rows and columns."""
    parameters = game.get_parameters()
    side = parameters["board_size"]
    return int(parameters.get("num_rows", side)), int(parameters.get("num_cols", side))


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The half turn, for OpenSpiel's observation, plain or not.

    Its planes are what a cell may be: a stone joined to one of its sides is, after the turn, joined to the other.
    """
    if input_shape != tuple(game.observation_tensor_shape()):
        return []
    inputs = np.arange(np.prod(input_shape), dtype=np.int64).reshape(input_shape[0], -1)
    planes = list(range(3)) if len(inputs) == 3 else [0, 2, 1, 3, 4, 5, 7, 6, 8]
    cells = inputs.shape[1]
    actions = np.arange(game.num_distinct_actions(), dtype=np.int64)
    actions[:cells] = actions[:cells][::-1]  # a swap stays one
    return [Symmetry("180 degrees", inputs[planes][:, ::-1].reshape(-1), actions)]


def string_identifies(game: pyspiel.Game) -> bool:
    """The string has all stones; with who is to move they decide the rest, and that after one stone one may swap."""
    return True


def render(state: pyspiel.State) -> str:
    """The board leaning to the right, so that a cell touches two in each row beside its own; cells are named a1."""
    rows = [row.split() for row in str(state).splitlines()]
    lines = ["   " + " ".join(chr(ord("a") + column) for column in range(len(rows[0])))]
    for number, row in enumerate(rows):
        lines.append(" " * number + f"{number + 1:2d} {' '.join(row).replace('.', '·')}")
    lines.append("x joins top and bottom, o left and right")
    if not state.is_terminal():
        lines[-1] += f"; {STONES[state.current_player()]} to move"
    return "\n".join(lines)


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.hex.picture import draw

    return draw(state, marks)
