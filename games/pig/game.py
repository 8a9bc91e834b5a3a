"""What the engine asks of Pig: the scores for the terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyspiel

__all__ = ["ROLL", "STOP", "Position", "orbit", "read", "render"]

ROLL, STOP = 0, 1
"""The actions."""


@dataclass(frozen=True)
class Position:
    """Where a game stands."""

    scores: tuple[int, ...]
    """Points that each player has for good."""
    turn: int
    """Points of the turn so far, lost with a roll of 1."""
    player: int
    """Whose turn it is."""
    rolling: bool
    """The die is being thrown."""


def read(state: pyspiel.State) -> Position:
    """The position behind OpenSpiel's text."""
    found = re.match(r"Scores: ([\d ]+), Turn total: (\d+)\nCurrent player: (\d+)( \(rolling\))?", str(state))
    assert found, state
    return Position(tuple(map(int, found[1].split())), int(found[2]), int(found[3]), found[4] is not None)


def render(state: pyspiel.State) -> str:
    """The scores, whose turn it is, and what he has collected in it."""
    position = read(state)
    goal = state.get_game().get_parameters()["winscore"]
    lines = [f"Seat {seat}: {score} of {goal} points" for seat, score in enumerate(position.scores)]
    if state.is_terminal():
        return "\n".join([*lines, "The game is over."])
    rolls = "rolls" if position.rolling else "is to roll or stop"
    return "\n".join([*lines, f"Seat {position.player} {rolls}, with {position.turn} points in this turn"])


def orbit(state: pyspiel.State) -> str:
    """The rules and the scores, from the mover's seat on."""
    position = read(state)
    scores = position.scores[position.player :] + position.scores[: position.player]
    return f"{state.get_game()} {scores} {position.turn}"
