"""tesuji probe generate"""

from __future__ import annotations

import argparse

from engine.cli.common import add_seed, whole, writable_file
from engine.errors import TesujiError
from engine.frontends.output import say

SUMMARY = "make new probes of a family, as many and as hard as you like"
EXAMPLE = "tesuji probe generate nim --count 100 --seed 7 --output nim.jsonl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("family", metavar="FAMILY", help="its name; tesuji probe families lists all")
    parser.add_argument("--game", metavar="GAME", help="only for this game (short name), if the family has several")
    parser.add_argument(
        "--count", type=whole(1), default=40, metavar="N", help="probes for each game and step of the dial (default 40)"
    )
    parser.add_argument(
        "--difficulty", type=int, metavar="D", help="a step of the family's dial (default: all of them)"
    )
    parser.add_argument("--output", type=writable_file, required=True, metavar="FILE", help="where they are written")
    add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Generate and write, each with its truth proven."""
    from engine.frontends.progress import stage_bars
    from engine.probing.suite import families, write_probes

    chosen = [each for each in families([options.family]) if options.game in (None, each.game.split("(", 1)[0])]
    if not chosen:
        raise TesujiError(f"family '{options.family}' has no probes of {options.game}")
    steps = [(family, step) for family in chosen for step in family.difficulties if options.difficulty in (None, step)]
    if not steps:
        dial = ", ".join(map(str, sorted({step for family in chosen for step in family.difficulties})))
        raise TesujiError(f"family '{options.family}': difficulty {options.difficulty} is not on its dial: {dial}")
    probes = []
    with stage_bars() as on_progress:
        for number, (family, step) in enumerate(steps, 1):
            probes += family.make(options.count, options.seed, step)
            on_progress("steps", number, len(steps))
    write_probes(options.output, probes)
    held_out = sum(probe.held_out for probe in probes)
    say(f"{options.output}: {len(probes)} probes, {held_out} of them held out from training")
    return 0
