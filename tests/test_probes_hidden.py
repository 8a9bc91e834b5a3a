"""Probes of hidden information: what the oracles know is known otherwise too, and each family fails whom it should."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import Decision, FloatArray, one_hot
from engine.agents.parser import parse_agent
from engine.errors import TesujiError
from engine.game import load_game, room
from engine.probing.cooperation import JointPolicies
from engine.probing.equilibrium import Equilibria, SequenceForm, equilibria
from engine.probing.expectations import Moves, PlayOut, Probability, meets
from engine.probing.families.mixing import MISSED
from engine.probing.oracles import find_oracle, verify
from engine.probing.probe import Probe
from engine.probing.suite import shipped
from engine.search.beliefs import belief
from games.dark_hex.certainty import boards_of, table
from games.leduc_poker.domination import Domination, worlds
from games.leduc_poker.probes import equity
from games.tiny_hanabi.probes import silent, table_of

ROOMS = ("dark_hex", "efg_game", "kuhn_poker", "leduc_poker", "liars_dice", "tiny_hanabi")
ALL = {name: shipped([name]) for name in ROOMS}

Policy = Callable[[pyspiel.State], FloatArray]


def of_family(name: str) -> list[Probe]:
    return [probe for loaded in ALL.values() for probe in loaded.probes if probe.family == name]


def uniform(state: pyspiel.State) -> FloatArray:
    probabilities = np.zeros(state.num_distinct_actions())
    probabilities[state.legal_actions()] = 1.0 / len(state.legal_actions())
    return probabilities


def always(place: int) -> Policy:
    """The lowest legal action (0) or the highest (-1): to fold and to raise, in poker."""
    return lambda state: one_hot(state.legal_actions()[place], state.num_distinct_actions())


def self_play(state: pyspiel.State, policy: Policy, player: int) -> float:
    if state.is_terminal():
        return float(state.returns()[player])
    shares = dict(state.chance_outcomes()) if state.is_chance_node() else dict(enumerate(policy(state)))
    return sum(share * self_play(state.child(action), policy, player) for action, share in shares.items() if share > 0)


def passes(probe: Probe, policy: Policy) -> bool:
    state = probe.state()
    player = state.current_player()
    decision = Decision(policy(state), np.full(state.num_players(), math.nan))
    played = any(isinstance(each, PlayOut) for each in probe.expectations)
    returns = self_play(state, policy, player) if played else math.nan
    return all(meets(each, decision, player, returns=returns) for each in probe.expectations)


def rate(family: str, policy: Policy) -> float:
    return float(np.mean([passes(probe, policy) for probe in of_family(family)]))


# --- the shipped files


@pytest.mark.parametrize("name", ROOMS)
def test_shipped_probes_are_sound(name: str) -> None:
    assert not ALL[name].problems
    for family in importlib.import_module(f"games.{name}.probes").FAMILIES:
        own = [probe for probe in ALL[name].probes if probe.family == family.name]
        assert len({(probe.game, probe.history) for probe in own}) == len(own) > 0
        assert len(own) < 24 or 0.35 <= np.mean([probe.held_out for probe in own]) <= 0.65
        assert {probe.difficulty for probe in own} <= set(family.difficulties)
        load_game(family.game)


@pytest.mark.parametrize(
    "family", ["bluffing", "calling", "strategy_fusion", "non_locality", "signalling", "sure_wins", "sure_values"]
)
def test_there_are_enough(family: str) -> None:
    assert len(of_family(family)) >= 40


SAMPLE = [each.probes[index] for each in ALL.values() for index in (0, len(each.probes) // 2, len(each.probes) - 1)]


@pytest.mark.parametrize("probe", SAMPLE, ids=lambda probe: probe.id)
def test_oracles_bear_out_a_sample(probe: Probe) -> None:
    assert verify(probe) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
def test_oracles_bear_out_all(name: str) -> None:
    assert [said for probe in ALL[name].probes if (said := verify(probe))] == []


def assert_regenerated(name: str, family: str, difficulty: int, count: int) -> None:
    found = next(each for each in importlib.import_module(f"games.{name}.probes").FAMILIES if each.name == family)
    made = found.make(count, 0, difficulty)
    kept = [probe for probe in ALL[name].probes if (probe.family, probe.difficulty) == (family, difficulty)]
    assert [(probe.id, probe.history, probe.tags) for probe in made] == [
        (probe.id, probe.history, probe.tags) for probe in kept[:count]
    ]
    for new, old in zip(made, kept[:count], strict=True):
        for here, there in zip(new.expectations, old.expectations, strict=True):
            if isinstance(here, Probability) and isinstance(there, Probability):
                assert (here.low, here.high) == pytest.approx((there.low, there.high), abs=2e-3)
            else:
                assert here == there


@pytest.mark.parametrize(
    ("name", "family", "difficulty"),
    [
        *[("efg_game", "strategy_fusion", worlds) for worlds in (2, 5)],
        *[("efg_game", "non_locality", steps) for steps in (1, 4)],
        *[("tiny_hanabi", "signalling", cards) for cards in (2, 3)],
        *[("kuhn_poker", family, step) for family in ("bluffing", "calling") for step in (1, 2, 3)],
    ],
)
def test_generators_repeat_themselves(name: str, family: str, difficulty: int) -> None:
    assert_regenerated(name, family, difficulty, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "family", "difficulty"),
    [("leduc_poker", "bluffing", 1), ("leduc_poker", "calling", 3), ("dark_hex", "sure_wins", 4)],
)
def test_slow_generators_repeat_themselves(name: str, family: str, difficulty: int) -> None:
    assert_regenerated(name, family, difficulty, 2)


# --- equilibria


def test_all_equilibria_of_kuhn_poker() -> None:
    """Kuhn, 1950: seat 0 bets the jack with some alpha up to 1/3, the king with 3 alpha; that decides all else."""
    found = equilibria("kuhn_poker()")
    assert found.value == pytest.approx(-1 / 18)
    expected = {
        (0, "0"): (0, 1 / 3),
        (0, "1"): (0, 0),
        (0, "2"): (0, 1),
        (0, "0pb"): (0, 0),
        (0, "1pb"): (1 / 3, 2 / 3),
        (1, "0p"): (1 / 3, 1 / 3),
        (1, "1p"): (0, 0),
        (1, "2p"): (1, 1),
        (1, "0b"): (0, 0),
        (1, "1b"): (1 / 3, 1 / 3),
        (1, "2b"): (1, 1),
    }
    for (player, information), ends in expected.items():
        assert found.range(player, information, 1) == pytest.approx(ends, abs=1e-5), information
    # Who misses the value by a little may do more.
    least, most = found.range(1, "0p", 1, missed=0.01)
    assert least < 1 / 3 - 0.01 and most > 1 / 3 + 0.01
    # Betting the jack and checking it are both in some equilibrium; betting the queen in none.
    assert found.committed(0, "0", 0) == pytest.approx(-1 / 18)
    assert found.committed(0, "2", 1) == pytest.approx(-1 / 18)
    assert found.committed(0, "1", 1) < -1 / 18 - 0.01


def test_what_has_no_equilibria_here() -> None:
    with pytest.raises(TesujiError, match="has 3 players"):
        SequenceForm(load_game("kuhn_poker(players=3)"))
    with pytest.raises(TesujiError, match="not zero-sum"):
        Equilibria(load_game("tiny_hanabi"))
    with pytest.raises(TesujiError, match="do not want the same"):
        JointPolicies(load_game("kuhn_poker"))
    forgetful = """EFG 2 R "forgets" { "one" "two" }
