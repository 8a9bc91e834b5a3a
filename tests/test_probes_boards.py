"""Probes of nim, dots_and_boxes, clobber, hex and othello: oracles, generators, and agents that must fail."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import Agent, BatchAgent, Decision, one_hot
from engine.agents.bots import MctsAgent, RandomAgent
from engine.game import load_game, room
from engine.native import core
from engine.probing.expectations import Moves, Twin, Value, meets
from engine.probing.family import Family
from engine.probing.oracles import Solver, find_oracle, verify
from engine.probing.positions import random_state
from engine.probing.probe import Probe, reach
from engine.probing.suite import shipped
from games.clobber import probes as clobber
from games.clobber.game import cells
from games.dots_and_boxes import probes as dots_and_boxes
from games.dots_and_boxes.margins import Margins, board_boxes, worths
from games.hex import probes as hexes
from games.hex.ladders import win_by_threats
from games.nim import probes as nim
from games.othello import probes as othello

ROOMS = ("nim", "dots_and_boxes", "clobber", "hex", "othello")
FAMILIES: tuple[Family, ...] = (
    *nim.FAMILIES,
    *dots_and_boxes.FAMILIES,
    *clobber.FAMILIES,
    *hexes.FAMILIES,
    *othello.FAMILIES,
)
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@cache
def shipped_probes() -> list[Probe]:
    loaded = shipped(ROOMS)
    assert not loaded.problems
    return loaded.probes


def of(family: str, *difficulties: int) -> list[Probe]:
    """Shipped probes of these rooms' family, of some steps of its dial or all."""
    games = {each.game.split("(")[0] for each in FAMILIES}
    return [
        probe
        for probe in shipped_probes()
        if probe.family == family
        and probe.game.split("(")[0] in games
        and (not difficulties or probe.difficulty in difficulties)
    ]


