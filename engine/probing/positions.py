"""Positions to make probes of: random games, and chance drawn."""

from __future__ import annotations

import numpy as np
import pyspiel

__all__ = ["advance_chance", "random_state"]


def random_state(game: pyspiel.Game, decisions: int, generator: np.random.Generator) -> pyspiel.State | None:
    """After so many uniformly random decisions, a player to move; None if the game ended before."""
    state = game.new_initial_state()
    advance_chance(state, generator)
    for _ in range(decisions):
        if state.is_terminal():
            return None
        state.apply_action(int(generator.choice(state.legal_actions())))
        advance_chance(state, generator)
    return None if state.is_terminal() else state


def advance_chance(state: pyspiel.State, generator: np.random.Generator) -> None:
    """Draw chance's outcomes until a player is to move or the game is over."""
    while state.is_chance_node():
        outcomes, chances = zip(*state.chance_outcomes(), strict=True)
        state.apply_action(int(generator.choice(outcomes, p=np.asarray(chances) / sum(chances))))
