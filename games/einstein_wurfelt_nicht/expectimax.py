"""Perfect play in endgames of EinStein würfelt nicht!, by expectimax to the end of the game.

Before a roll a position is where the twelve cubes stand and who is to roll: that decides all that can follow, and is
the key under which its value is kept. (`engine.search.solver` tells positions apart by their history only, because the
die is missing in OpenSpiel's text, and is lost with more than four cubes.)

Source: Michie, 1966, "Game-playing and game-learning automata" (expectimax).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pyspiel
from numba import njit, types
from numba.typed import Dict
from numpy.typing import NDArray

from engine.probing.oracles import Verdict
from games.einstein_wurfelt_nicht.board import cubes
from games.einstein_wurfelt_nicht.game import NUMBERS, SIDE

__all__ = ["MOST", "Expectimax", "reach"]

Cells = NDArray[np.int64]
"""int64[2, 6]: row * 5 + column of each player's cubes 1 to 6, GONE if taken."""

GONE = -1
CELLS = SIDE * SIDE
MOST = 1 << 18
"""Positions that a search may reach, and about as many are kept between searches."""


class Expectimax:
    """The exact value of every move, where few cubes are left."""

    name = "expectimax"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """Expected returns with perfect play, exact but for rounding; None with too many cubes too far from the end."""
        player = state.current_player()
        if player < 0 or reach(state) > MOST:
            return None
        values = {action: after(state.child(action), player) for action in state.legal_actions()}
        return Verdict(values, max(values.values()))


def reach(state: pyspiel.State) -> float:
    """At most so many positions can follow: each cube is gone or somewhere in the rectangle before it."""
    sides = cubes(state)
    if min(map(len, sides)) == 0:
        return math.inf  # the cubes are still being set up
    areas = [(SIDE - row) * (SIDE - column) for row, column in sides[0]]
    areas += [(row + 1) * (column + 1) for row, column in sides[1]]
    return math.prod(area + 1 for area in areas)


def after(state: pyspiel.State, player: int) -> float:
    """What `player` expects where the other is to roll, or the game is over."""
    if state.is_terminal():
        return float(state.returns()[player])
    cells = np.full((2, NUMBERS), GONE, dtype=np.int64)
    for side, own in enumerate(cubes(state)):
        for (row, column), number in own.items():
            cells[side, number - 1] = row * SIDE + column
    known = memory()
    if len(known) > MOST:
        known.clear()
    return -float(_value(cells, 1 - player, known))


@cache
def memory() -> Dict:
    """Positions before a roll -> their value for who rolls."""
    return Dict.empty(types.int64, types.float64)


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _value(cells: Cells, mover: int, known: Dict) -> float:
    """What the player about to roll expects; `cells` is as before when it returns."""
    key = mover
    for side in range(2):
        for number in range(NUMBERS):
            key = key * (CELLS + 1) + cells[side, number] + 1
    if key in known:
        return float(known[key])
    forward, corner = (1, CELLS - 1) if mover == 0 else (-1, 0)
    worth = np.full(NUMBERS, -np.inf)  # of moving each cube
    for number in range(NUMBERS):
        start = cells[mover, number]
        if start == GONE:
            continue
        for step in range(1, 4):
            row, column = start // SIDE + forward * (step // 2), start % SIDE + forward * (step % 2)
            if not (0 <= row < SIDE and 0 <= column < SIDE):
                continue
            end = row * SIDE + column
            left = 0  # of the other's cubes
            taken = GONE
            for each in range(2 * NUMBERS):
                side, other = each // NUMBERS, each % NUMBERS
                if cells[side, other] == end:
                    taken = each
                elif side != mover and cells[side, other] != GONE:
                    left += 1
            if end == corner or left == 0:
                worth[number] = 1.0
                break
            cells[mover, number] = end
            if taken != GONE:
                cells[taken // NUMBERS, taken % NUMBERS] = GONE
            worth[number] = max(worth[number], -_value(cells, 1 - mover, known))
            if taken != GONE:
                cells[taken // NUMBERS, taken % NUMBERS] = end
            cells[mover, number] = start
    total = 0.0
    for roll in range(NUMBERS):
        lower = higher = roll
        while lower >= 0 and cells[mover, lower] == GONE:
            lower -= 1
        while higher < NUMBERS and cells[mover, higher] == GONE:
            higher += 1
        best = -np.inf
        if lower >= 0:
            best = worth[lower]
        if higher < NUMBERS:
            best = max(best, worth[higher])
        total += best
    known[key] = total / NUMBERS
    return total / NUMBERS
