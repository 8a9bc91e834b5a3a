"""Positions in which one move alone is right: starved by what random play thinks of it, or far from any game that good
players play. For games of wins, draws and losses.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.families.proven import (
    ROLLOUTS,
    Positions,
    from_games,
    full_verdict,
    label,
    looks,
    only_move,
    proven_probe,
)
from engine.probing.family import Generate
from engine.probing.oracles import Oracle
from engine.probing.positions import can_end, random_state
from engine.probing.probe import Probe

__all__ = ["random_prefixes", "starved_moves"]

MARGIN = 0.1
"""By how much, in utilities, a move looks better: rollouts err less."""


def starved_moves(game: str, oracle: Oracle, positions: Positions, rollouts: int = ROLLOUTS) -> Generate:
    """One move alone wins, and as many others as the difficulty says look better to random play.

    Nothing wins at once.
    """

    def find(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
        if len(state.legal_actions()) <= difficulty or can_end(state):
            return None
        verdict = full_verdict(oracle, state)
        best = only_move(verdict)
        if verdict is None or best is None or verdict.value <= 0.0:
            return None
        # Chance is drawn by the board: it has one place on the dial, whatever led to it and whenever it is met.
        means = looks(state, np.random.default_rng(crc32(str(state).encode())), rollouts)
        better = sum(mean >= means[best] + MARGIN for mean in means.values())
        if better != difficulty:
            return None
        liked = max(means, key=means.__getitem__)
        why = (
            f"Only {label(state, best)} wins. Random play likes {better} of the other {len(means) - 1} "
            f"moves better ({means[best]:+.2f} against {means[liked]:+.2f} for {label(state, liked)})."
        )
        return proven_probe(game, state, oracle, why, Moves((best,)))

    return from_games(positions, find)


def random_prefixes(game: str, oracle: Oracle) -> Generate:
    """One move alone keeps the value, after as many uniformly random moves as the difficulty says.

    It neither wins at once nor is it all that saves from a loss at once: at least two other moves are no such blunders.
    """
    loaded = load_game(game)

    def generate(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
        def positions(generator: np.random.Generator) -> list[pyspiel.State]:
            state = random_state(loaded, difficulty, generator)
            return [] if state is None else [state]

        return from_games(positions, find)(generator, difficulty)

    def find(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
        if can_end(state):
            return None
        children = map(state.child, state.legal_actions())
        playable = sum(child.is_terminal() or not can_end(child) for child in children)
        if playable < 3:
            return None
        verdict = full_verdict(oracle, state)
        best = only_move(verdict)
        if verdict is None or best is None:
            return None
        result = "wins" if verdict.value > 0.0 else "holds the draw"
        why = (
            f"After {difficulty} random moves only {label(state, best)} {result}; {playable - 1} other moves lose "
            "nothing that the next ply would show."
        )
        return proven_probe(game, state, oracle, why, Moves((best,)))

    return generate
