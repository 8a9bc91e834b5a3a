"""The exact best response to another agent: the opponent that gains the most from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel

from engine.agents.agent import Agent, BatchAgent, Decision
from engine.agents.policy_table import policy_table
from engine.native import core


class BestResponseAgent(BatchAgent):
    """In whichever seat it sits, plays an exact best response to `agent` in all others, deterministically.

    Of equally good actions it plays the lowest, also where `agent` never lets the game come. The whole game is
    enumerated and `agent` asked about every information state, once, when this is made: with its own settings, and the
    seed given here.
    """

    def __init__(self, agent: Agent, game: pyspiel.Game, seed: int = 0) -> None:
        """Raise TesujiError for games that are too large or cannot be enumerated (`core.InformationTree`)."""
        self._tree = core.InformationTree(game)
        self.game = self._tree.game
        self.name = f"best_response:{agent.name}"
        self._responses = self._tree.best_responses(policy_table(agent, self._tree, seed=seed))

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """All probability on one action; values unknown."""
        tree = self._tree
        unknown = np.full(tree.game.num_players(), np.nan)
        decisions = []
        for found in tree.find(states):
            legal = slice(tree.offsets[found], tree.offsets[found + 1])
            probabilities = np.zeros(tree.game.num_distinct_actions())
            probabilities[tree.actions[legal]] = self._responses[legal]
            decisions.append(Decision(probabilities, unknown))
        return decisions
