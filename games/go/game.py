"""What the engine asks of Go: the board for the terminal."""

from __future__ import annotations

import re

import pyspiel

STONES = "xo"
"""By seat."""
NAMES = ("Black", "White")
POINTS = str.maketrans("XO+", "xo·")
"""OpenSpiel's signs, and what is shown."""


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """The stones by seat, and their colours."""
    return tuple(f"{stone} ({name})" for stone, name in zip(STONES, NAMES, strict=True))


def render(state: pyspiel.State) -> str:
    """The board, rows and columns named as moves are; below it komi, who is to move, and whether there was a pass."""
    head, _, *rows, letters = str(state).rstrip("\n").splitlines()
    lines = [f"{row[:2]} {' '.join(row[3:].translate(POINTS))}" for row in rows]
    lines.append(f"   {' '.join(letters.strip())}")
    komi = re.search(r"komi=([^,]*)", head)
    told = [f"komi {komi[1]}"] if komi else []
    if state.is_terminal():
        told.append("the game is over")
    else:
        player = state.current_player()
        told.append(f"{STONES[player]} ({NAMES[player]}) to move")
    passes = state.get_game().num_distinct_actions() - 1
    if state.history()[-1:] == [passes]:
        told.append("the last move was a pass")
    return "\n".join([*lines, "; ".join(told)])
