"""Pictures of positions: what is drawn is what the state holds, at its place, and every marked move is marked."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pyspiel
import pytest

from engine.drawing import CELL, EDGE
from engine.game import load_game, room
from engine.markup import Markup, breakable, element, join
from engine.probing.positions import advance_chance

SVG = "{http://www.w3.org/2000/svg}"
GAMES = [
    "connect_four",
    "connect_four(rows=4,columns=9,x_in_row=3)",
    "othello",
    "chess",
    "breakthrough",
    "breakthrough(rows=4,columns=3)",
    "clobber",
    "clobber(rows=3,columns=8)",
    "hex(board_size=5)",
    "hex(num_cols=3,num_rows=4,string_rep=explicit)",
    "hex(board_size=3,swap=true)",
    "dark_hex(board_size=3)",
    "dark_hex(num_cols=4,num_rows=2,gameversion=adh)",
    "einstein_wurfelt_nicht",
    "dots_and_boxes",
    "dots_and_boxes(num_rows=3,num_cols=1)",
    "nim",
    "nim(pile_sizes=9;2)",
]
KINDS = ["accepted", "forbidden", "chosen", "accepted chosen", "forbidden chosen"]


def states(name: str, seed: int = 0) -> Iterator[pyspiel.State]:
    """All positions of a random game in which a player is to move."""
    generator = np.random.default_rng(seed)
    state = load_game(name).new_initial_state()
    for _ in range(80):
        advance_chance(state, generator)
        if state.is_terminal():
            return
        yield state
        state.apply_action(int(generator.choice(state.legal_actions())))


def drawn(state: pyspiel.State, marks: dict[int, str] | None = None) -> ElementTree.Element:
    picture = room(state.get_game().get_type().short_name).picture(state, marks or {})
    assert picture is not None
    return ElementTree.fromstring(picture)


def classes(picture: ElementTree.Element) -> Counter[str]:
    return Counter(each.get("class", "") for each in picture.iter())


@pytest.mark.parametrize("name", GAMES)
def test_pictures_stand_alone_and_mark_every_move(name: str) -> None:
    for number, state in enumerate(states(name)):
        if number % 5:
            continue
        marks = {action: KINDS[index % 5] for index, action in enumerate(state.legal_actions())}
        picture = drawn(state, marks)
        assert picture.tag == f"{SVG}svg" and picture.get("role") == "img"
        width, height = map(float, picture.get("viewBox", "").split()[2:])
        assert picture.findtext(f"{SVG}title")
        for each in picture.iter():
            assert each.get("id") is None and not any("href" in key for key in each.attrib)
            for key, limit in (("cx", width), ("cy", height), ("x", width), ("y", height)):
                assert -10.0 <= float(each.get(key, 0.0)) <= limit + 10.0
        found = {
            int(each.get("data-action", "")): each.get("class", "").removeprefix("mark ")
            for each in picture.iter()
            if each.get("class", "").startswith("mark ")
        }
        assert found == marks


def printed(state: pyspiel.State) -> list[str]:
    """The rows of a board as letters, dots where it is empty."""
    short = state.get_game().get_type().short_name
    text = str(state)
    if short == "chess":
        return [re.sub(r"\d", lambda empty: "." * int(empty[0]), rank) for rank in text.split()[0].split("/")]
    if short == "othello":
        return [line[2:17:2].replace("-", ".") for line in text.splitlines()[2:10]]
    if short == "connect_four":
        return text.splitlines()
    return [line[1:] for line in text.splitlines() if line[:1].isdigit()]


@pytest.mark.parametrize("name", GAMES[:8])
def test_pieces_stand_where_they_are(name: str) -> None:
    """The board read back from the places of its pieces."""
    for state in states(name, 1):
        expected = printed(state)
        picture = drawn(state)
        ground = next(each for each in picture.iter() if each.get("class") == "board")
        left, top = float(ground.get("x", "")), float(ground.get("y", ""))
        assert (float(ground.get("width", "")), float(ground.get("height", ""))) == (
            len(expected[0]) * CELL,
            len(expected) * CELL,
        )
        found = [["."] * len(expected[0]) for _ in expected]
        for each in picture.iter():
            kind, _, letter = each.get("class", "").partition(" ")
            if kind == "stone":
                x, y = float(each.get("cx", "")), float(each.get("cy", ""))
            elif kind == "piece":
                x, y = (float(part) + 1.0 for part in each.get("transform", "")[10:-1].split())
            else:
                continue
            found[int((y - top) // CELL)][int((x - left) // CELL)] = letter
        assert ["".join(row) for row in found] == expected


def test_hex_has_all_its_stones_and_dark_hex_only_the_known() -> None:
    for state in states("hex(board_size=5)", 2):
        found = classes(drawn(state))
        assert [found["stone x"], found["stone o"], found["cell"]] == [*map(str(state).count, "xo"), 25]
        picture = drawn(state)
        cells = [
            [sum(float(pair.split(",")[axis]) for pair in each.get("points", "").split()) / 6.0 for axis in (0, 1)]
            for each in picture.iter()
            if each.get("class") == "cell"
        ]
        for each in picture.iter():
            kind, _, letter = each.get("class", "").partition(" ")
            if kind == "stone":
                place = (float(each.get("cx", "")), float(each.get("cy", "")))
                cell = min(range(25), key=lambda cell: math.dist(cells[cell], place))
                assert math.dist(cells[cell], place) < 0.2
                assert str(state).split()[cell] == letter
    for state in states("dark_hex(board_size=3)", 3):
        found = classes(drawn(state))
        known = state.information_state_string(state.current_player()).split("\n")[:3]
        assert [found["stone x"], found["stone o"]] == ["".join(known).count(stone) for stone in "xo"]
        # Of the other's stones none but those that were bumped into.
        hidden = "ox"[state.current_player()]
        assert found[f"stone {hidden}"] <= str(state).count(hidden)


def test_cubes_and_the_die() -> None:
    for state in states("einstein_wurfelt_nicht", 4):
        picture = drawn(state)
        found = classes(picture)
        cubes = re.findall(r"[bw]\d", str(state))
        assert (found["cube b"], found["cube w"]) == tuple(sum(cube[0] == side for cube in cubes) for side in "bw")
        numbers = [each.text for each in picture.iter() if each.get("class") == "number"]
        assert sorted(map(str, numbers)) == sorted(cube[1] for cube in cubes)
        assert found["pip"] == state.history()[-1] + 1


@pytest.mark.parametrize("name", ["dots_and_boxes", "dots_and_boxes(num_rows=3,num_cols=1)"])
def test_lines_and_boxes(name: str) -> None:
    for state in states(name, 5):
        picture = drawn(state, {action: "accepted" for action in state.legal_actions()})
        found = classes(picture)
        assert (found["drawn"], found["open"]) == tuple(state.dbn_string().count(line) for line in "10")
        assert (found["box p1"], found["box p2"]) == tuple(str(state).count(f" {owner} ") for owner in "12")
        # A mark lies on an open line: the k-th of all, in the order of actions.
        lines = [each for each in picture.iter() if each.get("class") in ("drawn", "open")]
        for mark in (each for each in picture.iter() if each.get("class") == "mark accepted"):
            line = lines[int(mark.get("data-action", ""))]
            path = mark[0].get("d", "")
            assert path == f"M{line.get('x1')} {line.get('y1')}L{line.get('x2')} {line.get('y2')}"


def test_a_mark_takes_its_token_and_all_to_its_right() -> None:
    state = load_game("nim(pile_sizes=3;5)").new_initial_state()
    assert classes(drawn(state))["stone t"] == 8
    action = next(a for a in state.legal_actions() if state.action_to_string(0, a) == "pile:2, take:2;")
    picture = drawn(state, {action: "accepted"})
    mark = next(each for each in picture.iter() if each.get("class") == "mark accepted")
    token = EDGE + (3 + 0.5) * CELL - 0.2 * CELL  # the fourth of five; a ring's path begins at its left
    left = (float(picture.get("width", "")) - 6 * CELL) / 2.0 - EDGE  # a narrow board stands in the middle
    assert mark[0].get("d", "").startswith(f"M{token + left:.0f} ")


def test_castling_is_the_kings_way_and_promotions_lie_side_by_side() -> None:
    state = load_game("chess").new_initial_state("4k3/1P6/8/8/8/8/8/R3K3 w Q - 0 1")
    moves = {state.action_to_string(1, action): action for action in state.legal_actions()}
    picture = drawn(state, {moves["O-O-O"]: "accepted", moves["b8=N"]: "accepted", moves["b8=Q+"]: "forbidden"})
    marks = {
        int(each.get("data-action", "")): each for each in picture.iter() if each.get("class", "").startswith("mark ")
    }
    start = [float(part) for part in re.findall(r"[\d.]+", marks[moves["O-O-O"]][0].get("d", ""))]
    assert start[1] == start[3] and start[0] - start[2] == 2 * CELL - 14.0 - 13.0  # from e1 towards c1
    labels = {each.text: each.get("x") for action in marks for each in marks[action].iter(f"{SVG}text")}
    assert set(labels) == {"N", "Q"} and labels["N"] != labels["Q"]


def test_markup_escapes_what_is_not_markup() -> None:
    hostile = '<b title="x">&'
    assert element("p", hostile, element("br"), title=hostile, hidden=True, kind=None) == (
        '<p title="&lt;b title=&quot;x&quot;&gt;&amp;" hidden="">&lt;b title="x"&gt;&amp;<br/></p>'
    )
    assert join(Markup("<i>"), "<i>") == "<i>&lt;i&gt;"
    assert breakable("a_b<") == "a_<wbr/>b&lt;"
    assert element("td", data_head="x", rows=1.25) == '<td data-head="x" rows="1.2"></td>'
