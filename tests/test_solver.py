"""The exact solver against what shares nothing with it: plain recursion, known rules, the perfect player bitbully."""

from __future__ import annotations

import functools
import itertools
import math
import operator
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyspiel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from positions import played

from engine.errors import TesujiError
from engine.game import room
from engine.search.solver import solve

Values = tuple[float, ...]
Utility = pyspiel.GameType.Utility
CHANCE, TERMINAL = int(pyspiel.PlayerId.CHANCE), int(pyspiel.PlayerId.TERMINAL)
ENOUGH = 10**8


class TooLarge(Exception):
    """The tree below a state has more states than a test wants to walk through."""


def choice(state: pyspiel.State, below: list[Values]) -> Values:
    """What a state is worth if its children are worth `below`: the mean at a chance node, else the best for the mover,
    the first of several.
    """
    if state.is_chance_node():
        chances = dict(state.chance_outcomes())
        weights = [chances[action] for action in state.legal_actions()]
        return tuple(sum(map(operator.mul, weights, column)) for column in zip(*below, strict=True))
    return max(below, key=operator.itemgetter(state.current_player()))  # max() keeps the first


def perfect_play(state: pyspiel.State, most: int) -> tuple[Values, int]:
    """Every player's utility under perfect play by nothing but its definition, and the size of the whole tree."""
    if state.is_terminal():
        return tuple(state.returns()), 1
    size = 1
    below: list[Values] = []
    for action in state.legal_actions():
        values, states = perfect_play(state.child(action), most - size)
        below.append(values)
        size += states
        if size > most:
            raise TooLarge
    return choice(state, below), size


def check(state: pyspiel.State, below: list[Values], **options: Any) -> None:
    """The solution, of every move, is what plain recursion found `below` the state."""
    solution = solve(state, nodes=ENOUGH, every_move=True, **options)
    values = choice(state, below)
    assert solution.proven
    np.testing.assert_allclose(solution.values, values, atol=1e-9)
    np.testing.assert_array_equal(solution.values, solution.lower)
    np.testing.assert_array_equal(solution.values, solution.upper)
    if state.is_chance_node():
        assert solution.player < 0
        assert solution.move_values.shape == (0, state.num_players())
        assert solution.actions.size == solution.best_actions.size == 0
        return
    mover = state.current_player()
    assert solution.player == mover
    assert solution.actions.tolist() == state.legal_actions()
    np.testing.assert_allclose(solution.move_values, below, atol=1e-9)
    best = np.flatnonzero(np.array(below)[:, mover] >= values[mover] - 1e-9)
    assert solution.best_actions.tolist() == solution.actions[best].tolist()


def random_game(game: str, generator: random.Random) -> list[int]:
    """The actions of a whole game, chance's included."""
    state = pyspiel.load_game(game).new_initial_state()
    while not state.is_terminal():
        state.apply_action(generator.choice(state.legal_actions()))
    return list(state.history())


def small_trees(game: str, seed: int, last: tuple[int, int], most: int) -> Iterator[tuple[pyspiel.State, list[Values]]]:
    """Positions from `last[0]` to `last[1]` actions before the end of random games whose tree has at most `most` states
    but more than a few, and what each child is worth.
    """
    generator = random.Random(seed)
    for back in itertools.cycle(range(last[0], last[1] + 1)):
        state = played(game, random_game(game, generator)[:-back])
        try:
            found = [perfect_play(state.child(action), most) for action in state.legal_actions()]
        except (TooLarge, RecursionError):
            continue
        if most / 20 < sum(size for _, size in found) <= most:
            yield state, [values for values, _ in found]


# Deterministic games


@pytest.mark.parametrize("transpositions", ["history", "string"])
def test_tic_tac_toe_is_a_draw(tic_tac_toe: pyspiel.Game, transpositions: str) -> None:
    solution = solve(tic_tac_toe.new_initial_state(), transpositions=transpositions, every_move=True)
    assert solution.proven
    assert solution.values.tolist() == [0.0, 0.0]
    assert solution.move_values.tolist() == [[0.0, 0.0]] * 9
    assert solution.best_actions.tolist() == list(range(9))


