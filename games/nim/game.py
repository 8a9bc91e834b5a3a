"""What the engine asks of Nim: piles for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel


def string_identifies(game: pyspiel.Game) -> bool:
    """The string has who is to move and all piles: nothing else is left of a game."""
    return True


def render(state: pyspiel.State) -> str:
    """A line a pile, numbered as moves name it, a dot for each counter; below them what taking the last one does."""
    sizes = piles(state)
    lines = [f"{number}: {'● ' * size}({size})" for number, size in enumerate(sizes, 1)]
    lines.append(f"Who takes the last counter {'loses' if is_misere(state.get_game()) else 'wins'}.")
    return "\n".join(lines)


def piles(state: pyspiel.State) -> list[int]:
    """The counters left in each pile."""
    return [int(size) for size in str(state).partition(":")[2].split()]


def is_misere(game: pyspiel.Game) -> bool:
    """Who takes the last counter loses (OpenSpiel's default), instead of winning."""
    return bool(game.get_parameters()["is_misere"])


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.nim.picture import draw

    return draw(state, marks)


def orbit(state: pyspiel.State) -> str:
    """The convention and the sorted piles: neither their order matters, nor empty ones, nor who is to move."""
    return f"misere {is_misere(state.get_game())} {sorted(size for size in piles(state) if size)}"
