"""Probes and what they expect: judged by hand, written and read back, and refused in one line that names the field."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agents.agent import Decision
from engine.errors import TesujiError
from engine.probing.expectations import Moves, PlayOut, Probability, Twin, Value, meets, top_actions
from engine.probing.probe import Probe, read_probe, to_line


def decision(*probabilities: float, value: float = math.nan) -> Decision:
    return Decision(np.array(probabilities), np.array([value, -value]))


# What is expected, by hand.


@pytest.mark.parametrize(
    ("probabilities", "accepted", "forbidden", "passes"),
    [
        ((0.1, 0.7, 0.2), (1,), (), True),
        ((0.1, 0.7, 0.2), (0,), (), False),
        ((0.1, 0.7, 0.2), (0, 1), (2,), True),
        ((0.1, 0.7, 0.2), (), (1,), False),
        ((0.1, 0.7, 0.2), (), (0, 2), True),
        ((0.4, 0.4, 0.2), (0,), (), False),  # no preference for it
        ((0.4, 0.4, 0.2), (0, 1), (), True),
        ((0.4, 0.4, 0.2), (), (1,), False),
        ((0.5 + 1e-9, 0.5 - 1e-9, 0.0), (0,), (), False),
    ],
)
def test_moves(probabilities, accepted, forbidden, passes):
    assert meets(Moves(accepted, forbidden), decision(*probabilities), 0) is passes


def test_an_agent_without_preference_finds_no_move():
    uniform = decision(0.25, 0.25, 0.25, 0.25)
    assert top_actions(uniform.probabilities) == (0, 1, 2, 3)
    for action in range(4):
        assert not meets(Moves((action,)), uniform, 0)


@pytest.mark.parametrize(("value", "passes"), [(-0.6, True), (-0.5, True), (-0.4, False), (math.nan, False)])
def test_values_are_those_of_the_player_to_move(value, passes):
    assert meets(Value(-1.0, -0.5), decision(1.0, value=value), 0) is passes
    assert meets(Value(-1.0, -0.5), decision(1.0, value=-value), 1) is passes


@pytest.mark.parametrize(("share", "passes"), [(0.2, False), (0.3, True), (0.4, True), (0.5, False)])
def test_probabilities_of_several_actions_add_up(share, passes):
    answer = decision(share / 2, share / 2, 1 - share)
    assert meets(Probability((0, 1), 0.3, 0.45), answer, 0) is passes


@pytest.mark.parametrize(("there", "distance"), [((0.5, 0.2, 0.3), 0.0), ((0.3, 0.2, 0.5), 0.2), ((0, 0, 1), 0.7)])
def test_twins_may_move_so_much_probability(there, distance):
    here = decision(0.3, 0.2, 0.5)  # action 0 is 2 there, 2 is 0
    pairs = ((0, 2), (1, 1), (2, 0))
    assert meets(Twin((), pairs, distance + 1e-9), here, 0, decision(*there))
    if distance:
        assert not meets(Twin((), pairs, distance - 1e-9), here, 0, decision(*there))
    with pytest.raises(ValueError, match="at its history"):
        meets(Twin((), pairs, 0.1), here, 0)


@pytest.mark.parametrize(("returns", "passes"), [(0.89, False), (0.9, True), (1.0, True), (math.nan, False)])
def test_play_outs_are_judged_by_their_return(returns, passes):
    assert meets(PlayOut("self", 0.9, 1.0), decision(1.0), 0, returns=returns) is passes


# In a file.


def line(**changes: Any) -> dict[str, Any]:
    """x has the corners 0 and 4 to move on after o's 1: 8 wins."""
    content = {
        "id": "mine/1",
        "family": "mine",
        "game": "tic_tac_toe",
        "history": [0, 1, 4, 2],
        "expect": [{"kind": "moves", "accepted": [8]}],
        "truth": "exact",
        "oracle": "solver",
        "why": "8 completes the diagonal.",
    }
    content |= changes
    return {name: value for name, value in content.items() if value is not None}


def moves(**fields: Any) -> list[dict[str, Any]]:
    return [{"kind": "moves", **fields}]


def test_a_probe_is_read_and_written():
    probe = read_probe(line(difficulty=3, tags=["a"], held_out=True, source="me"))
    assert probe.player == 0
    assert probe.expectations == (Moves((8,)),)
    assert read_probe(json.loads(to_line(probe))) == probe
    assert str(probe.state()).splitlines() == ["xoo", ".x.", "..."]


def test_a_probe_begins_where_its_fen_says():
    fen = "8/8/8/8/8/3N1K2/2p1N3/1k6 w - - 0 5"
    probe = read_probe(line(game="chess", history=[], fen=fen, expect=moves(accepted=[2474])))
    assert str(probe.state()) == fen
    assert probe.state().action_to_string(2474) == "Nec1"


TWIN = {"kind": "twin", "history": [2, 1, 4, 0], "actions": [[3, 5], [5, 3], [6, 8], [7, 7], [8, 6]], "tolerance": 0.1}