def test_every_position_of_tic_tac_toe(tic_tac_toe: pyspiel.Game) -> None:
    known: dict[str, float] = {}

    def minimax(state: pyspiel.State) -> float:
        """The value for x; the board says whose turn it is."""
        if str(state) not in known:
            best = max if state.current_player() == 0 else min
            ends = state.is_terminal()
            known[str(state)] = (
                state.returns()[0] if ends else best(minimax(state.child(a)) for a in state.legal_actions())
            )
            if not ends:
                states.append(state)
        return known[str(state)]

    states: list[pyspiel.State] = []
    minimax(tic_tac_toe.new_initial_state())
    assert len(known) == 5478
    for state in states:
        solution = solve(state, every_move=True)
        assert solution.proven
        assert solution.values[0] == -solution.values[1] == known[str(state)]
        moves = [known[str(state.child(action))] for action in solution.actions]
        assert solution.move_values[:, 0].tolist() == moves
        best = max(moves) if state.current_player() == 0 else min(moves)
        assert [moves[list(solution.actions).index(a)] for a in solution.best_actions] == [best] * moves.count(best)


def test_connect_four_endgames_against_the_perfect_player(connect_four: pyspiel.Game) -> None:
    pytest.importorskip("bitbully")
    from games.connect_four.oracle import Oracle

    generator = random.Random(0)
    states: list[pyspiel.State] = []
    while len(states) < 500:
        discs = 28 + len(states) % 14
        actions = random_game("connect_four", generator)
        if len(actions) > discs:
            states.append(played("connect_four", actions[:discs]))
    verdicts = Oracle().scores(states)
    for state, verdict in zip(states, verdicts, strict=True):
        for transpositions in ("auto", "history") if state.move_number() > 31 else ("auto",):
            solution = solve(state, transpositions=transpositions, every_move=True)
            own = solution.move_values[:, state.current_player()]
            assert dict(zip(solution.actions.tolist(), own.tolist(), strict=True)) == verdict, str(state)
            assert solution.values[state.current_player()] == max(verdict.values())
            assert solution.best_actions.tolist() == [a for a in verdict if verdict[a] == max(verdict.values())]
    assert {value for verdict in verdicts for value in verdict.values()} == {-1, 0, 1}


@pytest.mark.parametrize("misere", [False, True])
def test_nim_by_the_rule_of_the_binary_sum(misere: bool) -> None:
    """Whoever takes the last stone wins (loses in misere play, OpenSpiel's default): Bouton, 1901."""
    generator = random.Random(0)
    seen = set()
    for _ in range(40):
        piles = [generator.randint(1, 6) for _ in range(generator.randint(2, 3))]
        state = pyspiel.load_game(f"nim(pile_sizes={';'.join(map(str, piles))},is_misere={misere})").new_initial_state()
        wins = functools.reduce(operator.xor, piles) != 0
        if misere and max(piles) == 1:
            wins = not wins
        seen.add(wins)
        solution = solve(state, transpositions="string")
        assert solution.proven
        assert solution.values.tolist() == ([1.0, -1.0] if wins else [-1.0, 1.0])
    assert seen == {True, False}


def test_a_short_win_in_a_long_game() -> None:
    """Fool's mate: a search that first looked to the end of one line would never come back."""
    state = pyspiel.load_game("chess").new_initial_state()
    for move in ("f3", "e5", "g4"):
        state.apply_action(state.string_to_action(move))
    solution = solve(state, nodes=10_000)
    assert solution.values[state.current_player()] == 1.0
    assert [state.action_to_string(action) for action in solution.best_actions] == ["Qh4#"]


# Chance


@pytest.mark.parametrize(
    ("game", "last", "most"),
    [
        ("einstein_wurfelt_nicht", (3, 10), 2000),
        ("backgammon(hyper_backgammon=True)", (2, 6), 2500),
        ("backgammon(hyper_backgammon=True,scoring_type=full_scoring)", (2, 6), 2500),
        ("pig(diceoutcomes=2,winscore=4,horizon=9)", (3, 9), 20_000),
    ],
)
def test_games_with_chance_against_expectimax(game: str, last: tuple[int, int], most: int) -> None:
    trees = list(itertools.islice(small_trees(game, 1, last, most), 8))
    assert {state.is_chance_node() for state, _ in trees} == {False, True}
    for state, below in trees:
        check(state, below)
        check(state, below, table_bytes=0)


