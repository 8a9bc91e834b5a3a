"""All equilibria of a small two-player zero-sum game at once: what every one of them does in an information state.

The equilibrium strategies of a player are those that guarantee the game's value. In the sequence form (von Stengel,
1996, "Efficient computation of behavior strategies"; Koller, Megiddo and von Stengel, 1996, "Efficient computation of
equilibria for extensive two-person games") they are the solutions of linear inequalities whose number is that of the
information states and actions. So the least and the largest probability that an equilibrium gives to an action are a
linear-fractional program each, made linear by Charnes and Cooper's scaling (1962).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyspiel

from engine.agents.agent import FloatArray
from engine.errors import TesujiError
from engine.game import load_game
from engine.probing.oracles import Verdict

__all__ = ["SELDOM", "Equilibria", "EquilibriumOracle", "SequenceForm", "equilibria"]

SLACK = 1e-7
"""Utilities by which a strategy may miss the value and still count as an equilibrium's: the solver is no more exact."""
SAME = 1e-9
"""Returns that differ by less are equal."""
MAX_HISTORIES = 100_000
INFEASIBLE = 2
"""What scipy's `linprog` says of inequalities that nothing solves."""
SELDOM = 1e-3
"""What is rarer than this never happens."""


@dataclass
class Plan:
    """One player's part of a sequence form. Sequence 0 is the empty one; the others are (information state, action)."""

    parents: list[int] = field(default_factory=list)
    """The sequence that leads to each information state."""
    states: dict[str, int] = field(default_factory=dict)
    """Information-state string -> its number."""
    sequences: dict[tuple[int, int], int] = field(default_factory=dict)
    """(number of the information state, action) -> number of the sequence."""
    _actions: list[tuple[int, ...]] = field(default_factory=list)

    def visit(self, name: str, actions: list[int], before: int) -> int:
        """The number of an information state, which is entered when it is new. Raises TesujiError if it forgets."""
        number = self.states.setdefault(name, len(self.states))
        if number == len(self.parents):
            self.parents.append(before)
            self._actions.append(tuple(actions))
            for action in actions:
                self.sequences[number, action] = len(self.sequences) + 1
        elif self.parents[number] != before:
            raise TesujiError(f"information state {name!r} forgets what its player did: no sequence form")
        return number

    def actions(self, number: int) -> tuple[int, ...]:
        """The legal actions of an information state."""
        return self._actions[number]

    @property
    def size(self) -> int:
        """Number of sequences."""
        return len(self.sequences) + 1


class SequenceForm:
    """A two-player game as sequences and their payoffs.

    plans: of players 0 and 1. payoffs: sparse float64[sequences of 0, sequences of 1], player 0's utility times
    chance's probability, summed over all ends of the game that both sequences lead to. zero_sum, common: whether at all
    ends player 1's utility is the opposite of player 0's, or the same.
    """

    def __init__(self, game: pyspiel.Game) -> None:
        """Enumerate the game. Raises TesujiError for more players, forgetful ones, and large games."""
        from scipy.sparse import coo_array

        if game.num_players() != 2:
            raise TesujiError(f"{game}: has {game.num_players()} players; a sequence form is made for two")
        self.plans = Plan(), Plan()
        self.zero_sum = self.common = True
        self._histories = 0
        rows, columns, worths = [], [], []
        for first, second, worth in self._ends(game.new_initial_state(), 0, 0, 1.0):
            rows.append(first)
            columns.append(second)
            worths.append(worth)
        shape = self.plans[0].size, self.plans[1].size
        self.payoffs = coo_array((worths, (rows, columns)), shape=shape).tocsr()

    def _ends(self, state: pyspiel.State, first: int, second: int, chance: float) -> Iterator[tuple[int, int, float]]:
        self._histories += 1
        if self._histories > MAX_HISTORIES:
            raise TesujiError(f"{state.get_game()}: more than {MAX_HISTORIES} histories, too many for a sequence form")
        if state.is_terminal():
            own, other = state.returns()
            self.zero_sum &= abs(own + other) < SAME
            self.common &= abs(own - other) < SAME
            yield first, second, chance * own
        elif state.is_chance_node():
            for outcome, probability in state.chance_outcomes():
                yield from self._ends(state.child(outcome), first, second, chance * probability)
        else:
            player = state.current_player()
            plan = self.plans[player]
            actions = state.legal_actions()
            number = plan.visit(state.information_state_string(player), actions, (first, second)[player])
            for action in actions:
                taken = plan.sequences[number, action]
                after = (taken, second) if player == 0 else (first, taken)
                yield from self._ends(state.child(action), *after, chance)


