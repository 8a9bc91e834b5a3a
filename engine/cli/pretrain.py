"""tesuji pretrain"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cli.common import above_zero, add_config, add_seed, read_settings, whole
from engine.frontends.output import say

SUMMARY = "make an agent to start from, by imitating OpenSpiel's MCTS bot"
EXAMPLE = "tesuji pretrain --game tic_tac_toe --output runs/imitation --games 500"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--game", required=True, metavar="GAME", help="OpenSpiel game string")
    parser.add_argument("--output", required=True, type=Path, metavar="CKPT", help="checkpoint folder to write")
    parser.add_argument(
        "--games", type=whole(1), default=4096, metavar="N", help="games that the teacher plays (default 4096)"
    )
    parser.add_argument(
        "--simulations", type=whole(2), default=200, metavar="N", help="the teacher's rollouts per move (default 200)"
    )
    parser.add_argument(
        "--no-solve", dest="solve", action="store_false", help="its search proves nothing, not even a win at once"
    )
    parser.add_argument(
        "--epochs", type=above_zero, default=6.0, metavar="X", help="training samples per position (default 6)"
    )
    parser.add_argument("--workers", type=whole(1), default=2, metavar="N", help="processes that play (default 2)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/teacher"),
        metavar="FOLDER",
        help="keeps the teacher's games for a second call (default runs/teacher)",
    )
    add_config(parser)
    add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Pretrain and print where the checkpoint lies."""
    from engine.config import load_config
    from engine.frontends.progress import stage_bars
    from engine.training.pretrain import pretrain

    config = load_config(options.config, {"game": options.game, **read_settings(options.set)})
    with stage_bars() as progress:
        result = pretrain(
            options.game,
            options.output,
            games=options.games,
            simulations=options.simulations,
            solve=options.solve,
            epochs=options.epochs,
            seed=options.seed,
            workers=options.workers,
            config=config,
            cache=options.cache,
            progress=progress,
        )
    say(f"{result.checkpoint}: {result.positions:,} positions, {result.steps:,} steps, {result.seconds:.0f} s")
    say("  " + ", ".join(f"{name} {value:.3f}" for name, value in result.metrics.items()))
    say(f"  play against it: tesuji play {result.checkpoint}:simulations=64")
    return 0
