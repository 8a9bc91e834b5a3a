"""The search: positions in, out comes what was found in each. The one way into the native core's tree search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
    owners      int32[n]    whose action it is: `player`; where players move simultaneously, those of player 0 come
                            first, then those of player 1, and so on
    visits      int32[n]    simulations through each action; for each owner their sum is `simulations`
    prior       float32[n]  the evaluator's policy, sums to 1, without root noise
    q           float64[n]  mean value after the action, for its owner, exact where `proven`; where it has no visit,
                            `values[owner]` (Gumbel: the completed value, a mixture of raw value and known ones)
    proven      bool[n]     q is known for certain
    target      float64[n]  what a network should learn from the search, sums to 1 for each owner: shares of visits
                            (PUCT), the improved policy (Gumbel), the average strategy (simultaneous moves); proven
                            wins alone where there are any, and nothing on proven losses
    values      float64[P]  the state's value for each player: the mean over the simulations (PUCT), the expectation of
                            q under the target (Gumbel: sequential halving looks at moves that nobody would play);
                            exact if `root_proven`
    raw_values  float64[P]  the evaluator's own value for each player
    principal_variation     list of actions, the likeliest line from the state on
    variations              the same for each action, beginning with it; empty unless asked for
    best                    index of the action to play
    player                  the player to move; negative where players move simultaneously
    root_proven             the state's value is known for certain: the search ended early
    full                    the tree reached `max_bytes`, and stopped growing
    simulations, terminal_hits (of them, those that ended in a state of exact value), nodes, edges, bytes, max_depth
                            (actions below the root)

`values` and `raw_values` stand in the order of the game's players, whoever is to move. All values are normalised:
utilities are `evaluator.value_scale` times as large. `policy(temperature)` gives float64[n], target^(1/temperature)
normalised for each owner; at 0 the action to play. Where nothing was simulated, the target is the prior.
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
    variations: bool = False,
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
    variations: bool = False,
) -> list[SearchResult]: ...


def search(
    states: pyspiel.State | Sequence[pyspiel.State],
    evaluator: core.Evaluator,
    config: SearchConfig | None = None,
    *,
    simulations: int | None = None,
    seed: int = 0,
    workers: int = 1,
    variations: bool = False,
) -> SearchResult | list[SearchResult]:
    """Search one state (a `SearchResult`) or many (a list of them, in order), a new tree for each.

    evaluator: who answers the leaves, such as `engine.search.evaluator.native_evaluator` makes of a network.
    simulations: for each state; None takes the configuration's.
    seed: with a state's history it decides the state's result, whatever else is searched beside it.
    workers: threads; many states share them and their batches. With `config.leaves_in_flight` above 1 each state is
        searched alone, its own leaves making the batch.
    variations: whether the results hold the line of every action.
    Raises TesujiError for games that search is not sound in, and for states at which no player is to move.
    """
    config = config or SearchConfig()
    if simulations is not None:
        config = replace(config, simulations=simulations)
    every = [states] if isinstance(states, pyspiel.State) else list(states)
    if not every:
        return []
    game = every[0].get_game()  # the core checks that all belong to the evaluator's game
    require_searchable(game)
    params = search_params(config, config.simulations, game)
    together = 1 if config.leaves_in_flight > 1 else len(every)
    results: list[SearchResult] = []
    for start in range(0, len(every), together):
        part = every[start : start + together]
        seeds = [state_seed(seed, state) for state in part]
        results += core.search(part, evaluator, params, seeds, workers, variations)
    return results[0] if isinstance(states, pyspiel.State) else results


def search_params(
    config: SearchConfig, simulations: int, game: pyspiel.Game, selfplay: SelfPlayConfig | None = None
) -> core.SearchParams:
    """The core's parameters for searches in `game`; with what is for learning, root noise above all, if `selfplay` is
    given.
    """
    value_range = config.value_range
    if value_range == "auto":
        within = game.min_utility() >= -1.0 and game.max_utility() <= 1.0
        value_range = "declared" if within else "tree"
    learning: dict[str, float] = {}
    if selfplay is not None:
        learning = {
            "root_policy_temperature": selfplay.root_policy_temperature,
            "dirichlet_alpha": selfplay.dirichlet_alpha,
            "dirichlet_fraction": selfplay.dirichlet_fraction,
            "dirichlet_total": selfplay.dirichlet_total,
            "forced_playouts": selfplay.forced_playouts,
        }
    return core.SearchParams(
        simulations=simulations,
        selection=config.selection,
        c_puct=config.c_puct,
        c_puct_base=config.c_puct_base,
        fpu_reduction=config.fpu_reduction,
        max_considered_actions=config.max_considered_actions,
        gumbel_scale=selfplay.gumbel_scale if selfplay is not None else 0.0,
        c_visit=config.c_visit,
        c_scale=config.c_scale,
        value_range=value_range,
        proofs=config.proofs,
        expected_chance=config.expected_chance,
        chance_widening=config.chance_widening,
        chance_samples=config.chance_samples,
        joint_exploration=config.joint_exploration,
        leaves_in_flight=config.leaves_in_flight,
        max_cached_states=config.max_cached_states,
        max_bytes=config.max_bytes,
        reuse_tree=config.reuse_tree,
        **learning,
    )
