"""Positions as pieces on squares, to be composed: FEN, attacks, legality."""

from __future__ import annotations

from itertools import groupby, product

__all__ = ["Board", "attacked", "fen", "is_position", "mirrored"]

Board = dict[int, str]
"""Square (file + 8 * rank, a1 = 0) -> piece as FEN writes it, White's in upper case."""

KNIGHT = ((1, 2), (2, 1), (-1, 2), (-2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1))
STRAIGHT = ((1, 0), (-1, 0), (0, 1), (0, -1))
DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def fen(board: Board, white: bool) -> str:
    """The position with this side to move, without castling and en passant."""
    rows = []
    for rank in range(7, -1, -1):
        cells = [board.get(8 * rank + file, "") for file in range(8)]
        runs = ((piece, len(list(run))) for piece, run in groupby(cells))
        rows.append("".join(piece * length or str(length) for piece, length in runs))
    return f"{'/'.join(rows)} {'w' if white else 'b'} - - 0 1"


def mirrored(board: Board) -> Board:
    """The same position with the colours changed."""
    return {square ^ 56: piece.swapcase() for square, piece in board.items()}


def attacked(board: Board, square: int, by_white: bool) -> bool:
    """Whether a piece of this colour attacks the square."""

    def is_piece(piece: str, kinds: str) -> bool:
        return piece != "" and piece.isupper() == by_white and piece.lower() in kinds

    def look(file: int, rank: int) -> str:
        return board.get(8 * rank + file, "") if 0 <= file < 8 and 0 <= rank < 8 else ""

    file, rank = square % 8, square // 8
    if any(is_piece(look(file + x, rank + y), "n") for x, y in KNIGHT):
        return True
    if any(is_piece(look(file + x, rank + y), "k") for x, y in STRAIGHT + DIAGONAL):
        return True
    behind = rank - 1 if by_white else rank + 1
    if any(is_piece(look(file + x, behind), "p") for x in (-1, 1)):
        return True
    for (x, y), kinds in [*product(STRAIGHT, ["rq"]), *product(DIAGONAL, ["bq"])]:
        seen = (look(file + x * far, rank + y * far) for far in range(1, 8))
        if is_piece(next(filter(None, seen), ""), kinds):
            return True
    return False


def is_position(board: Board, white: bool) -> bool:
    """One king each, no pawn on the last ranks, and the side that has just moved not in check."""
    kings = {piece: square for square, piece in board.items() if piece in "Kk"}
    if sorted(piece for piece in board.values() if piece in "Kk") != ["K", "k"]:
        return False
    if any(piece in "Pp" and square // 8 in (0, 7) for square, piece in board.items()):
        return False
    return not attacked(board, kings["k" if white else "K"], white)
