"""The learning curve of a run as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.files import atomic_write
from engine.metrics import JsonLines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_curve"]

SIZE = (9.0, 6.0)
"""Inches."""
DOTS_PER_INCH = 120
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44")


def draw_curve(folder: Path, title: str) -> Path | None:
    """Draw ``learning_curve.png`` from the run's metrics.jsonl and matches.jsonl; None before the first iteration.

    Raises TesujiError naming a file that is damaged.
    """
    lines = JsonLines(folder / "metrics.jsonl").read(("iteration",))
    matches = JsonLines(folder / "matches.jsonl").read(("iteration", "elo", "elo_low", "elo_high", "elo_above_start"))
    if not lines:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    canvas = FigureCanvasAgg(figure)  # not pyplot: no global state, no window
    figure.suptitle(title)
    losses, strength, search, rate = figure.subplots(2, 2).ravel()
    series(losses, lines, ("policy_loss", "policy_target_entropy", "value_loss"), "loss (nats)")
    if losses.lines:
        losses.legend(frameon=False)
    strength.set_ylabel("Elo above the start, summed over matches")
    if matches:
        elo = [match["elo_above_start"] for match in matches]
        low = [value - match["elo"] + match["elo_low"] for value, match in zip(elo, matches, strict=True)]
        high = [value - match["elo"] + match["elo_high"] for value, match in zip(elo, matches, strict=True)]
        at = [match["iteration"] for match in matches]
        strength.fill_between(at, low, high, alpha=0.2, color=COLOURS[0], linewidth=0)
        strength.plot(at, elo, "o-", color=COLOURS[0])
    series(search, lines, ("policy_accuracy",), "network's best action is the search's")
    series(rate, lines, ("learning_rate",), "learning rate")
    for axes in (losses, strength, search, rate):
        axes.set_xlabel("iteration")
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": "tesuji"}, pil_kwargs={"dpi": (DOTS_PER_INCH, DOTS_PER_INCH)})
    path = folder / "learning_curve.png"
    atomic_write(path, buffer.getvalue())
    return path


def series(axes: Axes, lines: list[dict[str, Any]], names: tuple[str, ...], label: str) -> None:
    """Plot columns of the metrics over the iterations that have them."""
    axes.set_ylabel(label)
    for name, colour in zip(names, COLOURS, strict=False):
        points = [(line["iteration"], line[name]) for line in lines if line.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, label=name.replace("_", " "))
