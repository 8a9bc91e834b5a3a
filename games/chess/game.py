"""What the engine asks of chess: a board for the terminal, and that a position's string does not decide its future."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

SIDES = {"w": "White", "b": "Black"}


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("Black", "White")


def render(state: pyspiel.State) -> str:
    """The board with White's pieces in upper case, files and ranks named; below it who is to move, and what FEN adds.

    Castling rights and the en-passant square stand there where there are any, and the plies without progress.
    """
    rows, side, castling, passant, clock, _ = str(state).split()
    ranks = ["".join("·" * int(cell) if cell.isdigit() else cell for cell in row) for row in rows.split("/")]
    lines = [f"{8 - number} {' '.join(rank)}" for number, rank in enumerate(ranks)]
    lines.append("  a b c d e f g h")
    told = [f"{SIDES[side]} to move"] if not state.is_terminal() else ["the game is over"]
    told += [f"castling {castling}"] if castling != "-" else []
    told += [f"en passant {passant}"] if passant != "-" else []
    told += [f"{clock} plies without progress"] if clock != "0" else []
    lines.append("; ".join(told))
    return "\n".join(lines)


def string_identifies(game: pyspiel.Game) -> bool:
    """The string is the FEN, which knows nothing of the positions before: the third repetition is a draw."""
    return False


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position as an SVG, with marks on actions."""
    from games.chess.picture import draw

    return draw(state, marks)


def orbit(state: pyspiel.State) -> str:
    """The board from the mover's side, in the mirror too where nobody may castle; counters and earlier boards left out.

    White stands for the mover: colours exchanged, a position is as good.
    """
    board, side, castling, passant, *_ = str(state).split()
    rows = ["".join(" " * int(cell) if cell.isdigit() else cell for cell in row) for row in board.split("/")]
    file, rank = (passant[0], int(passant[1])) if passant != "-" else ("", 0)
    if side == "b":
        rows = [row.swapcase() for row in reversed(rows)]
        castling, rank = castling.swapcase(), 9 - rank if file else 0
    castling = "".join(sorted(castling))
    images = [("/".join(rows), file, rank)]
    if castling == "-":
        mirrored = chr(ord("a") + ord("h") - ord(file)) if file else ""
        images.append(("/".join(row[::-1] for row in rows), mirrored, rank))
    return f"{castling} {min(images)}"
