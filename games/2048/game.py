"""2048: the symmetries of the square."""

from __future__ import annotations

import numpy as np
import pyspiel

from engine.game import Symmetry

UP, RIGHT, DOWN, LEFT = range(4)


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The seven turns and reflections of the board, for planes of it or the board itself."""
    cells = np.arange(16).reshape(4, 4)
    planes = int(np.prod(input_shape)) // 16
    if planes * 16 != int(np.prod(input_shape)):
        return []
    found = []
    for mirrored in (False, True):
        for turns in range(4):
            if not mirrored and not turns:
                continue
            board = np.rot90(np.fliplr(cells) if mirrored else cells, turns)
            # A turn to the left takes what moved right to what moves up.
            actions = np.arange(4)
            if mirrored:
                actions = actions[[UP, LEFT, DOWN, RIGHT]]
            actions = np.roll(actions, -turns)
            inputs = (np.arange(planes)[:, None] * 16 + board.reshape(-1)[None, :]).reshape(-1)
            found.append(Symmetry(f"{'mirror, ' if mirrored else ''}{90 * turns} degrees", inputs, actions))
    return found
