"""tesuji probe verify"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.frontends.output import complain, say

SUMMARY = "ask the oracles again about every probe of these files, or of the shipped suite"
EXAMPLE = "tesuji probe verify my.jsonl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "file", nargs="*", type=Path, metavar="FILE", help="your own probes (default: the shipped ones)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what does not agree; exit code 2 if anything does not."""
    from engine.frontends.progress import stage_bars
    from engine.probing.suite import ask_oracles, load_probes, shipped

    loaded = load_probes(options.file) if options.file else shipped()
    with stage_bars() as on_progress:
        found = ask_oracles(loaded, loaded.probes, on_progress)
    say(f"{len(found.agreed)} of {len(loaded.probes)} probes borne out by their oracles")
    for reason, probes in found.silent.items():
        say(f"{len(probes)} not judged: {reason}")
    wrong = [*loaded.problems, *found.contradicted.values()]
    for line in wrong:
        complain(line)
    return 2 if wrong else 0