class Equilibria:
    """The polytopes of both players' equilibrium strategies.

    value: of the game for player 0, in utilities.
    """

    def __init__(self, game: pyspiel.Game) -> None:
        """Solve the game. Raises TesujiError as `SequenceForm` does."""
        self.form = SequenceForm(game)
        if not self.form.zero_sum:
            raise TesujiError(f"{game}: not zero-sum, so that its equilibria are no linear programs")
        self._systems = tuple(System(self.form, player) for player in range(2))
        self.value = self._systems[0].best()

    def range(self, player: int, information: str, action: int, missed: float = SLACK) -> tuple[float, float]:
        """Least and largest probability of an action over all equilibria whose own moves lead to an information state.

        missed: over all strategies, instead, that guarantee the game's value but for so many utilities. The whole of
        [0, 1] where such strategies come as rarely as one likes. Raises TesujiError where none comes at all.
        """
        plan = self.form.plans[player]
        number = plan.states[information]
        wanted = plan.sequences[number, action], plan.parents[number]
        least, most = (self._systems[player].ratio(*wanted, sign, self._value(player) - missed) for sign in (1.0, -1.0))
        return min(max(least, 0.0), 1.0), min(max(most, 0.0), 1.0)

    def reach(self, player: int, information: str) -> tuple[float, float]:
        """Least and largest probability, over all equilibria, that the player's own moves lead to an information state
        where chance and the opponent do their part.
        """
        plan = self.form.plans[player]
        sequence = plan.parents[plan.states[information]]
        system, value = self._systems[player], self._value(player) - SLACK
        least, most = (system.extent(sequence, sign, value) for sign in (1.0, -1.0))
        return min(max(least, 0.0), 1.0), min(max(most, 0.0), 1.0)

    def committed(self, player: int, information: str, action: int) -> float:
        """What the player guarantees itself in the whole game, in utilities, if it takes this action for certain
        wherever this information state comes up. The game's value exactly where some equilibrium does.
        """
        plan = self.form.plans[player]
        number = plan.states[information]
        others = [taken for (at, other), taken in plan.sequences.items() if at == number and other != action]
        return self._systems[player].best(without=others)

    def _value(self, player: int) -> float:
        return self.value if player == 0 else -self.value


