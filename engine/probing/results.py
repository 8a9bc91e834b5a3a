"""What an agent made of probes, and the figures: pass rates, budgets to solution, calibration of values, regressions.

Kinds of truth (exact, published, engine-judged) are never mixed in one figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from engine.evaluate.ratings import wilson_interval
from engine.metrics import plain
from engine.probing.constants import BestConstant, best_constant
from engine.probing.expectations import Value
from engine.probing.probe import TRUTHS, Probe

__all__ = [
    "Answer",
    "Budget",
    "Judged",
    "MoveLine",
    "Probing",
    "Rate",
    "Regression",
    "Summary",
    "budget_name",
    "by_truth",
    "compare",
    "comparisons",
    "rising",
    "summaries",
]

Budget = int | None
"""Simulations; None for agents to which a budget means nothing."""


@dataclass(frozen=True)
class MoveLine:
    """What an agent thinks of one action."""

    action: int
    probability: float
    """What it plays."""
    prior: float
    """Of the network, NaN where there is none."""
    visits: int
    q: float
    """In utilities of the player to move; NaN where unknown."""


@dataclass(frozen=True)
class Answer:
    """What the agent made of a probe at one budget."""

    budget: Budget
    passed: bool
    """All expectations are met."""
    met: tuple[bool, ...] = ()
    """Which of the probe's expectations are; none where there is no answer."""
    moves: tuple[MoveLine, ...] = ()
    """Best first; all that have a probability, visits or a prior worth telling."""
    value: float = math.nan
    """For the player to move, in utilities; NaN without opinion."""
    moved: float = math.nan
    """Share of the probability that lies elsewhere at the twin, for probes that have one."""
    twin_moves: tuple[MoveLine, ...] = ()
    """As `moves`, at the twin."""
    returns: float = math.nan
    """Expected return when played out, for probes that ask for it."""
    error: str = ""
    """Why there is no answer; then it has not passed."""


@dataclass(frozen=True)
class Judged:
    """A probe and the answers to it, by rising budget."""

    probe: Probe
    answers: tuple[Answer, ...]

    def at(self, budget: Budget) -> Answer | None:
        """The answer at this budget."""
        return next((answer for answer in self.answers if answer.budget == budget), None)

    @property
    def solved_from(self) -> Budget:
        """The smallest budget from which on the answer stays right; None if it is wrong at the largest."""
        found: Budget = None
        for answer in reversed(self.answers):
            if not answer.passed:
                break
            found = answer.budget
        return found


@dataclass(frozen=True)
class Probing:
    """One agent's answers to many probes."""

    agent: str
    budgets: tuple[Budget, ...]
    judged: tuple[Judged, ...]
    seconds: float
    problems: tuple[str, ...] = field(default=())
    """Probes that could not be read: FILE:LINE: FIELD: what is wrong."""
    left_out: tuple[str, ...] = field(default=())
    """Probes of games that the agent does not play, and why; a line a game."""
    words: tuple[str, ...] = field(default=())
    """What a command line needs besides agent and budgets to ask again, such as --probes FILE."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file: the figures of every family, and every answer."""
        return {
            "agent": self.agent,
            "budgets": self.budgets,
            "seconds": self.seconds,
            "families": [each.to_json() for each in summaries(self.judged)],
            "probes": [
                {
                    "id": each.probe.id,
                    "family": each.probe.family,
                    "game": each.probe.game,
                    "truth": each.probe.truth,
                    "held_out": each.probe.held_out,
                    "solved": bool(each.answers and each.answers[-1].passed),
                    "solved_from": each.solved_from,
                    "answers": [plain(asdict(answer)) for answer in each.answers],
                }
                for each in self.judged
            ],
            "problems": self.problems,
            "left_out": self.left_out,
        }


