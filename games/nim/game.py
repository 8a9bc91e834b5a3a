"""What the engine asks of Nim: the position as a picture."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.nim.picture import draw

    return draw(state, marks)
