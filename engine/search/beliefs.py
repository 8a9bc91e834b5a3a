"""Beliefs: the states that a player who does not see everything must reckon with, and how likely each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pyspiel
from numpy.typing import ArrayLike, NDArray

from engine.errors import TesujiError
from engine.native import core

__all__ = ["Belief", "Method", "Policy", "belief", "tabular_policy"]

Belief = core.Belief
"""The n different states that the player to move may be in, as read-only attributes:

    states      list of n pyspiel states; the player knows the same in all of them (copies, made at each access)
    weights     float64[n]  their probabilities, sum to 1, in the order of the states
    effective_sample_size   1 / sum of w^2 over the particles, equal ones counted one by one
    survivors   n: distinct particles that agree with all the player has seen
    method      what was done: "exact", "resampling" or "replay"
    player      whose belief it is
"""

Method: TypeAlias = Literal["auto", "exact", "resampling", "replay"]

Function: TypeAlias = Callable[[list[pyspiel.State]], NDArray[np.float64]]

Policy: TypeAlias = "Mapping[str, ArrayLike] | Function | core.Evaluator | None"
"""How the opponents are believed to play:

    None        uniformly among the legal actions
    Evaluator   by the softmax of its prior_logits over the legal actions
    mapping     information-state string of the player to move -> probabilities [A]
    function    states, a player to move in each -> probabilities float64[B, A]; called with many states at once
"""


def belief(
    state: pyspiel.State,
    policy: Policy = None,
    *,
    method: Method = "auto",
    particles: int = 1000,
    max_nodes: int = 20_000,
    seed: int = 0,
) -> Belief:
    """What the player to move in `state` must believe: the states that agree with all it has seen.

    A state weighs as much as chance and the opponents' `policy` make its history probable; the player's own actions do
    not weigh. `state` matters only through what its player has seen: information-state strings on the way or, in games
    without, observation strings and its own actions.

    method: "exact" walks all histories that agree, "replay" keeps at most `particles` of them at each step (Fearnhead
        and Clifford, 2003), "resampling" reweights `particles` draws of OpenSpiel's `ResampleFromInfostate`, in the
        games where these are unbiased. "auto" is exact as far as `max_nodes` steps go; beyond, resampling where it is
        offered, else replay.
    seed: with what the player has seen it decides the result.
    Raises TesujiError for simultaneous moves, for chance sampled inside the state, for a state in which no player is to
    move, for a policy whose row is not a distribution over the legal actions, and if no state is left.
    """
    asked = tabular_policy(policy) if isinstance(policy, Mapping) else policy
    return core.belief(state, asked, method, particles, max_nodes, seed)


def tabular_policy(table: Mapping[str, ArrayLike]) -> Function:
    """The policy function of a table from information-state strings of the player to move to probabilities [A].

    The function raises TesujiError for a state that the table lacks.
    """

    def rows(states: Sequence[pyspiel.State]) -> NDArray[np.float64]:
        found: list[Any] = []
        for state in states:
            text = state.information_state_string()
            if text not in table:
                where = f"{state.get_game()}, history {state.history()}"
                raise TesujiError(f"policy has no entry for information state {text!r}; {where}")
            found.append(table[text])
        return np.asarray(found, np.float64)

    return rows
