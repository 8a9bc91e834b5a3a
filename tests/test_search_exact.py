"""The search against what is known exactly: solved games, expectimax, value iteration, equilibria, hand computation."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyspiel
import pytest
from positions import answering, assert_same, played, random_state, search_one

from engine.native import core


def best_value(values: list[np.ndarray], player: int) -> np.ndarray:
    return max(values, key=lambda value: value[player])


def backward_induction(key: Callable[[pyspiel.State], str]) -> Callable[[pyspiel.State], np.ndarray]:
    """Exact values [P] of a state, by plain recursion over all that follows: max^n with expectations at chance."""
    known: dict[str, np.ndarray] = {}

    def value(state: pyspiel.State) -> np.ndarray:
        if state.is_terminal():
            return np.array(state.returns())
        name = key(state)
        if name not in known:
            if state.is_chance_node():
                known[name] = sum(p * value(state.child(outcome)) for outcome, p in state.chance_outcomes())
            else:
                children = [value(state.child(action)) for action in state.legal_actions()]
                known[name] = best_value(children, state.current_player())
        return known[name]

    return value


def efg(tmp_path: Path, text: str, name: str = "game.efg") -> pyspiel.Game:
    path = tmp_path / name
    path.write_text(text)
    return pyspiel.load_game(f"efg_game(filename={path})")


# --- proofs ---


def test_tic_tac_toe_is_solved(tic_tac_toe: pyspiel.Game) -> None:
    """Every state after three moves or more is proven, and worth what backward induction says."""
    value = backward_induction(str)
    states = [random_state(tic_tac_toe, plies, seed) for plies in range(3, 8) for seed in range(20)]
    params = core.SearchParams(simulations=100_000, c_puct=5.0)  # wide, to settle every move
    results = core.search(states, core.FakeEvaluator(tic_tac_toe), params, list(range(len(states))))
    for state, result in zip(states, results, strict=True):
        assert result.root_proven
        assert result.values.tolist() == value(state).tolist()
        mover = state.current_player()
        for action, proven, q in zip(result.actions, result.proven, result.q, strict=True):
            if proven:
                assert q == value(state.child(int(action)))[mover]
        # The target sits on moves that keep the value, where they are proven.
        kept = {int(action) for action in result.actions[result.target > 0]}
        assert int(result.actions[result.best]) in kept
        if value(state)[mover] > -1:
            assert all(value(state.child(action))[mover] == value(state)[mover] for action in kept)


@pytest.mark.parametrize("piles", ["1;3;5", "2;3;1", "3;3", "1;1;1"])
def test_nim_follows_the_xor_rule(piles: str) -> None:
    """Misere nim: take the last piece and lose. Lost are an XOR of 0, or of 1 where no pile has more than one piece."""
    game = pyspiel.load_game(f"nim(pile_sizes={piles})")
    sizes = [int(size) for size in piles.split(";")]
    xor = functools.reduce(int.__xor__, sizes)
    wins = xor != 0 if max(sizes) > 1 else xor == 0
    result = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=50_000)
    assert result.root_proven
    assert result.values[0] == (1.0 if wins else -1.0)
    if wins:
        assert np.all(result.q[result.target > 0] == 1.0)


def test_endgames_with_dice_are_proven() -> None:
    """EinStein wuerfelt nicht!: chance nodes are proven by all their outcomes."""
    game = pyspiel.load_game("einstein_wurfelt_nicht")
    # The board says neither which cube the die allows nor, at a chance node, whose die it is.
    value = backward_induction(lambda state: f"{state}{state.legal_actions()}{state.move_number()}")
    proven = 0
    states = [random_state(game, 20, seed) for seed in range(200)]
    few = [state for state in states if sum(map(str.isdigit, str(state))) <= 5]
    assert len(few) > 50
    for seed, state in enumerate(few):
        result = search_one(state, core.FakeEvaluator(game), seed, simulations=3000)
        exact = value(state)
        if result.root_proven:
            proven += 1
            np.testing.assert_allclose(result.values, exact, atol=1e-6)
        for action, known, q in zip(result.actions, result.proven, result.q, strict=True):
            if known:
                assert q == pytest.approx(value(state.child(int(action)))[state.current_player()], abs=1e-6)
    assert proven >= 20


THREE_PLAYERS = """EFG 2 R "three" { "A" "B" "C" }
p "" 1 1 "" { "l" "r" } 0
p "" 2 1 "" { "l" "r" } 0
p "" 3 1 "" { "l" "r" } 0
t "" 1 "" { 3 1 2 }
t "" 2 "" { 0 2 4 }
p "" 3 2 "" { "l" "r" } 0
t "" 3 "" { 4 3 1 }
t "" 4 "" { 1 0 3 }
p "" 2 2 "" { "l" "r" } 0
t "" 5 "" { 2 2 2 }
t "" 6 "" { 5 1 0 }
"""


@pytest.mark.parametrize("value_range", ["declared", "tree"])
def test_three_players_play_max_n(tmp_path: Path, value_range: str) -> None:
    """By hand: C takes (0 2 4) and (1 0 3); B prefers 2 to 0 on the left and (2 2 2) on the right; A takes the 2."""
    game = efg(tmp_path, THREE_PLAYERS)
    result = search_one(
        game.new_initial_state(), core.FakeEvaluator(game), simulations=500, value_range=value_range, c_puct=5.0
    )
    scale = core.FakeEvaluator(game).value_scale
    assert result.root_proven
    np.testing.assert_allclose(result.values * scale, [2, 2, 2], atol=1e-6)
    assert result.best == 1
    plain = search_one(
        game.new_initial_state(), core.FakeEvaluator(game), simulations=3000, value_range=value_range, proofs=False
    )
    assert plain.best == 1 and not plain.root_proven
    np.testing.assert_allclose(plain.values * scale, [2, 2, 2], atol=0.5)


TIED = """EFG 2 R "tied" { "A" "B" "C" }
p "" 1 1 "" { "l" "r" } 0
p "" 2 1 "" { "l" "r" } 0
t "" 1 "" { 0 5 2 }
t "" 2 "" { 4 5 1 }
t "" 3 "" { 3 0 0 }
"""


def test_a_tie_that_leaves_others_in_doubt_is_not_proven(tmp_path: Path) -> None:
    """B gets 5 either way, A gets 0 or 4: what A's left move is worth cannot be known."""
    game = efg(tmp_path, TIED)
    result = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=300)
    assert not result.root_proven
    assert result.proven.tolist() == [False, True]
    assert result.simulations == 300


