"""One HTML file about an agent's answers to probes. It needs no network, no other file and no script to be read; a
script in it filters.

Kinds of truth stand in tables and figures of their own.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from string import Template

import engine
from engine.files import atomic_write
from engine.game import load_game
from engine.markup import Markup, breakable, element, join
from engine.probing.cards import RESULTS, card, outcome, passed_line, sign
from engine.probing.charts import Said, calibration, curve, rate_bar
from engine.probing.expectations import Value
from engine.probing.family import KINDS, Family
from engine.probing.results import (
    Judged,
    Probing,
    Rate,
    Summary,
    budget_name,
    by_truth,
    comparisons,
    rising,
    summaries,
)

__all__ = ["report", "write_report"]

PAGE = Path(__file__).with_name("report.html")
OWN = "own probes"
"""The kind of families that no room has."""
TRUTH_WORDS = {
    "exact": "proven by a solver, by enumeration or by construction",
    "published": "told by the source that each probe cites",
    "engine-judged": "the opinion of the engine that each probe names",
}


def write_report(
    path: Path, probing: Probing, families: Sequence[Family], against: Probing | None = None, date: str = ""
) -> None:
    """Write the report in place of what may stand there. Raises TesujiError naming the file where it cannot."""
    atomic_write(path, report(probing, families, against, date).encode())


def report(probing: Probing, families: Sequence[Family], against: Probing | None = None, date: str = "") -> str:
    """The page.

    families: those that the probes may belong to, for what is known of them. against: another agent's answers to the
    same probes. date: to be told.
    """
    about: dict[str, list[Family]] = {}
    for family in families:
        about.setdefault(family.name, []).append(family)
    order = sorted(probing.judged, key=lambda each: (place(each, about), each.probe.family))
    anchors = {each.probe.id: f"p{number}" for number, each in enumerate(order)}
    names = {name: f"f{number}" for number, name in enumerate(dict.fromkeys(each.probe.family for each in order))}
    body = join(
        header(probing, date),
        overview(probing, about, names),
        curves(order, against, names),
        calibrations(order),
        regressions(probing, against, anchors),
        legend(),
        filter_form(order),
        element("div", *sections(order, about, names, anchors, probing), id="probes"),
    )
    title = element("title", f"{probing.agent} and {len(order)} probes")
    return Template(PAGE.read_text(encoding="utf-8")).substitute(title=title, body=body)


def place(judged: Judged, about: dict[str, list[Family]]) -> int:
    """Where the family's kind stands among KINDS."""
    kind = kind_of(judged.probe.family, about)
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def kind_of(family: str, about: dict[str, list[Family]]) -> str:
    """The heading that a family belongs under."""
    return about[family][0].kind if family in about else OWN


def header(probing: Probing, date: str) -> Markup:
    """Who was asked, when and how, and the result in a line for each kind of truth."""
    versions = [f"Tesuji {engine.__version__}", f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in ("open_spiel", "torch")]
    facts = [
        ("Date", date),
        ("Budgets", ", ".join(map(budget_name, probing.budgets)) + " simulations" * any(probing.budgets)),
        ("Time", duration(probing.seconds)),
        ("Versions", ", ".join(versions)),
    ]
    lines = []
    for truth, members in by_truth(probing.judged):
        rate = last_rate(members)
        lines.append(
            element(
                "li",
                element("b", truth),
                rate_bar(rate),
                element("span", f"{100 * rate.share:.0f} % passed at the largest budget"),
            )
        )
    return element(
        "header",
        element("p", "Probes of an agent", kind="kicker"),
        element("h1", probing.agent),
        element("dl", *(join(element("dt", term), element("dd", text)) for term, text in facts if text)),
        element("ul", *lines, kind="totals") if lines else element("p", "No probe was asked."),
        problems(probing),
        id="top",
    )


def problems(probing: Probing) -> Markup:
    """What could not be asked."""
    lines = (*probing.problems, *probing.left_out)
    if not lines:
        return Markup()
    title = element("summary", f"Problems: {len(lines)}; some probes were not asked")
    return element("details", title, element("ul", *(element("li", each) for each in lines)), kind="problems")


def last_rate(members: Sequence[Judged]) -> Rate:
    """Passed at each probe's largest budget."""
    budget = members[-1].answers[-1].budget if members[-1].answers else None
    return Rate(budget, sum(outcome(each) != "failed" for each in members), len(members))


