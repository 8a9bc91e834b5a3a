"""Positions that a symmetry of the game turns into one another are held out together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine.cli import main
from engine.game import load_game, room, rooms
from engine.probing.held_out import is_held_out
from engine.probing.positions import random_state
from engine.probing.probe import reach
from engine.probing.suite import load_probes, shipped


def orbit(game: str, history: Sequence[int] = (), fen: str = "") -> str:
    state = reach(game, fen, tuple(history))
    return room(game.split("(", 1)[0]).orbit(state)


DARK = "dark_hex(board_size=3,gameversion=adh)"
NIM = "nim(pile_sizes=1;3;5;7)"
HEX = "hex(board_size=4)"
DOTS = "dots_and_boxes(num_rows=2,num_cols=2)"
SMALL = "breakthrough(rows=6,columns=6)"
ALIKE = [
    ("leduc_poker", (0, 2, 1, 1, 5), (1, 2, 1, 1, 4), "suits of the own and the public card"),
    ("leduc_poker", (0, 2, 1, 1, 5), (0, 3, 1, 1, 5), "the card that the mover does not see"),
    (DARK, (0, 1), (8, 7), "half turn"),
    ("connect_four", (0, 1, 3), (6, 5, 3), "mirror"),
    (HEX, (1, 7), (14, 8), "half turn"),
    (HEX, (1, 7), (1, 2, 5), "no"),
    (HEX, (1, 7, 4), (1, 4, 13), "no"),
    ("tic_tac_toe", (0, 4), (0, 4), "itself"),
]


@pytest.mark.parametrize(("game", "first", "second", "image"), ALIKE, ids=lambda case: str(case)[:24])
def test_orbits_by_hand(game: str, first: Sequence[int], second: Sequence[int], image: str):
    assert (orbit(game, first) == orbit(game, second)) is (image != "no")


def test_piles_in_any_order_are_one_position():
    def left(game: str, sizes: Sequence[int]) -> str:
        state = load_game(game).new_initial_state()
        start = [1, 3, 5, 7]
        for pile, (before, after) in enumerate(zip(start, sizes, strict=True)):
            if before > after:
                state.apply_action((before - after - 1) * 4 + pile)
        return room("nim").orbit(state)

    assert left(NIM, (0, 3, 2, 1)) == left(NIM, (1, 2, 3, 0)) == left(NIM, (1, 0, 3, 2))
    assert left(NIM, (1, 2, 3, 0)) != left(NIM, (1, 2, 2, 0))
    assert left("nim(is_misere=False,pile_sizes=1;3;5;7)", (1, 2, 3, 0)) != left(NIM, (1, 2, 3, 0))


def test_hex_for_the_other_side_is_the_board_turned_over():
    swapped = load_game("hex(board_size=4,swap=True)").new_initial_state()
    for action in (1, 16, 7):  # o takes over the stone at b1, mirrored to a2; x moves
        swapped.apply_action(action)
    plain = load_game(HEX).new_initial_state()
    for action in (1, 13):  # the same board over its long diagonal: x at b1, o at b4; x is to move
        plain.apply_action(action)
    assert str(swapped).split().count("o") == str(plain).split().count("o") == 1
    assert (swapped.current_player(), plain.current_player()) == (1, 0)
    assert room("hex").orbit(swapped) == room("hex").orbit(plain)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1", "1k6/ppp5/8/8/8/8/8/1K5R w - - 0 1", True),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1", "r5k1/8/8/8/8/8/5PPP/6K1 b - - 3 9", True),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1", "6k1/5ppp/8/8/8/8/8/R5K1 b - - 0 1", False),
        ("4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", "3k4/8/8/8/8/8/8/3K3R w - - 0 1", False),  # one may castle
        ("4k3/8/8/8/8/8/8/R3K3 w - - 0 1", "3k4/8/8/8/8/8/8/3K3R w - - 0 1", True),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "4k3/8/8/8/3Pp3/8/8/4K3 b - d3 0 1", True),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "3k4/8/8/3Pp3/8/8/8/3K4 w - e6 0 1", True),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "4k3/8/8/3pP3/8/8/8/4K3 w - - 0 1", False),
    ],
)
def test_chess_positions(first: str, second: str, same: bool):
    assert (orbit("chess", fen=first) == orbit("chess", fen=second)) is same


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("ox./.o./x..", "xo./.x./o..", False),  # o is to move in both
        ("ox./.o./x..", ".xo/.o./..x", True),
        ("ox./.o./x..", "x.o/xo./...", False),
        ("ox./.o./x..", "o.x/xo./...", True),
    ],
)
def test_clobber_boards(first: str, second: str, same: bool):
    def at(board: str) -> str:
        return orbit("clobber(rows=3,columns=3)", fen=f"0{board.replace('/', '')}")

    assert (at(first) == at(second)) is same


def test_breakthrough_in_the_mirror_and_from_the_other_side():
    def after(*moves: str) -> str:
        state = load_game(SMALL).new_initial_state()
        for move in moves:
            names = {state.action_to_string(state.current_player(), action): action for action in state.legal_actions()}
            state.apply_action(names[move])
        return room("breakthrough").orbit(state)

    assert after("a5a4") == after("f5f4") != after("b5b4")
    assert after("a5a4", "b2b3") == after("f5f4", "e2e3")
    assert after("a5a4", "a2a3") != after("a5a4", "f2f3")


def test_dots_and_boxes_turned():
    # Lines 0 to 5 lie across, 6 to 11 upright: the top left line across, and its seven images.
    images = [0, 1, 4, 5, 6, 8, 9, 11]
    assert len({orbit(DOTS, (line,)) for line in images}) == 1
    assert orbit(DOTS, (2,)) == orbit(DOTS, (7,)) != orbit(DOTS, (0,))


@pytest.mark.parametrize("name", ["othello", "connect_four", "hex(board_size=5)", "einstein_wurfelt_nicht", DARK])
def test_orbits_obey_the_symmetries_of_the_room(name: str):
    """What a symmetry makes of a game's actions leads to an image, where it is legal."""
    game = load_game(name)
    own = room(game.get_type().short_name)
    generator = np.random.default_rng(0)
    for symmetry in own.symmetries(game):
        images = np.argsort(symmetry.actions)
        for decisions in (2, 5, 8):
            state = random_state(game, decisions, generator)
            assert state is not None
            image = same_way(state, images)
            if image is not None:
                assert own.orbit(image) == own.orbit(state), symmetry.name