LOST = """EFG 2 R "lost" { "A" "B" "C" }
p "" 1 1 "" { "l" "r" } 0
p "" 2 1 "" { "l" "r" } 0
t "" 1 "" { 4 0 1 }
t "" 2 "" { 0 0 5 }
t "" 3 "" { 3 5 0 }
"""


@pytest.mark.parametrize("selection", ["puct", "gumbel"])
def test_where_all_moves_are_lost_the_search_goes_on_among_them(tmp_path: Path, selection: str) -> None:
    """B gets nothing either way, and plays either: A's left move is worth 2 of 4 and 0, less than the right one's 3."""
    game = efg(tmp_path, LOST)
    evaluator = core.FakeEvaluator(game)
    start = game.new_initial_state()
    result = search_one(start, evaluator, simulations=400, selection=selection, c_puct=5.0, gumbel_scale=0.0)
    lost = search_one(start.child(0), evaluator, simulations=400, selection=selection, c_puct=5.0, gumbel_scale=0.0)
    assert not lost.root_proven and lost.proven.all()
    prior = lost.prior if selection == "puct" else np.array([0.5, 0.5])
    np.testing.assert_allclose(lost.visits / 400, prior, atol=0.05)
    left = lost.prior @ [4, 0] / evaluator.value_scale
    assert not result.root_proven and result.proven.tolist() == [False, True]
    assert result.q[0] == pytest.approx(left, abs=0.1)
    assert result.best == 1


# --- chance ---

