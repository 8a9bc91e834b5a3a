"""The search with random roll-outs as an agent: `mcts` in games that pay rewards on the way."""

from __future__ import annotations

from collections.abc import Sequence

import pyspiel

from engine.agents.agent import BatchAgent, Decision
from engine.agents.network_agent import WORKERS, decision_of
from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.game import facts, require_self_play
from engine.native import core
from engine.search.search import search


class RolloutAgent(BatchAgent):
    """Searches with equal priors and random roll-outs, a new tree for every state.

    Plays what OpenSpiel's MCTS does not: games whose players are paid before the end.
    c: exploration constant of PUCT, on the scale of the values in the tree. temperature: as a `NetworkAgent`'s with
    search.
    """

    def __init__(
        self,
        game: pyspiel.Game,
        simulations: int = 1000,
        c: float = 2.0,
        rollouts: int = 1,
        temperature: float = 0.0,
        workers: int = WORKERS,
    ) -> None:
        """Raise TesujiError for games in which a search over states is not sound."""
        require_self_play(game)
        self.name = f"mcts:{simulations}"
        self.game = game
        self.facts = facts(game)
        self.simulations = simulations
        self.temperature = temperature
        self.workers = workers
        self._search = SearchConfig(c_puct=c)
        self._evaluator = core.RolloutEvaluator(game, rollouts)

    def takes(self, budget: int) -> bool:
        """Any number of simulations."""
        return budget > 0

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """One search per state."""
        simulations = self.simulations if budget is None else budget
        if simulations < 1:
            raise TesujiError(f"mcts needs at least 1 simulation, got {simulations}")
        results = search(
            states,
            self._evaluator,
            self._search,
            simulations=simulations,
            seed=seed,
            workers=self.workers,
            variations=True,
        )
        return [decision_of(result, self.facts, self.temperature) for result in results]
