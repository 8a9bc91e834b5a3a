"""The figures of a report as SVG: bars of pass rates, their curves against the budget, and values said against known.

Colours come from the page's style by class, so that they follow its light or dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.markup import Markup, element, join, number
from engine.probing.results import Rate, budget_name

__all__ = ["Said", "calibration", "curve", "rate_bar"]

WIDTH, HEIGHT = 240.0, 138.0
"""Of a curve's figure."""
LEFT, RIGHT, TOP, BOTTOM = 40.0, 12.0, 8.0, 24.0
"""Its margins."""
SQUARE = 260.0
"""Side of a calibration's figure."""
LABEL = 30.0
"""What a label on the horizontal axis needs."""


def rate_bar(rate: Rate) -> Markup:
    """A bar with its 95 % interval as a thin line over it, and the numbers."""
    low, high = rate.interval
    bar = element(
        "svg",
        element("rect", kind="track", width=100, height=12),
        element("rect", kind="share", width=100.0 * rate.share, height=12),
        element("path", kind="interval", d=whisker(100.0 * low, 100.0 * high)),
        viewBox="0 0 100 12",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    said = f"{100 * rate.share:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    return element("span", bar, element("span", f"{rate.passed}/{rate.total}", kind="count"), kind="rate", title=said)


def whisker(low: float, high: float) -> str:
    """The path of an interval's line with its ends."""
    return f"M{number(low)} 6H{number(high)}M{number(low)} 3v6M{number(high)} 3v6"


def curve(rates: Sequence[Rate], other: Sequence[Rate], name: str) -> Markup | None:
    """Pass rate against budget on a logarithmic axis, the raw network on its left; None for fewer than two budgets.

    other: the rates of an agent to compare with, dashed.
    """
    budgets = sorted({rate.budget for rate in (*rates, *other) if rate.budget is not None})
    if len(budgets) < 2:
        return None
    place = positions(budgets)

    def at(rate: Rate, share: float) -> tuple[float, float]:
        return place[rate.budget or 0], TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)

    parts = [axes(budgets, place)]
    shown = [rate for rate in rates if rate.budget is not None]
    ends = [at(rate, rate.interval[0]) for rate in shown] + [at(rate, rate.interval[1]) for rate in reversed(shown)]
    parts.append(element("polygon", kind="band", points=points(ends)))
    if compared := [rate for rate in other if rate.budget is not None]:
        parts.append(element("polyline", kind="other", points=points(at(rate, rate.share) for rate in compared)))
        parts += [square(*at(rate, rate.share)) for rate in compared]
    parts.append(element("polyline", kind="own", points=points(at(rate, rate.share) for rate in shown)))
    for rate in shown:
        x, y = at(rate, rate.share)
        parts.append(element("circle", kind="own", cx=x, cy=y, r=3.5))
    told = ", ".join(f"{budget_name(rate.budget)}: {rate.passed} of {rate.total}" for rate in shown)
    return figure(f"{name}: {told}", parts, WIDTH, HEIGHT)


def positions(budgets: Sequence[int]) -> dict[int, float]:
    """Where each budget stands; 0 is as far left of the smallest as a factor of eight is."""
    least = min(budget for budget in budgets if budget)
    logs = {budget: math.log2(budget if budget else least / 8.0) for budget in budgets}
    low, high = min(logs.values()), max(logs.values())
    return {
        budget: LEFT + 6.0 + (log - low) / (high - low) * (WIDTH - LEFT - RIGHT - 12.0) for budget, log in logs.items()
    }


def axes(budgets: Sequence[int], place: dict[int, float]) -> Markup:
    """Lines at 0, 50 and 100 %, and the budgets as far as there is room."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
        parts.append(element("path", kind="grid", d=f"M{number(LEFT)} {number(y)}H{number(WIDTH - RIGHT)}"))
        parts.append(element("text", f"{100 * share:.0f} %", x=LEFT - 5.0, y=y + 3.5, text_anchor="end"))
    free = -math.inf
    for budget in budgets:
        if place[budget] - free >= LABEL:
            free = place[budget]
            parts.append(element("text", tick(budget), x=free, y=HEIGHT - 8.0, text_anchor="middle"))
    return join(*parts)


def tick(budget: int) -> str:
    """As short as can be."""
    return f"{budget / 1000:.3g}k" if budget >= 1000 else budget_name(budget)


def square(x: float, y: float) -> Markup:
    """The other agent's points."""
    return element("rect", kind="other", x=x - 3.0, y=y - 3.0, width=6, height=6)


def points(places: Iterable[tuple[float, float]]) -> str:
    """For polygons and polylines."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in places)


class Said(NamedTuple):
    """A value said and the range it should lie in, as shares of the largest utility: from -1 to 1."""

    low: float
    high: float
    value: float

    @property
    def inside(self) -> bool:
        """Whether it does."""
        return self.low <= self.value <= self.high


def calibration(values: Sequence[Said], name: str) -> Markup:
    """Each value said (upwards) against what is known (across): a line for its range, a disc for a value in it, a cross
    for one outside.
    """
    margin = 30.0

    def across(known: float) -> float:
        return margin + (known + 1.0) / 2.0 * (SQUARE - margin - 8.0)

    def up(said: float) -> float:
        return 8.0 + (1.0 - said) / 2.0 * (SQUARE - margin - 8.0)

    left, right, top, bottom = across(-1.0), across(1.0), up(1.0), up(-1.0)
    frame = f"M{number(left)} {number(top)}V{number(bottom)}H{number(right)}"
    parts = [
        element("path", kind="grid", d=f"{frame}M{number(left)} {number(bottom)}L{number(right)} {number(top)}"),
        *(
            element("text", f"{mark:+g}" if mark else "0", x=across(mark), y=bottom + 13.0, text_anchor="middle")
            for mark in (-1.0, 0.0, 1.0)
        ),
        *(
            element("text", f"{mark:+g}" if mark else "0", x=left - 5.0, y=up(mark) + 3.5, text_anchor="end")
            for mark in (-1.0, 0.0, 1.0)
        ),
        element("text", "known", x=(left + right) / 2.0, y=SQUARE - 3.0, text_anchor="middle"),
        element(
            "text",
            "said",
            x=11.0,
            y=(top + bottom) / 2.0,
            text_anchor="middle",
            transform=f"rotate(-90 11 {number((top + bottom) / 2.0)})",
        ),
    ]
    for each in values:
        y = up(each.value)
        x = across(min(max(each.value, each.low), each.high))
        if each.low < each.high:
            parts.append(
                element("path", kind="known", d=f"M{number(across(each.low))} {number(y)}H{number(across(each.high))}")
            )
        if each.inside:
            parts.append(element("circle", kind="inside", cx=x, cy=y, r=3.5))
        else:
            cross = f"M{number(x - 3)} {number(y - 3)}l6 6m0-6l-6 6"
            parts.append(element("path", kind="outside", d=cross))
    count = sum(each.inside for each in values)
    return figure(f"{name}: {count} of {len(values)} values lie in the known range", parts, SQUARE, SQUARE)


def figure(title: str, parts: Sequence[Markup], width: float, height: float) -> Markup:
    """A chart with a title for those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        *parts,
        kind="chart",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
    )