class ConstantAgent(BatchAgent):
    """Always the lowest or highest legal action."""

    def __init__(self, place: int) -> None:
        self.name = "constant"
        self.place = place

    def decide(self, states: list[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        return [
            Decision(one_hot(state.legal_actions()[self.place], state.num_distinct_actions()), np.full(2, np.nan))
            for state in states
        ]


class OracleAgent(BatchAgent):
    """Any of the best moves, and the value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def decide(self, states: list[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        return [self.answer(state) for state in states]

    def answer(self, state: pyspiel.State) -> Decision:
        verdict = find_oracle(self.name, str(state.get_game())).judge(state)
        assert verdict is not None
        probabilities = np.zeros(state.num_distinct_actions())
        probabilities[list(verdict.best)] = 1 / len(verdict.best)
        values = np.full(2, -verdict.value)
        values[state.current_player()] = verdict.value
        return Decision(probabilities, values)


def passes(agent: Agent, probe: Probe) -> bool:
    state = probe.state()
    decision = agent.policy([state])[0]
    for each in probe.expectations:
        twin = agent.policy([reach(probe.game, probe.fen, each.history)])[0] if isinstance(each, Twin) else None
        if not meets(each, decision, state.current_player(), twin):
            return False
    return True


def rate(probes: list[Probe], simulations: int = 0, agent: Agent | None = None) -> float:
    """Share that an agent passes; MCTS with so many simulations, if none is given."""
    return float(np.mean([passes(agent or MctsAgent(load_game(each.game), simulations), each) for each in probes]))


# All families.


@every_family
def test_ships_enough_of_every_step_half_of_it_held_out(family: Family) -> None:
    probes = of(family.name)
    assert len(probes) >= 40
    assert {probe.difficulty for probe in probes} == set(family.difficulties)
    assert {probe.truth for probe in probes} == {"exact"}
    assert 0.35 <= np.mean([probe.held_out for probe in probes]) <= 0.65
    assert len({(probe.game, str(probe.state()), probe.player) for probe in probes}) == len(probes)


@every_family
def test_makes_again_what_it_ships(family: Family) -> None:
    step = family.difficulties[0]
    assert family.make(2, 0, step) == of(family.name, step)[:2]
    assert family.make(1, 1, step) != family.make(1, 0, step)


@every_family
def test_accepts_all_that_the_oracle_calls_best(family: Family) -> None:
    for probe in of(family.name)[::12]:
        assert verify(probe) is None
        assert passes(OracleAgent(probe.oracle), probe)
        require_completeness(probe)


@pytest.mark.slow
def test_all_shipped_probes_are_true() -> None:
    for probe in shipped_probes():
        if any(probe.family == family.name for family in FAMILIES):
            assert verify(probe) is None, probe.id
            require_completeness(probe)


def require_completeness(probe: Probe) -> None:
    """No best move is left out: whichever an agent plays, it passes."""
    verdict = find_oracle(probe.oracle, probe.game).judge(probe.state())
    assert verdict is not None
    assert len(verdict.values) == len(probe.state().legal_actions()), probe.id
    for each in probe.expectations:
        if isinstance(each, Moves):
            assert each.accepted == verdict.best, probe.id


@every_family
def test_agents_that_know_nothing_fail(family: Family) -> None:
    probes = of(family.name)
    assert rate(probes, agent=RandomAgent()) == 0
    assert rate(probes, agent=ConstantAgent(0)) < 0.4
    assert rate(probes, agent=ConstantAgent(-1)) < 0.4


@pytest.mark.parametrize(
    ("family", "steps", "few", "many"),
    [
        ("double_cross", (6, 8), 16, 16384),
        ("chains", (6, 8), 16, 16384),
        ("many_fronts", (3, 4, 5), 16, 4096),
        ("ladders", (2, 3, 4), 16, 4096),
        ("bridges", (8, 10, 12), 16, 4096),
        ("half_turn", (8, 10, 12), 16, 4096),
        ("colour_swap", (8, 10, 12), 16, 4096),
    ],
)
def test_plain_search_needs_simulations(family: str, steps: tuple[int, ...], few: int, many: int) -> None:
    probes = of(family, *steps)
    assert rate(probes, few) < 0.5
    assert rate(probes, many) > 0.75


def test_chains_and_fights_get_harder_with_the_dial() -> None:
    assert rate(of("chains", 6), 1024) > rate(of("chains", 12, 14), 1024) + 0.3
    assert rate(of("many_fronts", 2), 64) > rate(of("many_fronts", 5), 64) + 0.3


def test_search_does_not_find_the_xor_rule_in_many_piles() -> None:
    rates = [rate(of("nim", piles), 1024) for piles in (3, 5, 7)]
    assert rates[0] > 0.7 > 0.5 > rates[1]
    assert rates[2] < 0.3


def test_search_does_not_know_who_has_won_in_many_piles() -> None:
    assert rate(of("nim_value", 3), 4096) > 0.8
    assert rate(of("nim_value", 6, 7), 4096) < 0.3


# Nim.


@pytest.mark.parametrize("misere", [False, True])
def test_the_xor_rule_is_what_the_solver_finds(misere: bool) -> None:
    game = load_game(f"nim(is_misere={misere},pile_sizes=2;3;4)")
    for sizes in product(range(3), range(4), range(5)):
        state = game.new_initial_state()
        for pile, (before, after) in enumerate(zip((2, 3, 4), sizes, strict=True)):
            if before > after:
                state.apply_action((before - after - 1) * 3 + pile)
        if not state.is_terminal():
            solved = Solver().judge(state)
            assert solved is not None
            told = nim.Xor().judge(state)
            assert (told.value, dict(told.values)) == (solved.value, dict(solved.values))


@pytest.mark.parametrize(
    ("sizes", "normal", "misere"),
    [
        ((1,), True, False),
        ((1, 1), False, True),
        ((2, 2), False, False),
        ((2, 1), True, True),
        ((1, 2, 3), False, False),
    ],
)
def test_boutons_theorem_by_hand(sizes: tuple[int, ...], normal: bool, misere: bool) -> None:
    assert nim.mover_wins(sizes, False) is normal
    assert nim.mover_wins(sizes, True) is misere


def test_as_many_nim_positions_are_won_as_lost() -> None:
    for held_out in (False, True):
        probes = [probe for probe in of("nim_value") if probe.held_out is held_out]
        won = np.mean([isinstance(each, Value) and each.low > 0 for probe in probes for each in probe.expectations])
        assert 0.4 <= won <= 0.6


# Dots and Boxes.


@pytest.mark.parametrize("settings", ["num_rows=2,num_cols=2", "num_rows=2,num_cols=3,utility_margin=True"])
def test_margins_are_what_the_solver_finds(settings: str) -> None:
    game = load_game(f"dots_and_boxes({settings})")
    generator = np.random.default_rng(0)
    for _ in range(10):
        state = random_state(game, game.num_distinct_actions() - 6, generator)
        assert state is not None
        solved, told = Solver().judge(state), Margins().judge(state)
        assert solved is not None and told is not None
        assert dict(told.values) == dict(solved.values)


def test_a_chain_of_three_by_hand() -> None:
    """One row of three boxes, only the four upright lines open: whoever opens it loses all three."""
    boxes = board_boxes(load_game("dots_and_boxes(num_rows=1,num_cols=3)"))
    opened = worths(boxes, (6, 7, 8, 9))
    assert [(each.closed, each.gives, each.margin) for each in opened.values()] == [
        (0, 1, -3),
        (0, 2, -3),
        (0, 2, -3),
        (0, 1, -3),
    ]
    assert {line: each.margin for line, each in worths(boxes, (7, 8, 9)).items()} == {7: 3, 8: -3, 9: -3}


def test_a_double_cross_gives_two_boxes_and_forbids_those_that_are_there() -> None:
    for probe in of("double_cross"):
        (moves,) = probe.expectations
        assert isinstance(moves, Moves)
        state = probe.state()
        assert len(state.legal_actions()) == probe.difficulty
        lines = worths(board_boxes(state.get_game()), state.legal_actions())
        assert all(lines[line].closed for line in moves.forbidden)
        assert not any(lines[line].closed for line in moves.accepted)


# Clobber.


def test_fights_are_groups_of_both_colours() -> None:
    stones = {(0, 0): "o", (0, 1): "x", (2, 2): "o", (4, 4): "x", (5, 4): "o", (5, 5): "o"}
    assert [sorted(group) for group in clobber.fights(stones)] == [[(0, 0), (0, 1)], [(4, 4), (5, 4), (5, 5)]]


def test_a_fight_and_its_opposite_are_worth_nothing() -> None:
    star = {(0, 0): "o", (0, 1): "x"}
    assert not clobber.is_zero(star)
    assert clobber.is_zero(star | {(3, 0): "x", (3, 1): "o"})


def test_all_fights_but_one_are_worth_nothing() -> None:
    for probe in of("many_fronts", 2, 3)[::6]:
        groups = clobber.fights(cells(probe.state()))
        assert len(groups) == probe.difficulty
        rests = [
            {cell: stone for group in groups if group is not left_out for cell, stone in group.items()}
            for left_out in groups
        ]
        assert any(clobber.is_zero(rest) for rest in rests)


# Hex.


def hex_state(moves: str, game: str = "hex(board_size=3)") -> pyspiel.State:
    state = load_game(game).new_initial_state()
    for move in moves.split():
        state.apply_action(next(each for each in state.legal_actions() if state.action_to_string(each) == move))
    return state


def test_a_win_by_threats_by_hand() -> None:
    assert win_by_threats(hex_state("b2 a1 a3 c3"), 3) == 1  # b1 or c1 joins b2 to the top
    assert win_by_threats(hex_state("b2 a1"), 3) == 2  # b2 has a bridge to the bottom, and enters the top with a threat
    assert win_by_threats(hex_state(""), 1) is None


def test_an_entered_bridge_has_one_answer() -> None:
    state = hex_state("b2 b3")  # o enters the bridge of b2 and the bottom
    assert {state.action_to_string(action) for action in hexes.intrusion_answers(state)} == {"a3"}
    assert hexes.intrusion_answers(hex_state("b2 c3")) == set()


def test_ladders_are_as_long_as_the_dial_says() -> None:
    for probe in of("ladders")[::4]:
        assert win_by_threats(probe.state(), 6) == probe.difficulty


def test_the_half_turn_of_hex_leaves_inputs_as_good() -> None:
    for game in (load_game("hex(board_size=4,swap=True)"), load_game("hex(board_size=3,plain_obs_tensor=True)")):
        (turn,) = room("hex").symmetries(game)
        generator = np.random.default_rng(0)
        cell_count = int(np.prod(game.observation_tensor_shape()[1:]))
        for decisions in range(2, 7):
            state = random_state(game, decisions, generator)
            if state is None:
                continue
            image = game.new_initial_state()
            for action in state.history():
                image.apply_action(int(turn.actions[action]))
            assert int(turn.actions[0]) == cell_count - 1
            inputs = [np.array(each.observation_tensor(0)) for each in (state, image)]
            assert np.array_equal(inputs[0][turn.inputs], inputs[1])
    assert core.default_encoder(load_game("hex(board_size=4)"))


# Othello.


def test_discs_turned_and_regions_by_hand() -> None:
    state = load_game("othello").new_initial_state()
    assert othello.turned(state, 19) == 1  # d3 turns d4
    board = "-" * 2 + "x" * 6 + "x" * 8 + "x" * 8 + "-" + "x" * 7 + "x-" + "o" * 6 + "x" * 16 + "x" * 7 + "-"
    assert sorted(map(sorted, othello.empty_regions(board))) == [[0, 1], [24, 33], [63]]


def test_othello_probes_have_as_many_empty_cells_as_the_dial_says() -> None:
    for probe in (*of("greed"), *of("last_moves")):
        assert othello.discs(probe.state()).count("-") == probe.difficulty
