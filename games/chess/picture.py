"""The board as a picture: six silhouettes, arrows for moves."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyspiel

from engine.drawing import CELL, Board, Cell, column_name, step_of, turn
from engine.markup import element, number

SIDE = 8
NAMES = ("Black", "White")
"""By seat."""
COLOURS = (("#26282e", "#f4f4f4"), ("#fdfdfb", "#26282e"))
"""Fill and outline of the pieces, by seat."""
BALL = "a1.8 1.8 0 1 0 3.6 0a1.8 1.8 0 1 0-3.6 0z"
SILHOUETTES = {
    "p": "M20 8a5 5 0 0 1 3.4 8.7c3 1.3 3.2 3 3.2 3h-3.4c.5 5 2.6 8 5.8 10.3v5h-18v-5c3.2-2.3 5.3-5.3 5.8-10.3h-3.4"
    "s.2-1.7 3.2-3a5 5 0 0 1 3.4-8.7z",
    "r": "M10 8h4.5v3h3.2v-3h4.6v3h3.2v-3h4.5v7l-4 3.5v9.5l3.5 3v4h-19v-4l3.5-3v-9.5l-4-3.5zM14 18.5h12M14 28h12",
    "n": "M11 35v-3c0-5 6-8 8-14c-2 1-3 1.5-4 3-1.5 2-3 2.5-4.5 2.5-1.5 0-2.5-1.5-2-3 .8-2.5 3-4 4-7 .7-2 2-3.5 3.5-4.5"
    "l-.5-4 4 3c6 .5 11 6 11 14 0 5-1 9-1.5 13zM15.6 13.6h1",
    "b": "M20 5a2.2 2.2 0 0 1 1.6 3.7c4 3.3 6.4 6.8 6.4 10.3 0 3-1.6 5-3.6 6l1.1 4c2.5.5 4 1.5 4.5 2.5v3.5h-20v-3.5"
    "c.5-1 2-2 4.5-2.5l1.1-4c-2-1-3.6-3-3.6-6 0-3.5 2.4-7 6.4-10.3a2.2 2.2 0 0 1 1.6-3.7zM20 13v7M17 16h6M15.6 25h8.8",
    "q": "M7.5 12l5 9 1.5-12 4 11 2-13 2 13 4-11 1.5 12 5-9-3.5 16 1.5 3.5v3.5h-21v-3.5l1.5-3.5zM11 28h18"
    f"M5.7 11{BALL}M12.2 8{BALL}M18.2 6{BALL}M24.2 8{BALL}M30.7 11{BALL}",
    "k": "M18.5 4h3v2.5h3v3h-3v3.5c4-4 11-2 11 4 0 4-4 7-5 11l2 3.5v3.5h-19v-3.5l2-3.5c-1-4-5-7-5-11 0-6 7-8 11-4v-3.5"
    "h-3v-3h3zM20 14v10M12.5 28h15",
}
"""In a cell of 40 by 40: the outline, then lines inside."""


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position, White at the bottom."""
    rows = ranks(state)
    player = state.current_player()
    said = turn(player, NAMES)
    board = Board(f"Chess, {said}", SIDE, SIDE)
    board.checker("#f0e3cc", "#b58f6c")
    for seat, (fill, outline) in enumerate(COLOURS):
        pieces = [
            element("path", kind=f"piece {piece}", transform=f"translate({number(x)} {number(y)})", d=SILHOUETTES[kind])
            for row, line in enumerate(rows)
            for column, piece in enumerate(line)
            if (kind := piece.lower()) in SILHOUETTES and piece.isupper() == bool(seat)
            for x, y in (board.corner(row, column),)
        ]
        board.group(pieces, fill=fill, stroke=outline, stroke_width=1.4, stroke_linejoin="round")
    board.names([str(SIDE - row) for row in range(SIDE)], [column_name(column) for column in range(SIDE)])
    taken: list[tuple[Cell, Cell]] = []
    for action, words in marks.items():
        start, end = step(rows, ranks(state.child(action)), player)
        became = re.search(r"=([QRBN])", state.action_to_string(player, action))
        # Promotions to different pieces go the same way: side by side.
        aside = 0.5 * CELL * (0, 1, -1, 2)[taken.count((start, end))]
        taken.append((start, end))
        board.arrow(action, words, board.centre(*start), board.centre(*end), became[1] if became else "", aside)
    board.caption(said)
    return board.svg()


def step(before: list[str], after: list[str], player: int) -> tuple[Cell, Cell]:
    """From where to where the move goes; the king's way in castling."""
    own = "KQRBNP" if player else "kqrbnp"
    moved = "".join(before).index(own[0]) != "".join(after).index(own[0])
    return step_of(before, after, own[0] if moved else own)


def ranks(state: pyspiel.State) -> list[str]:
    """Eight letters a rank, "." where it is empty, the eighth rank first."""
    board = str(state).split()[0]
    return [re.sub(r"\d", lambda empty: "." * int(empty[0]), rank) for rank in board.split("/")]
