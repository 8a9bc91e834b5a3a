"""tesuji match"""

from __future__ import annotations

import argparse

from engine.cli.common import (
    AGENT,
    add_game,
    add_json,
    add_network,
    add_seed,
    load_agents,
    whole,
    writable_file,
    write_json,
)
from engine.frontends.output import say

SUMMARY = "play two agents against each other from paired openings with seats swapped"
EXAMPLE = "tesuji match connect_four/imitation:simulations=64 mcts:200 --games 400"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("a", metavar="A", help=AGENT)
    parser.add_argument("b", metavar="B", help="the other agent")
    add_game(parser)
    parser.add_argument("--games", type=whole(1), default=400, metavar="N", help="games to play (default 400)")
    parser.add_argument(
        "--simulations", type=whole(0), metavar="N", help="simulations per move of both, overriding their own"
    )
    parser.add_argument(
        "--opening-plies",
        type=whole(0),
        metavar="N",
        help="random plies (moves of one player) at the start (default 4, or 0 where information is hidden)",
    )
    parser.add_argument(
        "--workers", type=whole(1), default=2, metavar="N", help="threads that run networks (default 2)"
    )
    add_seed(parser)
    add_network(parser)
    add_json(parser)
    parser.add_argument(
        "--save-games", type=writable_file, metavar="FILE", help="write every game to FILE, one JSON object a line"
    )


def run(options: argparse.Namespace) -> int:
    """Play and print the result."""
    from engine.evaluate.evaluation import match_text
    from engine.evaluate.match import match
    from engine.frontends.progress import stage_bars
    from engine.game import facts

    game, (a, b) = load_agents(options, options.a, options.b, workers=options.workers)
    with stage_bars() as on_progress:
        result = match(
            a,
            b,
            game,
            options.games,
            options.opening_plies,
            options.seed,
            options.simulations,
            on_progress,
        )
    say(f"{result.a} against {result.b}, {game}, {len(result.games)} games from {result.distinct_openings} openings")
    if len(result.games) < options.games:
        say(f"  not {options.games}: other games from these openings would repeat them; try more --opening-plies")
    say(f"wins {result.wins}, draws {result.draws}, losses {result.losses}; score {result.score:.1%}")
    say(f"{'Elo' if result.elo is not None else 'mean difference of returns'} {match_text(result)} (95 % interval)")
    if result.elo is not None and not facts(game).win_draw_loss:
        low, high = result.difference_low, result.difference_high
        say(f"mean difference of returns {result.difference:+.4g} [{low:+.4g}, {high:+.4g}]")
    if not facts(game).zero_sum:
        low, high = result.mean_return_low, result.mean_return_high
        say(f"mean return of all seats {result.mean_return:.4g} [{low:.4g}, {high:.4g}]")
    say(f"mean length {result.mean_length:.1f} moves; {result.seconds:.1f} s")
    if options.save_games is not None:
        result.save_games(options.save_games)
    write_json(options.json, result.to_json())
    return 0