def test_pig_has_no_end_but_its_horizon() -> None:
    """A one gives the dice away with the scores unchanged: the game goes round, and only near wins are proven."""
    state = pyspiel.load_game("pig").new_initial_state()
    solution = solve(state, nodes=20_000)
    assert not solution.proven
    assert solution.nodes == 20_000
    assert np.isnan(solution.values).all() and np.isnan(solution.move_values).all()
    assert solution.lower.tolist() == [-1.0, -1.0] and solution.upper.tolist() == [1.0, 1.0]
    assert solution.best_actions.size == 0
    near = played("pig(winscore=2)", [0, 1])  # rolled a two
    solution = solve(near, nodes=1000)
    assert solution.proven
    assert near.action_to_string(solution.best_actions[0]) == "stop"
    assert solution.values.tolist() == [1.0, -1.0]


# More players


@pytest.mark.parametrize(
    "game",
    [
        "pig(players=3,diceoutcomes=2,winscore=3,horizon=9)",
        "pig(players=4,diceoutcomes=2,winscore=3,horizon=10)",
        "yacht(players=3,dice_sides=2,num_dice=2)",
    ],
)
def test_games_of_many_players_against_max_n(game: str) -> None:
    for state, below in itertools.islice(small_trees(game, 2, (4, 9), 7000), 12):
        check(state, below)
        check(state, below, table_bytes=0)


def test_a_general_sum_game_of_two() -> None:
    game = pyspiel.load_efg_game(
        """EFG 2 R "entry" { "entrant" "incumbent" } ""
        p "" 1 1 "" { "in" "out" } 0
        p "" 2 1 "" { "fight" "share" } 0
        t "" 1 "" { -3.0, -1.0 }
        t "" 2 "" { 1.0, 1.0 }
        t "" 3 "" { 0.0, 2.0 }
        """
    )
    state = game.new_initial_state()
    solution = solve(state, every_move=True)
    assert solution.values.tolist() == [1.0, 1.0]  # the threat to fight is empty
    assert solution.move_values.tolist() == [[1.0, 1.0], [0.0, 2.0]]
    assert solution.best_actions.tolist() == [0]


# Any game: random ones, whose positions are reached in many ways


@dataclass(frozen=True)
class Place:
    """A position of a `Maze`: who moves, where on the next level the actions lead, what the end is worth."""

    player: int
    exits: tuple[int, ...] = ()
    utilities: Values = ()


Levels = list[list[Place]]


class Maze(pyspiel.Game):
    """From level to level, beginning at the first place of the first one; `levels` is all there is to say."""

    def __init__(
        self, players: int, utility: Any, utility_sum: float | None, levels: Levels, bounded: bool = True
    ) -> None:
        self.levels = levels
        kind = pyspiel.GameType(
            short_name="python_maze",
            long_name="Maze",
            dynamics=pyspiel.GameType.Dynamics.SEQUENTIAL,
            chance_mode=pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC,
            information=pyspiel.GameType.Information.PERFECT_INFORMATION,
            utility=utility,
            reward_model=pyspiel.GameType.RewardModel.TERMINAL,
            max_num_players=players,
            min_num_players=players,
            provides_information_state_string=False,
            provides_information_state_tensor=False,
            provides_observation_string=False,
            provides_observation_tensor=False,
            parameter_specification={},
        )
        info = pyspiel.GameInfo(
            num_distinct_actions=4,
            max_chance_outcomes=4,
            num_players=players,
            min_utility=-1.0 if bounded else -math.inf,
            max_utility=1.5 if bounded else math.inf,
            utility_sum=utility_sum,
            max_game_length=len(levels) - 1,
        )
        super().__init__(kind, info, {})

    def new_initial_state(self) -> MazeState:
        return MazeState(self)


