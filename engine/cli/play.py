"""tesuji play"""

from __future__ import annotations

import argparse
import sys

from engine.cli.common import AGENT, add_game, add_network, add_seed, load_agents, writable_file
from engine.frontends.output import say

SUMMARY = "play against an agent in the terminal, with move statistics, hints and undo"
EXAMPLE = "tesuji play connect_four/imitation:simulations=400 --seat 1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("agent", metavar="AGENT", help=AGENT)
    add_game(parser)
    parser.add_argument("--seat", type=int, default=0, metavar="N", help="your seat; 0 moves first (default 0)")
    parser.add_argument(
        "--save-game", type=writable_file, metavar="FILE", help="append the game to FILE, also if you leave it early"
    )
    add_seed(parser)
    add_network(parser)


def run(options: argparse.Namespace) -> int:
    """Play one game; leaving it early is no error."""
    from engine.frontends.terminal import TerminalGame

    game, (agent,) = load_agents(options, options.agent)
    played = TerminalGame(game, agent, [options.seat], sys.stdin, sys.stdout, options.seed)
    try:
        played.play()
    except KeyboardInterrupt:
        say()
    if options.save_game is not None:
        from engine.metrics import JsonLines

        seats = [int(seat != options.seat) for seat in range(game.num_players())]
        names = {"agents": ["you", agent.name], "seats": seats}
        JsonLines(options.save_game).append({"game": str(game)} | names | {"history": played.history})
        say(f"make a probe of it:  tesuji probe add my.jsonl --played {options.save_game}")
    return 0
