"""The learning curve of a run as a picture."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.files import atomic_write
from engine.metrics import JsonLines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_curve"]

SIZE = (9.0, 6.0)
"""Inches."""
DOTS_PER_INCH = 120
TITLE_WIDTH = 100
"""Characters."""
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
    buffer = io.BytesIO()
    figure_of(lines, matches, judged, title).savefig(
        buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": "tesuji"}
    )
    path = folder / "learning_curve.png"
    atomic_write(path, buffer.getvalue())
    return path


def figure_of(
    lines: list[dict[str, Any]], matches: list[dict[str, Any]], judged: list[dict[str, Any]], title: str
) -> Figure:
    """Four panels: of the metrics, and of the guard's matches or of what it `judged` by exploitability."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: no global state, no window
    figure.suptitle(textwrap.fill(title, TITLE_WIDTH), fontsize="medium")
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
    return figure


def strength(axes: Axes, matches: list[dict[str, Any]]) -> None:
    """Plot the guard's matches with their intervals."""
    axes.set_title("Elo against the best before", fontsize="medium")
    iterations(axes)
    if matches:
        at, elo = [match["iteration"] for match in matches], [match["elo"] for match in matches]
        low, high = ([match[end] for match in matches] for end in ("elo_low", "elo_high"))
        axes.axhline(0.0, color="grey", linewidth=0.8)
        axes.fill_between(at, low, high, alpha=0.2, color=COLOURS[0], linewidth=0)
        axes.plot(at, elo, "o-", color=COLOURS[0])


def exploitability(axes: Axes, judged: list[dict[str, Any]], column: str, unit: float, label: str) -> None:
    """Plot exact exploitability against `column` / `unit`."""
    axes.set_xlabel(label)
    axes.set_title("exploitability (NashConv / players)", fontsize="medium")
    axes.set_yscale("log")
    at = [line[column] / unit for line in judged]
    axes.plot(at, [line["exploitability"] for line in judged], marker_of(judged), color=COLOURS[0])


def series(axes: Axes, lines: list[dict[str, Any]], names: tuple[str, ...], label: str) -> None:
    """Plot columns of the metrics over the iterations that have them."""
    axes.set_title(label, fontsize="medium")
    iterations(axes)
    for name, colour in zip(names, COLOURS, strict=False):
        points = [(line["iteration"], line[name]) for line in lines if line.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker_of(points), color=colour, label=name.replace("_", " "))


def iterations(axes: Axes) -> None:
    """Whole numbers on the axis."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("iteration")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def marker_of(points: Sequence[object]) -> str:
    """A line, and dots where one point alone would show none."""
    return "o-" if len(points) == 1 else "-"