class MazeState(pyspiel.State):
    def __init__(self, game: Maze) -> None:
        super().__init__(game)
        self.level = self.index = 0
        levels = game.levels
        self.place_at = lambda level, index: levels[level][index]  # a function, since clones copy all else deeply

    @property
    def place(self) -> Place:
        return self.place_at(self.level, self.index)

    def current_player(self) -> int:
        return self.place.player

    def is_terminal(self) -> bool:
        return self.place.player == TERMINAL

    def _legal_actions(self, player: int) -> list[int]:
        return list(range(len(self.place.exits)))

    def chance_outcomes(self) -> list[tuple[int, float]]:
        count = len(self.place.exits)
        return [(action, 1 / count) for action in range(count)]

    def _apply_action(self, action: int) -> None:
        self.level, self.index = self.level + 1, self.place.exits[action]

    def _action_to_string(self, player: int, action: int) -> str:
        return str(action)

    def returns(self) -> list[float]:
        return list(self.place.utilities) or [0.0] * self.num_players()

    def __str__(self) -> str:
        return f"{self.level} {self.index}"


def random_maze(players: int, utility: Any, seed: int, bounded: bool, depth: int = 5, width: int = 4) -> Maze:
    """Utilities are quarters and chances powers of two: every mean is exact, and ties are common."""
    generator = random.Random(seed)
    total = {Utility.ZERO_SUM: 0.0, Utility.CONSTANT_SUM: 0.5}.get(utility)

    def place(level: int) -> Place:
        if level == depth or (level > 0 and generator.random() < 0.15):
            ends = [generator.randint(-4, 4) / 4 for _ in range(players)]
            if total is not None and players == 2:
                ends[1] = total - ends[0]
            elif total is not None:
                ends = generator.sample([1.0, -1.0, *[0.0] * (players - 2)], players)
            return Place(TERMINAL, utilities=tuple(ends))
        if generator.random() < 0.3:
            return Place(CHANCE, tuple(generator.choices(range(width), k=2 ** generator.randint(0, 2))))
        return Place(generator.randrange(players), tuple(generator.choices(range(width), k=generator.randint(1, 4))))

    return Maze(players, utility, total, [[place(level) for _ in range(width)] for level in range(depth + 1)], bounded)


def maze_values(game: Maze) -> dict[tuple[int, int], Values]:
    """Every place's value, from the last level up."""
    values: dict[tuple[int, int], Values] = {}
    for level in reversed(range(len(game.levels))):
        for index, place in enumerate(game.levels[level]):
            below = [values[level + 1, exit] for exit in place.exits]
            if place.player == TERMINAL:
                values[level, index] = place.utilities
            elif place.player == CHANCE:
                values[level, index] = tuple(np.mean(below, axis=0).tolist())
            else:
                values[level, index] = max(below, key=operator.itemgetter(place.player))
    return values


@given(
    kind=st.sampled_from(
        [
            (1, Utility.GENERAL_SUM),
            (2, Utility.ZERO_SUM),
            (2, Utility.CONSTANT_SUM),
            (2, Utility.GENERAL_SUM),
            (3, Utility.ZERO_SUM),
            (3, Utility.GENERAL_SUM),
        ]
    ),
    seed=st.integers(0, 10**6),
    bounded=st.booleans(),
    nodes=st.integers(1, 400),
    table_bytes=st.sampled_from([0, 500, 5000, 1 << 20]),
    transpositions=st.sampled_from(["history", "string"]),
    every_move=st.booleans(),
)
def test_whatever_the_budget_nothing_proven_is_wrong(
    kind: tuple[int, Any], seed: int, bounded: bool, nodes: int, table_bytes: int, transpositions: str, every_move: bool
) -> None:
    game = random_maze(*kind, seed, bounded)
    state = game.new_initial_state()
    values = maze_values(game)
    true = np.array(values[0, 0])
    options: dict[str, Any] = {
        "table_bytes": table_bytes,
        "transpositions": transpositions,
        "every_move": every_move,
    }
    for budget in (nodes, ENOUGH):
        found = solve(state, nodes=budget, **options)
        assert found.nodes <= budget
        assert np.all(found.lower <= true) and np.all(true <= found.upper)
        assert found.proven == (not np.isnan(found.values).any())
        np.testing.assert_array_equal(found.values, np.where(found.lower == found.upper, true, np.nan))
        if not state.is_chance_node():
            moves = np.array([values[1, exit] for exit in game.levels[0][0].exits])
            known = ~np.isnan(found.move_values)
            np.testing.assert_array_equal(found.move_values[known], moves[known])
            best = np.flatnonzero(moves[:, found.player] == true[found.player])
            assert set(found.best_actions) <= set(best)
            assert bool(len(found.best_actions)) == found.proven
            if every_move and budget == ENOUGH:
                assert known.all()
                assert list(found.best_actions) == list(best)
    assert found.proven


