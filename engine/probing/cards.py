"""A probe and an agent's answers for a report: a card with a picture, or one line where all is well."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence

import pyspiel

from engine.errors import TesujiError
from engine.game import room
from engine.markup import Markup, element, join
from engine.probing.expectations import TIE, Expectation, Moves, PlayOut, Probability, Twin, Value
from engine.probing.probe import Probe, reach
from engine.probing.results import Answer, Budget, Judged, MoveLine, budget_name

__all__ = ["RESULTS", "card", "command", "outcome", "passed_line", "sign"]

RESULTS = ("failed", "unsteady", "passed")
"""By the largest budget; unsteady: right there, but wrong at some budget after having been right at a smaller one."""
MARKED = 12
"""Moves of a kind that a picture marks at most; the agent's own are marked in any case."""
ROWS = 6
"""Moves in the table of what an agent thinks."""
TOLD = 10
"""Moves named in a sentence."""
SEEN = 0.005
"""A difference of probabilities that can be seen in whole percents."""
SIGNS = {"accepted": "○", "forbidden": "✕", "chosen": "◇"}
"""As the pictures draw them."""
NONE = "—"
"""In place of a number that is not known."""


def outcome(judged: Judged) -> str:
    """One of RESULTS."""
    passed = [answer.passed for answer in judged.answers]
    if not passed or not passed[-1]:
        return "failed"
    return "unsteady" if False in passed[passed.index(True) :] else "passed"


def command(agent: str, more: Sequence[str], probe: Probe, budgets: Iterable[Budget]) -> str:
    """What to type to ask the agent about this probe again; `more` are the run's own words."""
    words = ["tesuji", "probe", agent, *more, "--id", probe.id]
    if known := [str(budget) for budget in budgets if budget is not None]:
        words += ["--budgets", ",".join(known)]
    return shlex.join(words)


def passed_line(judged: Judged, anchor: str) -> Markup:
    """An item of a list."""
    probe = judged.probe
    return element(
        "li",
        element("span", probe.id, kind="id"),
        steps(judged.answers),
        element("span", probe.why, kind="why"),
        **filters(judged, anchor),
    )


def filters(judged: Judged, anchor: str) -> dict[str, str]:
    """What the page's filters go by."""
    probe = judged.probe
    return {
        "id_": anchor,
        "data_family": probe.family,
        "data_game": probe.short_name,
        "data_truth": probe.truth,
        "data_result": outcome(judged),
    }


def steps(answers: Sequence[Answer]) -> Markup:
    """Right or wrong at each budget."""
    return element("span", *(step(answer) for answer in answers), kind="steps")


def step(answer: Answer) -> Markup:
    """Right or wrong, in a sign and for those who hear it."""
    said = "right" if answer.passed else "wrong"
    sign = element("span", "✓" if answer.passed else "✕", aria_hidden="true")
    return element(
        "span", budget_name(answer.budget), " ", sign, element("span", f" {said}", kind="heard"), kind=f"step {said}"
    )


def card(judged: Judged, anchor: str, agent: str, more: Sequence[str] = ()) -> Markup:
    """Everything about a probe and what the agent made of it."""
    probe = judged.probe
    state = probe.state()
    name = Names(state)
    known = known_of(probe.expectations)
    badges = ["unsteady"] * (outcome(judged) == "unsteady") + [probe.game, *probe.tags]
    badges += [f"difficulty {probe.difficulty}"] * bool(probe.difficulty) + ["held out"] * probe.held_out
    head = element(
        "header",
        element("h4", element("a", probe.id, href=f"#{anchor}")),
        element("p", *(element("span", badge) for badge in badges), kind="badges"),
        steps(judged.answers),
    )
    return element(
        "article",
        head,
        position(state, judged, known),
        element(
            "div", truth(judged, name), thoughts(judged, known, name), look_again(judged, agent, more), kind="told"
        ),
        kind=f"probe {outcome(judged)}",
        **filters(judged, anchor),
    )


class Names:
    """What the moves of a position are called."""

    def __init__(self, state: pyspiel.State) -> None:
        self.state = state
        self.player = int(state.current_player())

    def of(self, action: int) -> str:
        """One move."""
        return str(self.state.action_to_string(self.player, action)).strip()

    def all(self, actions: Sequence[int]) -> str:
        """Several, in a sentence."""
        more = f" and {len(actions) - TOLD} more" if len(actions) > TOLD else ""
        return ", ".join(map(self.of, actions[:TOLD])) + more


