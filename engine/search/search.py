"""The search: positions in, out comes what PUCT found in each. The one way into the native core's tree search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import pyspiel

from engine.config import SearchConfig, SelfPlayConfig
from engine.game import require_searchable
from engine.native import core
from engine.search.seeds import state_seed

__all__ = ["SearchResult", "search", "search_params"]

SearchResult = core.SearchResult
"""What was found in one state with n legal actions, in a game of P players, as read-only attributes:

    actions     int64[n]    the legal actions, ascending; the arrays below follow their order
    visits      int32[n]    simulations through each action; their sum is `simulations`
    prior       float32[n]  the evaluator's policy, sums to 1, without root noise
    q           float64[n]  mean value after the action, for the player to move; `values[player]` where it has no visit
    values      float64[P]  the state's value for each player: the mean over the simulations
    raw_values  float64[P]  the evaluator's own value for each player
    principal_variation     list of actions, the most visited line from the state on
    player                  the player to move
    simulations, terminal_hits (simulations that ended the game), nodes, edges, max_depth (actions below the root)

`values` and `raw_values` stand in the order of the game's players, whoever is to move. All values are normalised:
utilities are `evaluator.value_scale` times as large. `policy(temperature)` gives float64[n], visits^(1/temperature)
normalised; at 0 the most visited action, and the prior in place of the visits where nothing was simulated.
"""


@overload
def search(
    states: pyspiel.State,
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> SearchResult: ...


@overload
def search(  # type: ignore[overload-cannot-match]  # pyspiel has no types
    states: Sequence[pyspiel.State],
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> list[SearchResult]: ...


def search(
    states: pyspiel.State | Sequence[pyspiel.State],
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> SearchResult | list[SearchResult]:
    """Search one state (a `SearchResult`) or many (a list of them, in order), a new tree for each.

    evaluator: who answers the leaves, such as `engine.search.evaluator.native_evaluator` makes of a network.
    simulations: for each state; None takes the configuration's.
    seed: with a state's history it decides the state's result, whatever else is searched beside it.
    workers: threads; many states share them and their batches. With `config.leaves_in_flight` above 1 each state is
        searched alone, its own leaves making the batch.
    Raises TesujiError for games that search is not sound in, and for states at which no player is to move.
    """
    config = config or SearchConfig()
    params = search_params(config, config.simulations if simulations is None else simulations)
    every = [states] if isinstance(states, pyspiel.State) else list(states)
    if every:
        require_searchable(every[0].get_game())  # the core checks that all belong to the evaluator's game
    together = 1 if config.leaves_in_flight > 1 else max(1, len(every))
    results: list[SearchResult] = []
    for start in range(0, len(every), together):
        part = every[start : start + together]
        seeds = [state_seed(seed, state) for state in part]
        results += core.search(part, evaluator, params, seeds, workers)
    return results[0] if isinstance(states, pyspiel.State) else results


def search_params(config: SearchConfig, simulations: int, selfplay: SelfPlayConfig | None = None) -> core.SearchParams:
    """The core's parameters; with root noise if `selfplay` is given."""
    return core.SearchParams(
        simulations=simulations,
        c_puct=config.c_puct,
        c_puct_base=config.c_puct_base,
        fpu_reduction=config.fpu_reduction,
        dirichlet_alpha=selfplay.dirichlet_alpha if selfplay else 0.0,
        dirichlet_fraction=selfplay.dirichlet_fraction if selfplay else 0.0,
        leaves_in_flight=config.leaves_in_flight,
        max_cached_states=config.max_cached_states,
        reuse_tree=config.reuse_tree,
    )
