"""What a probe expects of an agent, and whether an answer meets it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.agents.agent import Decision, FloatArray

__all__ = ["Expectation", "Moves", "PlayOut", "Probability", "Twin", "Value", "meets", "top_actions"]

TIE = 1e-6
"""Probabilities that differ by less are equal: an agent that has no preference has not found the move."""


@dataclass(frozen=True)
class Moves:
    """Every most probable move is one of `accepted` (if any are named), and none of them is one of `forbidden`."""

    accepted: tuple[int, ...] = ()
    forbidden: tuple[int, ...] = ()


@dataclass(frozen=True)
class Value:
    """The value for the player to move, in utilities, lies in [low, high]; an agent without opinion does not know."""

    low: float
    high: float


@dataclass(frozen=True)
class Probability:
    """The probabilities of `actions` sum to a number in [low, high]: what equilibria play there."""

    actions: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Twin:
    """The answer at another history is the same, its actions renamed: at most `tolerance` of the probability moves.

    history: of the twin, from the same start. actions: pairs (action here, action there) of all legal actions.
    tolerance: total variation distance, 0 to 1.
    """

    history: tuple[int, ...]
    actions: tuple[tuple[int, int], ...]
    tolerance: float


@dataclass(frozen=True)
class PlayOut:
    """Played to the end from here, the player to move has an expected return in [low, high].

    opponent: name of the agent in all other seats; "self": the probed agent itself.
    """

    opponent: str
    low: float
    high: float


Expectation = Moves | Value | Probability | Twin | PlayOut


def top_actions(probabilities: FloatArray) -> tuple[int, ...]:
    """The most probable actions, all of them where several are equal."""
    return tuple(int(action) for action in np.flatnonzero(probabilities >= probabilities.max() - TIE))


def meets(
    expectation: Expectation, decision: Decision, player: int, twin: Decision | None = None, returns: float = math.nan
) -> bool:
    """Whether `decision`, of `player`, is what was expected.

    twin: the answer at the twin's history, for a `Twin`. returns: the expected return of `player`, for a `PlayOut`.
    """
    match expectation:
        case Moves(accepted, forbidden):
            top = set(top_actions(decision.probabilities))
            return (not accepted or top <= set(accepted)) and top.isdisjoint(forbidden)
        case Value(low, high):
            return low <= float(decision.values[player]) <= high  # False for NaN
        case Probability(actions, low, high):
            return low <= float(decision.probabilities[list(actions)].sum()) <= high
        case Twin(_, actions, tolerance):
            if twin is None:
                raise ValueError("a Twin is judged with the answer at its history")
            return moved(decision.probabilities, twin.probabilities, dict(actions)) <= tolerance
        case PlayOut(_, low, high):
            return low <= returns <= high


def moved(here: FloatArray, there: FloatArray, renamed: Mapping[int, int]) -> float:
    """Total variation distance of two policies, the first's actions renamed to the second's."""
    return math.fsum(abs(float(here[a]) - float(there[b])) for a, b in renamed.items()) / 2.0
