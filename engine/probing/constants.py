"""Answers that do not look at the position: how many probes of a family the best of them passes.

They show what a pass rate is worth. A constant answer is a policy together with a value. Its policy is one of

- uniform over the legal actions;
- always the first, the middle or the last legal action;
- action A with probability p, the other legal actions sharing the rest, for every action that is legal somewhere in the
  family. p is 1 ("always A"), 0 ("never A") or an end of a range of probabilities that some probe asks for.

Where A is illegal, or the only legal action, such a policy is uniform. The value is any number. Every game of a family
has its own best answer, since an answerer knows which game it plays, and variants of a game share one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent, Decision, FloatArray
from engine.errors import TesujiError
from engine.probing.expectations import PlayOut, Probability, Twin, Value, meets
from engine.probing.play_out import expected_returns
from engine.probing.probe import Probe, reach

__all__ = ["BestConstant", "best_constant"]

Policy = Callable[[Sequence[int]], dict[int, float]]
"""Legal actions -> their probabilities."""


@dataclass(frozen=True)
class BestConstant:
    """The constant answer that passes most probes."""

    passed: int
    total: int
    answer: str
    """What it answers, such as "never Fold" or "uniform, value -0.5"; game by game where there are several."""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.passed / self.total


@lru_cache(maxsize=256)
def best_constant(probes: tuple[Probe, ...]) -> BestConstant:
    """The best constant answer to these probes, found without asking any agent."""
    games: dict[str, list[Probe]] = {}
    for probe in probes:
        games.setdefault(probe.short_name, []).append(probe)
    found = {game: best_of([Question(probe) for probe in members]) for game, members in games.items()}
    words = [answer if len(found) == 1 else f"{game}: {answer}" for game, (_, answer) in found.items()]
    return BestConstant(sum(passed for passed, _ in found.values()), len(probes), "; ".join(words))


class Question:
    """A probe, and what a constant policy needs to know of its position."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.state = probe.state()
        self.player = int(self.state.current_player())
        self.legal = tuple(self.state.legal_actions())
        self.size = self.state.num_distinct_actions()

    @cached_property
    def twins(self) -> list[tuple[int, ...]]:
        """The legal actions of each twin."""
        twins = [each for each in self.probe.expectations if isinstance(each, Twin)]
        return [tuple(reach(self.probe.game, self.probe.fen, each.history).legal_actions()) for each in twins]

    def values(self) -> tuple[float, float]:
        """The range of values that meets all that is expected of the value."""
        ranges = [each for each in self.probe.expectations if isinstance(each, Value)]
        low = max((each.low for each in ranges), default=-math.inf)
        return low, min((each.high for each in ranges), default=math.inf)

    def passes(self, policy: Policy) -> bool:
        """Whether the policy meets all that is expected of anything but the value."""
        here = self.decision(policy, self.legal)
        twins = iter(self.twins)
        for each in self.probe.expectations:
            if isinstance(each, Value):
                continue
            there = self.decision(policy, next(twins)) if isinstance(each, Twin) else None
            returns = self.returns(policy, each) if isinstance(each, PlayOut) else math.nan
            if not meets(each, here, self.player, there, returns):
                return False
        return True

    def decision(self, policy: Policy, legal: Sequence[int]) -> Decision:
        """What the policy answers where these actions are legal."""
        return Decision(spread(policy(legal), self.size), np.empty(0))

    def returns(self, policy: Policy, asked: PlayOut) -> float:
        """What the mover can expect if all play the policy; NaN where others are to play, or it is too much to play."""
        if asked.opponent != "self":
            return math.nan
        try:
            seats = [(Constant(policy), None)] * self.state.num_players()
            return float(expected_returns(self.state, seats, 0)[self.player])
        except TesujiError:
            return math.nan


class Constant(BatchAgent):
    """Plays a constant policy."""

    name = "constant"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """The policy; values unknown."""
        return [
            Decision(
                spread(self._policy(state.legal_actions()), state.num_distinct_actions()),
                np.full(state.num_players(), math.nan),
            )
            for state in states
        ]


def best_of(questions: Sequence[Question]) -> tuple[int, str]:
    """How many of these probes of one game the best constant answer passes, and that answer."""
    ranges = [question.values() for question in questions]
    # The largest number of ranges overlap at the low end of one of them.
    values = sorted({low for low, _ in ranges if low > -math.inf}, key=abs) or [math.nan]
    fits = np.array([[low == -math.inf or low <= value <= high for value in values] for low, high in ranges])
    most, answer = -1, ""
    for name, row in policies(questions):
        counts = row @ fits
        best = int(np.argmax(counts))
        if counts[best] > most:
            most = int(counts[best])
            parts = [name] if any(asks_policy(question.probe) for question in questions) else []
            parts += [f"value {values[best]:g}"] if not math.isnan(values[best]) else []
            answer = ", ".join(parts)
    return most, answer


def asks_policy(probe: Probe) -> bool:
    """Whether anything but the value is asked for."""
    return not all(isinstance(each, Value) for each in probe.expectations)


def policies(questions: Sequence[Question]) -> Iterator[tuple[str, FloatArray]]:
    """Every constant policy by name, and float64[questions]: 1 where it passes, value apart."""
    even = np.array([question.passes(uniform) for question in questions], dtype=np.float64)
    yield "uniform", even
    shares = sorted({1.0, 0.0, *ends(questions)}, reverse=True)
    where: dict[int, list[int]] = {}
    for index, question in enumerate(questions):
        for action in question.legal:
            where.setdefault(action, []).append(index)
    for action, indices in sorted(where.items()):
        first = questions[indices[0]]
        label = first.state.action_to_string(first.player, action)
        for share in shares:
            row = even.copy()
            for index in indices:
                row[index] = questions[index].passes(fixed(action, share))
            yield {1.0: f"always {label}", 0.0: f"never {label}"}.get(share, f"{label} with {share:g}"), row
    for name, place in PLACES.items():
        yield f"always the {name} action", np.array([float(question.passes(at(place))) for question in questions])


def ends(questions: Sequence[Question]) -> set[float]:
    """The ends of all ranges of probabilities that are asked for."""
    ranges = [each for question in questions for each in question.probe.expectations if isinstance(each, Probability)]
    return {min(max(end, 0.0), 1.0) for each in ranges for end in (each.low, each.high)}


def uniform(legal: Sequence[int]) -> dict[int, float]:
    """The same probability for every action."""
    return dict.fromkeys(legal, 1.0 / len(legal))


PLACES: dict[str, Callable[[int], int]] = {
    "first": lambda count: 0,
    "middle": lambda count: count // 2,
    "last": lambda count: count - 1,
}
"""Which of so many legal actions, in rising order."""


def at(place: Callable[[int], int]) -> Policy:
    """Always the action at this place."""
    return lambda legal: {legal[place(len(legal))]: 1.0}


def fixed(action: int, share: float) -> Policy:
    """One action with a probability, the others sharing the rest."""

    def policy(legal: Sequence[int]) -> dict[int, float]:
        if action not in legal or len(legal) == 1:
            return uniform(legal)
        rest = (1.0 - share) / (len(legal) - 1)
        return {each: share if each == action else rest for each in legal}

    return policy


def spread(probabilities: dict[int, float], size: int) -> FloatArray:
    """float64[size] of the probabilities."""
    found = np.zeros(size)
    for action, probability in probabilities.items():
        found[action] = probability
    return found
