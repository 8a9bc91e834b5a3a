"""The shipped suite as a whole: sound, proven, balanced, and failed by agents without sense."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from engine.agents.bots import RandomAgent
from engine.errors import TesujiError
from engine.game import load_game, room, rooms
from engine.probing.constants import best_constant
from engine.probing.expectations import Twin
from engine.probing.family import KINDS
from engine.probing.held_out import is_held_out, mark
from engine.probing.oracles import verify
from engine.probing.probe import Probe, reach
from engine.probing.runner import run_probes
from engine.probing.suite import families, shipped

SUITE = shipped()
BY_FAMILY: dict[str, list[Probe]] = defaultdict(list)
for each in SUITE.probes:
    BY_FAMILY[each.family].append(each)
FEWER = {"published"}
"""Families of which no program makes more."""
CONSTANT = 0.6
"""What no constant answer passes more of."""
SAMPLED = 5
"""Every so many probes of a family are verified in the fast run."""


def test_every_line_is_sound():
    assert SUITE.problems == []


def test_there_are_enough_of_them():
    large = [name for name, probes in BY_FAMILY.items() if len(probes) >= 40]
    assert len(large) >= 14
    assert set(BY_FAMILY) - set(large) <= FEWER
    assert len({probe.game.split("(", 1)[0] for name in large for probe in BY_FAMILY[name]}) >= 8
    assert len(SUITE.probes) >= 600


def test_no_position_stands_twice_in_a_family():
    keys = Counter((p.family, p.game, p.fen, p.history, p.expectations) for p in SUITE.probes)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("name", sorted(BY_FAMILY))
def test_half_of_a_family_is_held_out(name: str):
    held = sum(probe.held_out for probe in BY_FAMILY[name])
    assert 0.35 <= held / len(BY_FAMILY[name]) <= 0.65


def test_families_are_documented_and_cover_all_kinds():
    known = families()
    assert {family.kind for family in known} == set(KINDS)
    assert {family.name for family in known} | FEWER >= set(BY_FAMILY)
    for family in known:
        for text in (family.fails, family.reason, family.described_by, family.truth, family.dial):
            assert text
    kinds = set()
    for family in known:
        about = load_game(family.game).get_type()
        kinds.add((about.chance_mode.name != "DETERMINISTIC", about.information.name != "PERFECT_INFORMATION"))
    assert kinds == {(False, False), (True, False), (False, True), (True, True)}


@pytest.mark.parametrize("name", sorted(BY_FAMILY))
def test_kinds_of_truth_are_told(name: str):
    for probe in BY_FAMILY[name]:
        assert probe.truth == "exact" or probe.source


def unproven(probes: list[Probe]) -> list[str]:
    """What the oracles say against exact probes, and those that they know nothing of."""
    found = []
    for probe in probes:
        try:
            said = verify(probe)
        except TesujiError as error:
            said = str(error)
        if said:
            found.append(f"{probe.id}: {said}")
    return found


@pytest.mark.parametrize("short", rooms())
def test_oracles_bear_out_a_sample(short: str):
    exact = [probe for probe in SUITE.probes if probe.truth == "exact" and probe.game.split("(", 1)[0] == short]
    assert unproven(exact[::SAMPLED]) == []


@pytest.mark.slow
@pytest.mark.parametrize("short", rooms())
def test_oracles_bear_out_all(short: str):
    exact = [probe for probe in SUITE.probes if probe.truth == "exact" and probe.game.split("(", 1)[0] == short]
    assert unproven(exact) == []


def test_an_agent_without_preference_fails():
    agent = RandomAgent()
    found = run_probes("random", lambda game: agent, SUITE.probes)
    assert found.left_out == ()
    passed = Counter(judged.probe.family for judged in found.judged if judged.answers[0].passed)
    errors = [judged.answers[0].error for judged in found.judged if judged.answers[0].error]
    assert errors == []
    for name, probes in BY_FAMILY.items():
        share = passed[name] / len(probes)
        assert share <= 0.15, name


@pytest.mark.parametrize("name", sorted(BY_FAMILY))
def test_no_constant_answer_passes_a_family(name: str):
    found = best_constant(tuple(BY_FAMILY[name]))
    assert found.share <= CONSTANT, found.answer


def test_no_orbit_lies_on_both_sides():
    sides: dict[str, bool] = {}
    for probe in SUITE.probes:
        orbit = f"{probe.short_name} {room(probe.short_name).orbit(probe.state())}"
        assert sides.setdefault(orbit, probe.held_out) == probe.held_out, probe.id


def test_a_twin_lies_on_the_side_of_its_probe():
    twins = [(p, each) for p in SUITE.probes for each in p.expectations if isinstance(each, Twin)]
    assert len(twins) >= 200
    for probe, twin in twins:
        assert is_held_out(reach(probe.game, probe.fen, twin.history)) == probe.held_out, probe.id


def test_marks_are_those_of_the_positions():
    for probe in SUITE.probes[::7]:
        assert mark(probe).held_out == probe.held_out, probe.id


def test_a_position_is_held_out_in_all_families_or_in_none():
    held: dict[tuple[str, str, int], bool] = {}
    for probe in SUITE.probes:
        key = probe.game, str(probe.state()), probe.player
        assert held.setdefault(key, probe.held_out) == probe.held_out, probe.id