def known_of(expectations: Iterable[Expectation]) -> dict[int, str]:
    """Action -> "accepted" or "forbidden"."""
    known: dict[int, str] = {}
    for each in expectations:
        if isinstance(each, Moves):
            known |= dict.fromkeys(each.accepted, "accepted") | dict.fromkeys(each.forbidden, "forbidden")
    return known


def chosen_of(judged: Judged) -> tuple[int, ...]:
    """The most probable moves of the last answer, as it is judged."""
    return likeliest(judged.answers[-1].moves if judged.answers else ())


def likeliest(moves: Sequence[MoveLine]) -> tuple[int, ...]:
    """The most probable of some moves, all of them where several are equal."""
    best = max((move.probability for move in moves), default=math.nan)
    return tuple(move.action for move in moves if move.probability >= best - TIE)


def position(state: pyspiel.State, judged: Judged, known: Mapping[int, str]) -> Markup:
    """The position, with marks on what is known and what the agent plays; below it the twin, if it has one."""
    # Where most moves are of a kind, marks on all of them would hide the position.
    chosen = chosen_of(judged)
    crowded = {kind for kind in ("accepted", "forbidden") if sum(word == kind for word in known.values()) > MARKED}
    marks = {action: word for action, word in known.items() if word not in crowded or action in chosen}
    if len(chosen) <= MARKED:
        marks |= {action: f"{known.get(action, '')} chosen".strip() for action in chosen}
    figures = [element("figure", view(state, marks))]
    for twin in (each for each in judged.probe.expectations if isinstance(each, Twin)):
        there = likeliest(judged.answers[-1].twin_moves if judged.answers else ())
        played = dict.fromkeys(there, "chosen") if len(there) <= MARKED else {}
        words = element("figcaption", "its twin, with what the agent plays there")
        figures.append(element("figure", view(reach(judged.probe.game, judged.probe.fen, twin.history), played), words))
    return element("div", *figures, kind="positions")


def view(state: pyspiel.State, marks: Mapping[int, str]) -> Markup:
    """The picture, or the words of the room where it draws none, as the player to move sees it."""
    here = room(state.get_game().get_type().short_name)
    drawn = here.picture(state, marks)
    if drawn is not None:
        return Markup(drawn)
    try:
        words = here.view(state, state.current_player())
    except TesujiError as error:
        words = str(error)
    return element("pre", words)


def truth(judged: Judged, name: Names) -> Markup:
    """What is true, why, who says so, and what of it the agent's last answer met."""
    probe = judged.probe
    by = f"{probe.truth}, oracle “{probe.oracle}”" if probe.oracle else probe.truth
    return element(
        "section",
        element("h5", "What is true"),
        element("p", probe.why),
        element(
            "ul",
            *(
                element("li", *told(each, name), verdict(judged, index))
                for index, each in enumerate(probe.expectations)
            ),
        ),
        element("p", f"Known: {by}" + (f". {probe.source}" if probe.source else "."), kind="source"),
        kind="truth",
    )


def verdict(judged: Judged, index: int) -> Markup:
    """Whether the last answer met the expectation of this number."""
    if not judged.answers or not judged.answers[-1].met:
        return Markup()
    met = judged.answers[-1].met[index]
    return element("span", "✓ met" if met else "✕ not met", kind=f"verdict {'right' if met else 'wrong'}")


def told(expectation: Expectation, name: Names) -> list[str]:
    """An expectation in words."""
    match expectation:
        case Moves(accepted, forbidden):
            words: list[str] = []
            if accepted:
                words += [sign("accepted"), f" {name.all(accepted)}"]
            if accepted and forbidden:
                words.append(element("br"))
            return [*words, sign("forbidden"), f" {name.all(forbidden)}"] if forbidden else words
        case Value(low, high):
            return [f"The value for the player to move is {span(low, high)}."]
        case Probability(actions, low, high):
            verb = "has" if len(actions) == 1 else "have together"
            return [f"{name.all(actions)} {verb} a probability of {span(low, high)}."]
        case Twin(_, _, tolerance):
            return [f"The answer is the same at a twin of this position; at most {tolerance:.0%} of it may differ."]
        case PlayOut(opponent, low, high):
            against = "itself" if opponent == "self" else opponent
            return [f"Played out against {against}, the expected return is {span(low, high)}."]


def span(low: float, high: float) -> str:
    """A range of numbers, or the only one."""
    return f"{low:.4g}" if low == high else f"between {low:.4g} and {high:.4g}"


def sign(words: str) -> Markup:
    """The marks of a move, as in its picture, and for those who hear it."""
    marks = (element("span", SIGNS[word], kind=word, aria_hidden="true") for word in words.split())
    return element("span", *marks, element("span", words, kind="heard"), kind="sign")


