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


def orbit(state: pyspiel.State) -> str:
    """The board from the mover's side, as it is or in the mirror, whichever text is less."""
    rows = [row[1:] for row in str(state).splitlines()[:-1]]
    if state.current_player() == 1:
        rows = [row.translate(str.maketrans("bw", "wb")) for row in reversed(rows)]
    return min("/".join(rows), "/".join(row[::-1] for row in rows))
