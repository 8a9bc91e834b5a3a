"""What the engine asks of Dots and Boxes: the board with owners and score for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
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


def orbit(state: pyspiel.State) -> str:
    """The open lines in the least of the board's rotations and reflections, and the mover's lead."""
    parameters = state.get_game().get_parameters()
    rows, columns = parameters["num_rows"], parameters["num_cols"]
    across = (rows + 1) * columns
    board = np.zeros(
        (2 * rows + 1, 2 * columns + 1), np.uint8
    )  # lines where the rows and columns of dots and boxes meet
    for line in state.legal_actions():
        if line < across:
            board[2 * (line // columns), 2 * (line % columns) + 1] = 1
        else:
            row, column = divmod(line - across, columns + 1)
            board[2 * row + 1, 2 * column] = 1
    images = [np.rot90(flipped, quarters) for flipped in (board, board.T) for quarters in range(4)]
    first, second = score(state)
    lead = first - second if state.current_player() == 0 else second - first
    return min(f"{image.shape} {image.tobytes().hex()}" for image in images) + f" {lead}"
