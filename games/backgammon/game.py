"""What the engine asks of backgammon: the board for the terminal."""

from __future__ import annotations

import re

import pyspiel

CHECKERS = "xo"
"""By seat."""
TOP, BOTTOM = tuple(range(13, 25)), tuple(range(12, 0, -1))
"""The points of the upper and the lower half from the left, as o counts them; x counts from the other end."""


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """The checkers by seat."""
    return tuple(CHECKERS)


def render(state: pyspiel.State) -> str:
    """The board between the numbers of its points, as each side counts them; below it the bar, what is borne off, who
    is to move, and the dice. More than five checkers on a point are told by a digit.
    """
    lines = str(state).splitlines()
    facts = dict(re.findall(r"^([^:\n]+):[ ]*(.*)$", "\n".join(lines[13:]), re.MULTILINE))
    bar = facts["Bar"]
    off = re.findall(r"\d+", facts["Scores, X"])
    shown = [numbers("o", TOP), numbers("x", BOTTOM)]
    shown += [cells(line) for line in lines[1:12]]
    shown += [numbers("o", BOTTOM), numbers("x", TOP)]
    shown.append(
        "bar: "
        + ", ".join(f"{checker} {bar.count(checker)}" for checker in CHECKERS)
        + "; borne off: "
        + ", ".join(f"{checker} {count}" for checker, count in zip(CHECKERS, off, strict=True))
    )
    if state.is_terminal():
        shown.append("the game is over")
    elif not state.is_chance_node():
        dice = facts["Dice"]
        shown.append(f"{CHECKERS[state.current_player()]} to move, dice: {' '.join(dice)}")
    return "\n".join(shown)


def numbers(side: str, points: tuple[int, ...]) -> str:
    """The points of one half, as this side counts them."""
    counted = [f"{point:2d}" for point in points]
    return f"{side}: {' '.join(counted[:6])} | {' '.join(counted[6:])}"


def cells(line: str) -> str:
    """One line of OpenSpiel's board, with room for the numbers."""
    left, right = line.strip("|").split("|")
    return "   " + " | ".join(" ".join(f" {cell}" for cell in half.replace(".", "·")) for half in (left, right))
