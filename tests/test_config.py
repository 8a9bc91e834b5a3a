"""Configuration: layers, types, ranges, and names that do not exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import (
    EvaluatorConfig,
    LearnerConfig,
    RunConfig,
    SearchConfig,
    load_config,
    save_config,
)
from engine.errors import ConfigError
from engine.game import Room, hides_the_mover, load_game
from engine.native import core

GAME = {"game": "tic_tac_toe"}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_defaults_are_valid_and_survive_saving(tmp_path: Path) -> None:
    config = load_config(overrides=GAME)
    assert config == RunConfig(game="tic_tac_toe")
    save_config(config, tmp_path / "saved.toml")
    assert load_config(tmp_path / "saved.toml") == config


def test_a_new_network_sees_who_is_to_move() -> None:
    """In Pig the board after a hold at 0 is the board before it, and OpenSpiel's observation says no more."""
    game = load_game("pig")
    first, second = game.new_initial_state(), game.new_initial_state()
    second.apply_action(1)
    assert (first.current_player(), second.current_player()) == (0, 1)
    plain, again = core.encode([first, second], "observation")
    assert plain.tolist() == again.tolist()
    plain, again = core.encode([first, second], load_config(overrides={"game": "pig"}).network.encoder)
    assert plain.tolist() != again.tolist()


def test_which_observations_hide_the_mover() -> None:
    """Chess and nim tell it, backgammon is drawn from a seat, in tic-tac-toe pieces can be counted; others hide it."""
    assert not any(hides_the_mover(name) for name in ("chess", "nim", "backgammon", "tic_tac_toe", "2048"))
    assert all(hides_the_mover(name) for name in ("pig", "pig(players=3)", "mancala", "dots_and_boxes"))


def test_every_value_survives_saving(tmp_path: Path) -> None:
    config = RunConfig(
        game='nim(pile_sizes="1;2\\")\n\x7f',
        seed=2**63 - 1,
        minutes=1.5,
        search=SearchConfig(simulations=7, c_puct=1e-17),
        learner=LearnerConfig(learning_rate=0.1 + 0.2, schedule="constant"),
        evaluator=EvaluatorConfig(backend="torch", precision="fp32", device="cpu"),
    )
    save_config(config, tmp_path / "saved.toml")
    assert load_config(tmp_path / "saved.toml") == config


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_truth_values_are_read_and_survive_saving(tmp_path: Path, text: str, value: bool) -> None:
    config = load_config(written(tmp_path, "[search]\nreuse_tree = true\n"), GAME | {"search.reuse_tree": text})
    assert config.search.reuse_tree is value
    save_config(config, tmp_path / "saved.toml")
    assert f"reuse_tree = {str(value).lower()}\n" in (tmp_path / "saved.toml").read_text()
    assert load_config(tmp_path / "saved.toml") == config


