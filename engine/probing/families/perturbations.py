"""Changes that must not change the answer: the board seen in a mirror, and the same board by another order of moves.

One move alone keeps the value, and random play does not prefer it. It is asked for (`Moves`), and what an agent plays
in both positions is compared (`Twin`): who has no preference is as wrong as who changes his mind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel

from engine.errors import TesujiError
from engine.game import load_game, room
from engine.probing.expectations import Moves, Twin
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
from engine.probing.oracles import EXACT, Oracle
from engine.probing.probe import Probe

__all__ = ["mirrors", "reordered", "transpositions"]

TOLERANCE = 0.1
"""Share of the probability that may lie elsewhere at the twin."""
SWAPS = 200
"""Tries to exchange two moves of a player when a game is played in another order."""


def mirrors(game: str, oracle: Oracle, positions: Positions, rollouts: int = ROLLOUTS) -> Generate:
    """The same position under one of the symmetries that the game's room knows; the difficulty is how close the call
    looks: the two moves that random play likes best differ by at most 0.64 / 2^difficulty.

    Raises TesujiError for a game whose room knows no symmetry.
    """
    loaded = load_game(game)
    short = loaded.get_type().short_name
    symmetries = room(short).symmetries(loaded)
    if not symmetries:
        raise TesujiError(f"no symmetry of {short} is known: its positions have no mirror images")

    def find(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
        symmetry = symmetries[int(generator.integers(len(symmetries)))]
        there = [int(action) for action in np.argsort(symmetry.actions)]  # what each action is called in the mirror
        twin = replay(loaded, [there[action] for action in state.history()])
        if twin is None or str(twin) == str(state):
            return None
        pairs = tuple((action, there[action]) for action in state.legal_actions())
        best = agreed(state, twin, pairs, oracle)
        if best is None:
            return None
        means = looks(state, generator, rollouts)
        second, first = sorted(means.values())[-2:]
        if best == max(means, key=means.__getitem__) or first - second > 0.64 / 2**difficulty:
            return None
        why = (
            f"Under the {symmetry.name} symmetry the position stays the same: {label(state, best)} here is "
            f"{label(twin, there[best])} there, and in each of them it alone keeps the value."
        )
        return proven_probe(game, state, oracle, why, Moves((best,)), Twin(tuple(twin.history()), pairs, TOLERANCE))

    return from_games(positions, find)


def transpositions(game: str, oracle: Oracle, positions: Positions, rollouts: int = ROLLOUTS) -> Generate:
    """The same board with the same player to move, reached by another order of the same moves; the two orders differ in
    at least as many plies as the difficulty says.

    Raises TesujiError for a game whose room does not say that board and player decide all (`string_identifies`).
    """
    loaded = load_game(game)
    short = loaded.get_type().short_name
    if not room(short).string_identifies(loaded):
        raise TesujiError(f"{short} does not say that its string tells all that matters: positions cannot be compared")

    def find(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
        pairs = tuple((action, action) for action in state.legal_actions())
        best = only_move(full_verdict(oracle, state))
        if best is None:
            return None
        twin = reordered(state, generator)
        differing = sum(a != b for a, b in zip(state.history(), twin.history(), strict=True))
        if differing < difficulty:
            return None
        means = looks(state, generator, rollouts)
        if best == max(means, key=means.__getitem__) or agreed(state, twin, pairs, oracle) is None:
            return None
        why = (
            f"Both orders of moves, {differing} plies apart, lead to the same board, and only {label(state, best)} "
            "keeps its value: what the way was has no part in it."
        )
        return proven_probe(game, state, oracle, why, Moves((best,)), Twin(tuple(twin.history()), pairs, TOLERANCE))

    return from_games(positions, find)


def agreed(state: pyspiel.State, twin: pyspiel.State, pairs: Sequence[tuple[int, int]], oracle: Oracle) -> int | None:
    """The only move that keeps the value, if there is one and each move is worth what its twin is."""
    here, there = full_verdict(oracle, state), full_verdict(oracle, twin)
    best = only_move(here)
    if here is None or there is None or best is None:
        return None
    return best if all(abs(here.values[a] - there.values[b]) <= EXACT for a, b in pairs) else None


def replay(game: pyspiel.Game, history: Sequence[int]) -> pyspiel.State | None:
    """The position after these actions; None where one of them is illegal."""
    state = game.new_initial_state()
    for action in history:
        if state.is_terminal() or action not in state.legal_actions():
            return None
        state.apply_action(action)
    return None if state.is_terminal() else state


def reordered(state: pyspiel.State, generator: np.random.Generator) -> pyspiel.State:
    """The same board and player to move by another order of the same moves: pairs of a player's moves are exchanged as
    long as that leads there. The position itself where nothing can be exchanged.
    """
    found = state
    for _ in range(SWAPS):
        history = list(found.history())
        if len(history) < 3:
            break
        first, second = generator.choice(len(history), size=2, replace=False)
        history[first], history[second] = history[second], history[first]
        other = replay(state.get_game(), history)
        if other is not None and str(other) == str(state) and other.current_player() == state.current_player():
            found = other
    return found
