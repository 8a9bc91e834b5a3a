"""Positions composed by local search: pieces are moved, added and removed until all moves but the right ones are
refuted.

Random positions hardly ever leave one move only. Here a position is changed a little at a time, and a change stays if
it leaves no more moves open than before: neither proven right nor proven wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyspiel

from games.chess.board import Board, fen, is_position
from games.chess.proof import Prover

__all__ = ["RELATED", "Goal", "Position", "any_piece", "compose", "put", "scattered", "sort_moves"]

PIECES = "qrrbbnnppp"
FEWEST, MOST = 4, 10
"""Pieces on a board, kings included."""
ALIKE = {"q": 1, "r": 2, "b": 2, "n": 2, "p": 4}
"""Pieces of one kind that a side has at most: positions as they arise in games."""
RIGHT_SHARE = 8
"""Of so many legal moves one is right at most, or a guess would do."""
APART, RELATED = 8, 6
"""Changes between two positions that come from one start, and how many of these there are."""
LEAST_MOVES = 8
"""Legal moves of a position worth asking about."""
UNLIMITED = 10**9
SPARE = 6
"""Right moves that are expected at most, where they are costlier to find than wrong ones."""


@dataclass(frozen=True)
class Goal:
    """What a position should be like."""

    value: int
    """Of the position for the player to move: 1 (he mates) or 0 (he saves the draw)."""
    plies: int
    """After the right move, the end is forced within so many plies and not before."""
    refutation: int
    """After a wrong move, the opponent's refutation takes at most so many plies."""


@dataclass(frozen=True)
class Position:
    """A position whose moves are sorted."""

    state: pyspiel.State
    right: tuple[int, ...]
    """Actions that keep the value, proven."""
    wrong: tuple[int, ...]
    """Actions that lose it, proven."""
    open: int
    """Number of actions of which neither is proven."""

    @property
    def surplus(self) -> int:
        """How many right moves there are too many."""
        most = len(self.state.legal_actions()) // RIGHT_SHARE
        return max(0, len(self.right) - most)


def sort_moves(state: pyspiel.State, goal: Goal, limit: int) -> Position | None:
    """The moves that reach the goal, those that do not, and the rest; None if it is not reached at all, or sooner than
    asked, or if more than `limit` moves stay open.
    """
    player = state.current_player()
    prover = Prover(UNLIMITED)
    children = {action: state.child(action) for action in state.legal_actions()}

    def reached(plies: int) -> list[int]:
        return [action for action, child in children.items() if prover.forces(child, player, goal.value, plies)]

    if len(children) < LEAST_MOVES or (goal.plies > 1 and reached(0)):
        return None
    right: list[int] | None = reached(goal.plies) if goal.plies < 2 else None
    if right == []:
        return None
    wrong, rest = [], []
    for action, child in children.items():
        if right and action in right:
            continue
        depths = range(goal.refutation + 1)
        if any(prover.forces(child, 1 - player, 1 - goal.value, plies) for plies in depths):
            wrong.append(action)
        else:
            rest.append(action)
            if len(rest) > limit + (0 if right else SPARE):
                return None
    if right is None:
        children = {action: children[action] for action in rest}
        if goal.plies > 3 and reached(goal.plies - 2):
            return None
        right = reached(goal.plies)
    left = len(set(rest) - set(right))
    if not right or left > limit:
        return None
    if goal.value == 0 and not all(prover.forces(state.child(action), 1 - player, 0, goal.plies) for action in right):
        return None  # he might even win
    return Position(state, tuple(right), tuple(wrong), left)


def compose(
    game: pyspiel.Game,
    generator: np.random.Generator,
    start: Callable[[np.random.Generator], Board],
    goal: Goal,
    promising: Callable[[pyspiel.State], bool],
    blemishes: Callable[[Position], int],
    steps: int,
) -> list[Board]:
    """RELATED positions with White to move in which every move is proven right or wrong, each many changes away from
    the one before; fewer if `steps` changes do not lead to them.

    promising: tells cheaply what to go on with. blemishes: what else is wrong with a position, 0 if nothing is.
    """
    boards: list[Board] = []
    board: Board | None = None
    cost, since = UNLIMITED, APART
    for _ in range(steps):
        changed = start(generator) if board is None else change(board, generator)
        if not (is_position(changed, True) and is_sensible(changed)):
            continue
        state = game.new_initial_state(fen(changed, True))
        if state.is_terminal() or not promising(state):
            continue
        found = sort_moves(state, goal, cost)
        if found is None:
            continue
        now = found.open + found.surplus + blemishes(found)
        if now > cost:
            continue
        board, cost, since = changed, now, since + 1
        if cost == 0 and since >= APART:
            boards.append(board)
            since = 0
            if len(boards) == RELATED:
                break
    return boards


def is_sensible(board: Board) -> bool:
    """No side has more pieces of a kind than is common."""
    return all(count <= ALIKE.get(piece.lower(), 1) for piece, count in Counter(board.values()).items())


def change(board: Board, generator: np.random.Generator) -> Board:
    """A copy with a piece added, removed, exchanged for another or moved."""
    changed = dict(board)
    squares = sorted(changed)
    square = int(generator.choice(squares))
    piece = changed[square]
    what = int(generator.integers(4))
    if what == 0 and len(changed) < MOST:
        put(changed, any_piece(generator, white=generator.random() < 0.4), generator)
    elif what == 1 and piece not in "Kk" and len(changed) > FEWEST:
        del changed[square]
    elif what == 2 and piece not in "Kk":
        changed[square] = any_piece(generator, white=piece.isupper())
    else:
        del changed[square]
        put(changed, piece, generator)
    return changed


def any_piece(generator: np.random.Generator, white: bool) -> str:
    """Of this colour, no king."""
    piece = str(generator.choice(list(PIECES)))
    return piece.upper() if white else piece


def put(board: Board, piece: str, generator: np.random.Generator, squares: Sequence[int] = range(64)) -> None:
    """Put a piece on a free square of these, a pawn not on the last ranks."""
    free = [s for s in squares if s not in board and not (piece in "Pp" and s // 8 in (0, 7))]
    if free:
        board[int(generator.choice(free))] = piece


def scattered(generator: np.random.Generator, white: int = 3, black: int = 4) -> Board:
    """Both kings, and up to so many other pieces on each side, anywhere."""
    board: Board = {}
    for king in "Kk":
        put(board, king, generator)
    for colour, most in ((True, white), (False, black)):
        for _ in range(int(generator.integers(1, most + 1))):
            put(board, any_piece(generator, white=colour), generator)
    return board
