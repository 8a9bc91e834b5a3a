"""Families of search and learning failures: what is proven, how probes are made, and which agents fail them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import BatchAgent, Decision, one_hot
from engine.agents.bots import MctsAgent, RandomAgent
from engine.agents.parser import parse_agent
from engine.errors import TesujiError
from engine.probing.expectations import Moves, Twin, Value, meets
from engine.probing.families.perturbations import mirrors, reordered, transpositions
from engine.probing.families.proven import distinct, forced_win, looks, lost_in, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Referee, Solver, verify
from engine.probing.positions import can_end, careful_game
from engine.probing.probe import Probe, reach
from engine.probing.runner import run_probes
from engine.probing.suite import families, shipped
from engine.search.solver import solve

OWN = ("connect_four", "breakthrough")
CONNECT_FOUR = (
    "level_k_traps",
    "horizon",
    "horizon_value",
    "starved_move",
    "long_sequences",
    "parity",
    "random_prefixes",
    "mirror",
    "transpositions",
)


@cache
def probes(game: str, family: str) -> tuple[Probe, ...]:
    return tuple(probe for probe in shipped([game]).probes if probe.family == family)


def passed(agent: BatchAgent, asked: Sequence[Probe], budget: int | None = None) -> float:
    """Share of the probes that the agent passes."""
    answers = agent.policy([probe.state() for probe in asked], budget, 0)
    right = 0
    for probe, answer in zip(asked, answers, strict=True):
        twins = [
            agent.policy(reach(probe.game, probe.fen, each.history), budget, 0) if isinstance(each, Twin) else None
            for each in probe.expectations
        ]
        pairs = zip(probe.expectations, twins, strict=True)
        right += all(meets(each, answer, probe.player, twin) for each, twin in pairs)
    return right / len(asked)


class Constant(BatchAgent):
    """Always the legal action that `choose` picks, and a value of 0."""

    def __init__(self, choose: Callable[[list[int]], int]) -> None:
        self.name = "constant"
        self.choose = choose

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        size = states[0].num_distinct_actions()
        return [Decision(one_hot(self.choose(state.legal_actions()), size), np.zeros(2)) for state in states]


class Mirrored(BatchAgent):
    """Answers as another agent does for the mirror image of a Connect Four position, and forgets to mirror back."""

    name = "mirrored"

    def __init__(self, agent: BatchAgent) -> None:
        self.agent = agent

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        images = [reach("connect_four", "", tuple(6 - action for action in state.history())) for state in states]
        return self.agent.policy(images, budget, seed)


class Solving(BatchAgent):
    """Plays what the exact solver proves."""

    name = "solver"

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        decisions = []
        for state in states:
            found = solve(state, nodes=2_000_000)
            decisions.append(Decision(one_hot(int(found.best_actions[0]), state.num_distinct_actions()), found.values))
        return decisions


def test_a_forced_win_takes_as_long_as_by_hand() -> None:
    win = [
        ([0, 1], 5),  # x takes the centre, o blocks, x threatens twice, o blocks once, x wins
        ([0, 1, 4, 8], 3),
        ([0, 1, 4, 8, 3, 5], 1),
    ]
    for history, plies in win:
        state = reach("tic_tac_toe", "", tuple(history))
        assert forced_win(state, 9) == forced_win(state, plies) == plies
        assert forced_win(state, plies - 1) is None
    assert forced_win(reach("tic_tac_toe", "", (0, 4)), 9) is None  # the centre holds the draw
    assert forced_win(reach("tic_tac_toe", "", (0, 1, 4)), 9) is None  # o is the one who loses


def test_only_the_centre_answers_the_corner() -> None:
    state = reach("tic_tac_toe", "", (0,))
    verdict = Solver().judge(state)
    assert verdict is not None and verdict.best == (4,)
    losing = [action for action in state.legal_actions() if action != 4]
    assert lost_in(state, losing, 5) == losing
    assert lost_in(state, losing, 3) == []


def test_moves_look_as_random_games_go() -> None:
    state = reach("tic_tac_toe", "", (0, 3, 1, 4))  # x completes the row with 2
    means = looks(state, np.random.default_rng(1), 2000)
    assert means[2] == 1.0
    assert sorted(means) == state.legal_actions()
    assert all(-1.0 <= mean < 1.0 for action, mean in means.items() if action != 2)
    assert means == looks(state, np.random.default_rng(1), 2000)
    last = reach("tic_tac_toe", "", (0, 4, 8, 1, 7, 6, 2))  # two squares left: x wins with 5, and draws with 3
    assert looks(last, np.random.default_rng(1)) == {3: -1.0, 5: 0.0}


def test_careful_players_let_nobody_win_at_once_while_they_can_help_it() -> None:
    game = pyspiel.load_game("connect_four")
    for seed in range(5):
        states = list(careful_game(game, 4, 20, np.random.default_rng(seed)))
        assert [len(state.history()) for state in states] == list(range(4, 4 + len(states)))
        for before, after in itertools.pairwise(states):
            if can_end(after):
                assert all(child.is_terminal() or can_end(child) for child in map(before.child, before.legal_actions()))


def test_another_order_leads_to_the_same_board() -> None:
    state = reach("connect_four", "", (3, 3, 2, 4, 5, 1, 0, 6, 3))
    twin = reordered(state, np.random.default_rng(0))
    assert str(twin) == str(state)
    assert twin.current_player() == state.current_player()
    assert twin.history() != state.history()
    alone = reach("connect_four", "", (3, 3))
    assert reordered(alone, np.random.default_rng(0)).history() == [3, 3]


def test_a_position_makes_one_probe_whatever_led_to_it() -> None:
    histories = [(0, 4, 8), (8, 4, 0), (0, 4, 2)]

    def generate(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
        for history in histories:
            yield proven_probe("tic_tac_toe", reach("tic_tac_toe", "", history), Solver(), "why", Moves((1,)))

    made = distinct(generate)
    for _ in range(2):  # nothing is kept from one use to the next
        assert [probe.history for probe in made(np.random.default_rng(0), 1)] == [(0, 4, 8), (0, 4, 2)]


def test_perturbations_need_what_the_room_says() -> None:
    with pytest.raises(TesujiError, match="no symmetry of tic_tac_toe is known"):
        mirrors("tic_tac_toe", Solver(), lambda generator: [])
    with pytest.raises(TesujiError, match="does not say that its string tells all"):
        transpositions("tic_tac_toe", Solver(), lambda generator: [])


def test_a_turned_othello_board_has_turned_moves() -> None:
    def positions(generator: np.random.Generator) -> list[pyspiel.State]:
        state = pyspiel.load_game("othello").new_initial_state()
        while not state.is_terminal() and len(state.history()) < 54:
            state.apply_action(int(generator.choice(state.legal_actions())))
        return [] if state.is_terminal() else [state]

    generate = mirrors("othello", Solver(100_000), positions, rollouts=20)
    for probe in itertools.islice(generate(np.random.default_rng(3), 1), 3):
        assert verify(probe) is None
        assert [type(each) for each in probe.expectations] == [Moves, Twin]


def test_the_solver_counts_plies_as_plain_search_does() -> None:
    pytest.importorskip("bitbully")
    from games.connect_four.oracle import Line, lines

    assert lines(reach("connect_four", "", (0, 1, 0, 1, 0, 1)))[0] == Line(1, 1)
    game = pyspiel.load_game("connect_four")
    compared = 0
    for seed in range(12):
        for state in careful_game(game, 18, 30, np.random.default_rng(seed)):
            after = lines(state)
            wins = [line.plies for line in after.values() if line.value > 0]
            assert forced_win(state, 3) == (min(wins) if wins and min(wins) <= 3 else None)
            assert {action: line.value for action, line in after.items()} == Referee().judge(state).values  # type: ignore[union-attr]
            compared += bool(wins)
    assert compared > 20


def test_threats_are_found_as_by_hand() -> None:
    pytest.importorskip("bitbully")
    from games.connect_four.probes import forcing, wins_at

    row = reach("connect_four", "", (2, 2, 3, 3))  # two in the bottom row, both ends open
    assert [action for action in row.legal_actions() if forcing(row, action)] == [0, 1, 4, 5]
    assert wins_at(row.child(4)) == []
    assert wins_at(row.child(4).child(0)) == [1, 5]


def test_every_family_ships_enough() -> None:
    for game in OWN:
        own = [family for family in families() if family.game.split("(")[0] == game]
        for family in own:
            found = probes(game, family.name)
            assert len(found) >= 40, family.name
            assert {probe.difficulty for probe in found} == set(family.difficulties)
            assert 0.35 <= np.mean([probe.held_out for probe in found]) <= 0.65
    assert {probe.family for probe in shipped(["connect_four"]).probes} >= set(CONNECT_FOUR)
    assert not shipped(OWN).problems


@pytest.mark.parametrize(
    ("name", "game"),
    [
        ("random_prefixes", "connect_four"),
        ("parity", "connect_four"),
        ("transpositions", "connect_four"),
        ("level_k_traps", "breakthrough"),
    ],
)
def test_the_same_seed_makes_the_shipped_probes(name: str, game: str) -> None:
    pytest.importorskip("bitbully")
    (family,) = [each for each in families([name]) if each.game.split("(")[0] == game]
    for difficulty in family.difficulties[-2:]:
        again = family.make(1, 0, difficulty)
        assert again == [probe for probe in probes(game, name) if probe.difficulty == difficulty][:1]
    other = family.make(1, 1, family.difficulties[-1])
    assert other != again


def test_the_dial_moves_what_it_says() -> None:
    pytest.importorskip("bitbully")
    from games.connect_four.oracle import lines
    from games.connect_four.probes import delays, forcing

    for probe in probes("connect_four", "level_k_traps"):
        (moves,) = probe.expectations
        assert isinstance(moves, Moves)
        assert lines(probe.state())[moves.forbidden[0]] == (-1, probe.difficulty + 1)
    for probe in probes("connect_four", "long_sequences"):
        after = lines(probe.state())
        assert [line.plies for line in after.values() if line.value == 1] == [probe.difficulty]
    starved = probes("connect_four", "starved_move")
    assert len({str(probe.state()) for probe in starved}) == len(starved)
    for probe in starved:
        assert max(line.value for line in lines(probe.state()).values()) == 1
    lost = [probe for probe in probes("connect_four", "horizon_value") if probe.expectations == (Value(-1.0, -0.5),)]
    won = [probe for probe in probes("connect_four", "horizon_value") if probe.expectations == (Value(0.5, 1.0),)]
    assert len(lost) == len(won) == len(probes("connect_four", "horizon_value")) / 2
    for probe in [*probes("connect_four", "horizon")[::6], *lost[::3]]:
        assert delays(probe.state(), lines(probe.state())) == probe.difficulty
    for probe in won[::3]:
        after = lines(probe.state())
        winning = [action for action, line in after.items() if line.value > 0]
        assert winning and all(forcing(probe.state(), action) for action in winning)
        assert min(after[action].plies for action in winning) >= 2 * probe.difficulty + 1
        assert any(line.value < 0 and not forcing(probe.state(), action) for action, line in after.items())
    assert all(42 - len(probe.history) == probe.difficulty for probe in probes("connect_four", "parity"))
    assert all(len(probe.history) == probe.difficulty for probe in probes("connect_four", "random_prefixes"))
    for probe in probes("connect_four", "transpositions"):
        move, twin = probe.expectations
        assert isinstance(move, Moves) and len(move.accepted) == 1
        assert isinstance(twin, Twin)
        assert sum(a != b for a, b in zip(probe.history, twin.history, strict=True)) >= probe.difficulty
    for probe in probes("breakthrough", "level_k_traps")[::8]:
        (moves,) = probe.expectations
        assert isinstance(moves, Moves)
        if probe.difficulty < 7:
            assert forced_win(probe.state().child(moves.forbidden[0]), probe.difficulty) == probe.difficulty


def test_the_oracles_bear_every_probe_out() -> None:
    pytest.importorskip("bitbully")
    for game in OWN:
        for probe in shipped([game]).probes:
            if probe.family in CONNECT_FOUR:
                assert verify(probe) is None, probe.id


def test_perfect_players_pass_everything() -> None:
    pytest.importorskip("bitbully")
    oracle = parse_agent("oracle", "connect_four")
    for name in CONNECT_FOUR:
        assert passed(oracle, probes("connect_four", name)) == 1.0
    assert passed(Solving(), probes("breakthrough", "level_k_traps")) == 1.0


@pytest.mark.parametrize("game", OWN)
def test_agents_without_a_thought_fail(game: str) -> None:
    for family in families():
        if family.game.split("(")[0] != game or family.name not in CONNECT_FOUR:
            continue
        asked = probes(game, family.name)
        for constant in (min, max):
            assert passed(Constant(constant), asked) < 0.4, family.name
        assert passed(RandomAgent(), asked) == 0.0, family.name


def test_an_agent_that_answers_for_the_mirror_image_fails() -> None:
    pytest.importorskip("bitbully")
    mirrored = Mirrored(parse_agent("oracle", "connect_four"))
    for name in CONNECT_FOUR:
        asked = [probe for probe in probes("connect_four", name) if isinstance(probe.expectations[0], Moves)]
        if asked:
            assert passed(mirrored, asked) < 0.5, name  # the middle column is its own mirror image
    found = run_probes("mirrored", lambda game: mirrored, probes("connect_four", "mirror"))
    assert all(each.answers[0].met[1] for each in found.judged)  # consistent, if wrong


def test_values_are_asked_for() -> None:
    asked = probes("connect_four", "horizon_value")
    assert all(isinstance(probe.expectations[0], Value) for probe in asked)
    assert passed(Constant(min), asked) == 0.0


@pytest.mark.parametrize(("game", "name"), [("connect_four", "level_k_traps"), ("connect_four", "long_sequences")])
def test_plain_search_needs_a_budget(game: str, name: str) -> None:
    asked = probes(game, name)
    mcts = MctsAgent(pyspiel.load_game(asked[0].game))
    few, more, many = (passed(mcts, asked, budget) for budget in (16, 512, 8192))
    assert few < 0.5
    assert few < more < many


def test_every_family_is_documented() -> None:
    for family in [each for each in families() if each.game.split("(")[0] in OWN]:
        assert isinstance(family, Family)
        assert all((family.fails, family.reason, family.described_by, family.truth, family.dial))