ONE_CHANCE = """EFG 2 R "chance" { "A" "B" }
p "" 1 1 "" { "draw" "stop" } 0
c "" 1 "" { "a" 0.5 "b" 0.3 "c" 0.2 } 0
t "" 1 "" { 1 -1 }
t "" 2 "" { -1 1 }
t "" 3 "" { 0 0 }
t "" 4 "" { 0.1 -0.1 }
"""


def test_a_chance_node_is_worth_its_expectation(tmp_path: Path) -> None:
    """0.5 - 0.3 = 0.2: exact as soon as every outcome has been seen, however often."""
    game = efg(tmp_path, ONE_CHANCE)
    result = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=64, proofs=False, c_puct=5.0)
    assert result.visits[0] >= 3
    assert result.q[0] == pytest.approx(0.2, abs=1e-6)
    proven = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=64)
    assert proven.root_proven and proven.best == 0
    assert proven.values.tolist() == pytest.approx([0.2, -0.2])
    drawn = search_one(
        game.new_initial_state(), core.FakeEvaluator(game), simulations=4000, expected_chance=False, proofs=False
    )
    assert drawn.q[0] == pytest.approx(0.2, abs=0.06) and drawn.q[0] != pytest.approx(0.2, abs=1e-6)


DICE = {"six faces": [1] * 6, "two dice": [2] * 15 + [1] * 6, "tiles": [9, 1]}
"""Outcomes of chance by their relative probabilities."""


@pytest.mark.parametrize("kind", DICE)
def test_a_new_chance_node_is_worth_its_expectation_whatever_comes_first(tmp_path: Path, kind: str) -> None:
    """The mean of q over 600 seeds, after 1, 2, 4 and 8 visits, where the outcomes are worth 0, 1, 2, ..."""
    weights = DICE[kind]
    total, size = sum(weights), len(weights)
    chances = " ".join(f'"{outcome}" {weight}/{total}' for outcome, weight in enumerate(weights))
    ends = "\n".join(f't "" {outcome + 1} "" {{ {outcome} -{outcome} }}' for outcome in range(size))
    text = f'EFG 2 R "draw" {{ "A" "B" }}\np "" 1 1 "" {{ "draw" }} 0\nc "" 1 "" {{ {chances} }} 0\n{ends}\n'
    game = efg(tmp_path, text)
    scale = max(1.0, abs(game.max_utility()), abs(game.min_utility()))
    probabilities = np.array(weights) / total
    outcomes = np.arange(size) / scale
    expected = float(probabilities @ outcomes)
    spread = float(np.sqrt(probabilities @ (outcomes - expected) ** 2))
    state, seeds = game.new_initial_state(), list(range(600))
    for visits in (1, 2, 4, 8):
        params = core.SearchParams(simulations=visits, proofs=False)
        results = core.search([state] * len(seeds), core.FakeEvaluator(game), params, seeds)
        q = np.array([result.q[0] for result in results])
        # Equal chances: no bias at all. Else the weights of what few visits reach bring a little.
        allowed = {"six faces": 0.0, "two dice": 0.03, "tiles": 0.1}[kind] * spread
        assert abs(q.mean() - expected) <= allowed + 4.0 * q.std() / np.sqrt(len(seeds)) + 1e-6  # float32
        if visits == 1:
            assert q.std() == pytest.approx(spread, rel=0.15)  # each outcome as often as it comes


