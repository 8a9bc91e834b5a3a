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


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("x", "o")


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


def winning_line(state: pyspiel.State) -> list[tuple[int, int]]:
    """A shortest chain of the winner's stones from side to side, as lines and columns of the text of `render`."""
    returns = state.returns()
    if returns[0] == 0.0:
        return []
    winner = 0 if returns[0] > 0.0 else 1
    rows = [row.split() for row in str(state).splitlines()]
    stones = {(r, c) for r, row in enumerate(rows) for c, stone in enumerate(row) if stone == STONES[winner]}
    last = (len(rows), len(rows[0]))[winner] - 1
    chains = [[stone] for stone in sorted(stones) if stone[winner] == 0]
    seen = {chain[0] for chain in chains}
    for chain in chains:  # it grows: the shorter ones come first
        row, column = chain[-1]
        if chain[-1][winner] == last:
            return [(1 + r, r + 3 + 2 * c) for r, c in chain]
        for down, right in STEPS:
            near = (row + down, column + right)
            if near in stones - seen:
                seen.add(near)
                chains.append([*chain, near])
    return []


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.hex.picture import draw

    return draw(state, marks)


def orbit(state: pyspiel.State) -> str:
    """The board from the seat of a mover who joins top and bottom, as it is or turned by half, whichever text is less.

    For the other seat colours are exchanged and rows become columns.
    """
    rows = ["".join(row.split()) for row in str(state).splitlines()]
    if state.current_player() == 1:
        rows = ["".join(column).translate(str.maketrans("xo", "ox")) for column in zip(*rows, strict=True)]
    return min("/".join(rows), "/".join(row[::-1] for row in reversed(rows)))
