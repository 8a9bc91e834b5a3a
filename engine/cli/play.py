"""tesuji play"""

from __future__ import annotations

import argparse
import sys

from engine.cli.common import AGENT, add_game, add_network, add_seed, load_agents, writable_file
from engine.cli.position import add_position, read_position
from engine.frontends.output import say

SUMMARY = "play against an agent in the terminal, from any position, with hints, undo, save and load"
EXAMPLE = "tesuji play connect_four/imitation:simulations=400 --seat 1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("agent", metavar="AGENT", help=AGENT)
    add_game(parser)
    parser.add_argument("--seat", type=int, default=0, metavar="N", help="your seat; 0 moves first (default 0)")
    parser.add_argument(
        "--save-game", type=writable_file, metavar="FILE", help="append the game to FILE, also if you leave it early"
    )
    add_position(parser)
    add_seed(parser)
    add_network(parser)


def run(options: argparse.Namespace) -> int:
    """Play until the person leaves; leaving a game early is no error."""
    from engine.frontends.terminal import TerminalGame
    from engine.metrics import JsonLines

    position = read_position(options)
    options.game = position.game
    game, (agent,) = load_agents(options, options.agent)
    played = TerminalGame(
        game,
        agent,
        [options.seat],
        sys.stdin,
        sys.stdout,
        options.seed,
        fen=position.fen,
        history=position.history,
    )
    try:
        played.play()
    except KeyboardInterrupt:
        say()
    finally:
        if options.save_game is not None:
            JsonLines(options.save_game).append(played.record())
    if options.save_game is not None:
        say(f"make a probe of it:  tesuji probe add my.jsonl --played {options.save_game}")
    return 0
