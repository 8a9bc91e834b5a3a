"""Moves that mean nothing: both sides move a piece and put it back, and the board is what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyspiel

from games.chess.notation import uci

__all__ = ["shuffled"]


def shuffled(state: pyspiel.State, generator: np.random.Generator) -> list[int] | None:
    """Four plies, none of them a capture or a pawn's, after which the same player has the same board; None if there are
    none. The position then stands for the second time, and draws by repetition are still one round away.
    """
    board = placement(state)
    for first in in_random_order(quiet(state), generator):
        after = state.child(first)
        for second in in_random_order(quiet(after), generator):
            between = after.child(second)
            back = reverse(between, uci(state, first))
            if back is None:
                continue
            last = between.child(back)
            home = reverse(last, uci(after, second))
            if home is not None and placement(last.child(home)) == board:
                return [first, second, back, home]
    return None


def quiet(state: pyspiel.State) -> Iterator[int]:
    """Moves of a piece, not of a pawn, to an empty square, after which the game goes on."""
    for action in state.legal_actions():
        name = state.action_to_string(action)
        if name[0] in "NBRQK" and "x" not in name and not state.child(action).is_terminal():
            yield action


def reverse(state: pyspiel.State, move: str) -> int | None:
    """The action that takes a move back, if it is legal and does not end the game."""
    if state.is_terminal():
        return None
    back = {uci(state, action): action for action in state.legal_actions()}.get(move[2:4] + move[:2])
    return None if back is None or state.child(back).is_terminal() else back


def placement(state: pyspiel.State) -> list[str]:
    """Pieces, whose turn, castling and en passant: the FEN without its counters."""
    return str(state).split()[:4]


def in_random_order(actions: Iterator[int], generator: np.random.Generator) -> Sequence[int]:
    """Shuffled actions."""
    return [int(action) for action in generator.permutation(list(actions))]
