"""Perfect play: the game-theoretic class of every legal move, from the solver bitbully.

bitbully is AGPL software; it is imported only here, only when asked for, and comes with the optional extra `oracle`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import pyspiel

from engine.errors import TesujiError

CELLS = 42


class Oracle:
    """Classes of moves under perfect play by both sides. Not safe to share between threads."""

    name = "bitbully"

    def __init__(self) -> None:
        self._board: Any = bitbully().Board
        # The win/loss book suffices for classes and is a third of the size of the one with distances.
        self._solver = solver("12-ply", threading.get_ident())

    def scores(self, states: Sequence[pyspiel.State]) -> list[dict[int, int]]:
        """Per state: legal action -> 1 (the mover wins), 0 (draw) or -1 (the mover loses). A finished game gives {}."""
        return [self._classes(state) for state in states]

    def _classes(self, state: pyspiel.State) -> dict[int, int]:
        if state.is_terminal():
            return {}
        history = state.history()
        board = self._board(history)
        return {column: self._class(board, column, len(history)) for column in state.legal_actions()}

    def _class(self, board: Any, column: int, discs: int) -> int:
        after = board.play_on_copy(column)
        if after.has_win():
            return 1
        if discs + 1 == CELLS:
            return 0
        # The window (-1, 1) asks for the sign only: 2.5 times faster than exact distances to the end.
        value = int(self._solver.negamax(after, alpha=-1, beta=1))
        return (value < 0) - (value > 0)


class Line(NamedTuple):
    """How a game goes on after a move, if both sides play perfectly: a winner hurries, a loser delays."""

    value: int
    """1, 0 or -1 for the player who makes the move."""
    plies: int
    """To the end of the game, this move included."""


def lines(state: pyspiel.State) -> Mapping[int, Line]:
    """Legal action -> its class and how long the game lasts after it. Two to three times the work of the classes."""
    board = bitbully().Board(state.history())
    perfect = solver("12-ply-dist", threading.get_ident())
    return {
        column: Line((score > 0) - (score < 0), int(perfect.score_to_moves_left(score, board)))
        for column, score in sorted(perfect.score_all_moves(board).items())
    }


def bitbully() -> Any:
    """The package. Raises TesujiError saying what to install."""
    try:
        import bitbully as package
    except ImportError as error:
        raise TesujiError(
            'the connect_four oracle needs the solver bitbully; run: pip install "tesuji[oracle]"'
        ) from error
    return package


@cache
def solver(book: str, thread: int) -> Any:
    """The solver with this opening book, whose loading takes a tenth of a second; one for each thread, as it keeps what
    it has found in a table of its own.
    """
    return bitbully().BitBully(opening_book=book)
