"""Perfect play in Pig for two, by value iteration.

A position is the points of the player to decide, those of the other, and the points at stake in this turn. From a value
of 0 everywhere, the k-th iterate is what a position is worth with k decisions left before the horizon, where OpenSpiel
calls the game a draw. It converges long before the usual horizon of 1000 decisions (in the standard game after 513).

Source: Neller and Presser, 2004, "Optimal play of the dice game Pig", The UMAP Journal 25(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyspiel
from numba import njit
from numpy.typing import NDArray

from engine.probing.oracles import Verdict
from games.pig.game import ROLL, STOP, read

__all__ = ["Rules", "ValueIteration", "iterate"]

Floats = NDArray[np.float64]
Die = tuple[int, int, float, float]
"""Least and most points that a throw adds, the probability of each number of them, and that of ending the turn."""

CHANGE = 1e-12
"""Iteration ends when no value changes by more; all are then within 1e-9 of their limits."""
MOST = 200
"""Points to win, at most: the table has their cube as its size."""


@dataclass(frozen=True)
class Rules:
    """Parameters of the game."""

    goal: int
    sides: int
    """Of the die; a 1 ends the turn with nothing."""
    piglet: bool
    """Every other side counts 1."""

    @property
    def die(self) -> Die:
        """What a throw adds to the turn."""
        if self.piglet:
            return 1, 1, (self.sides - 1) / self.sides, 1.0 / self.sides
        return 2, self.sides, 1.0 / self.sides, 1.0 / self.sides


class ValueIteration:
    """The exact value of both moves, to 1e-9."""

    name = "value_iteration"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """Expected returns with perfect play; None with more than two players, and for goals above 200."""
        parameters = state.get_game().get_parameters()
        rules = Rules(parameters["winscore"], parameters["diceoutcomes"], parameters["piglet"])
        if state.current_player() < 0 or state.num_players() != 2 or rules.goal > MOST:
            return None
        values, enough = converged(rules)
        left = parameters["horizon"] - 1 - state.move_number()
        if left < enough:  # that counted throws, too
            left += sum(each.player < 0 for each in state.full_history())
        if left < enough:
            values = iterate(rules, left)[0]
        position = read(state)
        own, other = position.scores[position.player], position.scores[1 - position.player]
        held = own + position.turn
        if held >= rules.goal:
            return Verdict({STOP: 1.0}, 1.0)
        least, most, chance, ending = rules.die
        rolled = chance * values[own, other, held + least : held + most + 1].sum()
        worth = {
            ROLL: float(rolled - ending * values[other, own, other]),
            STOP: -float(values[other, held, other]),
        }
        return Verdict(worth, max(worth.values()))


@lru_cache(maxsize=8)
def converged(rules: Rules) -> tuple[Floats, int]:
    """`iterate` until the horizon makes no difference."""
    return iterate(rules, None)


def iterate(rules: Rules, decisions: int | None) -> tuple[Floats, int]:
    """The values with so many decisions left (None: with so many that more change nothing), and the sweeps made.

    Values: float64[own points, other's points, own points + those at stake], for the player to decide;
    behind the goal in the last axis those who only have to stop.
    """
    die = rules.die
    values = np.zeros((rules.goal, rules.goal, rules.goal + die[1]))
    spare = np.zeros_like(values)
    sweeps = 0
    while sweeps != decisions:
        change = _sweep(values, spare, die)
        values, spare = spare, values
        sweeps += 1
        if change < CHANGE and sweeps > 2:  # with one decision left only a goal in hand counts
            break
    return values, sweeps


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _sweep(values: Floats, found: Floats, die: Die) -> float:
    """One more decision for all positions; the largest change."""
    least, most, chance, ending = die
    goal = len(values)
    starts = np.empty((goal, goal))  # of turns
    for own in range(goal):
        for other in range(goal):
            starts[own, other] = values[own, other, own]
    change = 0.0
    for own in range(goal):
        for other in range(goal):
            before, after, stopped = values[own, other], found[own, other], starts[other]
            lost = ending * starts[other, own]
            for held in range(own, goal):
                total = 0.0
                for points in range(least, most + 1):
                    total += before[held + points]
                after[held] = max(chance * total - lost, -stopped[held])
                change = max(change, abs(after[held] - before[held]))
            after[goal:] = 1.0
    return change
