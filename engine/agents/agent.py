"""What an agent is: states in, move probabilities and values out.

An agent answers many states in one call, so that matches, probes and exact evaluations can batch. An answer depends
only on the state (with its history), the budget and the seed: never on the other states of the call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt
import pyspiel

from engine.errors import TesujiError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """An agent's answer for one state.

    probabilities: float64[A], sums to 1, zero at illegal actions: what the agent plays, its temperature applied.
    values: float64[P], expected returns in the game's utilities, one per player in the game's order; NaN where the
        agent has no opinion.
    statistics: what lay behind it, for people and reports; keys used by the built-in agents: `moves` (a list of
        `MoveStatistics`, best first), `simulations`, `nodes`, `proven` (the state's value is known for certain), `full`
        (the tree reached `max_bytes`, and stopped growing).
    """

    probabilities: FloatArray
    values: FloatArray
    statistics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> int:
        """The most probable action; the lowest one of equals."""
        return int(np.argmax(self.probabilities))

    def sample(self, seed: int) -> int:
        """An action drawn from the probabilities; the same one for the same seed."""
        actions = np.flatnonzero(self.probabilities)
        if len(actions) == 1:
            return int(actions[0])
        shares = self.probabilities[actions]
        return int(np.random.default_rng(seed).choice(actions, p=shares / shares.sum()))


@dataclass(frozen=True)
class MoveStatistics:
    """One line of the table behind a decision. `q` is in utilities of the player to move, NaN where unknown, exact
    where it is `proven`.
    """

    action: int
    visits: int
    prior: float
    q: float
    variation: tuple[int, ...] = ()
    proven: bool = False


class Agent(Protocol):
    """Anything that plays. Subclass `BatchAgent` to get single states and the checks for free."""

    name: str

    def policy(self, states: Sequence[pyspiel.State], budget: int | None = None, seed: int = 0) -> list[Decision]:
        """One decision per state for its player to move.

        budget: simulations per decision, overrides the agent's own; agents that do not search ignore it.
        seed: with the state's history it fixes every random choice of the answer.
        """

    def observe(self, state: pyspiel.State, action: int) -> None:
        """Told that `action` was played in `state` (before it is applied); an agent may keep what it knows."""

    def reset(self) -> None:
        """Forget everything kept between calls: a new game begins."""


class BatchAgent(ABC):
    """Base of the built-in agents: accepts one state or many and checks them; keeps nothing between calls."""

    name: str

    @property
    def searches(self) -> bool:
        """Whether it searches by itself, so that its play depends on the seed; a budget given to `policy` decides
        otherwise.
        """
        return False

    @abstractmethod
    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """`Agent.policy` for states already checked to have a single player to move."""

    def takes(self, budget: int) -> bool:
        """Whether `policy` with this budget is another way to decide than without one."""
        return False

    @overload
    def policy(self, states: pyspiel.State, budget: int | None = None, seed: int = 0) -> Decision: ...

    @overload
    def policy(  # type: ignore[overload-cannot-match]  # pyspiel has no types
        self, states: Sequence[pyspiel.State], budget: int | None = None, seed: int = 0
    ) -> list[Decision]: ...

    def policy(
        self, states: pyspiel.State | Sequence[pyspiel.State], budget: int | None = None, seed: int = 0
    ) -> Decision | list[Decision]:
        """Decide one state (a `Decision`) or many (a list of them, in order); see `Agent.policy`."""
        if isinstance(states, pyspiel.State):
            return self._decide_checked([states], budget, seed)[0]
        return self._decide_checked(states, budget, seed)

    def observe(self, state: pyspiel.State, action: int) -> None:  # noqa: B027
        """Nothing to remember."""

    def reset(self) -> None:  # noqa: B027
        """Nothing to forget."""

    def _decide_checked(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        if budget is not None and not (isinstance(budget, int | np.integer) and 0 <= budget < 2**31):
            raise TesujiError(f"budget {budget}: simulations are a whole number from 0 to {2**31 - 1}")
        for state in states:
            _require_decision(state)
        return self.decide(states, budget, seed) if len(states) else []


def one_hot(action: int, size: int) -> FloatArray:
    """float64[size] with all probability on one action."""
    probabilities = np.zeros(size)
    probabilities[action] = 1.0
    return probabilities


def sharpen(weights: FloatArray, temperature: float) -> FloatArray:
    """weights^(1/temperature), normalised; temperature 0 puts all on the largest (the first of equals)."""
    if temperature == 0:
        return one_hot(int(np.argmax(weights)), len(weights))
    if temperature != 1:
        weights = (weights / weights.max()) ** (1.0 / temperature)
    shares: FloatArray = weights / weights.sum()
    return shares


def _require_decision(state: pyspiel.State) -> None:
    if state.is_terminal():
        raise TesujiError("the game is over in this state: there is nothing to decide")
    if state.is_chance_node():
        raise TesujiError("chance is to move in this state: apply one of state.chance_outcomes() first")
    if state.is_simultaneous_node():
        game = state.get_game()
        raise TesujiError(
            f"{game.get_type().short_name} moves simultaneously: "
            f"use its turn-based form, turn_based_simultaneous_game(game={game})"
        )