p "" 1 1 "first" { "a" "b" } 0
p "" 1 2 "then" { "c" "d" } 0
t "" 1 "" { 1, -1 }
t "" 2 "" { -1, 1 }
p "" 1 2 "then" { "c" "d" } 0
t "" 2 "" { -1, 1 }
t "" 1 "" { 1, -1 }
"""
    with pytest.raises(TesujiError, match="forgets"):
        SequenceForm(pyspiel.load_efg_game(forgetful))


def test_equity_of_a_leduc_hand() -> None:
    """The jack beats nothing on a queen: of the four other cards one ties. A jack on the table makes it a pair."""
    assert equity(0, 2) == pytest.approx(1 / 8)
    assert equity(0, 1) == 1.0
    assert equity(4, 0) == pytest.approx((2 + 0.5) / 4)
    assert np.mean([equity(card, None) for card in range(6)]) == pytest.approx(0.5)


def cfr(name: str, iterations: int, to: Callable[[pyspiel.Game, pyspiel.State], pyspiel.State] | None = None) -> Policy:
    """OpenSpiel's average policy. to: which state of the game that is solved stands for one of the game played."""
    game = load_game(name)
    solver = pyspiel.CFRPlusSolver(game)
    for _ in range(iterations):
        solver.evaluate_and_update_policy()
    # Whoever misses the value by no more than this passes every probe, by what their ranges are.
    assert pyspiel.nash_conv(game, solver.average_policy(), True) < MISSED

    def policy(state: pyspiel.State) -> FloatArray:
        probabilities = np.zeros(state.num_distinct_actions())
        average = solver.average_policy()  # good only as long as its solver
        for action, probability in average.action_probabilities(to(game, state) if to else state).items():
            probabilities[action] = probability
        return probabilities

    return policy


