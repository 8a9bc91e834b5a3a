"""Perfect play: the game-theoretic class of every legal move, from the solver bitbully.

bitbully is AGPL software; it is imported only here, only when asked for, and comes with the optional extra `oracle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyspiel

from engine.errors import TesujiError

CELLS = 42


class Oracle:
    """Classes of moves under perfect play by both sides. Not safe to share between threads."""

    name = "bitbully"

    def __init__(self) -> None:
        try:
            import bitbully
        except ImportError as error:
            raise TesujiError(
                'the connect_four oracle needs the solver bitbully; run: pip install "tesuji[oracle]"'
            ) from error
        self._board: Any = bitbully.Board
        # The win/loss book suffices for classes and is a third of the size of the one with distances.
        self._solver: Any = bitbully.BitBully(opening_book="12-ply")

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