@pytest.mark.parametrize(("players", "utility"), [(2, Utility.ZERO_SUM), (3, Utility.GENERAL_SUM)])
def test_a_line_too_long_for_the_stack_is_unknown(players: int, utility: Any) -> None:
    total = 0.0 if utility == Utility.ZERO_SUM else None
    end = Place(TERMINAL, utilities=(1.0, -1.0, 0.5)[:players])

    def corridor(length: int) -> pyspiel.State:
        return Maze(
            players, utility, total, [*[[Place(level % players, (0,))] for level in range(length)], [end]]
        ).new_initial_state()

    assert tuple(solve(corridor(1500)).values) == end.utilities
    solution = solve(corridor(3000))
    assert not solution.proven
    assert solution.nodes < 100_000


# What is refused


@pytest.mark.parametrize(
    ("players", "utility", "ends", "message"),
    [
        (2, Utility.ZERO_SUM, (0.5, 0.5), r"utilities add up to 1\.0.*declares 0\.0.*python_maze.*history \[0\]"),
        (2, Utility.CONSTANT_SUM, (0.5, 0.5), r"add up to 1\.0.*declares 0\.5"),
        (1, Utility.GENERAL_SUM, (2.0,), r"utility of 2\.0.*outside.*\(-1\.0.* to 1\.5.*history \[0\]"),
        (3, Utility.GENERAL_SUM, (0.0, math.nan, 0.0), r"one finite number for each of 3 players"),
    ],
)
def test_utilities_that_contradict_the_game(players: int, utility: Any, ends: Values, message: str) -> None:
    total = {Utility.ZERO_SUM: 0.0, Utility.CONSTANT_SUM: 0.5}.get(utility)
    game = Maze(players, utility, total, [[Place(0, (0,))], [Place(TERMINAL, utilities=ends)]])
    with pytest.raises(TesujiError, match=message):
        solve(game.new_initial_state())


def test_a_player_without_moves() -> None:
    game = Maze(1, Utility.GENERAL_SUM, None, [[Place(0, (0,))], [Place(0)], []])
    with pytest.raises(TesujiError, match="at least one action"):
        solve(game.new_initial_state())


def test_games_that_are_refused() -> None:
    for name, message in {
        "goofspiel(num_cards=3,points_order=descending)": "simultaneous",
        "kuhn_poker": "hides information",
        "blackjack": "hides information|samples",
        "stones_and_gems": "samples its chance",
        "morpion_solitaire": "cannot be copied",
    }.items():
        with pytest.raises(TesujiError, match=message):
            solve(pyspiel.load_game(name).new_initial_state())
    with pytest.raises(TesujiError, match=r"terminal.*tic_tac_toe.*\[0, 3, 1, 4, 2\]"):
        solve(played("tic_tac_toe", [0, 3, 1, 4, 2]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 0}, "nodes is 0"),
        ({"table_bytes": -1}, "table_bytes is -1"),
        ({"transpositions": "strings"}, "did you mean 'string'.*auto, history, string"),
    ],
)
def test_options_out_of_range(tic_tac_toe: pyspiel.Game, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TesujiError, match=message):
        solve(tic_tac_toe.new_initial_state(), **options)


def test_who_says_that_a_string_is_all_of_a_state() -> None:
    for name in ("connect_four", "connect_four(rows=5,columns=4,x_in_row=3)"):
        assert room("connect_four").string_identifies(pyspiel.load_game(name))
    # At a chance node of this game neither the player whose die it is nor, afterwards, the die is in the string.
    assert not room("einstein_wurfelt_nicht").string_identifies(pyspiel.load_game("einstein_wurfelt_nicht"))


def test_it_can_be_interrupted() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            solve(pyspiel.load_game("chess").new_initial_state(), nodes=10**15)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