def without_suits(game: pyspiel.Game, state: pyspiel.State) -> pyspiel.State:
    """A state of Leduc poker in the game that knows ranks only, which is solved in a quarter of the time."""
    plain = game.new_initial_state()
    for move in state.full_history():
        plain.apply_action(move.action // 2 if move.player == pyspiel.PlayerId.CHANCE else move.action)
    return plain


CFR = {
    "kuhn_poker": lambda: cfr("kuhn_poker", 20_000),
    "leduc_poker": lambda: cfr("leduc_poker(suit_isomorphism=true)", 2_800, without_suits),
    "liars_dice": lambda: cfr("liars_dice(dice_sides=4)", 1_400),
}


@pytest.mark.parametrize(
    "name", ["kuhn_poker", *[pytest.param(name, marks=pytest.mark.slow) for name in list(CFR)[1:]]]
)
def test_counterfactual_regret_minimisation_passes(name: str) -> None:
    policy = CFR[name]()
    assert [probe.id for probe in ALL[name].probes if not passes(probe, policy)] == []


@pytest.mark.parametrize("family", ["bluffing", "calling"])
def test_fixed_habits_fail_where_equilibria_mix(family: str) -> None:
    for policy in (uniform, always(0), always(1), always(-1)):
        assert rate(family, policy) < 0.67
    for probe in of_family(family):
        if probe.difficulty == 3:
            assert not any(passes(probe, policy) for policy in (always(0), always(1), always(-1)))


def test_how_often_equilibria_come_to_a_position() -> None:
    """Kuhn poker: a king is passed at first with probability 1 to 0, a jack with 1 to 2/3."""
    found = equilibria(str(load_game("kuhn_poker")))
    for information, least in (("0", 1.0), ("2", 1.0), ("0pb", 2 / 3), ("1pb", 1.0), ("2pb", 0.0)):
        assert found.reach(0, information) == pytest.approx((least, 1.0), abs=1e-4)


# --- trees


# Sixteen worlds drawn may happen to be the wrong ones: non_locality is about what more of them tend to.
@pytest.mark.parametrize(
    ("family", "simulations"),
    [("strategy_fusion", 16)]
    + [(family, budget) for family in ("strategy_fusion", "non_locality") for budget in (64, 256, 1024, 4096)],
)
def test_information_set_search_errs_at_every_budget(family: str, simulations: int) -> None:
    every = of_family(family)
    for probe in every if simulations <= 256 else every[::6]:
        state = probe.state()
        agent = parse_agent(f"ismcts:{simulations}", state.get_game())
        decision = agent.policy(state, seed=simulations)
        assert not all(meets(each, decision, state.current_player()) for each in probe.expectations), probe.id


def test_why_a_fused_search_errs() -> None:
    """Its estimates tend to what each world would be worth by itself: the prize of the wrong action, not its mean."""
    probe = next(probe for probe in of_family("strategy_fusion") if "partner" in probe.tags)
    state = probe.state()
    found = parse_agent("ismcts:20000", state.get_game()).policy(state)
    prize = int(probe.why.split("seeing it: ")[1].split(" if right")[0])
    (trusted,) = (move for move in found.statistics["moves"] if state.action_to_string(move.action) == "trust")
    assert trusted.q == pytest.approx(prize, rel=0.1)
    verdict = find_oracle(probe.oracle, probe.game).judge(state)
    assert verdict is not None and verdict.values[trusted.action] < verdict.value < prize


@pytest.mark.parametrize("family", ["strategy_fusion", "non_locality"])
def test_every_agent_plays_the_trees(family: str) -> None:
    for probe in of_family(family)[::7]:
        game = probe.state().get_game()
        for spec in ("random", "ismcts:8", "best_response:random"):
            agent = parse_agent(spec, game)
            state = game.new_initial_state()
            while not state.is_terminal():
                chance = state.is_chance_node()
                state.apply_action(state.legal_actions()[0] if chance else agent.policy(state).action)
        assert "seat 0" in room("efg_game").view(probe.state(), 0)
        assert room("efg_game").render(probe.state())


def test_no_equilibrium_mixes_the_right_action_with_others() -> None:
    for probe in (of_family("strategy_fusion") + of_family("non_locality"))[::5]:
        if "partner" not in probe.tags:
            state = probe.state()
            information = state.information_state_string()
            (moves,) = (each for each in probe.expectations if isinstance(each, Moves))
            found = equilibria(str(state.get_game())).range(0, information, moves.accepted[0])
            assert found == pytest.approx((1.0, 1.0), abs=1e-3)


def test_trees_are_small_and_all_are_needed() -> None:
    folder = room("efg_game").folder
    assert folder is not None
    files = {f"trees/{file.name}" for file in Path(folder, "trees").iterdir()}
    assert files == {probe.game.split("=")[1].rstrip(")") for probe in ALL["efg_game"].probes}
    assert all(Path(folder, file).stat().st_size < 2048 for file in files)


# --- cooperation


def named_card() -> str:
    """Both get 10 if the second names the first one's card."""
    payoffs = [10 * (named == card) for card in (0, 1) for _ in (0, 1) for _ in (0, 1) for named in (0, 1)]
    return f"tiny_hanabi(num_chance=2,num_actions=2,payoff={';'.join(map(str, payoffs))})"


def test_joint_policies_of_a_game_of_naming() -> None:
    game = load_game(named_card())
    found = JointPolicies(game)
    assert found.value == 10.0
    state = game.new_initial_state()
    for card in (1, 0):
        state.apply_action(card)
    # Either action may stand for the card, so both are as good and nothing is known of what comes after one.
    assert [found.committed(0, state.information_state_string(), action) for action in (0, 1)] == [10.0, 10.0]
    assert found.returns(state) == 10.0
    value, ends = silent(table_of(named_card()))
    assert value == 5.0
    assert ends.shape[-1] == 2 and set(ends[1, 0].reshape(-1)) == {0, 10}


def test_openspiels_table() -> None:
    """Foerster et al., 2019: the best joint policy gets 10; without signals it is 8."""
    game = load_game("tiny_hanabi")
    assert JointPolicies(game).value == 10.0
    assert silent(table_of("tiny_hanabi"))[0] == 8.0
    # The table is read in the order in which the game reads it.
    payoffs = table_of("tiny_hanabi")
    for index in np.ndindex(payoffs.shape):
        state = game.new_initial_state()
        for action in index:
            state.apply_action(int(action))
        assert state.returns()[0] == payoffs[index]


# --- the dark


def test_joined_sides_are_openspiels() -> None:
    game = load_game("dark_hex(board_size=3,gameversion=adh)")
    generator = np.random.default_rng(1)
    for _ in range(60):
        state = game.new_initial_state()
        while not state.is_terminal():
            state.apply_action(int(generator.choice(state.legal_actions())))
        cells = [cell for cell in str(state) if cell in "xo."]
        for player, stone in enumerate("xo"):
            stones = sum(1 << index for index, cell in enumerate(cells) if cell == stone)
            assert table(3, 3, player).joined(stones, player) == (state.returns()[player] > 0)


def sure_cells(own: set[int], others: list[set[int]], most: int) -> list[int]:
    """Of x on 3 x 3 cells, all of its stones being found."""

    def bits(cells: set[int]) -> int:
        return sum(1 << cell for cell in cells)

    boards = frozenset((bits(own), bits(other), bits(own)) for other in others)
    free = set(range(9)) - own - set.intersection(*others)
    return [cell for cell in sorted(free) if table(3, 3, 0).wins(boards, cell, most)]


def test_certainty_of_bridges() -> None:
    """x at b2 touches b1 and c1 above, a3 and b3 below. A bump costs the turn, so two ways are not enough unseen."""
    assert sure_cells({1, 4}, [{3}], 1) == [6, 7]
    assert sure_cells({1, 4}, [{3, 6}, {3, 0}], 1) == [7]
    assert sure_cells({1, 4}, [{3, 6}, {3, 7}], 9) == []
    assert sure_cells({4}, [{3}], 9) == []


def test_a_sure_win_wins_on_every_board() -> None:
    for probe in of_family("sure_wins")[::5]:
        state = probe.state()
        player = state.current_player()
        every = belief(state, None, method="exact", max_nodes=1_000_000).states
        (moves,) = (each for each in probe.expectations if isinstance(each, Moves))
        for action in state.legal_actions():
            ends = [each.child(action) for each in every]
            won = all(end.is_terminal() and end.returns()[player] > 0 for end in ends)
            assert won == (action in moves.accepted)
        assert len(boards_of(state)) <= len(every)


# --- everybody else


@pytest.mark.parametrize("family", ["strategy_fusion", "non_locality", "signalling", "sure_wins"])
def test_oracles_pass_and_habits_fail(family: str) -> None:
    def known(state: pyspiel.State) -> FloatArray:
        verdict = find_oracle(of_family(family)[0].oracle, names[str(state.get_game())]).judge(state)
        assert verdict is not None
        action = verdict.best[0] if verdict.best else state.legal_actions()[0]
        return one_hot(action, state.num_distinct_actions())

    names = {str(probe.state().get_game()): probe.game for probe in of_family(family)}
    assert rate(family, known) == 1.0
    assert rate(family, uniform) == 0.0
    for habit in (always(0), always(-1)):
        assert rate(family, habit) <= 0.55


# Leduc's unbeatable hands


def test_domination_by_hand() -> None:
    """Seat 1 has the pair of kings and faces a bet of four: calling wins ante and bet, folding loses the ante."""
    state = load_game("leduc_poker").new_initial_state()
    for action in (0, 4, 1, 1, 5, 2):  # a jack, a king; both check; the other king; seat 0 bets
        state.apply_action(action)
    assert len(worlds(state)) == 4  # two jacks, two queens
    verdict = Domination().judge(state)
    assert verdict is not None
    assert verdict.values == {0: -1.0, 1: 5.0}  # raising does not end the hand
    assert verdict.value == 5.0


def test_without_a_pair_calling_depends_on_the_other_card() -> None:
    state = load_game("leduc_poker").new_initial_state()
    for action in (0, 4, 1, 1, 2, 2):  # a queen on the table: a king loses to another queen
        state.apply_action(action)
    verdict = Domination().judge(state)
    assert verdict is not None
    assert verdict.values == {0: -1.0}
