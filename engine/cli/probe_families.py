"""tesuji probe families"""

from __future__ import annotations

import argparse

from engine.frontends.output import say, show

SUMMARY = "list the families of probes: what fails, why, who described it, how the truth is known"
EXAMPLE = "tesuji probe families nim"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("family", nargs="*", metavar="FAMILY", help="only these, and all there is to say of them")


def run(options: argparse.Namespace) -> int:
    """One line a family and game; with names, the whole text."""
    from engine.frontends.tables import table
    from engine.probing.suite import families

    found = families(options.family or None)
    if options.family:
        for family in found:
            say(f"{family.name}, {family.game} ({family.kind}), dial {', '.join(map(str, family.difficulties))}")
            for name in ("fails", "reason", "described_by", "truth", "dial"):
                say(f"  {name.replace('_', ' ')}: {getattr(family, name)}")
        return 0
    rows = [["family", "kind", "game", "dial", "fails"]]
    rows += [
        [each.name, each.kind, each.game, " ".join(map(str, each.difficulties)), each.fails.split(".")[0]]
        for each in sorted(found, key=lambda each: each.name)
    ]
    show(table(rows, left=range(5)))
    return 0