@pytest.mark.parametrize(
    "expect",
    [
        moves(accepted=[8], forbidden=[3, 5]),
        [{"kind": "value", "low": 0.5, "high": 1}],
        [{"kind": "probability", "actions": [8, 7], "low": 0.25, "high": 0.5}],
        [TWIN],
        [{"kind": "play_out", "opponent": "self", "low": 1, "high": 1}],
        [{"kind": "value", "low": 0.5, "high": 1}, *moves(forbidden=[7])],
    ],
)
def test_every_kind_of_expectation_survives_a_file(expect):
    probe = read_probe(line(expect=expect))
    again = read_probe(json.loads(to_line(probe)))
    assert again == probe
    assert len(again.expectations) == len(expect)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"history": [0, 1, 0]}, "history: action 3 (0) is illegal"),
        ({"history": [0, 3, 1, 4, 2, 5]}, "history: the game is over before action 6 (5)"),
        ({"history": [0, 3, 1, 4, 2]}, "history: the game is over after it"),
        ({"history": "0 1"}, "history: a list of whole numbers"),
        ({"game": "kuhn_poker", "history": [0]}, "history: chance is to move after it"),
        ({"game": "matrix_rps", "history": []}, "history: several players move at once"),
        ({"game": "tic_tac_to"}, "game: unknown game 'tic_tac_to' (did you mean 'tic_tac_toe'?)"),
        ({"fen": "8/8"}, "fen: '8/8': "),
        ({"player": 1}, "player: 1 is not to move after this history, 0 is"),
        ({"why": None}, "why: missing"),
        ({"why": ""}, "why: empty"),
        ({"id": 3}, "id: 3 is not a text"),
        ({"wy": "x"}, "wy: unknown field (did you mean 'why'?)"),
        ({"truth": "exakt"}, "truth: 'exakt' (did you mean 'exact'?)"),
        ({"oracle": ""}, "oracle: missing"),
        ({"truth": "published"}, "source: missing"),
        ({"truth": "engine-judged"}, "source: missing"),
        ({"difficulty": 1.5}, "difficulty: 1.5 is not a whole number"),
        ({"tags": "a"}, "tags: a list of texts"),
        ({"held_out": 1}, "held_out: 1 is neither true nor false"),
        ({"expect": []}, "expect: a list with at least one expectation"),
        ({"expect": [3]}, "expect: an expectation is a JSON object"),
        ({"expect": [{"kind": "move"}]}, "expect.kind: 'move' (did you mean 'moves'?)"),
        ({"expect": moves()}, "expect.moves: name actions"),
        ({"expect": moves(accepted=[0])}, "expect.moves.accepted: action 0 is illegal after this history"),
        ({"expect": moves(accepted=[8], forbidden=[8])}, "expect.moves: action 8 is accepted and forbidden"),
        ({"expect": moves(forbidden=[3, 5, 6, 7, 8])}, "expect.moves.forbidden: leaves no legal action"),
        ({"expect": moves(acepted=[8])}, "expect.moves.acepted: unknown field (did you mean 'accepted'?)"),
        ({"expect": [*moves(accepted=[8]), *moves(accepted=[7])]}, "expect: contradiction: no action is accepted"),
        ({"expect": [*moves(accepted=[8]), *moves(forbidden=[8])]}, "expect: contradiction: no action is accepted"),
        ({"expect": [{"kind": "value", "low": 1, "high": 0}]}, "expect.value: low 1 is above high 0"),
        ({"expect": [{"kind": "value", "low": "a", "high": 0}]}, "expect.value.low: 'a' is not a number"),
        ({"expect": [{"kind": "value", "low": math.nan, "high": 0}]}, "expect.value.low: nan is not a number"),
        (
            {"expect": [{"kind": "value", "low": 0, "high": 0}, {"kind": "value", "low": 1, "high": 1}]},
            "expect: contradiction: no value lies in all ranges",
        ),
        (
            {"expect": [{"kind": "probability", "actions": [8], "low": a, "high": a} for a in (0, 1)]},
            "expect: contradiction: no probability lies in all ranges",
        ),
        ({"expect": [{"kind": "probability", "actions": [], "low": 0, "high": 1}]}, "expect.probability.actions: name"),
        ({"expect": [{"kind": "probability", "actions": [8], "low": 2, "high": 3}]}, "[2, 3] holds no probability"),
        ({"expect": [{"kind": "play_out", "low": 0, "high": 1}]}, "expect.play_out.opponent: name an agent"),
        ({"expect": [TWIN | {"history": [0, 0]}]}, "expect.twin.history: action 2 (0) is illegal"),
        ({"expect": [TWIN | {"actions": [[3, 5]]}]}, "expect.twin.actions: pair every legal action"),
        ({"expect": [TWIN | {"tolerance": 1}]}, "expect.twin.tolerance: 1 must be from 0 to less than 1"),
    ],
)
def test_a_bad_probe_is_one_line_with_its_field(changes, message):
    with pytest.raises(TesujiError) as caught:
        read_probe(line(**changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_no_content_of_a_field_is_more_than_a_mistake(value):
    """Whatever a file holds, it is read or refused in one line."""
    for name in line():
        try:
            probe = read_probe(line() | {name: value})
        except TesujiError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(probe, Probe)


EXPECTED = {
    "moves": ("accepted", "forbidden"),
    "value": ("low", "high"),
    "probability": ("actions", "low", "high"),
    "twin": ("history", "actions", "tolerance"),
    "play_out": ("opponent", "low", "high"),
}
HARD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(10**400)


@pytest.mark.parametrize("kind", EXPECTED)
@given(value=st.recursive(HARD, lambda inner: st.lists(inner, max_size=3)))
def test_no_content_of_an_expectation_is_more_than_a_mistake(kind, value):
    whole = {"accepted": [8], "actions": [8], "low": 0, "high": 1, "opponent": "self", "history": [], "tolerance": 0}
    for name in ("kind", *EXPECTED[kind]):
        entry = {"kind": kind} | {each: whole.get(each, []) for each in EXPECTED[kind]} | {name: value}
        try:
            probe = read_probe(line(expect=[entry]))
        except TesujiError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(probe, Probe)


def test_what_no_file_can_hold_is_refused():
    with pytest.raises(TesujiError, match="why: half a character"):
        read_probe(line(why="a\ud800"))