class System:
    """One player's side as linear inequalities over z = [x, q, t].

    x: how the player weighs its sequences (sum rule, x >= 0). q: the dual variables of the opponent's answer, such that
    q[0] is at most what x guarantees against any answer. t: the scale; 1 except where a ratio is sought.
    """

    def __init__(self, form: SequenceForm, player: int) -> None:
        from scipy.sparse import bmat, csr_array

        own, other = form.plans[player], form.plans[1 - player]
        payoffs = form.payoffs if player == 0 else -form.payoffs.T
        self.own, self.answers = own.size, len(other.parents) + 1
        rules, answers = sum_rules(own), sum_rules(other)
        scale = csr_array(([-1.0], ([0], [0])), shape=(rules.shape[0], 1))
        self.equal = bmat([[rules, csr_array((rules.shape[0], self.answers)), scale]], format="csr")
        nothing = csr_array((payoffs.shape[1], 1))
        self.below = bmat([[-payoffs.T, answers.T, nothing]], format="csr")
        self.size = self.own + self.answers + 1

    def best(self, without: list[int] | None = None) -> float:
        """The most that can be guaranteed, in utilities, without some sequences."""
        goal = np.zeros(self.size)
        goal[self.own] = -1.0
        bounds = self._bounds(1.0, 1.0)
        for sequence in without or []:
            bounds[sequence] = 0.0, 0.0
        return -self._solve(goal, bounds)

    def ratio(self, upper: int, lower: int, sign: float, value: float) -> float:
        """The least (sign 1) or largest (sign -1) x[upper] / x[lower] among the strategies that guarantee `value`."""
        goal = np.zeros(self.size)
        goal[upper] = sign
        bounds = self._bounds(0.0, math.inf)
        bounds[lower] = 1.0, 1.0
        return sign * self._solve(goal, bounds, value)

    def extent(self, sequence: int, sign: float, value: float) -> float:
        """The least (sign 1) or largest (sign -1) x[sequence] among the strategies that guarantee `value`."""
        goal = np.zeros(self.size)
        goal[sequence] = sign
        return sign * self._solve(goal, self._bounds(1.0, 1.0), value)

    def _bounds(self, least: float, most: float) -> FloatArray:
        bounds = np.empty((self.size, 2))
        bounds[: self.own] = 0.0, math.inf
        bounds[self.own : -1] = -math.inf, math.inf
        bounds[-1] = least, most
        return bounds

    def _solve(self, goal: FloatArray, bounds: FloatArray, value: float | None = None) -> float:
        """The least goal; with a value, among strategies that guarantee it."""
        from scipy.optimize import linprog
        from scipy.sparse import csr_array, vstack

        below: Any = self.below
        if value is not None:
            # What is guaranteed is q[0] / t.
            row = csr_array(([-1.0, value], ([0, 0], [self.own, self.size - 1])), shape=(1, self.size))
            below = vstack([below, row], format="csr")
        found = linprog(
            goal,
            A_ub=below,
            b_ub=np.zeros(below.shape[0]),
            A_eq=self.equal,
            b_eq=np.zeros(self.equal.shape[0]),
            bounds=bounds,
            method="highs",
        )
        if found.status == INFEASIBLE:
            raise TesujiError("equilibrium play never reaches this position, so it says nothing here")
        if found.status != 0:
            raise TesujiError(f"the linear program of the equilibria has no answer: {found.message}")
        return float(found.fun)


def sum_rules(plan: Plan) -> Any:
    """Sparse [information states + 1, sequences]: the empty sequence weighs t; the actions of an information state
    together weigh what leads there. The scale's column stands apart.
    """
    from scipy.sparse import csr_array

    rows, columns, signs = [0], [0], [1.0]
    for number, parent in enumerate(plan.parents):
        rows.append(number + 1)
        columns.append(parent)
        signs.append(-1.0)
    for (number, _), sequence in plan.sequences.items():
        rows.append(number + 1)
        columns.append(sequence)
        signs.append(1.0)
    return csr_array((signs, (rows, columns)), shape=(len(plan.parents) + 1, plan.size))


@cache
def equilibria(game: str) -> Equilibria:
    """The equilibria of a game (its string), computed once a process."""
    return Equilibria(load_game(game))


class Ranges(Mapping[int, tuple[float, float]]):
    """Legal action -> least and largest probability over all equilibria, computed when asked for."""

    def __init__(self, found: Equilibria, state: pyspiel.State) -> None:
        self._found = found
        self._player = int(state.current_player())
        self._information = str(state.information_state_string())
        self._actions = list(state.legal_actions())
        self._known: dict[int, tuple[float, float]] = {}

    def __getitem__(self, action: int) -> tuple[float, float]:
        if action not in self._actions:
            raise KeyError(action)
        if action not in self._known:
            self._known[action] = self._found.range(self._player, self._information, action)
        return self._known[action]

    def __iter__(self) -> Iterator[int]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)


class EquilibriumOracle:
    """Probabilities that every equilibrium obeys, at information states that some equilibrium's own moves lead to."""

    name = "equilibrium"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The ranges of all actions. Raises TesujiError for games that are no small two-player zero-sum ones."""
        found = equilibria(str(state.get_game()))
        player, information = int(state.current_player()), str(state.information_state_string())

        def doubt() -> str:
            if found.reach(player, information)[0] <= SELDOM:
                return "equilibrium play may never reach this position, so it says nothing here"
            return "equilibria that reach this position play almost anything"

        return Verdict(ranges=Ranges(found, state), doubt=doubt)
