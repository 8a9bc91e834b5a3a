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
ENTROPY = "entropy of the policy (nats)"
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44")


def draw_curve(folder: Path, title: str) -> Path | None:
    """Draw ``learning_curve.png`` from the run's records; None before the first iteration.

    Raises TesujiError naming a file that is damaged.
    """
    lines = JsonLines(folder / "metrics.jsonl").read(("iteration",))
    matches = JsonLines(folder / "matches.jsonl").read(("iteration", "elo", "elo_low", "elo_high"))
    judged = JsonLines(folder / "exploitability.jsonl").read(("positions", "elapsed", "exploitability"))
    if not lines:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    canvas = FigureCanvasAgg(figure)  # not pyplot: no global state, no window
    figure.suptitle(title)
    panels = figure.subplots(2, 2).ravel()
    series(panels[0], lines, ("policy_loss", "policy_target_entropy", "value_loss"), "loss (nats)")
    if panels[0].lines:
        panels[0].legend(frameon=False)
    if judged:
        exploitability(panels[1], judged, "positions", 1.0, "decisions played")
        exploitability(panels[2], judged, "elapsed", 60.0, "minutes")
        series(panels[3], lines, ("entropy",), ENTROPY)
    else:
        strength(panels[1], matches)
        searched = any(line.get("policy_accuracy") is not None for line in lines)
        name, label = ("policy_accuracy", "network's best action is the search's") if searched else ("entropy", ENTROPY)
        series(panels[2], lines, (name,), label)
        series(panels[3], lines, ("learning_rate",), "learning rate")
    for axes in panels:
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": "tesuji"}, pil_kwargs={"dpi": (DOTS_PER_INCH, DOTS_PER_INCH)})
    path = folder / "learning_curve.png"
    atomic_write(path, buffer.getvalue())
    return path


def strength(axes: Axes, matches: list[dict[str, Any]]) -> None:
    """Plot the guard's matches with their intervals."""
    axes.set_ylabel("Elo against the best before")
    axes.set_xlabel("iteration")
    if matches:
        at, elo = [match["iteration"] for match in matches], [match["elo"] for match in matches]
        low, high = ([match[end] for match in matches] for end in ("elo_low", "elo_high"))
        axes.axhline(0.0, color="grey", linewidth=0.8)
        axes.fill_between(at, low, high, alpha=0.2, color=COLOURS[0], linewidth=0)
        axes.plot(at, elo, "o-", color=COLOURS[0])


def exploitability(axes: Axes, judged: list[dict[str, Any]], column: str, unit: float, label: str) -> None:
    """Plot exact exploitability against `column` / `unit`."""
    axes.set_xlabel(label)
    axes.set_ylabel("exploitability (NashConv / players)")
    axes.set_yscale("log")
    axes.plot([line[column] / unit for line in judged], [line["exploitability"] for line in judged], color=COLOURS[0])


def series(axes: Axes, lines: list[dict[str, Any]], names: tuple[str, ...], label: str) -> None:
    """Plot columns of the metrics over the iterations that have them."""
    axes.set_ylabel(label)
    axes.set_xlabel("iteration")
    for name, colour in zip(names, COLOURS, strict=False):
        points = [(line["iteration"], line[name]) for line in lines if line.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, label=name.replace("_", " "))
