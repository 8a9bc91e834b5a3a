"""tesuji probe add"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cli.position import add_position, read_position
from engine.errors import TesujiError
from engine.frontends.output import say

SUMMARY = "make a probe of a position of your own, ask the oracle what is true there, and add it to a file"
EXAMPLE = "tesuji probe add my.jsonl --game connect_four --history 3,3,2,2"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="where the probe is appended; made if it is not there")
    parser.add_argument("--game", metavar="GAME", help="OpenSpiel game string")
    add_position(parser)
    parser.add_argument(
        "--accept", action="append", default=[], metavar="MOVE", help="a right move, by number or name; repeatable"
    )
    parser.add_argument("--forbid", action="append", default=[], metavar="MOVE", help="a wrong move; repeatable")
    parser.add_argument("--oracle", default="", metavar="NAME", help="whom to ask (default: the first that can tell)")
    parser.add_argument("--truth", default="exact", metavar="KIND", help="exact, published or engine-judged")
    parser.add_argument("--source", default="", metavar="TEXT", help="who says so, where no oracle does")
    parser.add_argument("--why", default="", metavar="TEXT", help="what is true here and why, for reports")
    parser.add_argument("--family", default="own", metavar="NAME", help="a name to group by (default: own)")
    parser.add_argument("--id", default="", metavar="NAME", help="unique in the file (default: FAMILY/GAME/NUMBER)")
    parser.add_argument("--held-out", action="store_true", help="not to be trained on")


def run(options: argparse.Namespace) -> int:
    """Make, check, append, and say what is expected."""
    from engine.probing.making import make_probe
    from engine.probing.suite import append_probe, load_probes

    loaded = load_probes([options.file]) if options.file.exists() else None
    if loaded is not None and loaded.problems:
        raise TesujiError(loaded.problems[0])
    taken = {probe.id for probe in loaded.probes} if loaded is not None else set()
    position = read_position(options, options.oracle)
    game = position.game
    if game is None:
        raise TesujiError("say which game it is: --game GAME")
    name = options.id or next_id(f"{options.family}/{game.split('(', 1)[0]}", taken)
    if name in taken:
        raise TesujiError(f"--id {name}: {options.file} has a probe of this name")
    probe = make_probe(
        name,
        game,
        position.history,
        fen=position.fen,
        family=options.family,
        accepted=options.accept,
        forbidden=options.forbid,
        oracle=options.oracle,
        truth=options.truth,
        source=options.source,
        why=options.why,
        held_out=options.held_out,
    )
    append_probe(options.file, probe)
    say(f"{options.file}: {probe.id}, after {len(probe.history)} actions, player {probe.player} to move")
    say(f"  {probe.why}")
    say(f"  {probe.truth}{f', by the oracle {probe.oracle}' if probe.oracle else f': {probe.source}'}")
    say(f"  ask:  tesuji probe AGENT --probes {options.file}")
    return 0


def next_id(stem: str, taken: set[str]) -> str:
    """The first number that is free."""
    number = 0
    while f"{stem}/{number:03d}" in taken:
        number += 1
    return f"{stem}/{number:03d}"
