"""The families of a report, one below the other: a line of figures for each, which opens on what failed.

The line is the `summary` of a `details` element, so that it opens without a script. Only the family that does worst is
open at first, with one card; everything else is one click away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.markup import Markup, breakable, element, join
from engine.probing.cards import card, outcome, passed_line
from engine.probing.charts import curve, rate_bar
from engine.probing.family import Family
from engine.probing.results import Budget, Judged, Probing, Rate, Summary, budget_name, rising

__all__ = ["family_row", "heads", "levels_of"]

CONSTANT = "Best constant answer"
"""What can be passed without a look at the position; the name of a column."""
STRONGEST, WEAKEST = 60, 20
"""Shades in percent, from the smallest searched budget to the largest; the raw policy has 100."""


def levels_of(judged: Sequence[Judged]) -> list[Budget]:
    """The budgets at which these probes were asked, rising."""
    return rising(answer.budget for each in judged for answer in each.answers)


def heads(levels: Sequence[Budget]) -> Markup:
    """The words above the lines; narrow screens show them beside each figure instead."""
    words = [element("span", name) for name in ("Family, worst first", *rate_heads(levels), CONSTANT)]
    if several(levels):
        key = (element("span", swatch(level, levels), budget_name(level)) for level in levels)
        never = element("span", element("i", kind="never"), "never")
        words.append(element("span", "Solved from", element("span", *key, never, kind="key")))
    return element("div", *words, kind="heads", style=columns(levels))


def rate_heads(levels: Sequence[Budget]) -> list[str]:
    """Of the pass rates shown in a line: at the smallest budget and at the largest."""
    ends = list(dict.fromkeys([*levels[:1], *levels[-1:]]))
    return [f"Passed, {budget_name(level)}" for level in ends]


def several(levels: Sequence[Budget]) -> bool:
    """Whether there is more than one budget, so that "solved from" says more than a pass rate."""
    return len(levels) > 1


def columns(levels: Sequence[Budget]) -> str:
    """The style of a line: how many rates it has, and whether a bar of budgets."""
    rates = f"repeat({len(rate_heads(levels))},8rem)" if levels else ""
    return f"--columns:minmax(0,1fr) {rates} 5.5rem {'16rem' if several(levels) else ''}"


def swatch(level: Budget, levels: Sequence[Budget]) -> Markup:
    """A square of the colour that a budget has in the bars."""
    return element("i", style=f"--shade:{shade(level, levels)}%")


def shade(level: Budget, levels: Sequence[Budget]) -> int:
    """How much of the colour a budget has."""
    searched = [each for each in levels if each]
    if not level:
        return 100
    return STRONGEST - (STRONGEST - WEAKEST) * searched.index(level) // max(len(searched) - 1, 1)


def family_row(
    row: Summary,
    members: Sequence[Judged],
    about: Sequence[Family],
    levels: Sequence[Budget],
    other: Sequence[Rate],
    anchor: str,
    anchors: Mapping[str, str],
    probing: Probing,
    opened: bool,
) -> Markup:
    """A family's line, and what it opens on: its first failure, then what is known of it, then the other probes.

    members: its probes. about: what is known of it, one entry a game. other: rates of an agent to compare with.
    """
    failures = [each for each in members if outcome(each) == "failed"]
    failures += [each for each in members if outcome(each) == "unsteady"]
    cards = [card(each, anchors[each.probe.id], probing.agent, probing.words) for each in failures]
    lines = [passed_line(each, anchors[each.probe.id]) for each in members if outcome(each) == "passed"]
    return element(
        "details",
        element("summary", *line(row, about, levels), style=columns(levels)),
        *cards[:1],
        folded("more", f"{len(cards) - 1} more that failed or wavered", *cards[1:]) if cards[1:] else "",
        folded("passed", f"{len(lines)} passed", element("ul", *lines)) if lines else "",
        description(row, about, other),
        id=anchor,
        kind="family",
        open=opened,
    )


def folded(kind: str, title: str, *content: Markup) -> Markup:
    """What a reader has to open."""
    return element("details", element("summary", title), *content, kind=kind)


def line(row: Summary, about: Sequence[Family], levels: Sequence[Budget]) -> list[Markup]:
    """Name, what fails, pass rates, and from which budget on the probes are solved."""
    small = " · ".join(dict.fromkeys([*(family.kind for family in about), *row.games]))
    fails = list(dict.fromkeys(family.fails for family in about))
    name = [element("h3", breakable(row.family)), " ", element("small", breakable(small))]
    name += [element("span", f"{words}.", kind="fails") for words in (each.rstrip(".") for each in fails)]
    if row.errors:
        plural = "s" * (row.errors > 1)
        name.append(element("span", f"{row.errors} answer{plural} failed with an error.", kind="fails error"))
    ends = list(dict.fromkeys([*levels[:1], *levels[-1:]]))
    rates = [
        element("span", element("small", head), rate_at(row, level), kind="cell" if level == ends[-1] else "cell first")
        for head, level in zip(rate_heads(levels), ends, strict=True)
    ]
    solved = [element("span", element("small", "Solved from"), solved_bar(row, levels), kind="cell")]
    best = row.best_constant
    share = element("span", f"{best.share:.0%}", title=best.answer if len(row.games) == 1 else "by game")
    constant = element("span", element("small", CONSTANT), share, kind="cell constant")
    return [element("span", *name, kind="name"), *rates, constant, *(solved if several(levels) else ())]


def rate_at(row: Summary, level: Budget) -> Markup:
    """The bar of a budget, or a dash."""
    return next((rate_bar(rate) for rate in row.rates if rate.budget == level), element("span", "—"))


def solved_bar(row: Summary, levels: Sequence[Budget]) -> Markup:
    """One bar for all probes: how many are right from each budget on, and how many never."""
    solved = dict(row.solved)
    counts = [(budget_name(level), solved.get(level, 0), ink(level, levels)) for level in levels]
    counts.append(("never", row.probes - sum(solved.values()), ""))
    parts = [
        element("b", f"{count}", kind=None if style else "never", style=f"flex-grow:{count};{style}")
        for _, count, style in counts
        if count
    ]
    words = ", ".join(f"{count} {name}" for name, count, _ in counts if count)
    return element("span", *parts, kind="solved", role="img", title=words, aria_label=f"solved from: {words}")


def ink(level: Budget, levels: Sequence[Budget]) -> str:
    """The colour of a part of the bar, and ink that can be read on it."""
    amount = shade(level, levels)
    return f"--shade:{amount}%;color:var(--{'card' if amount == 100 else 'ink'})"


def description(row: Summary, about: Sequence[Family], other: Sequence[Rate]) -> Markup:
    """What is known of a family, game by game, and its pass rate against the budget."""
    parts = []
    for family in about:
        facts = [
            ("Game", family.game),
            ("Why it fails", family.reason),
            ("Described by", family.described_by),
            ("Truth", family.truth),
            ("Difficulty", f"{family.dial} ({', '.join(map(str, family.difficulties))})"),
        ]
        parts.append(element("dl", *(join(element("dt", term), element("dd", text)) for term, text in facts)))
    chart = curve(row.rates, other, row.family)
    if chart is not None:
        counts = ", ".join(f"{budget_name(rate.budget)} {rate.passed}/{rate.total}" for rate in row.rates)
        parts.append(element("figure", chart, element("figcaption", f"Passed: {counts}"), kind="curve"))
    return folded("about", "About this family", *parts) if parts else Markup()
