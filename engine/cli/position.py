"""Arguments for a position: `probe add` makes a probe of it, `play` begins there."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from engine.cli.common import whole
from engine.errors import TesujiError


@dataclass(frozen=True)
class Position:
    """Where a history leads from a game's beginning, or from a FEN."""

    game: str | None
    """None where the arguments do not say."""
    fen: str
    history: tuple[int, ...]


def add_position(parser: argparse.ArgumentParser) -> None:
    """--history, --played, --fen and --plies."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--history", metavar="A,A,...", help="actions (numbers, chance's included) to the position")
    place.add_argument(
        "--played",
        metavar="FILE[:LINE]",
        help="a game of `match --save-games` or `play --save-game` (default: line 1): the position before its last "
        "known mistake",
    )
    parser.add_argument("--fen", default="", help="the position, or where --history begins, in games that read one")
    parser.add_argument("--plies", type=whole(0), metavar="N", help="only the first N actions of the history or game")


def read_position(options: argparse.Namespace, oracle: str = "") -> Position:
    """The position of these arguments and --game; oracle: who knows mistakes, if not any that can tell."""
    from engine.probing.making import file_and_line, last_mistake, read_played

    game, fen, history, plies = options.game, options.fen, read_history(options.history), options.plies
    if options.played is not None:
        file, line = file_and_line(options.played)
        played = read_played(file, 1 if line is None else line)  # errors name file, line and field
        if game is not None and game != played.game:
            raise TesujiError(f"--game {game}: the game in {file} is {played.game}; leave --game out")
        game, fen, history = played.game, fen or played.fen, played.history
        if plies is None:
            plies = last_mistake(game, history, oracle, fen)
    if plies is not None:
        if plies > len(history):
            raise TesujiError(f"--plies {plies}: the history has only {len(history)} actions")
        history = history[:plies]
    return Position(game, fen, history)


def read_history(text: str | None) -> tuple[int, ...]:
    """(3, 3, 2) from "3,3,2"."""
    parts = [part.strip() for part in text.replace(" ", ",").split(",") if part.strip()] if text else []
    for part in parts:
        if not part.isdecimal():
            raise TesujiError(f"--history: '{part}' is not an action; write numbers, as in 3,3,2")
    return tuple(map(int, parts))
