"""Facts of games, refusal of unsound search, and rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pyspiel
import pytest

from engine.errors import TesujiError
from engine.game import (
    LabelledPosition,
    encoder_shape,
    facts,
    is_win_draw_loss,
    load_game,
    python_module,
    require_searchable,
    require_self_play,
    room,
    rooms,
)


@pytest.mark.parametrize(
    ("name", "win_draw_loss", "value_scale", "zero_sum", "perfect"),
    [
        ("connect_four", True, 1.0, True, True),
        ("tic_tac_toe", True, 1.0, True, True),
        ("hex(board_size=4)", True, 1.0, True, True),
        ("kuhn_poker", False, 2.0, True, False),  # returns of 2
        ("leduc_poker", False, 13.0, True, False),
        ("blackjack", False, 1.0, False, False),  # one player
        ("2048", False, 20480.0, False, True),
        ("kuhn_poker(players=3)", False, 4.0, True, False),
        ("matrix_mp", False, 1.0, True, False),  # simultaneous
        ("pig(players=3)", False, 1.0, True, True),
    ],
)
def test_facts(name: str, win_draw_loss: bool, value_scale: float, zero_sum: bool, perfect: bool) -> None:
    game = load_game(name)
    about = facts(game)
    assert about.win_draw_loss == win_draw_loss
    assert about.value_scale == max(1.0, abs(game.min_utility()), abs(game.max_utility())) == value_scale
    assert about.zero_sum == zero_sum
    assert about.perfect_information == perfect
    assert (about.num_players, about.num_actions) == (game.num_players(), game.num_distinct_actions())
    assert str(load_game(about.name)) == str(game)


class Split(pyspiel.Game):
    """A one-move game whose single prize is worth what the test says, within declared utilities of -1 and 1."""

    prize = 1.0

    def __init__(self) -> None:
        kind = pyspiel.GameType(
            short_name="python_split",
            long_name="Split",
            dynamics=pyspiel.GameType.Dynamics.SEQUENTIAL,
            chance_mode=pyspiel.GameType.ChanceMode.DETERMINISTIC,
            information=pyspiel.GameType.Information.PERFECT_INFORMATION,
            utility=pyspiel.GameType.Utility.ZERO_SUM,
            reward_model=pyspiel.GameType.RewardModel.TERMINAL,
            max_num_players=2,
            min_num_players=2,
            provides_information_state_string=False,
            provides_information_state_tensor=False,
            provides_observation_string=False,
            provides_observation_tensor=False,
            parameter_specification={},
        )
        info = pyspiel.GameInfo(
            num_distinct_actions=3,
            max_chance_outcomes=0,
            num_players=2,
            min_utility=-1.0,
            max_utility=1.0,
            utility_sum=0.0,
            max_game_length=1,
        )
        super().__init__(kind, info, {})

    def new_initial_state(self) -> SplitState:
        return SplitState(self)


class SplitState(pyspiel.State):
    def __init__(self, game: Split) -> None:
        super().__init__(game)
        self.taken: int | None = None

    def current_player(self) -> int:
        return 0 if self.taken is None else pyspiel.PlayerId.TERMINAL

    def _legal_actions(self, player: int) -> list[int]:
        return [0, 1, 2]

    def _apply_action(self, action: int) -> None:
        self.taken = action

    def is_terminal(self) -> bool:
        return self.taken is not None

    def returns(self) -> list[float]:
        worth = (Split.prize, 0.0, -1.0)[self.taken or 0]
        return [worth, -worth]


@pytest.mark.parametrize(("prize", "expected"), [(1.0, True), (0.5, False)])
def test_fractional_returns_are_not_win_draw_loss(
    prize: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Split, "prize", prize)
    assert is_win_draw_loss(Split()) == expected


def test_facts_of_every_loadable_game() -> None:
    for kind in pyspiel.registered_games():
        if kind.default_loadable and kind.short_name != "colored_trails":  # that one loads for seconds
            about = facts(load_game(kind.short_name))
            assert about.short_name == kind.short_name
            assert bool(about.encoder) == bool(about.observation_shape)
            assert not (about.win_draw_loss and (about.num_players != 2 or not about.zero_sum))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conect_four", r"unknown game 'conect_four' \(did you mean 'connect_four'\?\)"),
        ("", "unknown game ''"),
        ("zzzzzz", "unknown game 'zzzzzz'; "),
        ("connect_four(foo=1)", r"connect_four\(foo=1\).*Unknown parameter 'foo'"),
        ("hex(board_size=big)", "Wrong type for parameter board_size"),
        ("hex(board_size", "closing bracket"),
    ],
)
def test_bad_game_is_one_line(name: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TesujiError, match=message) as caught:
        load_game(name)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["connect_four", "backgammon", "2048"])
def test_searchable(name: str) -> None:
    game = load_game(name)
    assert require_searchable(game) is None
    assert require_self_play(game) is None


@pytest.mark.parametrize("name", ["oshi_zumo", "goofspiel", "matrix_rps", "stones_and_gems"])
def test_searchable_but_not_recorded(name: str) -> None:
    game = load_game(name)
    require_searchable(game)
    with pytest.raises(TesujiError, match="samples chance" if name == "stones_and_gems" else "simultaneous") as caught:
        require_self_play(game)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kuhn_poker", "kuhn_poker hides information.*search is not sound there"),
        ("goofspiel(imp_info=True)", "goofspiel hides information"),
        ("mfg_crowd_modelling", "mean-field game"),
    ],
)
def test_not_searchable_is_one_line(name: str, message: str) -> None:
    for require in (require_searchable, require_self_play):
        with pytest.raises(TesujiError, match=message) as caught:
            require(load_game(name))
        assert "\n" not in str(caught.value)


def test_encoder_shape() -> None:
    game = load_game("connect_four")
    assert encoder_shape(game) == facts(game).observation_shape
    with pytest.raises(TesujiError, match="nonesuch"):
        encoder_shape(game, "nonesuch")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("take_away", "examples.take_away"),
        ("misere(game=take_away())", "examples.take_away"),
        ("start_at(history=0;1,game=misere(game=take_away()))", "examples.take_away"),
        ("connect_four", None),
        ("turn_based_simultaneous_game(game=goofspiel(num_cards=4))", None),
    ],
)
def test_a_game_in_python_is_told_inside_another_too(name: str, module: str | None) -> None:
    pytest.importorskip("examples.take_away")
    assert python_module(load_game(name)) == module


def test_a_game_without_a_folder_has_a_room() -> None:
    plain = room("tic_tac_toe")
    game = load_game("tic_tac_toe")
    assert plain.symmetries(game) == []
    assert plain.config_path is None
    assert plain.pretrained("imitation") is None
    assert plain.render(game.new_initial_state()) == str(game.new_initial_state())
    assert plain.oracle(game) is None
    assert plain.positions(game) == []
    assert plain.picture(game.new_initial_state(), {}) is None
    assert plain.pretrained_names == []


def test_a_room_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "games" / "mnk"
    (folder / "pretrained" / "first").mkdir(parents=True)
    (folder / "config.toml").write_text("seed = 3\n")
    (folder / "game.py").write_text(
        "def render(state):\n    return 'mine'\n"
        "def oracle(game):\n    return 'referee' if str(game) == 'mnk()' else None\n"
        "def positions(game):\n    return [1] if str(game) == 'mnk()' else []\n"
    )
    (folder / "__init__.py").touch()
    import games

    monkeypatch.setattr(games, "__path__", [str(tmp_path / "games")])
    room.cache_clear()
    try:
        found = room("mnk")
        assert rooms() == ["mnk"]
    finally:
        room.cache_clear()
    assert found.render(load_game("mnk").new_initial_state()) == "mine"
    assert found.config_path == folder / "config.toml"
    assert found.pretrained("first") == folder / "pretrained" / "first"
    assert found.pretrained("second") is None
    assert found.pretrained_names == ["first"]
    game, variant = load_game("mnk"), load_game("mnk(m=4)")
    assert (found.oracle(game), found.oracle(variant)) == ("referee", None)
    assert (found.positions(game), found.positions(variant)) == ([1], [])
    assert found.symmetries(load_game("mnk")) == []


def test_a_labelled_position_knows_its_state_and_value(tic_tac_toe: pyspiel.Game) -> None:
    position = LabelledPosition((0, 4), {1: -1, 2: 0, 8: 0})
    assert position.best == 0
    assert position.state(tic_tac_toe).history() == [0, 4]


def test_a_broken_room_is_not_taken_for_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "games" / "havannah"
    folder.mkdir(parents=True)
    (folder / "game.py").write_text("import package_that_is_not_there\n")
    import games

    monkeypatch.setattr(games, "__path__", [str(tmp_path / "games")])
    with pytest.raises(ModuleNotFoundError, match="package_that_is_not_there"):
        room("havannah")


@pytest.mark.parametrize(
    "name",
    [
        "connect_four(rows=100000,columns=100000)",
        "connect_four(rows=-1,columns=7)",
        "breakthrough(rows=100000,columns=100000)",
        "hex(board_size=100000)",
    ],
)
def test_a_game_too_large_for_memory_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        TesujiError, match=f"cannot load game '{re.escape(name[:7])}.*(its number of|more than 4,194,304)"
    ) as refusal:
        load_game(name)
    assert "\n" not in str(refusal.value)
