"""Positions to make probes of: random games, and chance drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyspiel

__all__ = ["advance_chance", "can_end", "careful_game", "random_state"]


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


def careful_game(game: pyspiel.Game, fewest: int, most: int, generator: np.random.Generator) -> Iterator[pyspiel.State]:
    """The positions after `fewest` to `most` decisions of one game at random, if it lasts so long, in which the players
    let nobody win at once while they can help it: quieter ones than those of random play. For deterministic games.
    """
    state = game.new_initial_state()
    for decisions in range(most + 1):
        if decisions >= fewest:
            yield state
        children = {action: state.child(action) for action in state.legal_actions()}
        going_on = [action for action, child in children.items() if not child.is_terminal()]
        safe = [action for action in going_on if not can_end(children[action])]
        if not going_on:
            return
        state = children[int(generator.choice(safe or going_on))]


def can_end(state: pyspiel.State) -> bool:
    """Whether some action ends the game in favour of the player who takes it."""
    player = state.current_player()
    children = (state.child(action) for action in state.legal_actions())
    return any(child.is_terminal() and child.returns()[player] > 0.0 for child in children)
