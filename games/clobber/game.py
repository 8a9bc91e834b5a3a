"""What the engine asks of Clobber: the board for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyspiel

STONES = "ox"
"""By seat."""


def string_identifies(game: pyspiel.Game) -> bool:
    """The string has all stones; with who is to move they are all there is."""
    return True


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("o", "x")


def render(state: pyspiel.State) -> str:
    """The board, named as moves are; below it who is to move."""
    lines = [" ".join(row).replace(".", "·") for row in str(state).rstrip("\n").splitlines()]
    if not state.is_terminal():
        lines.append(f"{STONES[state.current_player()]} to move; who cannot move loses")
    return "\n".join(lines)


def cells(state: pyspiel.State) -> dict[tuple[int, int], str]:
    """The stones, by row (the top one is 0) and column."""
    rows = [row.strip().lstrip("0123456789") for row in str(state).splitlines()[:-1]]
    return {(r, c): stone for r, row in enumerate(rows) for c, stone in enumerate(row) if stone in STONES}


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.clobber.picture import draw

    return draw(state, marks)


def orbit(state: pyspiel.State) -> str:
    """The stones, own and others, in the least of the board's rotations and reflections."""
    rows = [row.strip().lstrip("0123456789") for row in str(state).splitlines()[:-1]]
    own = STONES[state.current_player()]
    board = np.array([[0 if cell not in STONES else 1 if cell == own else 2 for cell in row] for row in rows], np.uint8)
    images = [np.rot90(flipped, quarters) for flipped in (board, board.T) for quarters in range(4)]
    return min(f"{image.shape} {image.tobytes().hex()}" for image in images)
