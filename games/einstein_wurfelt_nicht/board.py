"""Cubes, moves and distances of EinStein würfelt nicht!, read from OpenSpiel's texts and action numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from games.einstein_wurfelt_nicht.game import DIRECTIONS, SIDE

__all__ = ["Cell", "apart", "cubes", "ends", "steps"]

Cell = tuple[int, int]
"""Row and column, from 0."""


def cubes(state: pyspiel.State) -> tuple[dict[Cell, int], dict[Cell, int]]:
    """Where the cubes of black (seat 0) and white stand -> their numbers."""
    sides: tuple[dict[Cell, int], dict[Cell, int]] = {}, {}
    for row, line in enumerate(str(state).splitlines()):
        for column, cell in enumerate(line.strip("|").split("||")):
            if cell != "__":
                sides["bw".index(cell[0])][row, column] = int(cell[1:])
    return sides


def ends(action: int) -> tuple[Cell, Cell]:
    """The cells that a move leaves and enters."""
    cell, rest = divmod(action, 2 * len(DIRECTIONS))
    row, column = divmod(cell, SIDE)
    down, right = DIRECTIONS[rest // 2]
    return (row, column), (row + down, column + right)


def steps(player: int, cell: Cell) -> int:
    """Moves that a cube needs at least to the corner where it wins."""
    return max(cell) if player else SIDE - 1 - min(cell)


def apart(black: Mapping[Cell, int], white: Mapping[Cell, int]) -> bool:
    """Whether no cube can ever take one of the other side: all have passed each other."""
    return not any(b[0] <= w[0] and b[1] <= w[1] for b in black for w in white)
