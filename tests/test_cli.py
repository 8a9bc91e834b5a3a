"""The command line: help with an example for every verb, mistakes in one line, and the quick verbs' output."""

import json
import sys
from pathlib import Path

import pytest

import engine
from engine.cli import VERBS, main, make_parser

Capture = pytest.CaptureFixture[str]
AGENT = "connect_four/imitation"


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_with_an_example_that_parses(verb: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit:
        main([verb, "--help"])
    assert exit.value.code == 0
    *_, title, example = capsys.readouterr().out.splitlines()
    assert title == "example:"
    command, *arguments = example.split()
    assert (command, arguments[0]) == ("tesuji", verb)
    assert make_parser().parse_args(arguments).run


def test_help_names_every_verb(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    assert exit.value.code == 0
    printed = capsys.readouterr().out
    assert [verb for verb in VERBS if f"\n    {verb} " not in printed] == []
    assert printed.splitlines()[-2] == "example:"


def test_version(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert capsys.readouterr().out == f"tesuji {engine.__version__}\n"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "COMMAND"),
        ("trian", "trian"),
        ("games no_such_game", "no_such_game"),
        ("games --no-such-option", "--no-such-option"),
        ("--import no_such_module games", "no_such_module"),
        ("describe no/such/folder", "no/such/folder"),
        ("export no/such/folder file.onnx", "no/such/folder"),
        ("benchmark random", "random"),
        (f"benchmark {AGENT} --simulations 0", "--simulations 0"),
        (f"play {AGENT} --seat 2", "2"),
        ("play random", "--game"),
        ("match random random", "--game"),
        ("match random random --game tic_tac_to", "tic_tac_toe"),
        ("match random random --game tic_tac_toe(no_such=1)", "no_such"),
        ("match random nobody --game tic_tac_toe", "nobody"),
        ("match random mcts:-5 --game tic_tac_toe", "-5"),
        ("match random random --game tic_tac_toe --games many", "many"),
        ("match random random --game tic_tac_toe --games 0", "games"),
        ("match random random --game tic_tac_toe --games -2", "games"),
        ("match random random --game tic_tac_toe --network a:B", "--network"),
        (f"match {AGENT}:simulations=-1 random", "simulations"),
        (f"match {AGENT}:simulation=8 random", "simulations"),
        (f"match {AGENT} random --simulations -1", "-1"),
        (f"match {AGENT} random --opening-plies -1", "-1"),
        (f"match {AGENT} random --workers 0", "workers"),
        (f"match {AGENT} random --game tic_tac_toe", "connect_four"),
        (f"evaluate {AGENT} --simulations few", "few"),
        (f"evaluate {AGENT} --simulations -1", "-1"),
        ("evaluate oracle --game tic_tac_toe", "oracle"),
        ("train --game tic_tac_toe", "--output"),
        ("train --output run", "game"),
        ("train --game kuhn_poker --output run --iterations 1", "kuhn_poker"),
        ("train --game tic_tac_toe --output run --minutes 1 --iterations 1", "minutes"),
        ("train --game tic_tac_toe --output run --iterations -1", "iterations"),
        ("train --game tic_tac_toe --output run --set learner.batch_sise=8", "learner.batch_size"),
        ("train --game tic_tac_toe --output run --set learner.batch_size=many", "learner.batch_size"),
        ("train --game tic_tac_toe --output run --set learner.batch_size", "--set learner.batch_size"),
        ("train --game tic_tac_toe --output run --set search.simulations=-1", "search.simulations"),
        ("train --game tic_tac_toe --output run --config missing.toml", "missing.toml"),
        ("train --game tic_tac_toe --output run --iterations 1 --from no/such", "no/such"),
        ("train --resume missing", "missing"),
        ("train --resume missing --minutes 1", "--minutes"),
        ("pretrain --game tic_tac_toe", "--output"),
        ("pretrain --game tic_tac_toe --output start --games 0", "games"),
        ("pretrain --game tic_tac_toe --output start --simulations -1", "simulations"),
    ],
)
def test_a_mistake_is_one_line(
    line: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))  # --import adds the working folder
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("tesuji: ")
    assert printed.err.count("\n") == 1, printed.err
    assert named in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []  # nothing half made


def test_an_unknown_key_in_a_file_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[search]\nsimulation = 8\n")
    output = tmp_path / "run"
    assert main(["train", "--game", "tic_tac_toe", "--output", str(output), "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tesuji: ") and error.count("\n") == 1
    assert "mine.toml" in error and "simulations" in error
    assert not output.exists()


def test_games(capsys: Capture) -> None:
    assert main(["games", "poker"]) == 0
    printed = capsys.readouterr().out
    assert "kuhn_poker" in printed and "chess" not in printed
    assert main(["games", "--trainable"]) == 0
    printed = capsys.readouterr().out
    assert "connect_four" in printed and "kuhn_poker" not in printed


def test_describe(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "card.json"
    assert main(["describe", AGENT, "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    card = json.loads(file.read_text())
    assert card["game"].startswith("connect_four")
    assert card["hash"] in printed and f"{card['parameters']:,}" in printed


def test_match(tmp_path: Path, capsys: Capture) -> None:
    result, games = tmp_path / "result.json", tmp_path / "games.jsonl"
    line = f"match random random --game tic_tac_toe --games 6 --opening-plies 2 --json {result} --save-games {games}"
    assert main(line.split()) == 0
    printed = capsys.readouterr().out
    found = json.loads(result.read_text())
    assert found["wins"] + found["draws"] + found["losses"] == 6
    assert f"wins {found['wins']}, draws {found['draws']}, losses {found['losses']}" in printed
    assert len([json.loads(text) for text in games.read_text().splitlines()]) == 6


def test_match_is_the_same_with_the_same_seed(capsys: Capture) -> None:
    line = "match random random --game tic_tac_toe --games 6 --seed 3"
    lines = []
    for _ in range(2):
        assert main(line.split()) == 0
        lines.append(capsys.readouterr().out.splitlines()[:3])
    assert lines[0] == lines[1]


def test_evaluate_judges_by_the_perfect_player(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "evaluation.json"
    assert main(["evaluate", AGENT, "--simulations", "0", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "held-out positions" in printed and "%" in printed
    assert json.loads(file.read_text())


def test_export(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    file = tmp_path / "agent.onnx"
    assert main(["export", AGENT, str(file)]) == 0
    assert f"{file}: {file.stat().st_size:,} bytes" in capsys.readouterr().out
