"""What is not sound in a game: the sound way is taken where nobody says how, and refusals name a command that works."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pyspiel
import pytest

from engine import cli
from engine.api import train
from engine.catalogue import catalogue, with_parameters
from engine.cli.refusals import instead
from engine.config import load_config
from engine.errors import Refusal, TesujiError
from engine.game import load_game, sound_method

SMALL = (
    *("--set", "rollout.games=16", "--set", "rollout.positions=64", "--set", "learner.batch_size=32"),
    *("--set", "network.hidden=8", "--set", "network.layers=1", "--set", "guard.every=0"),
)
GOOFSPIEL = "goofspiel(imp_info=True,num_cards=3,points_order=descending)"


@pytest.mark.parametrize(
    ("game", "method"),
    [
        ("connect_four", "expert_iteration"),
        ("pig", "expert_iteration"),
        ("phantom_ttt", "mmd"),
        ("leduc_poker", "mmd"),
        ("leduc_poker(players=3)", "ppo"),
        ("goofspiel", "mmd"),
        ("goofspiel(players=3)", "ppo"),
        ("goofspiel(returns_type=total_points)", "ppo"),
        ("tiny_hanabi", "ppo"),
        ("blotto", "mmd"),
    ],
)
def test_the_method_that_nobody_names_is_the_sound_one(game: str, method: str) -> None:
    found, reason = sound_method(load_game(game))
    assert found == method
    assert method == "expert_iteration" or "hides information" in reason or "simultaneous" in reason


@pytest.mark.parametrize("game", ["phantom_ttt", "leduc_poker", "matrix_mp"])
def test_a_configuration_of_hidden_information_learns_without_search(game: str) -> None:
    assert load_config(overrides={"game": game}).method.name == "mmd"
    assert load_config(overrides={"game": game, "method.name": "ppo"}).method.name == "ppo"


def test_games_that_no_method_takes_are_refused() -> None:
    with pytest.raises(TesujiError, match="mean-field game"):
        load_config(overrides={"game": "mfg_garnet"})


def test_train_says_which_method_it_takes_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ("train", "--game", GOOFSPIEL, "--iterations", "1", *SMALL)
    assert cli.main([*told, "--output", str(tmp_path / "first")]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == (
        "method mmd: goofspiel hides information from its players: search is not sound there; "
        "mmd is for two players of whom one wins what the other loses"
    )
    assert cli.main([*told, "--output", str(tmp_path / "named"), "--method", "mmd"]) == 0
    assert "method mmd" not in capsys.readouterr().out  # nobody has to be told what he said
    # From a checkpoint, and by the API.
    values = dict(pair.split("=") for pair in SMALL[1::2] if not pair.startswith("network"))
    result = train(tmp_path / "tuned", start=str(tmp_path / "first"), iterations=1, settings=values)
    assert capsys.readouterr().out.startswith("method mmd: turn_based_simultaneous_game hides information")
    assert load_config(result.folder / "config.toml").method.name == "mmd"


def test_a_method_in_a_file_is_kept_and_refused_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text('[method]\nname = "expert_iteration"\n')
    told = ["train", "--game", "phantom_ttt", "--config", str(tmp_path / "own.toml"), "--iterations", "1"]
    assert cli.main([*told, "--output", str(tmp_path / "run")]) == 2
    words = refused(capsys.readouterr().err)
    assert words == [*told, "--output", str(tmp_path / "run"), "--method", "mmd"]


@pytest.mark.parametrize(
    "command",
    [
        f"train --game '{GOOFSPIEL}' --method expert_iteration --output {{tmp}}/a --iterations 1",
        f"train --game '{GOOFSPIEL}' --set method.name=expert_iteration --output {{tmp}}/a --iterations 1",
        "match leduc_poker/best:simulations=4 random --games 2",
        "match leduc_poker/best:simulations=4,selection=gumbel random --games=2",
        "match leduc_poker/best random --games 2 --simulations 4",
        "match leduc_poker/best leduc_poker/blueprint --simulations=4 --games 2",
        "match mcts:4,c=3 random --game leduc_poker --games 2",
        "match mcts:4 random --game 'goofspiel(num_cards=3)' --games 2",
        "match random random --game matrix_rps --games 2",
        "match ismcts:4 random --game=matrix_rps --games 2",
        "match best_response:mcts:4 random --game kuhn_poker --games 2",
        "evaluate leduc_poker/best --against leduc_poker/blueprint --games 2 --simulations 0,4",
        "exploitability mcts:4 --game kuhn_poker",
        "exploitability kuhn_poker/best --simulations 4",
        "play random --game matrix_rps",
        "play mcts:4 --game kuhn_poker",
        "pretrain --game kuhn_poker --games 8 --no-solve --output {tmp}/a",
    ],
)
def test_a_refusal_names_the_command_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    words = shlex.split(command.format(tmp=tmp_path))
    assert cli.main(words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    other = refused(err)
    assert other != words
    if other[0] == "train":
        other = [word if word != "20" else "0.001" for word in other] + list(SMALL)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(other) == 0, capsys.readouterr().err


def test_evaluation_asks_the_raw_policy_where_search_is_not_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "leduc_poker/best", "--against", "leduc_poker/blueprint", "--games", "2"]) == 0
    assert "Elo, raw (2 games)" in capsys.readouterr().out


def test_what_no_command_mends_names_none() -> None:
    assert instead(["games"], TesujiError("wrong")) == ""
    assert instead(["match", "a"], Refusal("wrong", {"b": "c"})) == ""  # the word came from elsewhere
    assert instead(["match", "a:b"], Refusal("wrong", {"b": "c"})) == ": run  tesuji match a:c"


def test_a_games_parameters_count() -> None:
    listed = {kind.short_name: kind for kind in catalogue()}
    hidden, open_ = with_parameters("goofspiel(imp_info=True)"), with_parameters("goofspiel(players=3)")
    assert listed["goofspiel"].perfect_information and open_.perfect_information
    assert not hidden.perfect_information
    assert (hidden.short_name, hidden.players, open_.players) == ("goofspiel(imp_info=True)", "2", "3")
    wrapped = with_parameters("turn_based_simultaneous_game(game=goofspiel())")
    assert not wrapped.perfect_information and not wrapped.simultaneous and wrapped.search_refusal
    for name in ("kuhn_poker", "tic_tac_toe", "pig", "matrix_rps", "go(board_size=5)"):
        kind = pyspiel.load_game(name).get_type()
        assert with_parameters(name).perfect_information == (
            kind.information == pyspiel.GameType.Information.PERFECT_INFORMATION
        )


def test_one_game_with_parameters_is_shown_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["games", "goofspiel(imp_info=True)"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["game", "players", "moves", "information"]
    assert line.split()[:4] == ["goofspiel(imp_info=True)", "2", "simultaneous", "hidden"]
    assert cli.main(["games", "goofspiel(imp=True)"]) == 2
    assert "cannot load game 'goofspiel(imp=True)'" in capsys.readouterr().err


def refused(err: str) -> list[str]:
    """The words of the command that a refusal names, without `tesuji`."""
    program, *words = shlex.split(err.rpartition(": run  ")[2])
    assert program == "tesuji", err
    return words
