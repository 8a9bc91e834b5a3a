"""tesuji probe verify"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SUMMARY = "ask the oracles again about every probe of these files, or of the shipped suite"
EXAMPLE = "tesuji probe verify my.jsonl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "file", nargs="*", type=Path, metavar="FILE", help="your own probes (default: the shipped ones)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what does not agree; exit code 2 if anything does not."""
    from engine.errors import TesujiError
    from engine.frontends.progress import stage_bars
    from engine.probing.oracles import verify
    from engine.probing.suite import load_probes, shipped

    loaded = load_probes(options.file) if options.file else shipped()
    wrong = list(loaded.problems)
    agreed = 0
    silent: dict[str, int] = {}
    with stage_bars() as on_progress:
        for number, probe in enumerate(loaded.probes, 1):
            try:
                said = verify(probe) if probe.oracle else "no oracle"
            except TesujiError as error:
                said = str(error)
                silent[said] = silent.get(said, 0) + 1
            else:
                if not probe.oracle:
                    silent[said or ""] = silent.get(said or "", 0) + 1
                elif said:
                    wrong.append(f"{probe.id}: {probe.oracle}: {said}")
                else:
                    agreed += 1
            on_progress("probes", number, len(loaded.probes))
    print(f"{agreed} of {len(loaded.probes)} probes borne out by their oracles")
    for reason, count in silent.items():
        print(f"{count} not asked: {reason}")
    for line in wrong:
        print(f"tesuji: {line}", file=sys.stderr)
    return 2 if wrong else 0
