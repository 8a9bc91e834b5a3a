"""Moves as UCI writes them (e2e4, e7e8q), which is how chess engines speak."""

from __future__ import annotations

import pyspiel

from engine.errors import TesujiError

__all__ = ["action_of", "uci"]


def uci(state: pyspiel.State, action: int) -> str:
    """A legal action in UCI notation; castling is the king's move."""
    return str(pyspiel.chess.action_to_move(action, state.board()).to_lan())


def action_of(state: pyspiel.State, move: str) -> int:
    """The legal action of a move in UCI or standard algebraic notation, check signs optional.

    Raises TesujiError for a move that is not legal.
    """
    for action in state.legal_actions():
        if move.rstrip("+#") in (uci(state, action), state.action_to_string(action).rstrip("+#")):
            return int(action)
    raise TesujiError(f"move {move!r} is not legal in {state}")
