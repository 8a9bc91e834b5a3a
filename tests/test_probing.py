"""Asking agents about probes: suites in files, answers at budgets, what is kept, figures by hand, one's own probes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine import api
from engine.agents.agent import BatchAgent, Decision, one_hot
from engine.agents.bots import RandomAgent
from engine.agents.parser import parse_agent
from engine.cli import main
from engine.errors import TesujiError
from engine.game import load_game
from engine.probing.expectations import Moves, PlayOut, Probability, Twin, Value
from engine.probing.family import Family
from engine.probing.held_out import is_held_out
from engine.probing.making import last_mistake, make_probe
from engine.probing.oracles import Solver, disagreement, find_oracle, verify
from engine.probing.play_out import expected_returns
from engine.probing.probe import Probe, to_line
from engine.probing.results import Answer, Judged, compare, sign_test, summaries
from engine.probing.runner import Answers, run_probes
from engine.probing.suite import append_probe, ask_oracles, load_probes, select, write_probes

TTT = "tic_tac_toe"


def probe(name: str, history: Sequence[int], *expectations, game: str = TTT, family: str = "f", **rest) -> Probe:
    state = load_game(game).new_initial_state()
    for action in history:
        state.apply_action(action)
    rest = {"truth": "exact", "oracle": "solver", "why": "It is so."} | rest
    return Probe(name, family, game, tuple(history), tuple(expectations), player=state.current_player(), **rest)


WIN = probe("win", [0, 6, 4, 7], Moves((8,)), Value(0.5, 1.0))
"""x completes the diagonal 0 4 8, where o would complete the row 6 7 8."""
BLOCK = probe("block", [0, 4, 1], Moves((2,)))
"""o has to stop 0 1 2."""


class Fixed(BatchAgent):
    """Plays the legal action nearest to a wish, which may depend on the budget; counts what it is asked."""

    def __init__(self, *wishes: int, value: float = math.nan, fails_at: str = "") -> None:
        self.name = "fixed"
        self.wishes = wishes
        self.value = value
        self.fails_at = fails_at
        self.asked: list[tuple[str, int | None]] = []

    def takes(self, budget: int) -> bool:
        return len(self.wishes) > 1 and budget < len(self.wishes)

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        self.asked += [(str(state.history()), budget) for state in states]
        answers = []
        for state in states:
            if self.fails_at and self.fails_at in str(state.history()):
                raise RuntimeError("no  idea\nat all")
            wish = self.wishes[budget or 0]
            action = min(state.legal_actions(), key=lambda a: abs(a - wish))
            values = np.full(state.num_players(), -self.value)
            values[state.current_player()] = self.value
            answers.append(Decision(one_hot(action, state.num_distinct_actions()), values))
        return answers


def run(agent: BatchAgent, probes: Sequence[Probe], budgets: Sequence[int] = (0,), **rest):
    return run_probes(agent.name, lambda game: agent, probes, budgets, **rest)


# Answers.


def test_all_expectations_have_to_be_met():
    assert [j.answers[0].passed for j in run(Fixed(8, value=1.0), [WIN]).judged] == [True]
    assert [j.answers[0].passed for j in run(Fixed(8, value=0.0), [WIN]).judged] == [False]
    assert [j.answers[0].passed for j in run(Fixed(5, value=1.0), [WIN]).judged] == [False]


def test_budgets_are_asked_from_the_smallest_and_only_those_that_mean_something():
    agent = Fixed(5, 8, 8, value=1.0)
    found = run(agent, [WIN], (2, 0, 1, 64))
    assert found.budgets == (0, 1, 2)
    assert [answer.passed for answer in found.judged[0].answers] == [False, True, True]
    assert found.judged[0].solved_from == 1
    assert run(Fixed(8), [WIN], (0, 64)).budgets == (None,)


@pytest.mark.parametrize(
    ("passed", "solved"), [([0, 1, 1], 1), ([1, 1, 1], 0), ([1, 0, 1], 2), ([1, 1, 0], None), ([0, 0, 0], None)]
)
def test_the_budget_to_solution_is_that_from_which_the_answer_stays_right(passed, solved):
    assert Judged(WIN, tuple(Answer(b, bool(p)) for b, p in enumerate(passed))).solved_from == solved


@pytest.mark.parametrize(
    ("name", "game", "taken"),
    [
        ("random", TTT, []),
        ("mcts:5", TTT, [1, 64]),
        ("ismcts:5", "kuhn_poker", [1, 64]),
        ("connect_four/imitation", None, [0, 1, 64]),
        ("kuhn_poker/blueprint", None, [0]),
    ],
)
def test_agents_say_which_budgets_mean_something(name, game, taken):
    agent = parse_agent(name, load_game(game) if game else None)
    assert [budget for budget in (0, 1, 64) if agent.takes(budget)] == taken


def test_what_fails_on_one_probe_stops_no_other():
    found = run(Fixed(8, value=1.0, fails_at="[0, 4, 1]"), [WIN, BLOCK])
    assert [j.answers[0].passed for j in found.judged] == [True, False]
    assert [j.answers[0].error for j in found.judged] == ["", "RuntimeError: no idea at all"]
    assert [group.errors for group in summaries(found.judged)] == [1]


def test_a_game_that_the_agent_does_not_play_is_told_and_left_out():
    other = probe("nim", [], Moves((0,)), game="nim")
    agent = Fixed(8, value=1.0)

    def find(game: str) -> BatchAgent:
        if game == "nim":
            raise TesujiError("it plays tic_tac_toe")
        return agent

    found = run_probes("fixed", find, [other, WIN])
    assert [j.probe.id for j in found.judged] == ["win"]
    assert found.left_out == ("nim: 1 probes not asked: it plays tic_tac_toe",)


def test_twins_are_asked_in_the_same_call_and_compared():
    """The mirror image of a position by its columns: 0 1 2 become 2 1 0."""
    pairs = ((3, 5), (5, 3), (6, 8), (7, 7), (8, 6))
    twins = probe("twins", [0, 1, 4, 2], Twin((2, 1, 4, 0), pairs, 0.1))
    straight, crooked = Fixed(7), Fixed(8)
    assert run(straight, [twins]).judged[0].answers[0].moved == 0.0
    answer = run(crooked, [twins]).judged[0].answers[0]
    assert (answer.passed, answer.moved) == (False, 1.0)
    assert crooked.asked == [("[0, 1, 4, 2]", None), ("[2, 1, 4, 0]", None)]


def test_a_play_out_is_the_exact_expectation():
    """x has 0 1 5 and moves, o has 2 3 4 and wins at 6; both play at random."""
    game = load_game(TTT)
    state = game.new_initial_state()
    for action in (0, 4, 1, 2, 5, 3):
        state.apply_action(action)
    # x plays one of 6 7 8 at random: 6 stops o, and nobody completes a line: a draw.
    # 7 or 8: o plays 6 with 1/2 and wins; else x has the last cell: 6 is a draw.
    returns = expected_returns(state, [(RandomAgent(), None)] * 2, seed=0)
    assert returns == pytest.approx([-2 / 3 * 1 / 2, 2 / 3 * 1 / 2])
    wins = probe("wins", [0, 1, 4, 2], PlayOut("random", 1.0, 1.0))
    assert run(Fixed(8), [wins]).judged[0].answers[0].returns == 1.0
    with pytest.raises(TesujiError, match="more than 5 states follow"):
        expected_returns(game.new_initial_state(), [(RandomAgent(), None)] * 2, seed=0, most=5)


def test_a_play_out_weighs_chance():
    """Uniform play in Kuhn poker: showdowns are even; a bet (1/2) meets a fold (1/2): +1; so does a later one: -1/8."""
    state = load_game("kuhn_poker").new_initial_state()
    found = expected_returns(state, [(RandomAgent(), None)] * 2, seed=0)
    assert found == pytest.approx([1 / 4 - 1 / 8, 1 / 8 - 1 / 4])


# What is kept.


def test_an_interrupted_run_goes_on_with_what_is_missing(tmp_path: Path):
    identity = {"agent": "fixed"}
    first = Fixed(8, 8, value=0.75)
    whole = run(first, [WIN, BLOCK], (0, 1), answers=Answers(tmp_path / "a", identity))
    assert len(first.asked) == 4
    lines = (tmp_path / "a" / "answers.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(5):
        folder = tmp_path / f"b{kept}"
        folder.mkdir()
        (folder / "probing.json").write_bytes((tmp_path / "a" / "probing.json").read_bytes())
        torn = lines[kept][:20] if kept < 4 else b""
        (folder / "answers.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        again = Fixed(8, 8, value=0.75)
        found = run(again, [WIN, BLOCK], (0, 1), answers=Answers(folder, identity))
        assert len(again.asked) == 4 - kept
        assert repr(found.judged) == repr(whole.judged)
        assert (folder / "answers.jsonl").read_bytes() == b"".join(lines)


def test_a_changed_probe_is_asked_again(tmp_path: Path):
    run(Fixed(8), [WIN], answers=Answers(tmp_path / "a", {}))
    agent = Fixed(8)
    changed = probe("win", [0, 6, 4, 7], Moves((8,)))
    assert run(agent, [changed], answers=Answers(tmp_path / "a", {})).judged[0].answers[0].passed
    assert len(agent.asked) == 1


def test_answers_of_another_agent_are_not_mixed_in(tmp_path: Path):
    Answers(tmp_path / "a", {"agent": "one", "seed": 0})
    with pytest.raises(TesujiError, match=r"a holds answers of another agent and seed: name another folder"):
        Answers(tmp_path / "a", {"agent": "two", "seed": 1})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("mine")
    with pytest.raises(TesujiError, match="is not empty and holds no answers"):
        Answers(tmp_path / "b", {})


# Figures by hand.


def judged(name: str, *passed: bool, family: str = "f", truth: str = "exact", value: float = math.nan) -> Judged:
    one = probe(name, [0, 1, 4, 2], Moves((8,)), Value(0.5, 1.0), family=family, truth=truth, source="x")
    return Judged(one, tuple(Answer(4**n, each, value=value) for n, each in enumerate(passed)))


def test_rates_are_by_family_and_kind_of_truth():
    found = summaries(
        [
            judged("a", False, True, value=0.25),
            judged("b", False, False, value=0.75),
            judged("c", True, True, value=-0.5),
            judged("d", True, True, truth="published"),
            judged("e", False, True, family="g"),
        ]
    )
    assert [(each.family, each.truth, each.probes) for each in found] == [
        ("f", "exact", 3),
        ("f", "published", 1),
        ("g", "exact", 1),
    ]
    assert [(rate.budget, rate.passed, rate.total) for rate in found[0].rates] == [(1, 1, 3), (4, 2, 3)]
    assert found[0].solved == ((1, 1), (4, 1))
    assert found[0].value_error == ((1, pytest.approx(1.25 / 3), 3), (4, pytest.approx(1.25 / 3), 3))
    assert found[1].value_error == ()
    low, high = found[0].rates[1].interval  # Wilson, 2 of 3, z = 1.96
    assert (low, high) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))


def test_regressions():
    first = [judged("a", True), judged("b", False), judged("c", True), judged("d", True)]
    second = [judged("a", False), judged("b", True), judged("c", False), judged("e", True)]
    found = compare(first, second)
    assert (found.gained, found.lost) == (("a", "c"), ("b",))
    assert found.chance == 1.0


@pytest.mark.parametrize(
    ("first", "second", "chance"), [(0, 0, 1), (1, 0, 1), (5, 0, 1 / 16), (0, 6, 1 / 32), (4, 1, 3 / 8)]
)
def test_the_sign_test(first, second, chance):
    assert sign_test(first, second) == pytest.approx(chance)


def test_the_sign_test_of_thousands_of_probes():
    assert sign_test(700, 700) == 1.0
    # 1,060 of 2,000 are 60 / sqrt(500) = 2.683 standard deviations above 1,000, 2.66 with half a probe off: 0.78 %.
    assert sign_test(1060, 940) == sign_test(940, 1060) == pytest.approx(0.0078, abs=0.0001)


# Oracles.


def test_the_solver_bears_out_what_is_true_and_contradicts_what_is_not():
    assert verify(WIN) is None
    assert verify(BLOCK) is None
    assert verify(probe("x", [0, 1, 4, 2], Moves((7,)))) == "accepted action 7 is worth 0, the position 1"
    assert verify(probe("x", [0, 1, 4, 2], Moves((), (8,)))) == "forbidden action 8 keeps the value 1"
    assert verify(probe("x", [0, 1, 4, 2], Moves((8,)))) == "action 3 keeps the value 1, too, and is not accepted"
    assert verify(probe("x", [0, 1, 4, 2], Value(-1, 0))) == "the value is 1, not in [-1, 0]"


def test_the_solver_knows_the_moves_of_the_player_to_move():
    verdict = Solver().judge(BLOCK.state())
    assert verdict is not None
    assert (verdict.value, verdict.best) == (0.0, (2,))
    assert all(value == -1.0 for action, value in verdict.values.items() if action != 2)
    assert disagreement(Moves((2,), (3, 5)), verdict, 6) is None


@pytest.mark.parametrize(
    "expectation", [PlayOut("random", 1.0, 1.0), PlayOut("self", 1.0, 1.0), Probability((8,), 0.5, 1.0)]
)
def test_what_an_oracle_does_not_know_is_no_contradiction(expectation):
    with pytest.raises(TesujiError, match="oracle: nothing is known of"):
        verify(probe("x", [0, 6, 4, 7], expectation))


def test_out_of_budget_the_solver_says_nothing():
    assert Solver(nodes=10).judge(load_game("connect_four").new_initial_state()) is None


def test_oracles_are_found_by_name():
    assert find_oracle("solver", TTT).name == "solver"
    with pytest.raises(TesujiError, match=r"oracle: 'solvr' is unknown \(did you mean 'solver'\?\)"):
        find_oracle("solvr", TTT)
    with pytest.raises(TesujiError, match="knows nothing of this position"):
        verify(probe("x", [0], Moves((4,)), oracle="referee"))


# Suites in files.


def test_bad_lines_are_told_and_stop_nothing(tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    good = to_line(WIN)
    unknown = json.dumps(json.loads(good) | {"id": "u", "oracle": "me"})
    wrong = to_line(probe("wrong", [0, 1, 4, 2], Moves((7,))))
    strange = json.dumps(json.loads(good) | {"id": "s", "expect": [{"kind": []}]})
    file.write_text("\n".join([good, "{", good, unknown, '["x"]', strange, wrong, to_line(BLOCK)]) + "\n")
    loaded = load_probes([file])
    assert [each.id for each in loaded.probes] == ["win", "wrong", "block"]
    assert [problem.replace(str(tmp_path), "") for problem in loaded.problems] == [
        "/mine.jsonl:2: not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        f"/mine.jsonl:3: id: 'win' stands in {file}:1, too".replace(str(tmp_path), ""),
        "/mine.jsonl:4: oracle: 'me' is unknown; one of referee, solver",
        "/mine.jsonl:5: a probe is a JSON object",
        "/mine.jsonl:6: expect.kind: []; one of moves, value, probability, twin, play_out",
    ]
    asked = ask_oracles(loaded, loaded.probes)
    assert [each.id for each in asked.agreed] == ["win", "block"]
    assert asked.contradicted == {
        "wrong": f"{file}:7: expect: the oracle solver says otherwise: accepted action 7 is worth 0, the position 1"
    }
    found = api.probe(Fixed(8, value=1.0), files=[file])
    assert [each.probe.id for each in found.judged] == ["win", "block"]
    assert len(found.problems) == 6
    with pytest.raises(TesujiError, match="cannot read"):
        load_probes([tmp_path / "no.jsonl"])


def test_what_is_written_is_read(tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    write_probes(file, [WIN])
    file.write_text(file.read_text().rstrip("\n"))
    append_probe(file, BLOCK)
    lines = replace(BLOCK, id="lines", why="a\u2028b\u0085c")
    append_probe(file, lines)
    assert load_probes([file]).probes == [WIN, BLOCK, lines]


def test_probes_are_chosen_by_game_and_family():
    nim = probe("nim", [], Moves((0,)), game="nim(pile_sizes=3;4;5,is_misere=False)", family="g")
    every = [WIN, nim]
    assert select(every, "nim") == [nim]
    assert select(every, "nim(is_misere=False,pile_sizes=3;4;5)") == [nim]
    assert select(every, "nim(is_misere=True)") == []
    assert select(every, names=["f"]) == [WIN]


def test_families_number_their_probes_and_mark_their_positions():
    def generate(rng, difficulty):
        for _ in range(100):
            yield probe("", [int(rng.integers(difficulty))], Moves((8,)))

    family = Family("f", "search", TTT, "a", "b", "c", "d", "e", (2, 4), generate)
    made = family.make(3, 7, 4)
    assert [(each.id, each.difficulty) for each in made] == [
        ("f/tic_tac_toe/4-7-000", 4),
        ("f/tic_tac_toe/4-7-001", 4),
        ("f/tic_tac_toe/4-7-002", 4),
    ]
    assert [each.held_out for each in made] == [is_held_out(each.state()) for each in made]
    assert family.make(3, 7, 4) == made
    assert len(family.make(10, 7, 2)) == 2  # there are no more
    with pytest.raises(TesujiError, match="family 'f': difficulty 3 is not on its dial: 2, 4"):
        family.make(1, 0, 3)


# One's own probes.


def test_the_oracle_says_what_is_true_in_a_position_of_ones_own():
    made = make_probe("p", TTT, [0, 4, 1])
    assert made.expectations == (Moves((2,), (3, 5, 6, 7, 8)),)
    assert (made.truth, made.oracle, made.why) == (
        "exact",
        "solver",
        "Only o(0,2) keeps the value of the position (solver).",
    )


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"history": []}, "every move that is known keeps the value"),
        ({"accepted": ["5"]}, "oracle solver: accepted action 5 is worth -1, the position 0"),
        ({"accepted": ["o(0,0)"]}, "accepted: 'o(0,0)' is not a legal move here; legal are o(0,2), "),
        ({"oracle": "referee"}, "oracle referee: it cannot tell"),
        ({"oracle": "sage"}, "oracle: 'sage' is unknown"),
        ({"accepted": ["2"], "truth": "published"}, "source: missing"),
        ({"game": "phantom_ttt", "history": []}, "no oracle can tell what is true here"),
        ({"game": "phantom_ttt", "history": [], "accepted": ["4"]}, "no oracle bears this out: say how it is known"),
        ({"history": [0, 4], "accepted": ["1"]}, "oracle solver: action 2 keeps the value 0, too, and is not accepted"),
        ({"history": [0, 0]}, "history: action 2 (0) is illegal"),
    ],
)
def test_mistakes_in_ones_own_probes(told, message):
    told = {"game": TTT, "history": [0, 4, 1]} | told
    with pytest.raises(TesujiError) as caught:
        make_probe("p", told.pop("game"), told.pop("history"), **told)
    assert message in str(caught.value)


def test_the_last_mistake_of_a_game():
    """o answers the corner on the side (the mistake), x takes the centre, o blocks, and x wins by two threats."""
    history = [0, 1, 4, 8, 6, 2, 3]
    assert last_mistake(TTT, history) == 1
    with pytest.raises(TesujiError, match="no move of this game is known to be a mistake"):
        last_mistake(TTT, [0, 4, 8])


# The command line.


@pytest.fixture
def tesuji(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run_it


def test_from_a_played_game_to_a_table(tesuji, tmp_path: Path):
    (tmp_path / "games.jsonl").write_text(json.dumps({"game": TTT, "history": [0, 1, 4, 8, 6, 2, 3]}) + "\n")
    code, out, _ = tesuji("probe", "add", "mine.jsonl", "--played", "games.jsonl")
    assert code == 0
    assert "own/tic_tac_toe/000, after 1 actions, player 1 to move" in out
    assert tesuji("probe", "add", "mine.jsonl", "--game", TTT, "--history", "0,4,1")[0] == 0
    code, out, err = tesuji("probe", "mcts", "--budgets", "4,400", "--probes", "mine.jsonl", "--against", "random")
    assert (code, err) == (0, "")
    assert re.search(r"own +tic_tac_toe +exact +2 .* 100% \[34%, 100%\]", out)
    assert "mcts against random, exact: 2 gained, 0 lost" in out


def test_the_exit_code_for_ci(tesuji, tmp_path: Path):
    write_probes(tmp_path / "mine.jsonl", [WIN])
    ask = ("probe", "random", "--probes", "mine.jsonl")
    assert tesuji(*ask)[0] == 0
    assert tesuji(*ask, "--fail-under", "0")[0] == 0
    assert tesuji(*ask, "--fail-under", "0.5")[0] == 1
    (tmp_path / "mine.jsonl").write_text(to_line(WIN) + "\nx\n")
    code, out, err = tesuji(*ask)
    assert (code, "1 probes" in out, err.count("\n")) == (2, True, 1)
    assert err.startswith("tesuji: mine.jsonl:2: not valid JSON")


def test_json_holds_figures_and_answers(tesuji, tmp_path: Path):
    write_probes(tmp_path / "mine.jsonl", [WIN, BLOCK])
    tesuji("probe", "mcts", "--budgets", "1,500", "--probes", "mine.jsonl", "--against", "random", "--json", "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    assert content["budgets"] == [1, 500]
    assert content["families"][0]["rates"][-1]["passed"] == 2
    assert [len(each["answers"]) for each in content["probes"]] == [2, 2]
    assert content["against"]["exact"]["gained"] == ["win", "block"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("probe random --budgets 1,x", "'x' is not a number of simulations"),
        ("probe random --fail-under 2", "give a share from 0 to 1"),
        ("probe random --probes none.jsonl", "cannot read none.jsonl"),
        ("probe random --probes win.jsonl --game nim", "win.jsonl has no probes of nim"),
        (
            "probe random --probes win.jsonl --id wim",
            "probe 'wim' (did you mean 'win'?): win.jsonl has none of this id",
        ),
        ("probe random --probes win.jsonl --family g", "family 'g': win.jsonl has only f of any game"),
        ("probe connect_four/imitation --game nim", "plays connect_four(), not nim: leave --game out"),
        ("probe connect_four/imitation --probes win.jsonl", "win.jsonl has no probes of connect_four()"),
        ("probe mcts --probes kuhn.jsonl", "kuhn_poker: 1 probes not asked: kuhn_poker hides information"),
        ("probe add mine.jsonl", "say which game it is"),
        ("probe add mine.jsonl --game tic_tac_toe --history 0,a", "'a' is not an action"),
        ("probe add mine.jsonl --game tic_tac_toe --history 0 --plies 2", "the history has only 1 actions"),
        ("probe add win.jsonl --game tic_tac_toe --history 0,4,1 --id win", "win.jsonl has a probe of this name"),
        ("probe add mine.jsonl --played none.jsonl", "cannot read none.jsonl"),
        ("probe add mine.jsonl --played games.jsonl:2", "has 1 games, there is no line 2"),
        ("probe families tarps", "family 'tarps' is unknown"),
        ("probe generate tarps --output x.jsonl", "family 'tarps' is unknown"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(tesuji, tmp_path: Path, command: str, message: str):
    write_probes(tmp_path / "win.jsonl", [WIN])
    write_probes(tmp_path / "kuhn.jsonl", [probe("call", [2, 0, 1], Moves((1,)), game="kuhn_poker")])
    (tmp_path / "games.jsonl").write_text('{"game": "tic_tac_toe", "history": [0]}\n')
    before = sorted(tmp_path.iterdir())
    code, _, err = tesuji(*command.split())
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


def test_from_python(tmp_path: Path):
    write_probes(tmp_path / "mine.jsonl", [WIN, BLOCK])
    found = api.probe("mcts", files=[tmp_path / "mine.jsonl"], budgets=[500], seed=3)
    assert [each.answers[0].passed for each in found.judged] == [True, True]
    own = api.probe(Fixed(8, value=1.0), files=[tmp_path / "mine.jsonl"], output=tmp_path / "kept")
    assert [each.answers[0].passed for each in own.judged] == [True, False]
    assert (tmp_path / "kept" / "answers.jsonl").exists()