@pytest.mark.parametrize(
    ("game_string", "history"), [("pig", [0, 4]), ("backgammon", [4, 978, 4]), ("einstein_wurfelt_nicht", [])]
)
def test_the_frontier_is_unbiased(game_string: str, history: list[int]) -> None:
    """The first visit of a move is worth, on average, what expectimax one ply deep makes of the same evaluator."""
    game = pyspiel.load_game(game_string)
    state = played(game_string, history) if history else game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.chance_outcomes()[0][0])
    evaluator = core.RolloutEvaluator(game, rollouts=1, seed=5)  # equal priors: the first move is looked at
    seeds = list(range(1000))
    results = core.search([state] * len(seeds), evaluator, core.SearchParams(simulations=1, proofs=False), seeds)
    assert all(result.visits[0] == 1 for result in results)
    chance = state.child(int(results[0].actions[0]))
    assert chance.is_chance_node()
    mover = state.current_player()

    def worth(child: pyspiel.State) -> float:
        if child.is_terminal():
            return float(child.returns()[mover])
        (answer,) = core.search([child], evaluator, core.SearchParams(simulations=0), [0])
        return float(answer.values[mover])

    values = np.array([worth(chance.child(outcome)) for outcome, _ in chance.chance_outcomes()])
    probabilities = np.array([probability for _, probability in chance.chance_outcomes()])
    q = np.array([result.q[0] for result in results])
    assert q.std() > 0.1
    assert abs(q.mean() - probabilities @ values) <= 4.0 * q.std() / np.sqrt(len(seeds))


@pytest.mark.parametrize(("simulations", "outcomes"), [(16, 2), (36, 3), (64, 4), (100, 5)])
def test_widening_bounds_the_outcomes_looked_at(tmp_path: Path, simulations: int, outcomes: int) -> None:
    """Half the square root of the visits, of eight: beside root and chance node there is a node for each."""
    chances = " ".join(f'"{outcome}" 1/8' for outcome in range(8))
    ends = "\n".join(f't "" {outcome + 1} "" {{ {outcome} -{outcome} }}' for outcome in range(8))
    text = f'EFG 2 R "draw" {{ "A" "B" }}\np "" 1 1 "" {{ "draw" }} 0\nc "" 1 "" {{ {chances} }} 0\n{ends}\n'
    game = efg(tmp_path, text)
    for widening, seen in ((0.5, outcomes), (0.0, 8)):
        result = search_one(
            game.new_initial_state(),
            core.FakeEvaluator(game),
            simulations=simulations,
            chance_widening=widening,
            proofs=False,
        )
        assert result.nodes == 2 + seen


def test_chance_drawn_inside_the_states() -> None:
    """stones_and_gems: the search draws from a stream of its own, and leaves the game's alone."""
    # A blob that never grows still asks at every step whether it should.
    grid = pyspiel.load_game("stones_and_gems").get_type().parameter_specification["grid"].replace("|01|", "|23|", 1)
    game = pyspiel.load_game("stones_and_gems", {"rng_seed": 3, "grid": grid, "blob_chance": 0})
    state = played(game, [0, 0, 1, 0])
    stream = game.serialize()
    evaluator = core.RolloutEvaluator(game, 1, seed=2)
    first, again, other = (search_one(state, evaluator, seed, simulations=100) for seed in (1, 1, 2))
    assert_same(first, again)
    assert first.visits.sum() == other.visits.sum() == 100
    assert game.serialize() == stream
    state.apply_action(0)
    state.apply_action(0)
    assert game.serialize() != stream


