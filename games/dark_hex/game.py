"""What the engine asks of Dark Hex: its half turn, and the board for the terminal, whole and as one player sees it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyspiel

from engine.game import Symmetry

STONES = "xo"
"""By seat; x joins top and bottom, o left and right."""
CELL_STATES = 9
"""Numbers that both tensors have for each cell: which of nine states it is in."""
GOALS = ("top and bottom", "left and right")


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The half turn, for all inputs of the game as long as they tell nothing of the number of turns.

    Both tensors begin with the cells as the player sees them, each one-hot; the information state then has the player's
    moves in order, each one-hot over the cells; the room's encoder adds the seat. A half turn exchanges the two sides
    that a player has to join.
    """
    cells = game.num_distinct_actions()
    observation, information = cells * CELL_STATES, cells * (CELL_STATES + cells)
    known = [(observation,), (information,), (information + game.num_players(),)]
    if game.get_parameters()["obstype"] != "reveal-nothing" or input_shape not in known:
        return []
    inputs = np.arange(input_shape[0], dtype=np.int64)
    board, moves, seat = np.split(inputs, [observation, information])
    turned = (board.reshape(cells, CELL_STATES)[::-1], moves.reshape(-1, cells)[:, ::-1], seat)
    image = np.concatenate([part.reshape(-1) for part in turned])
    return [Symmetry("180 degrees", image, np.arange(cells, dtype=np.int64)[::-1].copy())]


def view(state: pyspiel.State, player: int) -> str:
    """The stones that the player has placed or bumped into, its moves in order, and how many moves there were in all.

    Neither whose turn it is nor whether the game is over: the information state does not tell. Where it tells when the
    other moved, there is a dash for it among the own moves.
    """
    *rows, count, moves = state.information_state_string(player).split("\n")
    width = len(rows[0])
    own = STONES[player]
    words = []
    for move in moves.split():
        cell = move.partition(",")[2]
        if cell == "?":
            words.append("-")
        else:
            row, column = divmod(int(cell), width)
            words.append(named(int(cell), width) + ("" if rows[row][column] == own else " (taken)"))
    return "\n".join(
        [
            f"You are {own} (seat {player}) and join {GOALS[player]}.",
            *board([list(row) for row in rows]),
            f"Moves so far, of both: {count}. Yours: {', '.join(words) or 'none'}.",
        ]
    )


def render(state: pyspiel.State) -> str:
    """All stones and all moves; in a finished game who won."""
    rows = [row.split() for row in str(state).splitlines()]
    taken: set[int] = set()
    words = []
    for move in state.full_history():
        words.append(f"{STONES[move.player]} {named(move.action, len(rows[0]))}")
        if move.action in taken:
            words[-1] += " (taken)"
        taken.add(move.action)
    lines = [*board(rows), f"Moves: {', '.join(words) or 'none'}."]
    if state.is_terminal():
        winner = 0 if state.returns()[0] > 0 else 1
        lines.append(f"{STONES[winner]} has joined {GOALS[winner]}.")
    else:
        lines.append(f"{STONES[state.current_player()]} to move.")
    return "\n".join(lines)


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The board as an SVG as the player to move knows it, the other's hidden stones left out, with marks on actions."""
    from games.hex.picture import NAMES, rhombus

    player = max(state.current_player(), 0)
    rows = state.information_state_string(player).split("\n")[:-2]
    return rhombus("Dark Hex", rows, f"{NAMES[player]} to move; what it knows", marks)


def named(cell: int, width: int) -> str:
    """A cell as moves are named: its column's letter and its row's number."""
    row, column = divmod(cell, width)
    return f"{chr(ord('a') + column)}{row + 1}"


def board(rows: list[list[str]]) -> list[str]:
    """The board leaning to the right, so that a cell touches two in each row beside its own."""
    lines = ["   " + " ".join(chr(ord("a") + column) for column in range(len(rows[0])))]
    for number, row in enumerate(rows):
        cells = " ".join(row).replace(".", "·")
        lines.append(" " * number + f"{number + 1:2d} {cells}")
    return lines


def orbit(state: pyspiel.State) -> str:
    """The mover's own stones, as they are or turned by half, whichever text is less.

    Positions that differ in what is hidden, or in what the mover has found, share it: the same board may be known in
    several ways, and what looks alike may hide several boards.
    """
    player = state.current_player()
    rows = state.information_state_string(player).split("\n")[:-2]
    own = "/".join("".join(STONES[player] if cell == STONES[player] else "." for cell in row) for row in rows)
    return f"{player} {min(own, own[::-1])}"
