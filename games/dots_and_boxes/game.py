"""What the engine asks of Dots and Boxes: the board with owners and score for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel


def string_identifies(game: pyspiel.Game) -> bool:
    """The string has all lines and the owner of each box, so the score too; who is to move is known beside it.

    Boxes that a start position (its lines as zeros and ones) holds already belong to nobody, in the string as in the
    score.
    """
    return True


def render(state: pyspiel.State) -> str:
    """The board, each box with the number of its owner; below it the score and who is to move."""
    board = str(state).rstrip("\n")
    first, second = score(state)
    turn = "" if state.is_terminal() else f"; player {state.current_player() + 1} to move"
    return f"{board}\nplayer 1 has {first}, player 2 has {second}{turn}"


def score(state: pyspiel.State) -> tuple[int, int]:
    """Boxes of each player."""
    board = str(state)
    return board.count(" 1 "), board.count(" 2 ")


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.dots_and_boxes.picture import draw

    return draw(state, marks)
