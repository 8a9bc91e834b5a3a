"""Information-set search as an agent: for games whose players do not see everything."""

from __future__ import annotations

from collections.abc import Sequence

import pyspiel

from engine.agents.agent import BatchAgent, Decision
from engine.agents.network_agent import WORKERS, decision_of
from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.game import facts, require_sequential
from engine.native import core
from engine.search.beliefs import Policy
from engine.search.ismcts import ismcts

PARTICLES = 1000


class IsmctsAgent(BatchAgent):
    """Searches from what the player to move can know (`engine.search.ismcts`), a new tree for every state.

    evaluator: who answers the leaves, a network or random rollouts.
    particles: states that stand for a belief which has too many.
    policy: how the opponents are believed to move (`engine.search.beliefs.belief`); None: at random.
    temperature: as a `NetworkAgent`'s with search.
    """

    def __init__(
        self,
        game: pyspiel.Game,
        evaluator: core.Evaluator,
        simulations: int,
        search: SearchConfig | None = None,
        temperature: float = 0.0,
        particles: int = PARTICLES,
        name: str = "ismcts",
        workers: int = WORKERS,
        policy: Policy = None,
    ) -> None:
        """Raise TesujiError for games in which no belief can be formed."""
        require_beliefs(game)
        self.game = game
        self.facts = facts(game)
        self.simulations = simulations
        self.temperature = temperature
        self.particles = particles
        self.workers = workers
        self.name = name
        self._search = search or SearchConfig()
        self._evaluator = evaluator
        self._policy = policy

    @property
    def searches(self) -> bool:
        """Always."""
        return True

    def takes(self, budget: int) -> bool:
        """Any number of simulations."""
        return budget > 0

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """One search per state; decisions see nothing that is hidden from the player to move."""
        for state in states:
            if str(state.get_game()) != str(self.game):
                raise TesujiError(f"{self.name} plays {self.game}, not {state.get_game()}")
        results = ismcts(
            states,
            self._evaluator,
            self._search,
            simulations=self.simulations if budget is None else budget,
            policy=self._policy,
            particles=self.particles,
            seed=seed,
            workers=self.workers,
        )
        return [decision_of(result, self.facts, self.temperature) for result in results]


def require_beliefs(game: pyspiel.Game) -> None:
    """Raise TesujiError unless the player to move can reckon with the states of `game` that it may be in."""
    require_sequential(game)
    kind = game.get_type()
    if kind.chance_mode == pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC:
        raise TesujiError(f"{kind.short_name} samples chance inside its states: nobody can reckon with what it hides")
    if not (kind.provides_information_state_string or kind.provides_observation_string):
        raise TesujiError(f"{kind.short_name} tells in no string what a player knows: nobody can reckon with the rest")
