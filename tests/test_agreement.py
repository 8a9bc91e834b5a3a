from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import Decision
from engine.errors import TesujiError
from engine.evaluate.agreement import TOGETHER, Agreement, agreement, labelled_positions
from engine.evaluate.ratings import wilson_interval
from engine.game import LabelledPosition

# x to move can win at 2 (0 1 2) or lose; o to move after "0 4": everything is labelled by hand below.
WIN = LabelledPosition((0, 3, 1, 4), {2: 1, 5: 0, 6: -1, 7: -1, 8: -1})
LOSS = LabelledPosition((0,), {1: -1, 2: -1, 3: -1, 4: 0, 5: -1, 6: -1, 7: -1, 8: -1})


class Fixed:
    """Answers every state from a table by ply; values are in absolute player order."""

    name = "fixed"

    def __init__(self, answers: dict[int, tuple[dict[int, float], tuple[float, float]]]) -> None:
        self.answers = answers
        self.calls: list[tuple[int, int | None, int]] = []

    def policy(self, states: Sequence[pyspiel.State], budget: int | None = None, seed: int = 0) -> list[Decision]:
        self.calls.append((len(states), budget, seed))
        decisions = []
        for state in states:
            shares, values = self.answers[len(state.history())]
            probabilities = np.zeros(9)
            probabilities[list(shares)] = list(shares.values())
            decisions.append(Decision(probabilities, np.array(values)))
        return decisions

    def observe(self, state: pyspiel.State, action: int) -> None: ...

    def reset(self) -> None: ...


def ask(answers: dict[int, tuple[dict[int, float], tuple[float, float]]]) -> Agreement:
    return agreement(Fixed(answers), "tic_tac_toe", [WIN, LOSS], simulations=8, seed=3)


def test_right_moves_and_values() -> None:
    found = ask({4: ({2: 1.0}, (0.9, -0.9)), 1: ({4: 0.6, 0: 0.4}, (0.1, -0.1))})
    assert (found.positions, found.optimal, found.optimal_share) == (2, 2, 1.0)
    assert (found.decided, found.wrong_sign, found.value_sign_error) == (1, 0, 0.0)  # the second is a draw
    assert found.by_ply == {1: (1, 1), 4: (1, 1)}
    assert found.interval == wilson_interval(2, 2)


def test_wrong_moves_and_values() -> None:
    found = ask({4: ({6: 1.0}, (-0.2, 0.2)), 1: ({5: 1.0}, (0.0, 0.0))})
    assert (found.optimal, found.wrong_sign) == (0, 1)
    assert found.value_sign_error == 1.0


def test_value_is_read_from_the_movers_seat() -> None:
    lost = LabelledPosition((0,), {1: -1, 4: -1})
    held = LabelledPosition((0,), {1: -1, 4: 1})
    agent = Fixed({1: ({4: 1.0}, (-0.5, 0.5))})
    assert agreement(agent, "tic_tac_toe", [held]).wrong_sign == 0
    assert agreement(agent, "tic_tac_toe", [lost]).wrong_sign == 1


def test_ties_go_to_the_lowest_action() -> None:
    found = ask({4: ({2: 0.5, 5: 0.5}, (1, -1)), 1: ({3: 0.5, 4: 0.5}, (0, 0))})
    assert found.by_ply == {1: (1, 0), 4: (1, 1)}


def test_a_value_of_zero_is_no_verdict() -> None:
    assert ask({4: ({2: 1.0}, (0.0, 0.0)), 1: ({4: 1.0}, (0, 0))}).wrong_sign == 1


def test_an_agent_without_values() -> None:
    nothing = (np.nan, np.nan)
    found = ask({4: ({2: 1.0}, nothing), 1: ({4: 1.0}, nothing)})
    assert found.wrong_sign is None
    assert np.isnan(found.value_sign_error)


def test_budget_and_seed_reach_the_agent_in_one_batch() -> None:
    agent = Fixed({4: ({2: 1.0}, (1, -1)), 1: ({4: 1.0}, (0, 0))})
    agreement(agent, "tic_tac_toe", [WIN, LOSS], simulations=8, seed=3)
    assert agent.calls == [(2, 8, 3)]


def test_progress_counts_up_to_all_positions() -> None:
    agent = Fixed({4: ({2: 1.0}, (1, -1)), 1: ({4: 1.0}, (0, 0))})
    seen: list[tuple[str, int, int]] = []
    total = TOGETHER + 2
    positions = [WIN, LOSS] * (total // 2)
    found = agreement(agent, "tic_tac_toe", positions, on_progress=lambda *report: seen.append(report))
    assert seen == [("positions", TOGETHER, total), ("positions", total, total)]
    assert (found.positions, found.optimal) == (total, total)


def test_an_illegal_move_is_an_error() -> None:
    with pytest.raises(TesujiError, match=r"fixed chose action 0, which is illegal after \[0\]"):
        ask({4: ({2: 1.0}, (1, -1)), 1: ({0: 1.0}, (0, 0))})


def test_a_game_without_labels_is_an_error() -> None:
    assert labelled_positions("tic_tac_toe") == []
    with pytest.raises(TesujiError, match=r"tic_tac_toe.* has no labelled positions"):
        agreement(Fixed({}), "tic_tac_toe")


@pytest.mark.parametrize("variant", ["connect_four(rows=7)", "connect_four(x_in_row=3)"])
def test_a_variant_is_not_judged_by_the_standard_games_labels(variant: str) -> None:
    assert len(labelled_positions("connect_four")) > 2000
    assert labelled_positions(variant) == []
    with pytest.raises(TesujiError, match=r"connect_four\(.*\) has no labelled positions"):
        agreement(Fixed({}), variant)
