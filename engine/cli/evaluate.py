"""tesuji evaluate"""

from __future__ import annotations

import argparse

from engine.cli.common import AGENT, add_game, add_json, add_network, add_seed, load_agents, whole, write_json
from engine.frontends.output import say, show

SUMMARY = "judge an agent: moves that the game's perfect player approves of, and Elo against another agent"
EXAMPLE = "tesuji evaluate runs/demo --against connect_four/imitation"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("agent", metavar="AGENT", help=AGENT)
    parser.add_argument("--against", metavar="OTHER", help="judge OTHER beside it and play a match")
    add_game(parser)
    parser.add_argument(
        "--games", type=whole(0), default=400, metavar="N", help="games of the match (default 400; 0: no match)"
    )
    parser.add_argument(
        "--simulations",
        type=_budgets,
        metavar="N,N",
        help="simulations per move of networks, 0: raw policy; the largest plays the match (default 0,64, or 0 where "
        "information is hidden)",
    )
    add_seed(parser)
    add_network(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Judge and print the table."""
    from engine.evaluate.evaluation import evaluate
    from engine.frontends.progress import stage_bars
    from engine.frontends.tables import table

    specs = [options.agent] + ([options.against] if options.against is not None else [])
    game, agents = load_agents(options, *specs)
    against = agents[1] if len(agents) > 1 else None
    with stage_bars() as on_progress:
        result = evaluate(
            agents[0], game, against, options.games, options.simulations, seed=options.seed, on_progress=on_progress
        )
    show(table(result.table()))
    if result.positions:
        say()
        say(f"{result.positions:,} held-out positions; optimal moves keep the value under perfect play; [95 %]")
    if len(result.table()) == 1:
        say(f"{game} has no perfect player here; compare with another agent: --against OTHER")
    write_json(options.json, result.to_json())
    return 0


def _budgets(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    return tuple(whole(0)(part) for part in text.split(","))