def test_pig_agrees_with_value_iteration() -> None:
    """A race to 10 points in which a roll busts or gives 2: values and choices are those of the Bellman equation."""
    target = 10
    # win[i, j, k]: probability that the mover wins with i points, k more this turn, against j.
    win = np.full((target, target, target), 0.5)

    def moves(i: int, j: int, k: int) -> tuple[float, float]:
        """Worth of roll and stop."""
        lucky = 1.0 if i + k + 2 >= target else win[i, j, k + 2]
        return (1.0 - win[j, i, 0] + lucky) / 2, 1.0 - win[j, i + k, 0]

    for _ in range(60):
        for i, j in np.ndindex(target, target):
            for k in range(target - i):
                win[i, j, k] = max(moves(i, j, k))
    game = pyspiel.load_game(f"pig(winscore={target},horizon=1000,diceoutcomes=2)")
    states = [random_state(game, 1 + seed // 8, seed) for seed in range(72)]
    states = [state for state in states if len(state.legal_actions()) == 2]
    params = core.SearchParams(simulations=10_000)
    results = core.search(states, core.RolloutEvaluator(game, 4, seed=1), params, list(range(len(states))))
    choices = []
    for state, result in zip(states, results, strict=True):
        first, second, turn = map(int, re.findall(r"\d+", str(state))[:3])
        mover = state.current_player()
        exact = moves(*((first, second) if mover == 0 else (second, first)), turn)
        q = (result.q + 1.0) / 2.0
        assert q[result.best] == pytest.approx(max(exact), abs=0.04)
        if abs(exact[0] - exact[1]) > 0.05:
            choices.append(result.best)
            assert result.best == np.argmax(exact)
    assert choices.count(0) >= 2 and choices.count(1) >= 2


# --- values beyond [-1, 1] ---


def test_with_the_tree_s_range_scale_and_offset_do_not_matter(tmp_path: Path) -> None:
    results = []
    for name, factor, offset in (("a", 1, 0), ("b", 7, 0), ("c", 7, -20)):
        text = THREE_PLAYERS
        for line in THREE_PLAYERS.splitlines():
            if line.startswith("t "):
                head, payoffs = line.split("{")
                numbers = " ".join(str(factor * int(n) + offset) for n in payoffs.rstrip("} ").split())
                text = text.replace(line, f"{head}{{ {numbers} }}")
        game = efg(tmp_path, text, name)
        evaluator = core.RolloutEvaluator(game, 1, seed=1)
        results.append(
            search_one(game.new_initial_state(), evaluator, simulations=200, proofs=False, value_range="tree")
        )
    assert results[0].visits.tolist() == results[1].visits.tolist() == results[2].visits.tolist()
    assert np.count_nonzero(results[0].visits) == 2


@pytest.mark.parametrize("ball", range(9))
def test_catch_is_a_matter_of_reach(ball: int) -> None:
    """One player below a falling ball: after a move two more are left, for two columns at most."""
    game = pyspiel.load_game("catch(rows=4,columns=9)")
    result = search_one(played(game, [ball]), core.FakeEvaluator(game), simulations=2000)
    exact = np.array([1.0 if abs(ball - column) <= 2 else -1.0 for column in (3, 4, 5)])
    assert result.q[result.best] == exact.max()
    assert result.proven.any()
    np.testing.assert_array_equal(result.q[result.proven], exact[result.proven])


@pytest.mark.parametrize("value_range", ["declared", "tree"])
def test_one_player_walks_around_a_cliff(value_range: str) -> None:
    """Right is over the edge, -100; up begins the way around, four of the five steps; left and down lose one."""
    game = pyspiel.load_game("cliff_walking(height=2,width=3,horizon=5)")
    evaluator, start = core.FakeEvaluator(game), game.new_initial_state()
    result = search_one(start, evaluator, simulations=30_000, c_puct=5.0, value_range=value_range)
    exact = np.array([-100.0, -4.0, -5.0, -5.0])
    assert start.action_to_string(result.actions[result.best]) == "UP"
    assert result.q[result.best] * evaluator.value_scale == pytest.approx(-4.0, abs=0.5)
    assert result.proven.any()
    np.testing.assert_allclose(result.q[result.proven] * evaluator.value_scale, exact[result.proven], atol=1e-4)


# --- simultaneous moves ---


def equilibrium_gap(payoff: np.ndarray, row: np.ndarray, column: np.ndarray) -> float:
    """How much the players of a zero-sum matrix game could gain together by better answers."""
    return float((payoff @ column).max() - (row @ payoff).min())


@pytest.mark.parametrize("name", ["matrix_mp", "matrix_rps", "matrix_rpsw"])
def test_matrix_games_reach_their_equilibrium(name: str) -> None:
    game = pyspiel.load_matrix_game(name)
    payoff = np.array([[game.row_utility(i, j) for j in range(game.num_cols())] for i in range(game.num_rows())])
    result = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=50_000, joint_exploration=0.05)
    assert result.player < 0
    strategies = [result.target[result.owners == p] for p in range(2)]
    assert [strategy.sum() for strategy in strategies] == pytest.approx([1.0, 1.0])
    assert equilibrium_gap(payoff, *strategies) < 0.06
    for player in range(2):
        assert result.visits[result.owners == player].sum() == 50_000
    np.testing.assert_allclose(result.policy(1.0), result.target)


def test_goofspiel_with_three_cards_is_close_to_equilibrium() -> None:
    """Perfect information apart from the simultaneous bids: solved from the last bids backwards by linear programs."""
    game = pyspiel.load_game("goofspiel(num_cards=3,points_order=descending,returns_type=win_loss)")

    def solve(state: pyspiel.State) -> float:
        if state.is_terminal():
            return float(state.returns()[0])
        if state.is_chance_node():
            return sum(p * solve(state.child(outcome)) for outcome, p in state.chance_outcomes())
        return matrix_value(matrix(state))

    def matrix(state: pyspiel.State) -> np.ndarray:
        def after(actions: list[int]) -> float:
            child = state.clone()
            child.apply_actions(actions)
            return solve(child)

        return np.array([[after([i, j]) for j in state.legal_actions(1)] for i in state.legal_actions(0)])

    def matrix_value(payoff: np.ndarray) -> float:
        from scipy.optimize import linprog

        rows, columns = payoff.shape
        # Maximise v with payoff' x >= v, x a distribution.
        found = linprog(
            np.r_[np.zeros(rows), -1.0],
            A_ub=np.c_[-payoff.T, np.ones(columns)],
            b_ub=np.zeros(columns),
            A_eq=[np.r_[np.ones(rows), 0.0]],
            b_eq=[1.0],
            bounds=[(0, 1)] * rows + [(None, None)],
        )
        return float(found.x[-1])

    root = game.new_initial_state()
    while root.is_chance_node():
        root.apply_action(root.legal_actions()[0])
    exact = matrix(root)
    result = search_one(root, core.FakeEvaluator(game), simulations=60_000, joint_exploration=0.05)
    strategies = [result.target[result.owners == p] for p in range(2)]
    assert equilibrium_gap(exact, *strategies) < 0.1
    assert result.values[0] == pytest.approx(matrix_value(exact), abs=0.08)


def test_three_players_choose_at_once() -> None:
    game = pyspiel.load_game("matching_pennies_3p")
    result = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=500)
    assert result.owners.tolist() == [0, 0, 1, 1, 2, 2]
    assert [int(result.visits[result.owners == p].sum()) for p in range(3)] == [500] * 3
    raw = search_one(game.new_initial_state(), core.FakeEvaluator(game), simulations=0)
    np.testing.assert_allclose(raw.target, raw.prior, atol=1e-6)


