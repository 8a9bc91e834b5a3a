"""What the engine asks of Breakthrough: whether its board tells all."""

from __future__ import annotations

import pyspiel


def string_identifies(game: pyspiel.Game) -> bool:
    """The string is the board; with the player to move nothing else matters, whatever its size."""
    return True
