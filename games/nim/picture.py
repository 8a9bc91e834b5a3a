"""The piles as a picture: a row of tokens each; a mark on a token takes it and all to its right."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import CELL, Board, turn

TOKENS = {"t": ("#d9b382", "#7a5a2e")}
"""Fill and outline."""
NAMES = ("Player 0", "Player 1")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position; an action takes `action // piles + 1` tokens from pile `action % piles`."""
    piles = [int(size) for size in str(state).partition(":")[2].split()]
    said = turn(state.current_player(), NAMES)
    board = Board(f"Nim, {said}", len(piles), max(*piles, 6))
    board.stones(["t" * size for size in piles], TOKENS)
    board.names([str(row + 1) for row in range(len(piles))], [])
    for action, words in marks.items():
        less, pile = divmod(action, len(piles))
        board.mark(action, words, board.centre(pile, piles[pile] - 1 - less))
    board.label((board.width / 2.0, board.height - CELL), "a mark takes its token and all to the right", size=11.0)
    board.caption(said)
    return board.svg()