# --- Gumbel ---


@pytest.mark.parametrize(
    ("considered", "simulations", "visits"),
    [
        (4, 16, [2, 2, 6, 6]),  # 2 rounds of 4, then 4 of the best 2
        (4, 8, [1, 1, 3, 3]),
        (8, 16, [0, 0, 0, 0]),  # checked below: 7 legal moves
        (2, 10, [5, 5]),
        (1, 5, [5]),
        (16, 3, [1, 1, 1]),
    ],
)
def test_sequential_halving_shares_out_the_simulations(
    connect_four: pyspiel.Game, considered: int, simulations: int, visits: list[int]
) -> None:
    """The logits alone decide who stays: all values are equal."""
    logits = np.arange(7.0)
    result = search_one(
        connect_four.new_initial_state(),
        answering(connect_four, logits=logits),
        simulations=simulations,
        selection="gumbel",
        max_considered_actions=considered,
        gumbel_scale=0.0,
    )
    assert result.visits.sum() == simulations
    if considered == 8:
        assert result.visits.tolist() == sorted(result.visits.tolist()) and np.all(result.visits > 0)
    else:
        assert result.visits[7 - len(visits) :].tolist() == visits
        assert not result.visits[: 7 - len(visits)].any()
    assert result.best == 6
    # All values equal: nothing to improve.
    np.testing.assert_allclose(result.target, result.prior, atol=1e-6)


