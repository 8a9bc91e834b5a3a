"""Progress bars with rates and time left, on standard error; where that is no terminal, training writes plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from engine.frontends.output import Unfailing
from engine.markup import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from engine.training.run import Progress

LINE_SECONDS = 15.0
"""Between two plain lines."""


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yields report(stage, done, total); every stage gets a bar that counts what its name says."""
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(printable(stage), total=total, note="")
            task = tasks[stage]
            bars.update(task, completed=done, total=total)
            speed = bars.tasks[task].speed
            rate = f", {speed:,.{0 if speed >= 10 else 1}f}/s" if speed else ""
            bars.update(task, note=f"{done:,} of {total:,}{rate}")

        yield report


@contextmanager
def training_bar() -> Iterator[Callable[[Progress], None]]:
    """Yields what `engine.training.run` reports to: one bar over the training budget."""
    with _bars() as bars:
        task = bars.add_task("training", total=1.0, note="")
        last_line = -LINE_SECONDS
        stream = Unfailing(sys.stderr)
        shown = 0

        def report(progress: Progress) -> None:
            nonlocal last_line, shown
            for text in progress.notes[shown:]:
                bars.console.print(f"note: {printable(text)}", markup=False, highlight=False, soft_wrap=True)
            shown = len(progress.notes)
            note = training_note(progress)
            bars.update(task, completed=progress.share, description=progress.phase, note=note)
            if bars.disable and time.monotonic() - last_line >= LINE_SECONDS:
                last_line = time.monotonic()
                print(f"{progress.share:4.0%}  {progress.phase}, {note}", file=stream, flush=True)

        yield report


def training_note(progress: Progress) -> str:
    """One line: iteration, positions, rates, time left."""
    parts = [f"iteration {progress.iteration}", f"{progress.positions:,} positions"]
    rates = progress.metrics.get("time", {})
    for name, unit in (("positions_per_second", "positions/s"), ("samples_per_second", "samples/s")):
        if rates.get(name):
            parts.append(f"{rates[name]:,.0f} {unit}")
    if progress.left is not None:
        minutes, seconds = divmod(round(progress.left), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return ", ".join(parts)


def _bars() -> Bars:
    """Bars with a note and the time gone and left; they vanish when done, and are off without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(file=cast(IO[str], Unfailing(sys.stderr)))
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