class Files(Room):
    """A room with these files and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__("room", folder)


def test_later_layers_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room").mkdir()
    room_file = tmp_path / "room" / "config.toml"
    room_file.write_text("seed = 1\nminutes = 7.0\n[search]\nsimulations = 10\nc_puct = 2\n[replay]\nwindow = 5\n")
    user = written(tmp_path, 'game = "tic_tac_toe"\nseed = 2\n[search]\nsimulations = 20\n')
    monkeypatch.setattr("engine.config.room", lambda name: Files(tmp_path / "room"))
    config = load_config(user, {"seed": "3", "learner.batch_size": "1_024"})
    assert (config.seed, config.search.simulations, config.search.c_puct) == (3, 20, 2.0)
    assert isinstance(config.search.c_puct, float)
    assert (config.replay.window, config.minutes, config.learner.batch_size) == (5, 7.0, 1024)
    changed = load_config(user, {"iterations": "4"})
    assert (changed.iterations, changed.minutes) == (4, 0.0)  # the later budget takes the earlier one's place


def test_a_method_brings_defaults_under_the_rooms_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[method]\nname = "mmd"\n[rollout]\ngames = 8\n[learner]\nbatch_size = 5\n')
    (tmp_path / "ppo.toml").write_text("[learner]\nbatch_size = 6\n")
    monkeypatch.setattr("engine.config.room", lambda name: Files(tmp_path))
    config = load_config(None, GAME)
    assert (config.method.name, config.rollout.games, config.learner.batch_size) == ("mmd", 8, 5)
    assert (config.learner.precision, config.learner.value_weight) == ("fp32", 0.5)  # of mmd in every game
    other = load_config(None, GAME | {"method.name": "ppo", "learner.value_weight": "0.25"})
    assert (other.rollout.games, other.learner.batch_size, other.learner.value_weight) == (8, 6, 0.25)
    assert load_config(None, GAME | {"method.name": "sft"}).learner.batch_size == 5
    with pytest.raises(ConfigError, match=r"method.name: 'pp0' is not one of .*did you mean 'ppo'"):
        load_config(None, GAME | {"method.name": "pp0"})


@pytest.mark.parametrize("method", ["ppo", "mmd", "grpo"])
def test_methods_have_valid_defaults_in_every_room(repository: Path, method: str) -> None:
    for path in sorted(repository.glob("games/*/game.py")):
        config = load_config(overrides={"game": path.parent.name, "method.name": method})
        assert config.method.name == method and config.learner.precision == "fp32"


def test_every_room_of_this_repository_has_a_valid_config(repository: Path) -> None:
    rooms = sorted(repository.glob("games/*/config.toml"))
    assert rooms
    for path in rooms:
        load_config(overrides={"game": path.parent.name})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[serach]\nsimulations = 3\n", r"unknown (key|section) 'serach' \(did you mean 'search'\?\)"),
        ("[search]\nsimulation = 3\n", r"'search.simulation' \(did you mean 'search.simulations'\?\)"),
        ("simulations = 3\n", r"'simulations' \(did you mean 'search.simulations'\?\)"),
        ("sede = 3\n", r"'sede' \(did you mean 'seed'\?\)"),
        ("search = 3\n", r"search: expected a table \[search\]"),
        ("[search]\nsimulations = 1.5\n", "search.simulations: 1.5 is not a whole number"),
        ("[search]\nsimulations = true\n", "search.simulations: True is not a whole number"),
        ("[search]\nc_puct = '1'\n", "search.c_puct: '1' is not a number"),
        ("[search]\nc_puct = nan\n", "search.c_puct: nan is out of range"),
        ("[search]\nsimulations = 0\n", "search.simulations: 0 is out of range.*at least 1"),
        ("[selfplay]\npast_share = 1.1\n", "selfplay.past_share: 1.1 is out of range.*at most 1"),
        ("[selfplay]\nworkers = 0\n", "selfplay.workers: 0 is out of range.*at least 1"),
        ("[learner]\nlearning_rate = 0\n", "learner.learning_rate: 0 is out of range.*above 0"),
        ("[evaluator]\nbackend = 'tourch'\n", r"not one of auto, torch, openvino \(did you mean 'torch'\?\)"),
        ("iterations = 1\nminutes = 1.0\n", "iterations and minutes are both set"),
        ("seed = -1\n", "seed: -1 is out of range"),
        ("[network]\nchannels = [1]\n", r"network.channels: \[1\] is not a whole number"),
        ("[search]\nreuse_tree = 1\n", "search.reuse_tree: 1 is not true or false"),
        ("[search]\nreuse_tree = 'true'\n", "search.reuse_tree: 'true' is not true or false"),
        ("not toml", "not valid TOML"),
    ],
)
def test_bad_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path, GAME)
    assert "\n" not in str(caught.value)
    if "both set" not in message and "at least 1" not in message:
        assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("search.simulation", "3", "^unknown key"),
        ("serach.simulations", "3", r"unknown section 'serach' \(did you mean 'search'\?\)"),
        ("search.simulations", "many", "^search.simulations: 'many' is not a whole number"),
        ("search.c_puct", "-1", "^search.c_puct: -1.0 is out of range"),
        ("a.b.c", "1", "unknown section 'a.b'"),
        ("search", "1", "unknown key 'search'"),
        ("search.", "1", "unknown key 'search.'"),
        ("evaluator.device", "gpu", "not one of auto, cpu, cuda"),
        ("search.reuse_tree", "1", "^search.reuse_tree: '1' is not true or false"),
        ("search.leaves_in_flight", "8", "^search.leaves_in_flight: 8 .* the games of a run need 1"),
        ("iterations", "-1", "^iterations: -1 is out of range"),
        ("iterations", "1" + "0" * 400, r"^iterations: 10+ is out of range: .* at least 0 and at most 2147483647"),
        ("minutes", "1e308", r"^minutes: 1e\+308 is out of range: it must be at least 0 and at most 1e\+06"),
    ],
)
def test_bad_override_is_one_line(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(overrides=GAME | {name: value})
    assert "\n" not in str(caught.value)


def test_a_run_needs_a_game_and_a_file_that_exists(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="game: give an OpenSpiel game string"):
        load_config()
    with pytest.raises(ConfigError, match=r"cannot read .*no\.toml: No such file"):
        load_config(tmp_path / "no.toml", GAME)


def test_configurations_made_in_python_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="simulations: -1 is out of range"):
        SearchConfig(simulations=-1)
    with pytest.raises(ConfigError, match="batch_size: 'x' is not a whole number"):
        replace(LearnerConfig(), batch_size="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="reuse_tree: 'true' is not true or false"):
        SearchConfig(reuse_tree="true")  # type: ignore[arg-type]
    assert SearchConfig(simulations=0).simulations == 0  # the raw network; only a run refuses it
    assert SearchConfig(leaves_in_flight=8).leaves_in_flight == 8  # one position alone; only a run refuses it
