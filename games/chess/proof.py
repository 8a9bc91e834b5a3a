"""Proofs of mate and stalemate: what one side can force within so many plies, and the oracle that judges by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyspiel

from engine.probing.oracles import Verdict

__all__ = ["Bounds", "Mate", "OutOfNodes", "Prover"]

PLIES = 6
"""How far the oracle looks after each move: with the move itself, mates in 4."""
NODES = 100_000
"""Positions that the oracle looks at before it gives up, a few seconds."""


class OutOfNodes(Exception):
    """The budget of a proof is spent."""


@dataclass(frozen=True)
class Bounds:
    """What a position is worth to one player at least and at most: -1, 0 or 1 each, equal where it is proven."""

    low: int
    high: int

    @property
    def proven(self) -> bool:
        """Nothing is left open."""
        return self.low == self.high


class Prover:
    """Depth-limited AND/OR search over OpenSpiel's states, without heuristics: only ends of the game count.

    These are mate, stalemate, too little material to mate, the third repetition and 50 moves without progress. All
    moves of both sides are tried, so what is proven is true; what is not may be true all the same.
    """

    def __init__(self, nodes: int = NODES) -> None:
        self.nodes = nodes
        self.decisive: dict[int, int] = {}

    def forces(self, state: pyspiel.State, player: int, goal: int, plies: int) -> bool:
        """Whether `player` can end the game within so many plies with a return of at least `goal`.

        Raises OutOfNodes.
        """
        if state.is_terminal():
            return bool(state.returns()[player] >= goal)
        if plies <= 0:
            return False
        self.nodes -= 1
        if self.nodes < 0:
            raise OutOfNodes
        mine = bool(state.current_player() == player)
        for action, child in self.ordered(state, plies):
            if self.forces(child, player, goal, plies - 1) == mine:
                self.decisive[plies] = action
                return mine
        return not mine

    def ordered(self, state: pyspiel.State, plies: int) -> Iterator[tuple[int, pyspiel.State]]:
        """All moves and what they lead to: first the move that decided last at this height, as a threat is the same
        after most moves; then those that leave few replies, where there is time to count them.
        """
        actions = state.legal_actions()
        first = self.decisive.get(plies, -1)
        if first in actions:
            yield first, state.child(first)
        others = ((action, state.child(action)) for action in actions if action != first)
        yield from sorted(others, key=lambda pair: len(pair[1].legal_actions())) if plies > 2 else others

    def bounds(self, state: pyspiel.State, player: int, plies: int) -> Bounds:
        """What is proven of a position within so many plies, for `player`. Raises OutOfNodes."""
        low, high = -1, 1
        if self.forces(state, player, 0, plies):
            low = 1 if self.forces(state, player, 1, plies) else 0
        if low < 1 and self.forces(state, 1 - player, 0, plies):
            high = -1 if low < 0 and self.forces(state, 1 - player, 1, plies) else 0
        return Bounds(low, high)


class Mate:
    """Judges positions that end by force soon: every move by a proof of at most `plies` plies after it.

    A move that could only be shown to be worth less than the best stands with what it is worth at most.
    """

    name = "mate"
    truth = "exact"

    def __init__(self, plies: int = PLIES, nodes: int = NODES) -> None:
        self.plies = plies
        self.nodes = nodes

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """All moves that are worse than the best or as good as it, proven; None if the best one is not known."""
        player = state.current_player()
        children = {action: state.child(action) for action in state.legal_actions()}
        known = dict.fromkeys(children, Bounds(-1, 1))
        prover = Prover(self.nodes)
        try:
            for plies in range(self.plies + 1):
                for action in self.undecided(known):
                    known[action] = prover.bounds(children[action], player, plies)
        except OutOfNodes:
            pass
        value = max(bounds.low for bounds in known.values())
        if value < max(bounds.high for bounds in known.values()):
            return None
        worth = {action: float(bounds.high) for action, bounds in known.items() if bounds.proven or bounds.high < value}
        return Verdict(worth, float(value))

    def undecided(self, known: dict[int, Bounds]) -> list[int]:
        """The moves that may still be better than what is known of them, and matter for the choice."""
        value = max(bounds.low for bounds in known.values())
        return [action for action, bounds in known.items() if not bounds.proven and bounds.high >= value]