def test_the_improved_policy_is_the_paper_s(connect_four: pyspiel.Game) -> None:
    """softmax(logits + (c_visit + most visits) c_scale q), q in [0, 1] and completed by the mixed value."""
    evaluator = core.FakeEvaluator(connect_four, seed=5)
    result = search_one(
        connect_four.new_initial_state(), evaluator, simulations=12, selection="gumbel", max_considered_actions=4,
        c_visit=20.0, c_scale=0.5, proofs=False,
    )  # fmt: skip
    seen = result.visits > 0
    assert seen.sum() == 4
    prior = result.prior.astype(float)
    mean = (prior[seen] * result.q[seen]).sum() / prior[seen].sum()
    mixed = (result.raw_values[0] + 12 * mean) / 13
    q = np.where(seen, result.q, mixed)
    logits = np.log(prior) + (20.0 + result.visits.max()) * 0.5 * (q + 1) / 2
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(result.target, expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(result.policy(1.0), result.target, rtol=1e-9)
    assert result.policy(0.0)[result.best] == 1.0
    assert result.visits[result.best] == result.visits.max()


ONE_MOVE = """EFG 2 R "one move" { "A" "B" }
p "" 1 1 "" { "win" "lose" "half" } 0
t "" 1 "" { 1 -1 }
t "" 2 "" { -1 1 }
t "" 3 "" { 0.5 -0.5 }
"""


@pytest.mark.parametrize("considered", [2, 3])
def test_gumbel_s_root_value_is_that_of_the_improved_policy(tmp_path: Path, considered: int) -> None:
    """By hand: halving looks at every move twice, so the mean of the simulations says nothing of what is played."""
    game = efg(tmp_path, ONE_MOVE)
    sharp, dull = (
        search_one(
            game.new_initial_state(), core.FakeEvaluator(game, seed=3), simulations=2 * considered, selection="gumbel",
            max_considered_actions=considered, gumbel_scale=0.0, c_scale=c_scale, proofs=False,
        )
        for c_scale in (1.0, 0.02)
    )  # fmt: skip
    worth = np.array([1.0, -1.0, 0.5])
    seen = dull.visits > 0
    assert seen.sum() == considered and dull.visits.max() < 2 * considered
    prior = dull.prior.astype(float)
    known = (prior * worth)[seen].sum() / prior[seen].sum()
    q = np.where(seen, worth, (dull.raw_values[0] + 2 * considered * known) / (1 + 2 * considered))
    np.testing.assert_allclose(dull.q, q, atol=1e-6)
    weights = prior * np.exp((50 + dull.visits.max()) * 0.02 * (q + 1) / 2)
    value = weights @ q / weights.sum()
    np.testing.assert_allclose(dull.values, [value, -value], atol=1e-6)
    assert sharp.values[0] == pytest.approx(worth[seen].max(), abs=0.05)
    assert abs(dull.visits @ dull.q / dull.visits.sum() - value) > 0.05  # the mean is another number


@pytest.mark.parametrize("proofs", [False, True])
def test_gumbel_s_root_value_of_three_players(tmp_path: Path, proofs: bool) -> None:
    """B, whose moves are worth the same to it, leaves A and C what its improved policy gives them."""
    game = efg(tmp_path, LOST)
    evaluator = core.FakeEvaluator(game)
    state = game.new_initial_state().child(0)
    result = search_one(state, evaluator, simulations=8, selection="gumbel", gumbel_scale=0.0, proofs=proofs)
    assert not result.root_proven
    np.testing.assert_allclose(result.target, result.prior, atol=1e-6)
    expected = result.target @ np.array([[4, 0, 1], [0, 0, 5]]) / evaluator.value_scale
    np.testing.assert_allclose(result.values, expected, atol=1e-6)


def test_gumbel_noise_draws_from_the_prior(connect_four: pyspiel.Game) -> None:
    """Gumbel-max: with one move considered and no simulation the choice is a sample of the prior."""
    logits = np.log([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
    evaluator = answering(connect_four, logits=logits)
    state = connect_four.new_initial_state()
    params = core.SearchParams(simulations=0, selection="gumbel", max_considered_actions=1)
    results = core.search([state] * 4000, evaluator, params, list(range(4000)))
    counts = np.bincount([result.best for result in results], minlength=7) / 4000
    np.testing.assert_allclose(counts, np.exp(logits), atol=0.025)


def test_gumbel_finds_a_win_among_few(connect_four: pyspiel.Game) -> None:
    state = played(connect_four, [3, 0, 3, 0, 3, 0])
    result = search_one(state, core.FakeEvaluator(connect_four), simulations=16, selection="gumbel")
    assert result.root_proven and int(result.actions[result.best]) == 3
    assert result.target.tolist() == [0, 0, 0, 1, 0, 0, 0]


# --- PUCT's options ---


def test_forced_playouts_are_forgotten_in_the_target(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four, seed=2)
    state = connect_four.new_initial_state()
    plain, forced = (
        search_one(state, evaluator, simulations=400, forced_playouts=k, proofs=False, c_puct=0.6) for k in (0.0, 2.0)
    )
    floor = np.sqrt(2.0 * forced.prior * 400)
    seen = forced.visits > 1
    assert np.all(forced.visits[seen] >= np.floor(floor[seen]) - 1)
    assert forced.visits.min() >= plain.visits.min() and forced.visits.sum() == 400
    assert forced.target[forced.best] > forced.visits[forced.best] / 400
    # What is learnt is close to what would have been without.
    assert np.abs(forced.target - plain.target).sum() < np.abs(forced.visits / 400 - plain.target).sum()


def test_the_root_s_prior_is_flattened(connect_four: pyspiel.Game) -> None:
    logits = np.array([3.0, 0, 0, 0, 0, 0, 0])
    evaluator = answering(connect_four, logits=logits)
    sharp, flat = (
        search_one(connect_four.new_initial_state(), evaluator, simulations=200, root_policy_temperature=t)
        for t in (1.0, 10.0)
    )
    np.testing.assert_array_equal(sharp.prior, flat.prior)  # what is reported is the network's
    assert flat.visits[0] < sharp.visits[0]
    assert flat.visits.max() < 2 * flat.visits.min()


def test_noise_is_shaped_by_the_number_of_moves(connect_four: pyspiel.Game, tic_tac_toe: pyspiel.Game) -> None:
    """dirichlet_total / legal moves is the alpha: the same search as with that alpha."""
    for game, legal in ((connect_four, 7), (tic_tac_toe, 9)):
        state, evaluator = game.new_initial_state(), core.FakeEvaluator(game)
        shaped = search_one(state, evaluator, simulations=50, dirichlet_fraction=0.5, dirichlet_total=10.83)
        plain = search_one(state, evaluator, simulations=50, dirichlet_fraction=0.5, dirichlet_alpha=10.83 / legal)
        assert shaped.visits.tolist() == plain.visits.tolist()


# --- a bound on memory ---


@pytest.mark.parametrize("name", ["connect_four", "backgammon", "oshi_zumo(coins=8)"])
def test_at_the_bound_the_search_goes_on_without_growing(name: str) -> None:
    game = pyspiel.load_game(name)
    state = random_state(game, 0 if name == "oshi_zumo(coins=8)" else 2, seed=0)
    evaluator = core.FakeEvaluator(game)
    bound = 4_000_000 if name == "backgammon" else 400_000
    free = search_one(state, evaluator, simulations=6000)
    for spare in range(0, 4000, 37):  # wherever the bound lies between two nodes
        assert search_one(state, evaluator, simulations=6000, max_bytes=bound // 4 + spare).bytes <= bound // 4 + spare
    bounded = search_one(state, evaluator, simulations=6000, max_bytes=bound)
    assert bounded.full and not free.full
    assert bounded.bytes <= bound
    assert 10 < bounded.nodes < free.nodes
    for owner in np.unique(bounded.owners):
        assert bounded.visits[bounded.owners == owner].sum() == 6000
    assert np.all(np.abs(bounded.q) <= 1.0 + 1e-9)
    ample = search_one(state, evaluator, simulations=300, max_bytes=1 << 32)
    assert not ample.full
    assert ample.visits.tolist() == search_one(state, evaluator, simulations=300).visits.tolist()
