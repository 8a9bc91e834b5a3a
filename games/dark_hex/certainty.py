"""Wins that do not depend on what is in the dark: searched over all boards that agree with what the mover has seen.

The mover chooses one move for all boards that it cannot tell apart; the other side may do anything on each of them, as
if it saw everything. So what is found holds against every opponent, and nothing has to be believed about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, reduce
from operator import and_

import pyspiel

from engine.probing.oracles import Verdict
from engine.search.beliefs import belief

__all__ = ["Certainty", "boards_of", "sure_moves"]

NODES = 1_000_000
"""Histories that agree with what was seen: more are not enumerated."""

Board = tuple[int, int, int]
"""Sets of cells as bits: own stones, the other's stones, own stones that the other has found."""
Boards = frozenset[Board]


class Table:
    """What has been found about sets of boards of one size, for the player who joins these sides."""

    def __init__(self, rows: int, columns: int, player: int) -> None:
        self.cells = rows * columns
        self.player = player
        self._rows, self._columns = rows, columns
        self._sure: dict[tuple[Boards, int], bool] = {}
        self._joined: dict[tuple[int, int], bool] = {}

    def wins(self, boards: Boards, cell: int, most: int) -> bool:
        """Whether a move wins for certain on whichever of the boards, with `most` own moves in all."""
        stone = 1 << cell
        placed = ((own | stone, other, seen) for own, other, seen in boards if not other & stone)
        unfinished = [board for board in placed if not self.joined(board[0], self.player)]
        bumped = [board for board in boards if board[1] & stone]
        # The mover sees which of the two came about, and plays on accordingly.
        return all(self._survives(group, most - 1) for group in (unfinished, bumped) if group)

    def _survives(self, boards: Iterable[Board], most: int) -> bool:
        after = self._answered(boards) if most > 0 else None
        return after is not None and self._is_sure(after, most)

    def _is_sure(self, boards: Boards, most: int) -> bool:
        key = boards, most
        if key not in self._sure:
            own = next(iter(boards))[0]
            # Cells that are taken on all boards are no use.
            taken = own | reduce(and_, (other for _, other, _ in boards))
            free = [cell for cell in range(self.cells) if not taken >> cell & 1]
            self._sure[key] = any(self.wins(boards, cell, most) for cell in free)
        return self._sure[key]

    def _answered(self, boards: Iterable[Board]) -> Boards | None:
        """All boards after any move of the other side; None if one of them wins."""
        after: set[Board] = set()
        for own, other, seen in boards:
            for cell in range(self.cells):
                stone = 1 << cell
                if (other | seen) & stone:
                    continue
                if own & stone:
                    after.add((own, other, seen | stone))
                elif self.joined(other | stone, 1 - self.player):
                    return None
                else:
                    after.add((own, other | stone, seen))
        return frozenset(after)

    def joined(self, stones: int, player: int) -> bool:
        """Whether a player's stones join its two sides: the first and last row of seat 0, column of seat 1."""
        key = stones, player
        if key not in self._joined:
            self._joined[key] = self._connects(stones, player)
        return self._joined[key]

    def _connects(self, stones: int, player: int) -> bool:
        last = (self._rows if player == 0 else self._columns) - 1
        cells = {divmod(cell, self._columns) for cell in range(self.cells) if stones >> cell & 1}
        reached = {cell for cell in cells if cell[player] == 0}
        waiting = list(reached)
        while waiting:
            row, column = waiting.pop()
            if (row, column)[player] == last:
                return True
            for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)):
                beside = row + down, column + right
                if beside in cells and beside not in reached:
                    reached.add(beside)
                    waiting.append(beside)
        return False


@cache
def table(rows: int, columns: int, player: int) -> Table:
    """The table of a player on boards of a size, kept for the process."""
    return Table(rows, columns, player)


def boards_of(state: pyspiel.State) -> Boards:
    """All boards that agree with what the player to move has seen."""
    player = state.current_player()
    every = belief(state, None, method="exact", max_nodes=NODES).states
    return frozenset(
        (stones(str(each), player), stones(str(each), 1 - player), stones(seen(each, 1 - player), player))
        for each in every
    )


def seen(state: pyspiel.State, player: int) -> str:
    """The rows of the board as a player sees it."""
    return "\n".join(state.information_state_string(player).split("\n")[:-2])


def stones(board: str, player: int) -> int:
    """The cells on which a player's stones stand."""
    cells = [cell for cell in board if cell in "xo."]
    return sum(1 << index for index, cell in enumerate(cells) if cell == "xo"[player])


def sure_moves(state: pyspiel.State, most: int) -> tuple[int, ...]:
    """The legal moves that win for certain within so many own moves."""
    parameters = state.get_game().get_parameters()
    rows, columns = parameters["num_rows"], parameters["num_cols"]
    own, boards = table(rows, columns, state.current_player()), boards_of(state)
    return tuple(action for action in state.legal_actions() if own.wins(boards, action, most))


class Certainty:
    """What a move is certain to bring whatever is hidden and whatever the other side does: a win, or no win."""

    name = "certainty"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """1 for moves that win for certain, -1 for the others. None where no move does, and for the classical version,
        in which one moves again after a bump.
        """
        if state.get_game().get_parameters()["gameversion"] != "adh":
            return None
        sure = sure_moves(state, state.num_distinct_actions())
        return Verdict({a: 1.0 if a in sure else -1.0 for a in state.legal_actions()}, 1.0) if sure else None