def duration(seconds: float) -> str:
    """For a person."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def overview(probing: Probing, about: dict[str, list[Family]], names: dict[str, str]) -> Markup:
    """A table a kind of truth: families, their pass rates, and from which budget on they are solved."""
    tables = []
    for truth, members in by_truth(probing.judged):
        rows = sorted(summaries(members), key=lambda each: list(names).index(each.family))
        budgets = [budget for budget in probing.budgets if any(budget in budgets_of(row) for row in rows)]
        searched = any(row.solved for row in rows)
        heads = ["Family", "Kind", "Games", "Probes", *map(budget_name, budgets), *["Solved from"] * searched]
        body = [
            element(
                "tr",
                element("th", element("a", breakable(row.family), href=f"#{names[row.family]}"), scope="row"),
                cell("Kind", kind_of(row.family, about)),
                cell("Games", breakable(", ".join(row.games))),
                cell("Probes", str(row.probes) + (f", {row.errors} errors" if row.errors else "")),
                *(cell(budget_name(budget), rate_at(row, budget)) for budget in budgets),
                *[cell("Solved from", solved(row))] * searched,
            )
            for row in rows
        ]
        tables += [
            element("h3", truth.capitalize(), element("small", f" {TRUTH_WORDS[truth]}")),
            element(
                "table",
                element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
                element("tbody", *body),
                kind="overview",
            ),
        ]
    return element("section", element("h2", "Families"), *tables, id="families") if tables else Markup()


def cell(head: str, content: str) -> Markup:
    """It names its column, which narrow screens do not show."""
    return element("td", content, data_head=head)


def budgets_of(row: Summary) -> list[int | None]:
    """At which a family was asked."""
    return [rate.budget for rate in row.rates]


def rate_at(row: Summary, budget: int | None) -> str:
    """The bar of a budget, or a dash."""
    return next((rate_bar(rate) for rate in row.rates if rate.budget == budget), Markup("—"))


def solved(row: Summary) -> Markup:
    """How many probes are right from each budget on, and how many never."""
    counts = [(budget_name(budget), count) for budget, count in row.solved if count]
    counts += [("never", row.probes - sum(count for _, count in row.solved))]
    words = (element("span", element("b", f"{count}"), f" {name}") for name, count in counts if count)
    return element("span", *words, kind="solved")


def curves(order: Sequence[Judged], against: Probing | None, names: dict[str, str]) -> Markup:
    """A small figure a family and kind of truth; nothing where there was one budget only."""
    found = []
    for truth, members in by_truth(order):
        asked = {each.probe.id for each in members}
        other = [each for each in against.judged if each.probe.id in asked] if against else []
        others = {each.family: each.rates for each in summaries(other)}
        figures = []
        for row in summaries(members):
            chart = curve(row.rates, others.get(row.family, ()), row.family)
            if chart is not None:
                link = element("a", row.family, href=f"#{names[row.family]}")
                figures.append(element("figure", chart, element("figcaption", link)))
        if figures:
            found += [element("h3", truth.capitalize()), element("div", *figures, kind="curves")]
    if not found:
        return Markup()
    legend = "Share passed against simulations; the band is the 95 % interval (Wilson)."
    if against:
        legend += f" Dashed, with squares: {against.agent}."
    return element("section", element("h2", "Pass rate and budget"), element("p", legend), *found, id="curves")


def calibrations(order: Sequence[Judged]) -> Markup:
    """Values said against values known; nothing where none is known."""
    found = []
    for truth, members in by_truth(order):
        rows = [row for row in summaries(members) if row.value_error]
        if not rows:
            continue
        budgets = rising(budget for row in rows for budget, _, _ in row.value_error)
        heads = ["Family", *map(budget_name, budgets)]
        body = []
        for row in rows:
            errors = {budget: f"{error:.3f} ({count})" for budget, error, count in row.value_error}
            cells = (cell(budget_name(budget), errors.get(budget, "—")) for budget in budgets)
            body.append(element("tr", element("th", breakable(row.family), scope="row"), *cells))
        table = element(
            "table",
            element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
            element("tbody", *body),
            kind="overview",
        )
        chart = element("figure", calibration(said(members), truth), element("figcaption", "at the largest budget"))
        found += [element("h3", truth.capitalize()), element("div", table, chart, kind="calibration")]
    if not found:
        return Markup()
    legend = (
        "How far the value lies outside what is known, on average, in utilities of the game, and over how many probes. "
        "In the figure, as shares of the largest utility: a disc lies in its known range, a cross outside."
    )
    return element("section", element("h2", "Values"), element("p", legend), *found, id="values")


def said(members: Sequence[Judged]) -> list[Said]:
    """The last value said of each probe with a known one."""
    found = []
    for each in members:
        known = [expectation for expectation in each.probe.expectations if isinstance(expectation, Value)]
        value = each.answers[-1].value if each.answers else float("nan")
        game = load_game(each.probe.game)
        scale = max(abs(game.min_utility()), abs(game.max_utility()), 1e-9)
        if known and abs(value) <= scale < float("inf"):  # not for NaN
            low = max(expectation.low for expectation in known)
            high = min(expectation.high for expectation in known)
            found.append(Said(max(low / scale, -1.0), min(high / scale, 1.0), value / scale))
    return found


def regressions(probing: Probing, against: Probing | None, anchors: dict[str, str]) -> Markup:
    """What is gained and lost against another agent."""
    if against is None:
        return Markup()
    parts = []
    for truth, found in comparisons(probing.judged, against.judged).items():
        chance = f"equal agents would differ at least so unevenly with a probability of {found.chance:.2g} (sign test)"
        parts += [
            element("h3", truth.capitalize()),
            element("p", f"Gained {len(found.gained)}, lost {len(found.lost)}; {chance}."),
            *(
                element(
                    "details",
                    element("summary", f"{len(ids)} {word}"),
                    element("ul", *(element("li", element("a", name, href=f"#{anchors[name]}")) for name in ids)),
                    kind=f"links {word}",
                    open=len(ids) <= 12,
                )
                for word, ids in (("lost", found.lost), ("gained", found.gained))
                if ids
            ),
        ]
    return element("section", element("h2", f"Against {against.agent}"), *parts, id="against")


def legend() -> Markup:
    """What the marks of moves mean."""
    meanings = {"accepted": "right", "forbidden": "wrong", "chosen": "the agent's choice at its largest budget"}
    words = (element("span", sign(word), f" {meaning}") for word, meaning in meanings.items())
    note = (
        "A card for each probe that fails, or that is unsteady: right at its largest budget, but wrong at a smaller "
        "one after having been right."
    )
    return join(element("h2", "Probes"), element("p", note), element("p", *words, kind="legend"))


def filter_form(order: Sequence[Judged]) -> Markup:
    """The controls over the probes; hidden until the script that serves them runs."""
    choices = {
        "family": [each.probe.family for each in order],
        "game": [each.probe.short_name for each in order],
        "truth": [each.probe.truth for each in order],
        "result": sorted((outcome(each) for each in order), key=RESULTS.index),
    }
    fields = [
        element(
            "label",
            element("span", name.capitalize()),
            element(
                "select",
                element("option", "all", value=""),
                *(
                    element("option", f"{value} ({values.count(value)})", value=value)
                    for value in dict.fromkeys(values)
                ),
                name=name,
            ),
        )
        for name, values in choices.items()
    ]
    search = element("input", name="find", type="search", placeholder="words; press / to type", autocomplete="off")
    return element(
        "form",
        *fields,
        element("label", element("span", "Search"), search, kind="find"),
        element("button", "Clear", type="reset"),
        element("output", f"{len(order)} probes", role="status"),
        id="filters",
        hidden=True,
        aria_label="Filter the probes",
    )


def sections(
    order: Sequence[Judged],
    about: dict[str, list[Family]],
    names: dict[str, str],
    anchors: dict[str, str],
    probing: Probing,
) -> list[Markup]:
    """A section a family: what is known of it, a card for each probe that fails, a line for each that passes."""
    found = []
    for name, group in groupby(order, key=lambda each: each.probe.family):
        members = list(group)
        cards = [each for each in members if outcome(each) != "passed"]
        lines = [passed_line(each, anchors[each.probe.id]) for each in members if outcome(each) == "passed"]
        passed = element(
            "details",
            element("summary", f"{len(lines)} passed"),
            element("ul", *lines),
            kind="passed",
        )
        found.append(
            element(
                "section",
                element("p", kind_of(name, about), kind="kicker"),
                element("h2", name),
                *(description(family) for family in about.get(name, ())),
                *(card(each, anchors[each.probe.id], probing.agent, probing.words) for each in cards),
                passed if lines else "",
                id=names[name],
                kind="family",
            )
        )
    return found


def description(family: Family) -> Markup:
    """What a family is about."""
    facts = [
        ("What fails", family.fails),
        ("Why", family.reason),
        ("Described by", family.described_by),
        ("Truth", family.truth),
        ("Difficulty", f"{family.dial} ({', '.join(map(str, family.difficulties))})"),
    ]
    return element(
        "details",
        element("summary", f"About this family: {family.game}"),
        element("dl", *(join(element("dt", term), element("dd", text)) for term, text in facts)),
        kind="about",
    )
