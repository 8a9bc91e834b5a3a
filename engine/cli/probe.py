"""tesuji probe"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cli.common import AGENT, add_json, add_network, add_seed, writable_file, write_json
from engine.errors import TesujiError
from engine.frontends.output import complain, show

SUMMARY = "ask an agent about positions with known truth: what it fails, and from which budget on it does not"
EXAMPLE = "tesuji probe connect_four/imitation --budgets 0,64,512 --report report.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("agent", metavar="AGENT", help=AGENT)
    parser.add_argument(
        "--game", metavar="GAME", help="only probes of this game (default: the checkpoint's; for others all games)"
    )
    parser.add_argument(
        "--family", action="append", metavar="NAME", help="only this family; repeatable (probe families)"
    )
    parser.add_argument("--id", action="append", metavar="ID", help="only this probe; repeatable")
    parser.add_argument(
        "--probes", action="append", type=Path, metavar="FILE", help="your own probes, not the shipped ones; repeatable"
    )
    parser.add_argument(
        "--budgets",
        type=budgets,
        default=(0,),
        metavar="N,N,...",
        help="simulations per decision, 0: raw policy (default 0)",
    )
    parser.add_argument("--against", metavar="AGENT", help="another agent: what is gained and lost beside it")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep answers here; the same command goes on")
    parser.add_argument("--report", type=writable_file, metavar="FILE", help="write a page to look at (HTML)")
    parser.add_argument(
        "--fail-under",
        type=share,
        metavar="SHARE",
        help="exit with 1 if a family passes a smaller share (0.9)",
    )
    add_seed(parser)
    add_network(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Ask, print a table, write what was asked for."""
    from engine.agents.parser import game_of
    from engine.api import probe
    from engine.frontends.probing import probing_text, regression_text
    from engine.frontends.progress import stage_bars
    from engine.probing.results import comparisons, summaries

    asked = {
        "game": options.game,
        "families": options.family,
        "ids": options.id,
        "files": options.probes,
        "budgets": options.budgets,
        "seed": options.seed,
        "network": options.network,
    }
    games = {game_of(name) for name in (options.agent, options.against) if name is not None} - {None}
    if len(games) > 1:
        raise TesujiError(f"--against {options.against}: it plays another game than {options.agent}")
    if options.against is not None and games:
        asked["game"] = options.game or games.pop()
    with stage_bars() as on_progress:
        found = probe(options.agent, output=options.output, on_progress=on_progress, **asked)
        other = None
        if options.against is not None:
            place = options.output / "against" if options.output is not None else None
            same = asked | {"ids": [each.probe.id for each in found.judged]}
            other = probe(options.against, output=place, on_progress=on_progress, **same)
    show(probing_text(found))
    if other is not None:
        show(f"\n{probing_text(other)}\n\n{regression_text(found, other)}")
    problems = list(dict.fromkeys([*found.problems, *(other.problems if other else ())]))
    for problem in problems:
        complain(problem)
    content = found.to_json()
    if other is not None:
        compared = comparisons(found.judged, other.judged)
        content["against"] = {"agent": other.agent} | {truth: each.to_json() for truth, each in compared.items()}
    write_json(options.json, content)
    if options.report is not None:
        from datetime import date

        from engine.probing.report import write_report
        from engine.probing.suite import families

        write_report(options.report, found, families(), other, date.today().isoformat())
    least = min(each.rates[-1].share for each in summaries(found.judged))
    missing = set(options.family or ()) - {each.probe.family for each in found.judged}
    if options.fail_under is not None and (missing or least < options.fail_under):
        return 1
    return 2 if problems else 0


def budgets(text: str) -> tuple[int, ...]:
    """(0, 64) from "0,64"."""
    found = []
    for part in text.split(","):
        if not part.strip().isdecimal() or int(part) >= 2**31:
            raise argparse.ArgumentTypeError(f"{text}: '{part}' is not a number of simulations from 0 to {2**31 - 1}")
        found.append(int(part))
    return tuple(sorted(set(found)))


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text}: give a share from 0 to 1")
    return value
