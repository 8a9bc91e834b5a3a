"""The best joint policies of small two-player games in which both want the same, by enumeration.

Every deterministic policy of player 0 is tried, and player 1's best answers to each follow by working backwards. No
mixture of policies is better than the best of its parts, so that deterministic ones suffice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
import pyspiel

from engine.agents.agent import FloatArray
from engine.errors import TesujiError
from engine.game import load_game
from engine.probing.equilibrium import SAME, Plan, SequenceForm
from engine.probing.oracles import Verdict

__all__ = ["JointEnumeration", "JointPolicies", "joint_policies"]

MAX_POLICIES = 50_000
"""Of player 0."""

Choice = dict[int, tuple[int, ...]]
"""Number of an information state -> the actions that a policy may choose there."""


class JointPolicies:
    """All deterministic joint policies of a game.

    value: the expected return of the best ones, in utilities.
    """

    def __init__(self, game: pyspiel.Game) -> None:
        """Enumerate the game. Raises TesujiError as `SequenceForm` does, where the two want different things, and where
        player 0 has too many policies.
        """
        self.form = SequenceForm(game)
        if not self.form.common:
            raise TesujiError(f"{game}: its players do not want the same")
        self._payoffs: FloatArray = self.form.payoffs.toarray()
        first = self.form.plans[0]
        if math.prod(len(first.actions(number)) for number in range(len(first.parents))) > MAX_POLICIES:
            raise TesujiError(f"{game}: more than {MAX_POLICIES} policies of player 0")
        self._answered = [(policy, self._answer(policy, {})) for policy in policies(first)]
        self.value = max(answer[0] for _, answer in self._answered)

    def committed(self, player: int, information: str, action: int) -> float:
        """The best expected return of the whole game, in utilities, if the player takes this action for certain
        wherever this information state comes up.
        """
        number = self.form.plans[player].states[information]
        if player == 0:
            return max(answer[0] for policy, answer in self._answered if policy[number] == (action,))
        return max(self._answer(policy, {number: (action,)})[0] for policy, _ in self._answered)

    def returns(self, state: pyspiel.State) -> float:
        """What the best joint policies that come to a state gain from there on; NaN where they disagree, and where none
        comes.
        """
        found = [
            end
            for policy, (value, answers) in self._answered
            if value >= self.value - SAME and self._comes(state, (policy, answers))
            for end in self._ends(state, (policy, answers))
        ]
        agree = found and max(found) - min(found) < SAME
        return found[0] if agree else math.nan

    def _answer(self, policy: Choice, fixed: Choice) -> tuple[float, Choice]:
        """Player 1's best answers to a policy of player 0, some of its actions being `fixed`, and what they gain."""
        second = self.form.plans[1]
        worth = weights(self.form.plans[0], policy) @ self._payoffs
        answers: Choice = {}
        for number in reversed(range(len(second.parents))):  # what comes later was entered later
            allowed = fixed.get(number) or second.actions(number)
            gains = {action: worth[second.sequences[number, action]] for action in allowed}
            best = max(gains.values())
            answers[number] = tuple(action for action, gain in gains.items() if gain >= best - SAME)
            worth[second.parents[number]] += best
        return float(worth[0]), answers

    def _choice(self, state: pyspiel.State, both: tuple[Choice, Choice]) -> tuple[int, ...]:
        player = state.current_player()
        return both[player][self.form.plans[player].states[state.information_state_string(player)]]

    def _comes(self, state: pyspiel.State, both: tuple[Choice, Choice]) -> bool:
        """Whether the moves of both players on the way to a state are theirs."""
        before = state.get_game().new_initial_state()
        for action in state.history():
            if not before.is_chance_node() and action not in self._choice(before, both):
                return False
            before.apply_action(action)
        return True

    def _ends(self, state: pyspiel.State, both: tuple[Choice, Choice]) -> tuple[float, float]:
        """Least and largest expected return from a state on."""
        if state.is_terminal():
            return state.returns()[0], state.returns()[0]
        if state.is_chance_node():
            ends = [(chance, self._ends(state.child(outcome), both)) for outcome, chance in state.chance_outcomes()]
            return sum(chance * low for chance, (low, _) in ends), sum(chance * high for chance, (_, high) in ends)
        lows, highs = zip(*(self._ends(state.child(action), both) for action in self._choice(state, both)), strict=True)
        return min(lows), max(highs)


def policies(plan: Plan) -> Iterator[Choice]:
    """Every deterministic policy of a player."""
    numbers = range(len(plan.parents))
    for actions in product(*(plan.actions(number) for number in numbers)):
        yield {number: (action,) for number, action in zip(numbers, actions, strict=True)}


def weights(plan: Plan, policy: Choice) -> FloatArray:
    """float64[sequences]: 1 for those that a deterministic policy plays, else 0."""
    played = np.zeros(plan.size)
    played[0] = 1.0
    for (number, action), sequence in plan.sequences.items():
        if policy[number] == (action,):
            played[sequence] = played[plan.parents[number]]
    return played


@cache
def joint_policies(game: str) -> JointPolicies:
    """The joint policies of a game (its string), computed once a process."""
    return JointPolicies(load_game(game))


class JointEnumeration:
    """The best joint policy by enumeration. The worth of an action is what the best joint policy gains, in the whole
    game, that takes it for certain wherever the mover knows the same.
    """

    name = "joint_enumeration"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The worth of all actions, and what the best joint policies gain from here on, if they agree about it. Raises
        TesujiError for games that are no small ones of two players who want the same.
        """
        found = joint_policies(str(state.get_game()))
        player, information = state.current_player(), state.information_state_string()
        values = {action: found.committed(player, information, action) for action in state.legal_actions()}
        return Verdict(values, found.value, returns=found.returns(state))