@dataclass(frozen=True)
class Rate:
    """Passed of all, with a 95 % interval (Wilson)."""

    budget: Budget
    passed: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.passed / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high end, from 0 to 1."""
        return wilson_interval(self.passed, self.total)


@dataclass(frozen=True)
class Summary:
    """A family's figures for one kind of truth."""

    family: str
    games: tuple[str, ...]
    """Short names."""
    truth: str
    probes: int
    rates: tuple[Rate, ...]
    """One a budget, rising."""
    solved: tuple[tuple[Budget, int], ...]
    """Budget -> probes solved from it on; where searches were asked for."""
    value_error: tuple[tuple[Budget, float, int], ...]
    """Budget, mean absolute error of the value in utilities, and over how many probes with a known value."""
    errors: int
    """Answers that failed for a reason other than being wrong."""
    best_constant: BestConstant
    """What can be passed without looking at the position."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        rates = [
            {"budget": rate.budget, "passed": rate.passed, "total": rate.total, "interval": rate.interval}
            for rate in self.rates
        ]
        return asdict(self) | {"rates": rates}


def budget_name(budget: Budget) -> str:
    """For a person: "raw", "64", or "as it is" for agents to which a budget means nothing."""
    return "as it is" if budget is None else "raw" if budget == 0 else f"{budget:,}"


def by_truth(judged: Sequence[Judged]) -> list[tuple[str, list[Judged]]]:
    """The probes of each kind of truth of which there are any, in the order of TRUTHS."""
    groups = [(truth, [each for each in judged if each.probe.truth == truth]) for truth in TRUTHS]
    return [(truth, members) for truth, members in groups if members]


def summaries(judged: Sequence[Judged]) -> list[Summary]:
    """One a family and kind of truth, in the order in which they appear."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for each in judged:
        groups.setdefault((each.probe.family, each.probe.truth), []).append(each)
    return [summary(family, truth, members) for (family, truth), members in groups.items()]


def summary(family: str, truth: str, members: Sequence[Judged]) -> Summary:
    """The figures of one group."""
    budgets = rising(answer.budget for each in members for answer in each.answers)
    rates, errors = [], []
    for budget in budgets:
        answers = [answer for each in members if (answer := each.at(budget)) is not None]
        rates.append(Rate(budget, sum(answer.passed for answer in answers), len(answers)))
        missed = [error for each in members if (error := value_error(each, budget)) is not None]
        if missed:
            errors.append((budget, float(np.mean(missed)), len(missed)))
    solved = [(budget, sum(each.solved_from == budget for each in members)) for budget in budgets if budget is not None]
    return Summary(
        family,
        tuple(dict.fromkeys(each.probe.short_name for each in members)),
        truth,
        len(members),
        tuple(rates),
        tuple(solved),
        tuple(errors),
        sum(bool(answer.error) for each in members for answer in each.answers),
        best_constant(tuple(each.probe for each in members)),
    )


def rising(budgets: Iterable[Budget]) -> list[Budget]:
    """Each once, an agent's own setting first."""
    return sorted(set(budgets), key=lambda budget: -1 if budget is None else budget)


def value_error(each: Judged, budget: Budget) -> float | None:
    """How far the value lies outside what is known; None where nothing is known or the agent has no opinion."""
    answer = each.at(budget)
    ranges = [expectation for expectation in each.probe.expectations if isinstance(expectation, Value)]
    if answer is None or math.isnan(answer.value) or not ranges:
        return None
    return max(max(known.low - answer.value, answer.value - known.high, 0.0) for known in ranges)


@dataclass(frozen=True)
class Regression:
    """Two agents on the same probes, each at its last budget."""

    gained: tuple[str, ...]
    """Probes (by id) that the first passes and the second does not."""
    lost: tuple[str, ...]
    """The other way round."""
    chance: float
    """How often equal agents would differ at least so unevenly (two-sided exact sign test)."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return asdict(self)


def comparisons(first: Sequence[Judged], second: Sequence[Judged]) -> dict[str, Regression]:
    """`compare` for each kind of truth."""
    return {truth: compare(members, second) for truth, members in by_truth(first)}


def compare(first: Iterable[Judged], second: Iterable[Judged]) -> Regression:
    """What the first agent passes that the second does not, and the reverse; probes that both were asked."""
    other = {each.probe.id: each.answers[-1].passed for each in second if each.answers}
    pairs = [(each.probe.id, each.answers[-1].passed) for each in first if each.answers and each.probe.id in other]
    gained = tuple(name for name, passed in pairs if passed and not other[name])
    lost = tuple(name for name, passed in pairs if not passed and other[name])
    return Regression(gained, lost, sign_test(len(gained), len(lost)))


def sign_test(first: int, second: int) -> float:
    """Two-sided probability of a split at least this uneven if both sides were equally likely; 1 without any."""
    from scipy.stats import binomtest  # here, because it takes a second to import

    return float(binomtest(first, first + second).pvalue) if first + second else 1.0
