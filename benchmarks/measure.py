"""What the benchmarks share: their command line, results that survive an interruption, the load that other processes
put on the machine meanwhile, and the lines they print.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.errors import TesujiError
from engine.files import atomic_write

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    made = argparse.ArgumentParser(prog=f"benchmarks/{name}.py", description=description)
    made.add_argument("--quick", action="store_true", help="under three minutes, with wider error bars")
    made.add_argument("--fresh", action="store_true", help="measure everything anew, also after an interrupted run")
    made.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="keep measurements and figures here (default: benchmarks/results/); an interrupted run goes on from it",
    )
    return made


class Measurements:
    """Measurements by name, saved as each is made; an unfinished file of the same settings is taken up again."""

    def __init__(self, name: str, options: argparse.Namespace, settings: dict[str, Any]) -> None:
        """Open the file that `options` name.  `settings` (JSON values) are all that the measurements depend on."""
        self.name = name
        self.path: Path = options.json or RESULTS / f"{name}{'-quick' if options.quick else ''}.json"
        self.data: dict[str, Any] = {
            "benchmark": name,
            "settings": json.loads(json.dumps(settings)),
            "machine": machine(),
            "measurements": {},
            "figures": {},
        }
        if not options.fresh and (old := unfinished(self.path, self.data)):
            print(f"going on with {self.path}: {', '.join(old['measurements'])} done", flush=True)
            self.data["measurements"] = old["measurements"]

    def get(self, key: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The measurement `key`, made by `measure` unless an interrupted run already has it."""
        done: dict[str, Any] = self.data["measurements"]
        if key not in done:
            watch = Watch()
            done[key] = {**measure(), "other_processes": watch.others(), "seconds": watch.seconds()}
            self.save()
        result: dict[str, Any] = done[key]
        return result

    def finish(self, figures: dict[str, float]) -> None:
        """Print the figures, one line each, and mark the file as complete."""
        self.data["figures"] = figures
        self.save()
        others = [entry["other_processes"] for entry in self.data["measurements"].values()]
        if others:
            print(f"other processes meanwhile used {max(others):.2f} of {os.cpu_count()} processors at most")
        for name, value in figures.items():
            print(f"figure: {name}={value + 0.0:.4g}")  # + 0.0: no "-0"

    def save(self) -> None:
        """Write the file, atomically."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path, (json.dumps(self.data, indent=1) + "\n").encode())


def run(main: Callable[[], None]) -> None:
    """Call a benchmark's `main`; a TesujiError becomes one line and exit code 2."""
    try:
        main()
    except TesujiError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is missing", file=sys.stderr)
        sys.exit(130)


def unfinished(path: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The contents of `path`, if a run with the settings and on the machine of `wanted` was interrupted there."""
    try:
        old: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    same = all(old.get(key) == wanted[key] for key in ("benchmark", "settings", "machine"))
    return old if same and old["measurements"] and not old["figures"] else None


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {"processor": model, "processors": os.cpu_count(), "python": platform.python_version()}


@dataclass(frozen=True)
class Ticks:
    """Seconds of processor time so far: of the whole machine, of this process and its ended children; wall clock."""

    busy: float
    own: float
    wall: float

    @staticmethod
    def now() -> Ticks:
        """The readings of this moment."""
        own = os.times()
        own_seconds = own.user + own.system + own.children_user + own.children_system
        try:
            fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        except OSError:  # not Linux: no others are seen
            return Ticks(own_seconds, own_seconds, time.perf_counter())
        # user nice system idle iowait irq softirq steal; guest time is part of user
        busy = sum(fields[:3]) + sum(fields[5:8])
        return Ticks(busy / os.sysconf("SC_CLK_TCK"), own_seconds, time.perf_counter())


class Watch:
    """Time since it was made, and what other processes took of the machine."""

    def __init__(self) -> None:
        self.start = Ticks.now()

    def seconds(self) -> float:
        """Wall-clock time."""
        return round(time.perf_counter() - self.start.wall, 2)

    def others(self) -> float:
        """Processors kept busy by other processes, on average."""
        now, start = Ticks.now(), self.start
        busy, own = now.busy - start.busy, now.own - start.own
        return round(max(0.0, busy - own) / max(now.wall - start.wall, 1e-9), 2)


def rate(count: Callable[[], int]) -> float:
    """What `count` returns, per second of its run."""
    start = time.perf_counter()
    number = count()
    return number / (time.perf_counter() - start)


def interleaved(rounds: int, contestants: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each contestant's answer in each round; they take turns, so that a change of the machine's load meets all."""
    answers: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            answers[name].append(contestant())
    return answers


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median over the rounds of the quotient within a round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def thousands(value: float) -> str:
    return f"{value / 1000:,.1f} k"


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; the figures for programs are printed by `Measurements.finish`."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    # A file or pipe gets the whole width: a cut column is of no use there.
    Console(width=None if sys.stdout.isatty() else 140).print(table)
