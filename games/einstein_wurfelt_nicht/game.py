"""What the engine asks of EinStein würfelt nicht!: its symmetries and a board for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import pyspiel

from engine.game import Symmetry

SIDE = 5
NUMBERS = 6
PLANES = 2 * NUMBERS + 1
"""Of the encoder "einstein_wurfelt_nicht": own cubes 1 to 6, the opponent's, those that may move."""
DIRECTIONS = ((1, 1), (1, 0), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""(rows, columns) of OpenSpiel's six directions; an action is ((row * 5 + column) * 6 + direction) * 2 + capture."""


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The fifteen products of four relabellings, for inputs of the encoder "einstein_wurfelt_nicht" only.

    - mirror: at the diagonal between the two home corners.
    - turn: by half, with the seats exchanged. The encoder draws either seat alike, so that only the actions change.
    - own, other: the numbers of the mover's, or the opponent's, cubes counted from the other end (1 becomes 6). The die
      moves the next lower or next higher number and is as likely to show either end; it is rolled anew for each move,
      so that the two sides can be renumbered apart.
    """
    if input_shape != (PLANES, SIDE, SIDE):
        return []
    found = []
    for mirror, turn, own, other in list(product((False, True), repeat=4))[1:]:
        inputs = np.arange(np.prod(input_shape), dtype=np.int64).reshape(input_shape)
        actions = np.arange(game.num_distinct_actions(), dtype=np.int64).reshape(SIDE, SIDE, len(DIRECTIONS), 2)
        names = []
        if mirror:
            names.append("mirror")
            inputs = inputs.swapaxes(1, 2)
            actions = actions.swapaxes(0, 1)[:, :, [DIRECTIONS.index((column, row)) for row, column in DIRECTIONS]]
        if turn:
            names.append("turn")
            actions = actions[::-1, ::-1, [DIRECTIONS.index((-row, -column)) for row, column in DIRECTIONS]]
        if own:
            names.append("own")
            inputs = np.concatenate([inputs[NUMBERS - 1 :: -1], inputs[NUMBERS:]])
        if other:
            names.append("other")
            inputs = np.concatenate([inputs[:NUMBERS], inputs[-2 : NUMBERS - 1 : -1], inputs[-1:]])
        found.append(Symmetry(" ".join(names), inputs.reshape(-1), actions.reshape(-1)))
    return found


def sides(game: pyspiel.Game) -> tuple[str, ...]:
    """What players are called, by seat."""
    return ("B", "W")


def render(state: pyspiel.State) -> str:
    """The cubes of B (at home in the top left corner) and W, and what the player to move has rolled."""
    lines = ["    a  b  c  d  e"]
    for number, row in enumerate(str(state).splitlines(), start=1):
        cells = [cell.replace("__", " ·").upper() for cell in row.strip("|").split("||")]
        lines.append(f"{number}  " + " ".join(cells))
    if state.current_player() >= 0:
        lines.append(f"{'BW'[state.current_player()]} has rolled {state.history()[-1] + 1}")
    return "\n".join(lines)


def picture(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The board as an SVG, with marks on actions."""
    from games.einstein_wurfelt_nicht.picture import draw

    return draw(state, marks)


def orbit(state: pyspiel.State) -> str:
    """The cubes, own and others, and those that may move, in the least of the relabellings of `symmetries`."""
    from games.einstein_wurfelt_nicht.board import cubes, ends

    player = state.current_player()
    movable = {ends(action)[0] for action in state.legal_actions()}
    texts = []
    for mirror, own, other in product((False, True), repeat=3):
        placed = []
        for owner, side in enumerate(cubes(state)):
            turned_numbers = own if owner == player else other
            for (row, column), number in side.items():
                place = (row, column) if player == 0 else (SIDE - 1 - row, SIDE - 1 - column)
                place = place[::-1] if mirror else place
                counted = NUMBERS + 1 - number if turned_numbers else number
                placed.append((owner == player, *place, counted, (row, column) in movable))
        texts.append(str(sorted(placed)))
    return min(texts)
