"""What an action brought beyond what was expected: advantages of whole games with any number of players.

A player's own decisions of a game are its trajectory: between two of them lie the moves of others and chance, whose
rewards count to the earlier one. Games are of any length (ragged) and end, so nothing is bootstrapped beyond the last
decision. Arrays are those of `engine.finetune.methods.method.Trajectories`; loops are compiled by numba at their first
call and kept on disk.

Sources: Schulman et al., 2016, "High-dimensional continuous control using generalized advantage estimation"; Espeholt
et al., 2018, "IMPALA: scalable distributed deep-RL with importance weighted actor-learner architectures" (V-trace).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["RATIO_LIMIT", "estimate", "group_relative", "outcomes"]

Floats = NDArray[np.float32]
Offsets = NDArray[np.int64]

RATIO_LIMIT = 1.0
"""V-trace's rho-bar and c-bar: importance ratios count at most so much (the paper's default)."""


def estimate(
    players: NDArray[np.int32],
    values: Floats,
    rewards: Floats,
    offsets: Offsets,
    *,
    discount: float,
    trace_decay: float,
    ratios: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Advantages [S] of the actions played, and targets [S] for the mover's own value.

    values: [S], the mover's own. ratios: [S], probability of the action now over that when it was played; with them
    both are V-trace's (Espeholt et al., with lambda folded into c and into the advantage's own bootstrap), without them
    GAE's and the lambda-returns, to which V-trace is equal where all ratios are 1.
    """
    clipped = np.ones(len(players), np.float32) if ratios is None else np.minimum(ratios, RATIO_LIMIT)
    advantages, targets = np.empty(len(players), np.float32), np.empty(len(players), np.float32)
    _estimate(players, values, rewards, offsets, clipped, discount, trace_decay, advantages, targets)
    return advantages, targets


def outcomes(players: NDArray[np.int32], rewards: Floats, offsets: Offsets) -> Floats:
    """The rest of the game's returns from each decision on, undiscounted: [S, P], the mover first."""
    found = np.empty_like(rewards)
    _outcomes(players, rewards, offsets, found)
    return found


def group_relative(
    players: NDArray[np.int32], rewards: Floats, offsets: Offsets, groups: NDArray[np.int64], *, normalise: bool
) -> Floats:
    """Advantages [S]: the mover's return of the whole game less its mean over the games that began alike, and with
    `normalise` over their deviation, too (Shao et al., 2024). 0 where all of them ended alike.
    """
    games = np.repeat(np.arange(len(groups)), np.diff(offsets))
    returns = np.zeros((len(groups), rewards.shape[1]))
    np.add.at(returns, games, rewards)
    _, index = np.unique(groups, return_inverse=True)
    counts = np.bincount(index)[:, None]
    means = np.zeros((len(counts), returns.shape[1]))
    np.add.at(means, index, returns)
    means /= counts
    relative = returns - means[index]
    if normalise:
        squares = np.zeros_like(means)
        np.add.at(squares, index, relative**2)
        deviations = np.sqrt(squares / counts)[index]
        relative = np.divide(relative, deviations, out=np.zeros_like(relative), where=deviations > DEVIATION_FLOOR)
    advantages: Floats = relative[games, players].astype(np.float32)
    return advantages


DEVIATION_FLOOR = 1e-6
"""Below it a group's returns differ by rounding only."""


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _estimate(
    players: NDArray[np.int32],
    values: Floats,
    rewards: Floats,
    offsets: Offsets,
    ratios: Floats,
    discount: float,
    trace_decay: float,
    advantages: Floats,
    targets: Floats,
) -> None:
    """`estimate`, backwards through every game; each player carries what lies behind its last decision seen."""
    seats = rewards.shape[1]
    for game in range(len(offsets) - 1):
        pending = np.zeros(seats)  # rewards since that decision's predecessor
        value = np.zeros(seats)
        target = np.zeros(seats)
        for step in range(offsets[game + 1] - 1, offsets[game] - 1, -1):
            for seat in range(seats):
                pending[seat] += rewards[step, seat]
            mover = players[step]
            own = values[step]
            surprise = pending[mover] + discount * value[mover] - own
            carried = discount * trace_decay * (target[mover] - value[mover])
            advantages[step] = surprise + carried
            targets[step] = own + ratios[step] * (surprise + carried)
            pending[mover] = 0.0
            value[mover] = own
            target[mover] = targets[step]


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _outcomes(players: NDArray[np.int32], rewards: Floats, offsets: Offsets, found: Floats) -> None:
    """`outcomes`, backwards through every game."""
    seats = rewards.shape[1]
    for game in range(len(offsets) - 1):
        rest = np.zeros(seats)
        for step in range(offsets[game + 1] - 1, offsets[game] - 1, -1):
            for seat in range(seats):
                rest[seat] += rewards[step, seat]
            for seat in range(seats):
                found[step, seat] = rest[(players[step] + seat) % seats]
