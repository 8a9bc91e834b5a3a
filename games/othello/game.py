"""What the engine asks of Othello: its symmetries and a board for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import pyspiel
from numpy.typing import NDArray

from engine.game import Symmetry

SIDE = 8
CELLS = SIDE * SIDE
PASS = CELLS
"""The action of a player who cannot capture; the others are the cells, row by row."""


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The seven rotations and reflections of the board, for inputs [planes, 8, 8].

    Four of the eight change the colours of the first four discs, but the rules are the same for both colours and inputs
    are drawn from the mover's seat: each turns any position into one as good.
    """
    if len(input_shape) != 3 or input_shape[1:] != (SIDE, SIDE):
        return []
    inputs = np.arange(np.prod(input_shape), dtype=np.int64).reshape(input_shape)
    cells = np.arange(CELLS, dtype=np.int64).reshape(SIDE, SIDE)

    def image(board: NDArray[np.int64], flip: bool, quarters: int) -> NDArray[np.int64]:
        turned = np.rot90(board, quarters, axes=(-2, -1))
        return (turned[..., ::-1] if flip else turned).reshape(-1)

    return [
        Symmetry(
            f"{90 * quarters} degrees" + (", flipped" if flip else ""),
            image(inputs, flip, quarters),
            np.append(image(cells, flip, quarters), PASS),
        )
        for flip, quarters in list(product((False, True), range(4)))[1:]
    ]


def string_identifies(game: pyspiel.Game) -> bool:
    """The string has all discs and who is to move; nothing else bears on what follows."""
    return True


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("x", "o")


def render(state: pyspiel.State) -> str:
    """The board with x and o, named as moves are, and the number of discs; below it who is to move."""
    _, _, *rows, letters = str(state).splitlines()
    lines = ["  " + letters.strip()]
    lines += [row[:-2].replace("-", "·") for row in rows]
    discs = {disc: sum(row.count(disc) for row in rows) for disc in "xo"}
    turn = "" if state.is_terminal() else f"; {'xo'[state.current_player()]} to move"
    lines.append(f"x {discs['x']}, o {discs['o']}{turn}")
    return "\n".join(lines)


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The board as an SVG, with marks on actions."""
    from games.othello.picture import draw

    return draw(state, marks)
