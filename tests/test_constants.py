"""What the best answer that ignores the position passes, on probes made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine import api
from engine.agents.bots import RandomAgent
from engine.frontends.probing import probing_text
from engine.probing.constants import best_constant
from engine.probing.expectations import Expectation, Moves, PlayOut, Probability, Twin, Value
from engine.probing.probe import Probe
from engine.probing.suite import shipped, write_probes

TTT = "tic_tac_toe"


def probe(history: tuple[int, ...], *expectations: Expectation, game: str = TTT) -> Probe:
    """Of no known truth: constants are judged by what is expected alone."""
    return Probe(f"{game}{history}", "f", game, history, expectations, "published", "", "It is so.", source="me")


@pytest.mark.parametrize(
    ("ranges", "passed", "value"),
    [
        ([(-1.0, -0.5), (-1.0, -0.5)], 2, "value -1"),
        ([(0.5, 1.0), (-1.0, -0.5), (-0.6, -0.2), (-0.5, 0.0)], 3, "value -0.5"),  # the three ranges meet there only
        ([(0.2, 0.3), (0.8, 0.9)], 1, "value 0.2"),
    ],
)
def test_a_constant_value(ranges: list[tuple[float, float]], passed: int, value: str):
    found = best_constant(tuple(probe((cell,), Value(*ends)) for cell, ends in enumerate(ranges)))
    assert (found.passed, found.total, found.answer) == (passed, len(ranges), value)
    assert found.share == passed / len(ranges)


def test_a_fixed_action():
    # Cell 8 is right three times and taken once; no place among the legal actions is right more than twice.
    asked = [((), 8), ((0,), 8), ((0, 1), 8), ((8,), 3)]
    found = best_constant(tuple(probe(history, Moves((right,))) for history, right in asked))
    assert (found.passed, found.answer) == (3, "always x(2,2)")


def test_a_place_among_the_legal_actions():
    asked = [((0, 1), 2), ((0, 2), 1), ((1, 2), 0), ((1, 0), 2)]  # the lowest free cell
    found = best_constant(tuple(probe(history, Moves((right,))) for history, right in asked))
    assert (found.passed, found.answer) == (4, "always the first action")


def test_an_action_never_taken():
    histories = [(), (0,), (1,), (2,), (0, 1), (3, 5)]
    found = best_constant(tuple(probe(history, Moves(forbidden=(4,))) for history in histories))
    assert found.passed == len(histories)  # always another cell does as well, where it is free
    found = best_constant(tuple(probe(history, Moves(forbidden=(4, 8))) for history in histories))
    assert found.passed == len(histories) and found.answer.startswith("always")


def test_a_policy_that_never_folds():
    raised = [(card, other, 2) for card, other in ((0, 1), (2, 3), (4, 5), (1, 0))]
    probes = tuple(probe(history, Moves(forbidden=(0,)), game="leduc_poker") for history in raised)
    assert (best_constant(probes).passed, best_constant(probes).answer) == (4, "never Fold")
    folds = tuple(replace(each, expectations=(Moves((0,)),)) for each in probes[:2])
    assert best_constant(folds + probes[2:]).passed == 2


def test_a_fixed_probability():
    third = Probability((0,), 0.3, 0.35)
    probes = [probe((1, 0), third, game="kuhn_poker"), probe((2, 0), third, game="kuhn_poker")]
    assert (best_constant(tuple(probes)).passed, best_constant(tuple(probes)).answer) == (2, "Pass with 0.35")
    probes.append(probe((0, 1), Probability((0,), 0.9, 1.0), game="kuhn_poker"))
    assert best_constant(tuple(probes)).passed == 2


def test_the_uniform_policy_agrees_with_itself():
    mirrored = tuple((cell, 8 - cell) for cell in range(1, 9))
    turned = probe((0,), Twin((8,), mirrored, 0.1))
    assert (best_constant((turned,)).passed, best_constant((turned,)).answer) == (1, "uniform")
    with_move = replace(turned, expectations=(Moves((4,)), *turned.expectations))
    assert (best_constant((with_move,)).passed, best_constant((with_move,)).answer) == (1, "always o(1,1)")
    corner = replace(turned, expectations=(Moves((2,)), *turned.expectations))  # at the twin that cell is another
    assert best_constant((corner,)).passed == 0


def test_policy_and_value_are_one_answer():
    first = probe((0,), Moves((4,)), Value(0.0, 0.2))
    second = probe((1,), Moves((4,)), Value(0.5, 0.6))
    third = probe((2,), Moves((5,)), Value(0.1, 0.6))
    found = best_constant((first, second, third))
    assert (found.passed, found.answer) == (1, "always o(1,1), value 0")
    assert best_constant((first, replace(second, expectations=(Moves((4,)), Value(0.1, 0.6))))).passed == 2


def test_games_that_are_played_out():
    # x takes the lowest cell, o the next one: x has 0 2 4 6 and wins.
    assert best_constant((probe((), PlayOut("self", 1.0, 1.0)),)).passed == 1
    assert best_constant((probe((), PlayOut("self", 1.1, 2.0)),)).passed == 0
    assert best_constant((probe((), PlayOut("random", -1.0, 1.0)),)).passed == 0  # not played


def test_every_game_has_its_own_constant():
    left = probe((), Moves((0,)))
    right = probe((), Moves((6,)), game="connect_four")
    found = best_constant((left, right))
    assert (found.passed, found.total) == (2, 2)
    assert found.answer == "tic_tac_toe: always x(0,0); connect_four: always x6"


def test_every_table_tells_it(tmp_path: Path):
    file = tmp_path / "p.jsonl"
    probes = [probe((), Moves((4,))), probe((0,), Moves((4,))), probe((4,), Moves((0, 2, 6, 8)))]
    write_probes(file, probes)
    found = api.probe(RandomAgent(), files=[file])
    assert "best constant answer" in probing_text(found)
    assert "67%, always x(1,1)" in probing_text(found)
    (family,) = json.loads(json.dumps(found.to_json()))["families"]
    assert family["best_constant"] == {"passed": 2, "total": 3, "answer": "always x(1,1)"}


def test_no_agent_is_needed_and_none_does_worse_than_uniform():
    probes = tuple(shipped(["nim"]).probes)
    found = best_constant(probes)
    assert 0.0 < found.share < 0.6
