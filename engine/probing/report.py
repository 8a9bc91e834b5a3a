"""One HTML file about an agent's answers to probes. It needs no network, no other file and no script to be read; a
script in it filters.

Kinds of truth stand in tables and figures of their own.
"""

from __future__ import annotations

import platform
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from itertools import count
from pathlib import Path
from string import Template

import engine
from engine.files import atomic_write
from engine.game import load_game
from engine.markup import Markup, breakable, element, join
from engine.probing.cards import RESULTS, outcome, sign
from engine.probing.charts import Said, calibration, rate_bar
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
from engine.probing.rows import family_row, heads, levels_of

__all__ = ["report", "write_report"]

PAGE = Path(__file__).with_name("report.html")
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
    same probes. date: the day on which the agent was asked, in words.
    """
    about: dict[str, list[Family]] = {}
    for family in families:
        about.setdefault(family.name, []).append(family)
    anchors = {each.probe.id: f"p{number}" for number, each in enumerate(probing.judged)}
    page = PAGE.read_text(encoding="utf-8")
    body = join(
        header(probing, date),
        regressions(probing, against, anchors),
        filter_form(probing.judged) if probing.judged else "",
        element("main", *groups(probing, against, about, anchors), id="probes"),
        calibrations(probing.judged),
        footer(),
    )
    title = element("title", f"{probing.agent} and {len(probing.judged)} probes")
    return Template(page).substitute(title=title, body=body, digest=digest(page))


def digest(page: str) -> str:
    """Of the page's own script, the only one that browsers are allowed to run."""
    script = page.partition("<script>")[2].partition("</script>")[0]
    return b64encode(sha256(script.encode()).digest()).decode()


def header(probing: Probing, date: str) -> Markup:
    """Who was asked, when and how, and the result in a line for each kind of truth."""
    budgets = ", ".join(map(budget_name, probing.budgets)) + " simulations" * any(probing.budgets)
    facts = [fact for fact in (date, budgets, duration(probing.seconds)) if fact]
    lines = []
    for truth, members in by_truth(probing.judged):
        rate = last_rate(members)
        words = f"{100 * rate.share:.0f} % passed at the largest budget"
        link = element("a", truth, href=f"#{truth}")
        lines.append(element("li", link, rate_bar(rate), element("span", words)))
    return element(
        "header",
        element("h1", probing.agent, " ", element("small", "probes of an agent")),
        element("p", " · ".join(facts), kind="facts"),
        element("ul", *lines, kind="totals") if lines else element("p", "No probe was asked."),
        problems(probing),
        id="top",
    )


def footer() -> Markup:
    """What the page was made by."""
    versions = [f"Tesuji {engine.__version__}", f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in ("open_spiel", "torch")]
    return element("footer", "Made by ", ", ".join(versions), ".")


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


def groups(
    probing: Probing, against: Probing | None, about: dict[str, list[Family]], anchors: dict[str, str]
) -> list[Markup]:
    """A section for each kind of truth, its families below each other, the one that does worst first."""
    found = []
    numbers = count()
    opened = False
    for truth, members in by_truth(probing.judged):
        levels = levels_of(members)
        asked = {each.probe.id for each in members}
        other = [each for each in against.judged if each.probe.id in asked] if against else []
        others = {each.family: each.rates for each in summaries(other)}
        rows = []
        for row in sorted(summaries(members), key=lambda each: place(each, about)):
            own = [each for each in members if each.probe.family == row.family]
            known = [family for family in about.get(row.family, ()) if family.game.split("(", 1)[0] in row.games]
            opens = not opened and any(outcome(each) != "passed" for each in own)
            rates = others.get(row.family, ())
            number = f"f{next(numbers)}"
            rows.append(family_row(row, own, known, levels, rates, number, anchors, probing, opens))
            opened = opened or opens
        title = element("h2", truth.capitalize(), element("small", f" {TRUTH_WORDS[truth]}"))
        found.append(element("section", title, heads(levels), *rows, id=truth, kind="truths"))
    return [legend(against), *found] if found else []


def place(row: Summary, about: dict[str, list[Family]]) -> tuple[float, int, str]:
    """Where a family stands: by its share at the largest budget, then by kind and name."""
    kinds = [KINDS.index(family.kind) for family in about.get(row.family, ())]
    return row.rates[-1].share if row.rates else 0.0, min(kinds, default=len(KINDS)), row.family


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
            cells = (element("td", errors.get(budget, "—")) for budget in budgets)
            body.append(element("tr", element("th", breakable(row.family), scope="row"), *cells))
        table = element(
            "table",
            element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
            element("tbody", *body),
            kind="overview",
        )
        chart = element("figure", calibration(said(members), truth), element("figcaption", "at the largest budget"))
        found += [
            element("h3", truth.capitalize()),
            element("div", element("div", table, kind="wide"), chart, kind="calibration"),
        ]
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
        chance = f"equal agents differ at least so unevenly with a probability of {found.chance:.2g} (sign test)"
        parts += [
            element(
                "p",
                element("b", truth.capitalize()),
                f": Gained {len(found.gained)}, lost {len(found.lost)}; {chance}.",
            ),
            *(
                element(
                    "details",
                    element("summary", f"{len(ids)} {word}"),
                    element("ul", *(element("li", element("a", name, href=f"#{anchors[name]}")) for name in ids)),
                    kind=f"links {word}",
                )
                for word, ids in (("lost", found.lost), ("gained", found.gained))
                if ids
            ),
        ]
    return element("section", element("h2", f"Against {against.agent}"), *parts, id="against")


def legend(against: Probing | None) -> Markup:
    """What the marks of moves mean, and the lines of the figures."""
    meanings = {"accepted": "right", "forbidden": "wrong", "chosen": "the agent's choice at its largest budget"}
    words = [element("span", sign(word), f" {meaning}") for word, meaning in meanings.items()]
    words.append(element("span", "thin lines and bands: 95 % intervals (Wilson)"))
    if against:
        words.append(element("span", f"dashed lines: {against.agent}"))
    return element("p", *words, kind="legend")


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
    form = element(
        "form",
        *fields,
        element("label", element("span", "Search"), search, kind="find"),
        element("button", "Clear", type="reset"),
        aria_label="Filter the probes",
    )
    title = element("summary", "Filter and search ", element("output", f"{len(order)} probes", role="status"))
    return element("details", title, form, id="filters", hidden=True)
