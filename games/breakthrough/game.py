"""What the engine asks of Breakthrough: whether its board tells all."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel


def string_identifies(game: pyspiel.Game) -> bool:
    """The string is the board; with the player to move nothing else matters, whatever its size."""
    return True


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.breakthrough.picture import draw

    return draw(state, marks)
