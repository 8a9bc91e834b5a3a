"""The perfect player of a game whose room has an outside referee (`Room.oracle`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent, Decision, MoveStatistics
from engine.game import Oracle


class OracleAgent(BatchAgent):
    """Uniformly random among the moves that keep the game-theoretic value."""

    name = "oracle"

    def __init__(self, oracle: Oracle) -> None:
        """Wrap a referee of a two-player zero-sum game."""
        self._oracle = oracle

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """Exact values; every value-keeping move has the same probability."""
        decisions = []
        for state, scores in zip(states, self._oracle.scores(states), strict=True):
            best = max(scores.values())
            keeping = [action for action, score in scores.items() if score == best]
            probabilities = np.zeros(state.num_distinct_actions())
            probabilities[keeping] = 1.0 / len(keeping)
            values = np.full(2, -float(best))
            values[state.current_player()] = best
            moves = [
                MoveStatistics(action, 0, float(probabilities[action]), float(score), (action,))
                for action, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
            ]
            decisions.append(Decision(probabilities, values, {"moves": moves}))
        return decisions
