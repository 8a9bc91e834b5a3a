"""Families in which chance decides: Pig against value iteration, EinStein würfelt nicht! against expectimax."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import Agent, BatchAgent, Decision, one_hot
from engine.agents.bots import MctsAgent, RandomAgent
from engine.game import load_game, room
from engine.probing.expectations import Expectation, Moves, Value, meets
from engine.probing.family import Family
from engine.probing.oracles import find_oracle, verify
from engine.probing.positions import advance_chance
from engine.probing.probe import Probe
from engine.probing.suite import shipped
from engine.search.solver import solve
from games.einstein_wurfelt_nicht import probes as einstein
from games.einstein_wurfelt_nicht.board import apart, cubes, ends
from games.pig import probes as pig
from games.pig.game import ROLL, STOP, read
from games.pig.value_iteration import Rules, converged, iterate

FAMILIES = (*pig.FAMILIES, *einstein.FAMILIES)
BY_NAME = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@cache
def all_shipped() -> tuple[Probe, ...]:
    loaded = shipped(["pig", "einstein_wurfelt_nicht"])
    assert not loaded.problems
    return tuple(loaded.probes)


def probes(family: Family) -> list[Probe]:
    return [probe for probe in all_shipped() if probe.family == family.name]


def moves(probe: Probe) -> Moves:
    found = probe.expectations[0]
    assert isinstance(found, Moves)
    return found


def passed(agent: Agent, given: Sequence[Probe], kinds: tuple[type[Expectation], ...] = (Moves, Value)) -> float:
    """The share of probes of which an agent meets all expectations of these kinds."""
    right = 0
    for probe in given:
        state = probe.state()
        decision = agent.policy([state], None, 1)[0]
        asked = [each for each in probe.expectations if isinstance(each, kinds)]
        right += all(meets(each, decision, state.current_player()) for each in asked)
    return right / len(given)


class Picks(BatchAgent):
    """The lowest or highest legal action."""

    def __init__(self, index: int) -> None:
        self.index = index

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        picked = [state.legal_actions()[self.index] for state in states]
        size = states[0].num_distinct_actions()
        return [Decision(one_hot(action, size), np.full(2, np.nan)) for action in picked]


class Knows(BatchAgent):
    """What an oracle says, all best moves alike."""

    def __init__(self, oracle: str) -> None:
        self.oracle = oracle

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        return [self.answer(state) for state in states]

    def answer(self, state: pyspiel.State) -> Decision:
        verdict = find_oracle(self.oracle, str(state.get_game())).judge(state)
        assert verdict is not None
        probabilities = np.zeros(state.num_distinct_actions())
        probabilities[list(verdict.best)] = 1.0 / len(verdict.best)
        values = np.full(2, -verdict.value)
        values[state.current_player()] = verdict.value
        return Decision(probabilities, values)


class HoldsAtTwenty(BatchAgent):
    """The best way to collect points in Pig."""

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        picked = [STOP if read(state).turn >= pig.HOLD else ROLL for state in states]
        return [Decision(one_hot(action, 2), np.full(2, np.nan)) for action in picked]


def perfect_play(state: pyspiel.State, player: int) -> float:
    """By nothing but its definition."""
    if state.is_terminal():
        return float(state.returns()[player])
    if state.is_chance_node():
        return sum(chance * perfect_play(state.child(roll), player) for roll, chance in state.chance_outcomes())
    below = [perfect_play(state.child(action), player) for action in state.legal_actions()]
    return max(below) if state.current_player() == player else min(below)


# Oracles


def test_the_smallest_piglet_is_known() -> None:
    """Two points win, the die is a coin: solved by hand by Neller and Presser, 2004."""
    values, _ = converged(Rules(2, 2, True))
    by_hand = {(0, 0, 0): 4 / 7, (0, 0, 1): 5 / 7, (0, 1, 0): 2 / 5, (0, 1, 1): 3 / 5, (1, 0, 1): 4 / 5}
    for position, won in by_hand.items():
        assert (1.0 + values[position]) / 2.0 == pytest.approx(won, abs=1e-9)


def test_the_first_player_of_pig_wins_slightly_more_often() -> None:
    values, sweeps = converged(Rules(100, 6, False))
    assert (1.0 + values[0, 0, 0]) / 2.0 == pytest.approx(0.5306, abs=5e-5)  # Neller and Presser, 2004
    longer, _ = iterate(Rules(100, 6, False), sweeps)
    np.testing.assert_array_equal(values, longer)
    assert sweeps < 1000


@pytest.mark.parametrize("name", ["winscore=4,horizon=7,diceoutcomes=3", "winscore=3,horizon=8,piglet=True"])
def test_value_iteration_knows_the_horizon(name: str) -> None:
    game = load_game(f"pig({name})")
    generator = np.random.default_rng(0)
    for _ in range(5):
        state = game.new_initial_state()
        while not state.is_terminal():
            verdict = pig.ORACLE.judge(state)
            assert verdict is not None
            below = {a: perfect_play(state.child(a), state.current_player()) for a in state.legal_actions()}
            assert verdict.values == pytest.approx(below, abs=1e-9)
            state.apply_action(int(generator.choice(state.legal_actions())))
            advance_chance(state, generator)


def test_value_iteration_knows_when_it_does_not_know() -> None:
    assert pig.ORACLE.judge(load_game("pig(players=3)").new_initial_state()) is None
    assert pig.ORACLE.judge(load_game("pig(winscore=201)").new_initial_state()) is None
    state = load_game("pig").new_initial_state()
    state.apply_action(ROLL)
    assert pig.ORACLE.judge(state) is None


def test_expectimax_is_what_solver_and_recursion_find() -> None:
    generator = np.random.default_rng(3)
    solved = recursed = 0
    while solved < 20 or recursed < 5:
        start = einstein.endgame(generator)
        for state in () if start is None else einstein.continuations(start, generator):
            black, white = cubes(state)
            if len(black) + len(white) > 3:
                continue
            verdict = einstein.ORACLE.judge(state)
            assert verdict is not None
            found = solve(state, nodes=20_000, every_move=True)
            if found.proven and found.nodes > 20:
                solved += 1
                assert verdict.value == pytest.approx(found.values[found.player], abs=1e-9)
            if 20 < found.nodes < 300 and found.proven:
                recursed += 1
                below = {a: perfect_play(state.child(a), state.current_player()) for a in state.legal_actions()}
                assert verdict.values == pytest.approx(below, abs=1e-9)
            break


def test_expectimax_knows_when_it_does_not_know() -> None:
    state = load_game("einstein_wurfelt_nicht").new_initial_state()
    assert einstein.ORACLE.judge(state) is None
    advance_chance(state, np.random.default_rng(0))
    assert einstein.ORACLE.judge(state) is None


def test_moves_and_races_are_read_from_the_board() -> None:
    generator = np.random.default_rng(0)
    start = None
    while start is None:
        start = einstein.endgame(generator)
    for action in start.legal_actions():
        before, after = cubes(start), cubes(start.child(action))
        player = start.current_player()
        left, entered = ends(action)
        assert after[player][entered] == before[player][left]
        assert left not in after[player]
    assert apart({(3, 3): 1}, {(2, 4): 2, (4, 2): 3, (1, 1): 4})
    assert not apart({(3, 3): 1}, {(3, 4): 2})


def test_the_room_shows_the_scores() -> None:
    state = load_game("pig").new_initial_state()
    for action in (ROLL, 3, STOP, ROLL, 5):
        state.apply_action(action)
    first, second, turn = room("pig").render(state).splitlines()
    assert (first, second) == ("Seat 0: 4 of 100 points", "Seat 1: 0 of 100 points")
    assert turn == "Seat 1 is to roll or stop, with 6 points in this turn"


# Families


@BY_NAME
def test_shipped_probes_are_many_and_different(family: Family) -> None:
    given = probes(family)
    assert len(given) >= 40
    assert len({(probe.game, probe.history) for probe in given}) == len(given)
    assert 0.35 <= np.mean([probe.held_out for probe in given]) <= 0.65
    assert {probe.difficulty for probe in given} == set(family.difficulties)


@BY_NAME
def test_a_sample_verifies(family: Family) -> None:
    for probe in probes(family)[::12]:
        assert verify(probe) is None


@pytest.mark.slow
@BY_NAME
def test_all_verify(family: Family) -> None:
    for probe in probes(family):
        assert verify(probe) is None


@pytest.mark.parametrize(
    ("family", "difficulty"),
    [(pig.FAMILIES[0], 2), (pig.FAMILIES[2], 1), (einstein.FAMILIES[0], 1), (einstein.FAMILIES[2], 1)],
)
def test_shipped_probes_are_made_again(family: Family, difficulty: int) -> None:
    share = len([probe for probe in probes(family) if probe.difficulty == difficulty])
    made = family.make(3, 0, difficulty)
    assert share >= 3
    assert made == [probe for probe in probes(family) if probe.difficulty == difficulty][:3]


@BY_NAME
def test_the_dial_sets_the_margin(family: Family) -> None:
    margins = einstein.MARGINS if family.game == einstein.GAME else pig.MARGINS
    for probe in probes(family)[::5]:
        verdict = find_oracle(probe.oracle, probe.game).judge(probe.state())
        assert verdict is not None
        assert set(moves(probe).accepted) == set(verdict.best)
        assert set(moves(probe).forbidden) == verdict.values.keys() - set(verdict.best)
        margin = verdict.value - max(verdict.values[action] for action in moves(probe).forbidden)
        if family.name in ("wins_at_once", "certain_wins"):
            ending = {probe.state().child(action).is_terminal() for action in verdict.best}
            assert (verdict.value, ending) == (pytest.approx(1.0), {family.name == "wins_at_once"})
            low, high = einstein.TEMPTING[probe.difficulty]
            assert low < 1.0 - margin <= high
        elif family.name == "rare_outcomes":
            assert margin >= margins[-1]
            if "rescue" in probe.tags:
                assert (1.0 + verdict.value) / 2.0 < 1.0 / pig.RARE[probe.difficulty]
            else:
                assert f"diceoutcomes={pig.RARE[probe.difficulty]}," in probe.game
        else:
            assert margins[probe.difficulty] <= margin < margins[probe.difficulty - 1]


def test_both_kinds_of_rare_outcomes_are_held_out() -> None:
    for held_out in (False, True):
        tags = [probe.tags for probe in probes(pig.FAMILIES[2]) if probe.held_out == held_out]
        assert 8 <= tags.count(("rescue",)) <= 16 and 8 <= tags.count(("disaster",)) <= 16


def test_needless_rolls_promise_the_end_or_points() -> None:
    given = probes(pig.FAMILIES[1])
    leads = [probe.difficulty for probe in given if "lead" in probe.tags]
    assert leads == [pig.LEADS] * 3
    right = [moves(probe).accepted == (ROLL,) for probe in given if "dare" in probe.tags]
    wrong = [moves(probe).accepted == (STOP,) for probe in given if "dare" not in probe.tags]
    assert all(right) and all(wrong) and len(right) == len(wrong) == len(given) / 2
    values, _ = converged(Rules(100, 6, False))
    worst = 0.0
    for own, other in np.ndindex(100, 100):
        for held in range(own + 1, min(own + pig.HOLD, 94)):  # no throw wins
            rolled = (values[own, other, held + 2 : held + 7].sum() - values[other, own, other]) / 6.0
            worst = max(worst, -values[other, held, other] - rolled)
    assert pig.MARGINS[pig.LEADS] < worst < 0.03


# Agents


@BY_NAME
@pytest.mark.parametrize("agent", [RandomAgent(), Picks(0), Picks(-1)], ids=["uniform", "lowest", "highest"])
def test_agents_without_sense_fail(family: Family, agent: BatchAgent) -> None:
    assert passed(agent, probes(family)) <= 0.45


@BY_NAME
def test_who_knows_passes(family: Family) -> None:
    given = probes(family)
    assert passed(Knows(given[0].oracle), given[::6]) == 1.0


def test_holding_at_twenty_is_averse_to_risk() -> None:
    aversion, seeking = probes(pig.FAMILIES[0]), probes(pig.FAMILIES[1])
    assert passed(HoldsAtTwenty(), aversion, (Moves,)) == 0.0
    assert passed(HoldsAtTwenty(), [probe for probe in seeking if "finish" in probe.tags], (Moves,)) >= 0.9
    assert passed(HoldsAtTwenty(), [probe for probe in seeking if "lead" in probe.tags], (Moves,)) == 0.0


def test_more_simulations_win_races() -> None:
    game = load_game(einstein.GAME)
    races = probes(einstein.FAMILIES[0])
    few, many = (passed(MctsAgent(game, simulations), races, (Moves,)) for simulations in (4, 1000))
    assert many >= few + 0.2
