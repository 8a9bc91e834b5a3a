"""Who knows the truth. An oracle judges a position; what a probe expects is compared with what it says.

Known by name: `solver` (perfect play proven by search to the game's ends), `referee` (the room's outside referee,
`Room.oracle`), and those that a room's `probes.py` adds in `ORACLES`, such as value iteration. A name is looked up in
the room first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyspiel

from engine.errors import TesujiError, nearest
from engine.game import room
from engine.probing.expectations import Expectation, Moves, PlayOut, Probability, Twin, Value
from engine.probing.probe import Probe, reach
from engine.search.solver import solve

__all__ = ["Oracle", "Verdict", "disagreement", "find_oracle", "known_oracles", "verify"]

EXACT = 1e-6
"""Utilities and probabilities closer than this are equal."""
NODES = 2_000_000
"""States that the solver visits at most for one position."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a position, in utilities of the player to move; what is not known is left out."""

    values: Mapping[int, float] = field(default_factory=dict)
    """Legal action -> what it is worth with perfect play after it."""
    value: float = math.nan
    """Of the position, with perfect play by all."""
    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    """Legal action -> its least and largest probability over all equilibria."""
    returns: float = math.nan
    """The best expected return that can be had from here when played out with one's own kind (cooperative games)."""
    doubt: Callable[[], str] = lambda: "the oracle does not say enough"
    """Why `ranges` exclude nothing, if they do not, as the end of a sentence; computed when asked for."""

    @property
    def best(self) -> tuple[int, ...]:
        """The actions that are known to keep the value of the position."""
        return tuple(action for action, value in self.values.items() if value >= self.value - EXACT)


class Oracle(Protocol):
    """Judges positions of some games."""

    name: str
    truth: str
    """What its word is worth: one of `engine.probing.probe.TRUTHS`."""

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """What is true in a position; None where it cannot tell (out of budget, not its kind of position).

        Raises TesujiError where it cannot run at all, naming what to install.
        """


class Solver:
    """`engine.search.solver`: every move proven by search."""

    name = "solver"
    truth = "exact"

    def __init__(self, nodes: int = NODES) -> None:
        self.nodes = nodes

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """Values of the moves that could be proven; None if the position itself could not."""
        found = solve(state, nodes=self.nodes, every_move=True)
        if not found.proven:
            return None
        values = {
            int(action): float(worth)
            for action, worth in zip(found.actions, found.move_values[:, found.player], strict=True)
            if np.isfinite(worth)
        }
        return Verdict(values, float(found.values[found.player]))


class Referee:
    """The outside referee of a game's room."""

    name = "referee"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The class of every move; None for games and variants without a referee."""
        game = state.get_game()
        referee = room(game.get_type().short_name).oracle(game)
        if referee is None:
            return None
        values = {action: float(score) for action, score in referee.scores([state])[0].items()}
        return Verdict(values, max(values.values()))


GENERAL: dict[str, Oracle] = {each.name: each for each in (Referee(), Solver())}


def known_oracles(game: str) -> dict[str, Oracle]:
    """Those of the game's room, then the general ones."""
    own = room(game.split("(", 1)[0]).module("probes")
    rooms_own: dict[str, Oracle] = getattr(own, "ORACLES", {})
    return rooms_own | {name: oracle for name, oracle in GENERAL.items() if name not in rooms_own}


def find_oracle(name: str, game: str) -> Oracle:
    """The oracle of this name for a game (its string). Raises TesujiError naming the nearest known one."""
    known = known_oracles(game)
    if name not in known:
        raise TesujiError(f"oracle: {name!r} is unknown{nearest(name, known)}; one of {', '.join(sorted(known))}")
    return known[name]


def verify(probe: Probe) -> str | None:
    """Ask the probe's oracle: None if it agrees with all expectations, else what it says instead, in a line.

    Raises TesujiError where the oracle is unknown, cannot run here, or knows nothing of the position.
    """
    if not probe.oracle:
        raise TesujiError("no oracle: the source has to be believed")
    oracle = find_oracle(probe.oracle, probe.game)
    state = probe.state()
    verdict = oracle.judge(state)
    if verdict is None:
        raise TesujiError(f"oracle: {oracle.name} knows nothing of this position")
    for expectation in probe.expectations:
        if isinstance(expectation, Twin):
            twin = oracle.judge(reach(probe.game, probe.fen, expectation.history))
            said = twins_differ(verdict, twin, expectation)
        else:
            said = disagreement(expectation, verdict, len(state.legal_actions()))
        if said:
            return said
    return None


def disagreement(expectation: Expectation, verdict: Verdict, legal: int) -> str | None:
    """What an oracle says against an expectation in a position with so many legal actions; None if it bears it out.

    Raises TesujiError where its verdict does not reach so far.
    """
    match expectation:
        case Moves():
            return moves_disagree(expectation, verdict, legal)
        case Value(low, high):
            value = known(verdict.value, "the value of the position")
            agrees = low - EXACT <= value <= high + EXACT
            return None if agrees else f"the value is {value:g}, not in [{low:g}, {high:g}]"
        case Probability(actions, low, high):
            if len(actions) != 1 or actions[0] not in verdict.ranges:
                raise TesujiError(f"oracle: nothing is known of the probability of {list(actions)}")
            least, most = verdict.ranges[actions[0]]
            agrees = low <= least + EXACT and most <= high + EXACT
            return None if agrees else f"equilibria play action {actions[0]} with {least:.4f} to {most:.4f}"
        case PlayOut(opponent, low, high):
            returns = known(verdict.returns if opponent == "self" else math.nan, f"play against {opponent}")
            agrees = low - EXACT <= returns <= high + EXACT
            return None if agrees else f"the best return is {returns:g}, not in [{low:g}, {high:g}]"
        case Twin():
            raise ValueError("a Twin is verified with both positions")


def moves_disagree(moves: Moves, verdict: Verdict, legal: int) -> str | None:
    """`disagreement` for moves: what is accepted keeps the value, what is forbidden does not, and where all moves are
    known none that keeps it is left out.
    """
    for action in moves.accepted:
        worth = known(verdict.values.get(action, math.nan), f"action {action}")
        if worth < known(verdict.value, "the value of the position") - EXACT:
            return f"accepted action {action} is worth {worth:g}, the position {verdict.value:g}"
    for action in moves.forbidden:
        worth = known(verdict.values.get(action, math.nan), f"action {action}")
        if worth >= verdict.value - EXACT:
            return f"forbidden action {action} keeps the value {verdict.value:g}"
    if moves.accepted and len(verdict.values) == legal and (missing := set(verdict.best) - set(moves.accepted)):
        return f"action {min(missing)} keeps the value {verdict.value:g}, too, and is not accepted"
    return None


def known(number: float, what: str) -> float:
    """A number of a verdict. Raises TesujiError if the oracle left it out."""
    if math.isnan(number):
        raise TesujiError(f"oracle: nothing is known of {what}")
    return number


def twins_differ(here: Verdict, there: Verdict | None, twin: Twin) -> str | None:
    """What tells two positions apart that should be the same. Raises TesujiError where too little is known of them."""
    for action, other in twin.actions:
        first = known(here.values.get(action, math.nan), f"action {action}")
        second = known(there.values.get(other, math.nan) if there else math.nan, f"action {other} at the twin")
        if abs(first - second) > EXACT:
            return f"action {action} is worth {first:g}, its twin {other} {second:g}"
    return None
