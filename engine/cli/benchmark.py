"""tesuji benchmark"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from engine.cli.common import above_zero, add_json, add_network, add_seed, whole, write_json
from engine.errors import TesujiError
from engine.frontends.output import show

SUMMARY = "measure how fast this machine runs an agent's network and search"
EXAMPLE = "tesuji benchmark connect_four/imitation --simulations 64"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("agent", metavar="CKPT", help="a checkpoint or run folder, or a shipped agent")
    parser.add_argument(
        "--simulations", type=whole(1), default=64, metavar="N", help="simulations per search (default 64)"
    )
    parser.add_argument(
        "--seconds", type=above_zero, default=2.0, metavar="S", help="seconds for each measurement (default 2)"
    )
    add_seed(parser)
    add_network(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measure and print the rates."""
    from engine.agents.network_agent import NetworkAgent
    from engine.agents.parser import BOTS, parse_agent, split_spec
    from engine.evaluate.speed import measure
    from engine.frontends.tables import table

    bot = split_spec(options.agent)[0] in BOTS
    agent = None if bot else parse_agent(options.agent, network=options.network)
    if not isinstance(agent, NetworkAgent):
        raise TesujiError(f"benchmark measures networks and their tree search: '{options.agent}' is something else")
    speeds = measure(agent, options.simulations, options.seconds, options.seed)
    show(table([[speed.name, f"{speed.rate:,.0f}", speed.unit] for speed in speeds], left=(0, 2)))
    write_json(options.json, {"agent": agent.name, "rates": [asdict(speed) for speed in speeds]})
    return 0