def same_way(state: pyspiel.State, images: np.ndarray) -> pyspiel.State | None:
    """The position after the images of all moves; None where one of them is illegal. Chance stays as it is."""
    image = state.get_game().new_initial_state()
    for action in state.history():
        there = action if image.is_chance_node() else int(images[action])
        if there not in image.legal_actions():
            return None
        image.apply_action(there)
    return image


@pytest.mark.parametrize("name", rooms())
def test_every_room_and_game_has_orbits(name: str):
    probes = shipped([name]).probes[:3]
    for probe in probes:
        assert is_held_out(probe.state()) == probe.held_out
    generator = np.random.default_rng(1)
    if not probes:
        state = random_state(load_game(name), 1, generator)
        assert state is not None
        assert isinstance(is_held_out(state), bool)


def test_what_is_generated_agrees_with_what_is_shipped(tmp_path: Path):
    file = tmp_path / "nim.jsonl"
    assert main(["probe", "generate", "nim", "--count", "40", "--seed", "5", "--output", str(file)]) == 0
    kept = {orbit(probe.game, probe.history): probe.held_out for probe in shipped(["nim"]).probes}
    made = {orbit(probe.game, probe.history): probe.held_out for probe in load_probes([file]).probes}
    common = kept.keys() & made.keys()
    assert len(common) >= 3
    assert all(kept[each] == made[each] for each in common)


def test_generating_writes_beside_its_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = room("efg_game").folder
    assert folder is not None
    before = sorted(folder.rglob("*"))
    file = tmp_path / "fusion.jsonl"
    words = ["probe", "generate", "strategy_fusion", "--count", "3", "--difficulty", "5", "--seed", "9"]
    assert main([*words, "--output", str(file)]) == 0
    assert [each for each in sorted(folder.rglob("*")) if "__pycache__" not in each.parts] == [
        each for each in before if "__pycache__" not in each.parts
    ]
    games = [json.loads(line)["game"] for line in file.read_text().splitlines()]
    new = [game for game in games if game.startswith(f"efg_game(filename={tmp_path}/trees/")]
    assert all(game in new or game.startswith("efg_game(filename=trees/") for game in games)  # or shipped
    assert len(list((tmp_path / "trees").iterdir())) == len(new) > 0
    capsys.readouterr()
    assert main(["probe", "verify", str(file)]) == 0
    assert capsys.readouterr().out.startswith("3 of 3 probes borne out")
    assert main([*words, "--output", str(tmp_path / "a,b.jsonl")]) == 0  # only the folder's name matters
    (tmp_path / "c,d").mkdir()
    assert main([*words, "--output", str(tmp_path / "c,d" / "fusion.jsonl")]) == 2
