"""The expected return of a policy played out from a position: exactly, over everything that can happen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel

from engine.agents.agent import Agent, FloatArray
from engine.errors import TesujiError

__all__ = ["expected_returns"]

MOST = 20_000
"""States that are played on at most, over a whole play-out: what is larger wants a match."""


def expected_returns(
    state: pyspiel.State, seats: Sequence[tuple[Agent, int | None]], seed: int, most: int = MOST
) -> FloatArray:
    """float64[P]: what every player can expect, in utilities, if seats[p] = (agent, budget) decides for player p.

    All states of a depth are decided in one call for each seat. Raises TesujiError if more than `most` states follow.
    """
    totals = np.zeros(state.num_players())
    layer = [(state.clone(), 1.0)]
    count = 0
    while layer:
        count += len(layer)
        if count > most:
            raise TesujiError(f"more than {most:,} states follow: too many to play out")
        following: list[tuple[pyspiel.State, float]] = []
        waiting: dict[int, list[tuple[pyspiel.State, float]]] = {}
        for each, weight in layer:
            if each.is_terminal():
                totals += weight * np.asarray(each.returns())
            elif each.is_chance_node():
                following += [(each.child(action), weight * chance) for action, chance in each.chance_outcomes()]
            else:
                waiting.setdefault(each.current_player(), []).append((each, weight))
        for player, rows in waiting.items():
            agent, budget = seats[player]
            decisions = agent.policy([each for each, _ in rows], budget, seed)
            for (each, weight), decision in zip(rows, decisions, strict=True):
                actions = np.flatnonzero(decision.probabilities)
                following += [(each.child(int(a)), weight * float(decision.probabilities[a])) for a in actions]
        layer = following
    return totals