def thoughts(judged: Judged, known: Mapping[int, str], name: Names) -> Markup:
    """A table: the moves, the network's prior, and for each budget what is played, the visits and q."""
    answers = judged.answers
    lines = {answer.budget: {move.action: move for move in answer.moves} for answer in answers}
    priors = {move.action: move.prior for answer in answers for move in answer.moves if not math.isnan(move.prior)}
    raw = {move.action: move.probability for answer in answers if answer.budget == 0 for move in answer.moves}
    if raw and all(abs(prior - raw.get(action, 0.0)) < SEEN for action, prior in priors.items()):
        priors = {}  # the raw policy's column says the same
    chosen = chosen_of(judged)
    heads = [element("th", "move", scope="col")]
    heads += [element("th", "prior", scope="col")] if priors else []
    # Narrow screens leave out what stands between the smallest budget and the largest.
    kinds = [None if answer in (answers[0], answers[-1]) else "middle" for answer in answers]
    heads += [element("th", step(answer), scope="col", kind=kind) for answer, kind in zip(answers, kinds, strict=True)]
    rows = []
    for action in shown(answers, known):
        said = f"{known.get(action, '')}{' chosen' if action in chosen else ''}".strip()
        cells = [element("th", sign(said) if said else "", " ", name.of(action), scope="row")]
        cells += [element("td", share(priors.get(action, math.nan)))] if priors else []
        cells += [
            element("td", *thought(lines[answer.budget].get(action)), kind=kind)
            for answer, kind in zip(answers, kinds, strict=True)
        ]
        rows.append(element("tr", *cells))
    empty = [element("td")] * bool(priors)
    numbers = {
        "value": [figure(answer.value) for answer in answers],
        "moved at the twin": [figure(answer.moved, ".0%") for answer in answers],
        "return, played out": [figure(answer.returns) for answer in answers],
    }
    sums = [
        element(
            "tr",
            element("th", title, scope="row"),
            *empty,
            *(element("td", each, kind=kind) for each, kind in zip(row, kinds, strict=True)),
        )
        for title, row in numbers.items()
        if any(each != NONE for each in row)
    ]
    errors = [
        element("p", f"{budget_name(answer.budget)}: no answer: {answer.error}", kind="error")
        for answer in answers
        if answer.error
    ]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        element("tfoot", *sums) if sums else "",
    )
    title = element("h5", "What the agent thinks")
    wide = element("div", table, kind="wide", tabindex=0, role="group", aria_label="What the agent thinks")
    return element("section", title, wide if answers else "", *errors, kind="thoughts")


def shown(answers: Sequence[Answer], known: Mapping[int, str]) -> list[int]:
    """The moves worth a row, the likeliest of the last budget first: each budget's best ones and those to be known."""
    actions: dict[int, None] = {}
    for answer in reversed(answers):
        actions |= dict.fromkeys(move.action for move in answer.moves[:3])
    wanted = [action for action, word in known.items() if word == "accepted"]
    actions |= dict.fromkeys(wanted[: max(2, ROWS - len(actions))])
    for answer in reversed(answers):
        actions |= dict.fromkeys(move.action for move in answer.moves)
    last = {move.action: move.probability for move in answers[-1].moves} if answers else {}
    kept = list(actions)[:ROWS]
    return sorted(kept, key=lambda action: -last.get(action, 0.0))


def thought(line: MoveLine | None) -> list[str]:
    """A cell: what is played, and what lies behind it."""
    if line is None:
        return [NONE]
    notes = [] if math.isnan(line.q) else [f"q {line.q:+.2f}"]
    notes += [f"{line.visits:,} visit{'s' * (line.visits > 1)}"] if line.visits else []
    return [share(line.probability), element("small", " · ".join(notes))] if notes else [share(line.probability)]


def share(probability: float) -> str:
    """A number, with a bar under it if there is anything to show."""
    if math.isnan(probability):
        return NONE
    percent = round(100.0 * probability)
    return element("b", f"{percent} %", style=f"--width:{percent}%") if percent else "0 %"


def figure(value: float, form: str = "+.3f") -> str:
    """A number, or a dash."""
    return NONE if math.isnan(value) else format(value, form)


def look_again(judged: Judged, agent: str, more: Sequence[str]) -> Markup:
    """How to come back to the position."""
    probe = judged.probe
    budgets = [answer.budget for answer in judged.answers]
    history = " ".join(map(str, probe.history))
    facts = [("Ask again", command(agent, more, probe, budgets)), ("FEN", probe.fen), ("History", history)]
    return element(
        "details",
        element("summary", "Look at it again"),
        element(
            "dl", *(join(element("dt", term), element("dd", element("code", text))) for term, text in facts if text)
        ),
    )
