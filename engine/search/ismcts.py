"""Information-set search: what a player should do who does not see everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, overload

import pyspiel

from engine.config import SearchConfig
from engine.native import core
from engine.search.beliefs import Belief, Policy, belief
from engine.search.search import SearchResult, search_params

__all__ = ["ismcts"]


@overload
def ismcts(
    states: pyspiel.State | Belief,
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    policy: Policy = None,
    particles: int = 1000,
    seed: int = 0,
    workers: int = 1,
) -> SearchResult: ...


@overload
def ismcts(
    states: Sequence[pyspiel.State | Belief],
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    policy: Policy = None,
    particles: int = 1000,
    seed: int = 0,
    workers: int = 1,
) -> list[SearchResult]: ...


def ismcts(
    states: pyspiel.State | Belief | Sequence[pyspiel.State | Belief],
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    policy: Policy = None,
    particles: int = 1000,
    seed: int = 0,
    workers: int = 1,
) -> SearchResult | list[SearchResult]:
    """Search one state (a `SearchResult`) or many (a list of them, in order) by single-observer IS-MCTS.

    Each simulation plays in a state drawn from the belief of the player to move, who is given by `policy` and
    `particles` as in `engine.search.beliefs.belief`, or who hands its belief over in place of the state. The tree knows
    only what that player sees (Cowling, Powley and Whitehouse, 2012, "Information Set Monte Carlo Tree Search"); its
    known weakness is strategy fusion: it plans as if it could tell the states apart later on.

    The result is as `engine.search.search.SearchResult` says; q and values are means over the belief, and the
    principal variation is the most visited line of the likeliest state, chance taking its likeliest outcomes.
    seed: with what the player has seen (and the belief) it decides the result, whatever the hidden state is.
    Raises TesujiError as `belief` does, for leaves_in_flight above 1, forced_playouts and selection gumbel.
    """
    config = config or SearchConfig()
    alone = isinstance(states, pyspiel.State | Belief)
    every: list[pyspiel.State | Belief] = [states] if alone else list(cast("Sequence[pyspiel.State | Belief]", states))
    if not every:
        return []
    beliefs = [
        each if isinstance(each, Belief) else belief(each, policy, particles=particles, seed=seed) for each in every
    ]
    params = search_params(config, config.simulations if simulations is None else simulations, beliefs[0].game)
    results = core.ismcts(beliefs, evaluator, params, [seed] * len(beliefs), workers)
    return results[0] if alone else results
