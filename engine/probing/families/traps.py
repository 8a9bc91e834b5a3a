"""Level-k traps: a move that random play prefers to all right ones, after which the opponent wins by force in k plies.

Ramanujan, Sabharwal and Selman, "On adversarial search spaces and sampling-based planning", ICAPS 2010: sampling finds
such a loss late, since almost all games after the move go well; full-width search to k + 1 plies never misses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyspiel

from engine.probing.expectations import Moves
from engine.probing.families.proven import (
    ROLLOUTS,
    Positions,
    from_games,
    full_verdict,
    label,
    labels,
    looks,
    lost_in,
    proven_probe,
)
from engine.probing.family import Generate
from engine.probing.oracles import Oracle
from engine.probing.positions import can_end
from engine.probing.probe import Probe

__all__ = ["level_k_traps"]

MARGIN = 0.1
"""By how much, in utilities, the trap looks better than the best move: rollouts err less."""


def level_k_traps(
    game: str,
    oracle: Oracle,
    positions: Positions,
    proven_losses: Callable[[pyspiel.State, Sequence[int], int], list[int]] = lost_in,
    rollouts: int = ROLLOUTS,
) -> Generate:
    """Probes of a deterministic two-player game of wins, draws and losses; the difficulty is k.

    oracle: judges all moves. proven_losses: what `lost_in` computes, where a room knows a faster way.

    Nothing wins at once, at most a third of the moves keep the value of the position (or one alone), and the trap looks
    better than all of them.
    """

    def find(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
        if can_end(state):
            return None
        verdict = full_verdict(oracle, state)
        if verdict is None or verdict.value < 0.0 or len(verdict.best) > max(1, len(verdict.values) // 3):
            return None
        losing = [action for action, value in verdict.values.items() if value < 0.0]
        traps = proven_losses(state, losing, difficulty)
        if not traps:
            return None
        means = looks(state, generator, rollouts)
        likeliest = max(means[action] for action in verdict.best)
        trap = max(traps, key=means.__getitem__)
        if means[trap] < likeliest + MARGIN:
            return None
        why = (
            f"{label(state, trap)} looks better to random play ({means[trap]:+.2f}) than what is right "
            f"({labels(state, verdict.best, ', ')}, {likeliest:+.2f} at best), but after it the opponent wins by force "
            f"in {difficulty} {'plies' if difficulty > 1 else 'ply'}."
        )
        return proven_probe(game, state, oracle, why, Moves(verdict.best, (trap,)))

    return from_games(positions, find)
