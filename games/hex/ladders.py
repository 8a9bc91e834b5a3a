"""Forcing sequences in Hex: wins in which every move threatens to join the sides at once."""

from __future__ import annotations

import pyspiel

from games.hex.game import STEPS, STONES, size

Cells = frozenset[int]


class Board:
    """Stones of both players; what one stone more would join."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.near = [
            [(r + dr) * columns + c + dc for dr, dc in STEPS if 0 <= r + dr < rows and 0 <= c + dc < columns]
            for r in range(rows)
            for c in range(columns)
        ]
        ends = range(rows * columns)
        self.sides = (
            (frozenset(ends[:columns]), frozenset(ends[-columns:])),  # x: top and bottom
            (frozenset(ends[::columns]), frozenset(ends[columns - 1 :: columns])),  # o: left and right
        )

    def completions(self, own: Cells, empty: Cells, player: int) -> Cells:
        """The empty cells with which `player` joins its sides at once."""
        first, second = (self.reach(own, empty, side) for side in self.sides[player])
        return first & second

    def reach(self, own: Cells, empty: Cells, side: Cells) -> Cells:
        """The empty cells that lie on a side or touch stones joined to it."""
        stack = list(own & side)
        joined = set(stack)
        touched = set(empty & side)
        while stack:
            for cell in self.near[stack.pop()]:
                if cell in own and cell not in joined:
                    joined.add(cell)
                    stack.append(cell)
                elif cell in empty:
                    touched.add(cell)
        return frozenset(touched)


def win_by_threats(state: pyspiel.State, longest: int) -> int | None:
    """Own moves of the shortest win by threats alone, the winning one included; None if there is none up to `longest`.

    A threat is a move after which the next would win; the other must answer it in the one cell that there is.
    """
    board = Board(*size(state.get_game()))
    symbols = str(state).split()
    mover = state.current_player()
    stones = [frozenset(cell for cell, symbol in enumerate(symbols) if symbol == stone) for stone in STONES]
    empty = frozenset(cell for cell, symbol in enumerate(symbols) if symbol == ".")
    own, other = stones[mover], stones[1 - mover]
    return next((moves for moves in range(1, longest + 1) if wins(board, own, other, empty, mover, moves)), None)


def wins(board: Board, own: Cells, other: Cells, empty: Cells, mover: int, moves: int) -> bool:
    """Whether the mover wins by threats within so many own moves."""
    if board.completions(own, empty, mover):
        return True
    if moves < 2:
        return False
    urgent = board.completions(other, empty, 1 - mover)
    if len(urgent) > 1:
        return False
    for cell in urgent or empty:
        stones, left = own | {cell}, empty - {cell}
        threats = board.completions(stones, left, mover)
        if len(threats) > 1:
            return True
        if threats and wins(board, stones, other | threats, left - threats, mover, moves - 1):
            return True
    return False
