"""The command `tesuji`: every verb, its help, and every mistake in one line."""

import argparse
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
import safetensors.torch
import torch

from engine import __version__, files
from engine.agents.parser import ISMCTS_OPTIONS, MCTS_OPTIONS, NETWORK_OPTIONS, SEARCH_OPTIONS
from engine.cli import VERBS, main
from engine.config import NetworkConfig
from engine.game import encoder_shape, facts, load_game
from engine.native import INSTALL_OPEN_SPIEL
from engine.network import build, save_checkpoint

TINY = """\
[network]
channels = 8
blocks = 1
[search]
simulations = 4
[selfplay]
workers = 1
games_per_worker = 4
positions = 60
[replay]
window = 500
ratio = 1.0
[learner]
batch_size = 32
precision = "fp32"
[evaluator]
backend = "torch"
precision = "fp32"
[guard]
every = 0
"""
OWN_NETWORK = """\
import math
import torch

class Own(torch.nn.Module):
    def __init__(self, input_shape, num_actions, num_players):
        super().__init__()
        self.policy = torch.nn.Linear(math.prod(input_shape), num_actions)
        self.value = torch.nn.Linear(math.prod(input_shape), num_players)

    def forward(self, inputs):
        return self.policy(inputs), torch.tanh(self.value(inputs))

class NotFinite(Own):
    def forward(self, inputs):
        logits, values = super().forward(inputs)
        return logits * float("nan"), values

class Narrow(Own):
    def forward(self, inputs):
        logits, values = super().forward(inputs)
        return logits[:, 1:], values
"""

Ran = tuple[int, str, str]


@pytest.fixture
def tesuji(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command: (exit code, standard output, standard error)."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # --import and --network add the working folder

    def run(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def ttt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint for tic_tac_toe."""
    folder = tmp_path_factory.mktemp("cli") / "untrained"
    game = load_game("tic_tac_toe")
    config = NetworkConfig(channels=8, blocks=1)
    network = build(config, facts(game), encoder_shape(game))
    save_checkpoint(folder, network, config, "tic_tac_toe", "none", {}, {"accuracy": 0.5}, "An untrained network.")
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "tiny.toml"
    path.write_text(TINY)
    return path


# Help.


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_on_one_screen(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*verb.split(), "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 40
    example = import_module(f"engine.cli.{verb.replace(' ', '_')}").EXAMPLE
    assert text.rstrip().endswith(example)
    assert example.startswith(f"tesuji {verb} ")


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(f"    {verb}" in text for verb in VERBS)


UNITS = re.compile(
    r"\b(seconds|minutes|iterations|simulations|rollouts|games|plies|probes|samples|threads|processes|actions|histories"
    r"|positions|bytes|seed|seat|share|step|times)\b"
)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_says_what_every_number_counts(verb: str) -> None:
    parser = argparse.ArgumentParser()
    import_module(f"engine.cli.{verb.replace(' ', '_')}").configure(parser)
    numbers = {"N", "N,N", "N,N,...", "M", "S", "X", "D", "SHARE", "MINUTES"}
    for action in parser._actions:
        if action.metavar in numbers or action.type in (int, float):
            assert UNITS.search(action.help or ""), (action.option_strings, action.help)


def test_the_help_and_readme_name_every_option_of_an_agent(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["match", "--help"])
    for text in (capsys.readouterr().out, (repository / "README.md").read_text()):
        words = set(re.findall(r"\w+", text))
        assert {*NETWORK_OPTIONS, *MCTS_OPTIONS, *ISMCTS_OPTIONS} - set(SEARCH_OPTIONS[1:]) <= words
        assert re.search(r"(any|every)\s+field\s+of\W+\[search\]", text)


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"tesuji {__version__}\n"


def test_help_imports_no_heavy_library() -> None:
    heavy = ("torch", "numpy", "pyspiel", "openvino", "rich", "matplotlib", "onnx")
    code = f"import sys; from engine.cli import make_parser as m; m(); print([n for n in {heavy} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# Every verb.


def test_games_tells_kinds_and_refusals(tesuji) -> None:
    code, out, _ = tesuji("games")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert rows["connect_four"].endswith("yes")
    assert re.search(r"no: hidden information +yes$", rows["kuhn_poker"])
    assert re.search(r"no: simultaneous moves +yes$", rows["goofspiel"])
    assert rows["hanabi"].endswith("yes")
    assert rows["mfg_crowd_modelling"].endswith("no: mean field")
    assert rows["2048"].endswith("yes")
    code, out, _ = tesuji("games", "--trainable", "connect")
    assert [line.split()[0] for line in out.splitlines()] == ["game", "connect_four"]


def test_pretrain_makes_a_checkpoint(tesuji, tiny: Path, tmp_path: Path) -> None:
    code, out, _ = tesuji(
        *("pretrain", "--game", "tic_tac_toe", "--output", tmp_path / "imitation", "--games", 8, "--simulations", 10),
        *("--epochs", 1, "--workers", 1, "--cache", tmp_path / "cache", "--config", tiny, "--seed", 3),
    )
    assert code == 0
    assert f"{tmp_path / 'imitation'}: " in out
    assert json.loads((tmp_path / "imitation" / "config.json").read_text())["game"] == "tic_tac_toe()"


def test_train_evaluate_and_resume_a_run(tesuji, ttt: Path, tiny: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, out, _ = tesuji(
        *("train", "--from", ttt, "--output", run, "--iterations", 2, "--config", tiny, "--seed", 5),
        *("--set", "learner.batch_size=16"),
    )
    assert code == 0
    assert out.splitlines()[0].startswith(f"{run}: 2 iterations")
    saved = (run / "config.toml").read_text()
    assert "batch_size = 16" in saved and "seed = 5" in saved and "iterations = 2" in saved
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2
    # A finished run has nothing left to do.
    assert tesuji("train", "--resume", run)[0] == 0
    assert (run / "metrics.jsonl").read_text().splitlines() == lines
    # The reference it started from is still there to be compared with; this game has no perfect player.
    code, out, _ = tesuji(
        *("evaluate", run, "--against", run / "checkpoints" / "reference", "--games", 4, "--simulations", "0,4"),
        *("--json", tmp_path / "evaluation.json"),
    )
    assert code == 0
    assert "Elo, 4 simulations (4 games)" in out
    assert json.loads((tmp_path / "evaluation.json").read_text())["match"]["game"] == "tic_tac_toe()"


def test_train_without_a_start_takes_an_untrained_network(tesuji, tiny: Path, tmp_path: Path) -> None:
    code, _, _ = tesuji("train", "--game", "nim", "--output", tmp_path / "run", "--iterations", 1, "--config", tiny)
    assert code == 0
    assert (tmp_path / "run" / "checkpoints" / "best" / "model.safetensors").is_file()


def test_match_prints_and_saves(tesuji, ttt: Path, tmp_path: Path) -> None:
    code, out, _ = tesuji(
        *("match", f"{ttt}:simulations=8", "random", "--games", 6, "--seed", 1, "--workers", 1),
        *("--json", tmp_path / "match.json", "--save-games", tmp_path / "games.jsonl"),
    )
    assert code == 0
    result = json.loads((tmp_path / "match.json").read_text())
    assert f"wins {result['wins']}, draws {result['draws']}, losses {result['losses']}" in out
    assert len((tmp_path / "games.jsonl").read_text().splitlines()) == 6


def test_match_plays_bots_of_a_named_game(tesuji) -> None:
    code, out, _ = tesuji("match", "mcts:20", "random", "--game", "tic_tac_toe", "--games", 4)
    assert code == 0
    assert out.startswith("mcts:20 against random, tic_tac_toe(), 4 games")


def test_evaluate_asks_the_perfect_player(tesuji) -> None:
    code, out, _ = tesuji("evaluate", "random", "--game", "connect_four")
    assert code == 0
    share = float(out.splitlines()[1].split("%")[0].split()[-1])
    assert 20 < share < 40
    assert "held-out positions" in out


def test_matches_and_the_perfect_players_verdict_draw_bars(tesuji, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    code, out, err = tesuji("evaluate", "random", "--against", "random", "--game", "connect_four", "--games", 4)
    assert (code, "optimal moves" in out) == (0, True)
    assert "4 of 4" in err  # games
    assert "positions, random" in err
    code, _, err = tesuji("match", "random", "random", "--game", "connect_four", "--games", 4)
    assert (code, "4 of 4" in err) == (0, True)


def test_play_begins_where_it_is_told(tesuji, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = tmp_path / "played.jsonl"
    monkeypatch.setattr("sys.stdin", io.StringIO("3\n"))
    told = ("play", "random", "--game", "tic_tac_toe", "--history", "0,8,1", "--seat", 1, "--save-game", played)
    assert tesuji(*told)[0] == 0  # o does not stop the row at the top
    game = json.loads(played.read_text())
    assert game["history"][:4] == [0, 8, 1, 3]
    for more, length in ((("--plies", 2), 2), ((), 3)):  # the last known mistake is the move to 3, or x's after it
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        code, out, _ = tesuji("play", "random", "--played", f"{played}:1", "--seat", length % 2, *more)
        assert code == 0 and "x.." in out.replace("xx.", "x..")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    fen = "4k3/8/8/8/8/8/8/4K2R w K - 0 1"
    code, out, _ = tesuji("play", "random", "--game", "chess", "--fen", fen, "--seat", 1)
    assert code == 0 and "· · · · K · · R" in out and "you are White" in out
    for wrong, message in ((("--history", "0,0"), "illegal"), (("--played", tmp_path / "no"), "no such file")):
        code, _, err = tesuji("play", "random", "--game", "tic_tac_toe", *wrong)
        assert (code, err.count("\n")) == (2, 1) and message in err


def test_play_reads_moves_and_leaves(tesuji, ttt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("4\nhint\nquit\n"))
    code, out, err = tesuji("play", f"{ttt}:simulations=8")
    assert (code, err) == (0, "")
    assert "plays o(" in out


def test_interrupting_a_game_is_no_error(tesuji, ttt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(io.StringIO):
        def readline(self, *_: object) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupting())
    assert tesuji("play", ttt)[0] == 0


def test_describe_tells_the_card(tesuji, ttt: Path, tmp_path: Path) -> None:
    code, out, _ = tesuji("describe", ttt, "--json", tmp_path / "card.json")
    card = json.loads((tmp_path / "card.json").read_text())
    assert code == 0
    assert card["hash"] in out and f"{card['parameters']:,}" in out and "accuracy 0.5" in out


def test_export_writes_onnx(tesuji, ttt: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `export`")
    code, out, _ = tesuji("export", ttt, tmp_path / "network.onnx")
    assert code == 0
    assert (tmp_path / "network.onnx").stat().st_size > 1000
    assert "largest differences: prior_logits" in out


def test_benchmark_measures(tesuji, ttt: Path, tmp_path: Path) -> None:
    code, out, _ = tesuji("benchmark", ttt, "--simulations", 4, "--seconds", 0.001, "--json", tmp_path / "speed.json")
    assert code == 0
    assert out.count("/s") == len(json.loads((tmp_path / "speed.json").read_text())["rates"]) == 4


# A network and a game of one's own.


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a module of the user's."""
    (tmp_path / "own_network.py").write_text(OWN_NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_network_of_ones_own_trains_plays_and_is_named_every_time(tesuji, own: Path, tiny: Path) -> None:
    network = ("--network", "own_network:Own")
    code, _, err = tesuji(
        "train", "--game", "tic_tac_toe", "--output", "run", "--iterations", 1, "--config", tiny, *network
    )
    assert (code, err.count("Traceback")) == (0, 0)
    assert tesuji("match", "run:simulations=4", "random", "--games", 2, *network)[0] == 0
    code, _, err = tesuji("match", "run:simulations=4", "random", "--games", 2)
    assert code == 2
    assert "--network package.module:Class" in err
    assert tesuji("describe", "run")[0] == 0
    assert tesuji("train", "--resume", "run", *network)[0] == 0


def test_built_in_and_own_networks_meet(tesuji, own: Path, ttt: Path, tiny: Path) -> None:
    network = ("--network", "own_network:Own")
    tesuji("train", "--game", "tic_tac_toe", "--output", "run", "--iterations", 1, "--config", tiny, *network)
    assert tesuji("match", "run", ttt, "--games", 2, *network)[0] == 0


def test_weights_made_elsewhere_play_and_train(tesuji, own: Path, tiny: Path) -> None:
    torch.manual_seed(0)
    state = {"policy.weight": torch.randn(9, 27), "policy.bias": torch.zeros(9)}
    state |= {"value.weight": torch.randn(2, 27), "value.bias": torch.zeros(2)}
    safetensors.torch.save_file(state, own / "own.safetensors")
    arguments = ("--game", "tic_tac_toe", "--network", "own_network:Own")
    assert tesuji("match", "own.safetensors:simulations=4", "random", "--games", 2, *arguments)[0] == 0
    code, _, err = tesuji(
        "train", "--from", "own.safetensors", "--output", "run", "--iterations", 1, "--config", tiny, *arguments
    )
    assert (code, err.count("Traceback")) == (0, 0)
    reference = safetensors.torch.load_file(own / "run" / "checkpoints" / "reference" / "model.safetensors")
    assert all(torch.equal(reference[name], tensor) for name, tensor in state.items())
    code, _, err = tesuji("match", "own.safetensors", "random", "--game", "tic_tac_toe")
    assert (code, "bare weights: give their class" in err) == (2, True)
    safetensors.torch.save_file({"policy.weight": torch.zeros(9, 27)}, own / "own.safetensors")
    code, _, err = tesuji("match", "own.safetensors", "random", *arguments)
    assert (code, "policy.bias is missing" in err) == (2, True)


def test_a_game_of_ones_own_is_imported(tesuji, tiny: Path, tmp_path: Path) -> None:
    code, _, _ = tesuji(
        *("--import", "examples.take_away", "train", "--game", "take_away", "--output", tmp_path / "run"),
        *("--iterations", 1, "--config", tiny),
    )
    assert code == 0
    assert tesuji("--import", "examples.take_away", "match", tmp_path / "run", "random", "--games", 2)[0] == 0


# Mistakes: one line, exit code 2.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "required: COMMAND"),
        ("trian", "invalid choice: 'trian'"),
        ("games chessboxing", "no such game: 'chessboxing'"),
        ("match random random", "say which game it plays (--game GAME)"),
        ("match random random --game connect_for", "unknown game 'connect_for' (did you mean 'connect_four'?)"),
        ("match {ttt} random --game connect_four", "plays tic_tac_toe(), not connect_four()"),
        ("match {ttt} radnom", "did you mean 'random'?"),
        ("match {ttt}:simulation=3 random", "unknown option 'simulation' (did you mean 'simulations'?)"),
        ("match {ttt}:simulations=-1 random", "simulations=-1 must be a whole number from 0 to 2147483647"),
        ("match mcts:0 random --game tic_tac_toe", "simulations=0 must be a whole number from 1 to 2147483647"),
        ("match {ttt} random --games 0", "argument --games: 0: give a whole number from 1"),
        ("match {ttt} random --games many", "argument --games: many: give a whole number from 1"),
        ("match {ttt} random --simulations -4", "argument --simulations: -4: give a whole number from 0"),
        ("match {ttt} random --simulations 3000000000", "give a whole number from 0 to 2147483647"),
        ("match {ttt} random --workers 0", "argument --workers: 0: give a whole number from 1"),
        ("match random random --game matrix_rps", "turn_based_simultaneous_game"),
        ("match mcts:10 random --game kuhn_poker", "hides information"),
        ("match {ttt} random --games 2 --json {tmp}/no/folder.json", "there is no folder '{tmp}/no'"),
        ("match {ttt} random --games 2 --json {tmp}", "{tmp}: is a folder; name a file"),
        ("match {ttt} random --games 2 --save-games {tmp}", "argument --save-games: {tmp}: is a folder; name a file"),
        ("match {ttt} random --games 2 --save-games {tmp}/no/games.jsonl", "there is no folder '{tmp}/no'"),
        ("match {ttt} random --games 2 --seed -1", "-1: give a whole number from 0"),
        ("match {ttt} random --network some:Class", "none of the agents has a network of your own"),
        ("evaluate oracle --game tic_tac_toe", "tic_tac_toe() has no perfect player"),
        ("evaluate {ttt} --simulations all", "argument --simulations: all: give a whole number from 0"),
        ("evaluate {ttt} --simulations 0,-1", "argument --simulations: -1: give a whole number from 0"),
        ("evaluate {ttt} --games -1", "argument --games: -1: give a whole number from 0"),
        ("play {ttt} --seat 2", "seat 2: tic_tac_toe has seats 0 to 1"),
        ("play {tmp}", "no checkpoint here"),
        ("describe {tmp}/nothing", "no such checkpoint folder"),
        ("describe {broken}", "model.safetensors: damaged"),
        ("export {ttt} {tmp}/no/network.onnx", "there is no folder '{tmp}/no'"),
        ("export {ttt} {tmp}", "argument FILE: {tmp}: is a folder; name a file"),
        ("benchmark random", "benchmark measures networks"),
        ("benchmark {ttt}:search=ismcts", "benchmark measures networks and their tree search"),
        ("match ismcts:9 random --game goofspiel", "use turn_based_simultaneous_game(game=goofspiel("),
        ("benchmark {ttt} --simulations 0", "argument --simulations: 0: give a whole number from 1"),
        ("benchmark {ttt} --seconds -1", "argument --seconds: -1: give a number above 0"),
        ("benchmark {ttt} --seconds 0", "argument --seconds: 0: give a number above 0"),
        ("benchmark {ttt} --seconds nan", "argument --seconds: nan: give a number above 0"),
        ("benchmark {ttt} --seconds inf", "argument --seconds: inf: give a number above 0"),
        ("pretrain --game tic_tac_toe", "required: --output"),
        ("pretrain --game kuhn_poker --output {tmp}/x", "hides information"),
        ("pretrain --game tic_tac_toe --output {tmp}/x --games 0", "argument --games: 0: give a whole number from 1"),
        ("pretrain --game tic_tac_toe --output {tmp}/x --epochs inf", "argument --epochs: inf: give a number above 0"),
        ("pretrain --game tic_tac_toe --output {tmp}/x --epochs 1e308", "epochs is 1e+308; give a number above 0 and"),
        ("pretrain --game tic_tac_toe --output {tmp}", "{tmp} holds something other than a checkpoint"),
        ("train --output {tmp}/x", "say what to train"),
        ("train --game tic_tac_toe --iterations 1", "say where the run goes"),
        ("train --game chessboxing --output {tmp}/x --iterations 1", "unknown game 'chessboxing'"),
        ("train --game tic_tac_toe --output {tmp}/x", "no training budget"),
        ("train --game tic_tac_toe --output {tmp}/x --iterations -1", "argument --iterations: -1: give a whole number"),
        ("train --game tic_tac_toe --output {tmp}/x --minutes nan", "argument --minutes: nan: give a number above 0"),
        ("train --game tic_tac_toe --output {tmp}/x --minutes 0", "argument --minutes: 0: give a number above 0"),
        ("train --game tic_tac_toe --output {tmp}/x --minutes 1e308", "minutes: 1e+308 is out of range: it must be"),
        ("train --game tic_tac_toe --output {tmp}/x --seed -1", "argument --seed: -1: give a whole number from 0"),
        ("train --game tic_tac_toe --output {tmp}/x --iterations 1 --minutes 1", "iterations and minutes are both set"),
        ("train --game kuhn_poker --method expert_iteration --output {tmp}/x --iterations 1", "hides information"),
        ("train --game goofspiel --method expert_iteration --output {tmp}/x --iterations 1", "simultaneous"),
        ("train --game tic_tac_toe --output {tmp}/x --set learner.rate=1", "unknown key 'learner.rate'"),
        ("train --game tic_tac_toe --output {tmp}/x --set leaner.batch_size=1", "did you mean 'learner'?"),
        ("train --game tic_tac_toe --output {tmp}/x --set batch", "--set batch: write SECTION.FIELD=VALUE"),
        ("train --game tic_tac_toe --output {tmp}/x --set search.simulations=0", "search.simulations: 0"),
        ("train --game tic_tac_toe --output {tmp}/x --set search.leaves_in_flight=8", "search.leaves_in_flight: 8"),
        ("train --game tic_tac_toe --output {tmp}/x --config {tmp}/no.toml", "cannot read {tmp}/no.toml"),
        ("train --from {ttt} --game connect_four --output {tmp}/x --iterations 1", "tic_tac_toe"),
        ("train --from {ttt} --output {ttt} --iterations 1", "is not empty"),
        ("train --from {ttt} --output /proc/tesuji/x --iterations 1", "cannot write /proc/tesuji/x"),
        ("train --from {broken} --output {tmp}/x --iterations 1", "model.safetensors: damaged"),
        ("match {short} random --games 2", "model.safetensors: damaged"),
        ("train --from {short} --output {tmp}/x --iterations 1", "model.safetensors: damaged"),
        ("train --from {ttt} --output {tmp}/x --config {tmp}/four.toml", "plays tic_tac_toe(), not connect_four"),
        ("train --game tic_tac_toe --output {tmp}/x --config {tmp}/typo.toml", "unknown key 'search.simulation'"),
        ("train --game tic_tac_toe --output {tmp}/x --config {tmp}/zero.toml", "search.simulations: 0"),
        ("train --resume {tmp}", "holds no run to resume"),
        ("train --resume {tmp} --seed 3", "leave out --seed"),
        ("train --game tic_tac_toe --network no_module:Class --output {tmp}/x --iterations 1", "no_module"),
        (
            "--import no_module games",
            "--import no_module: No module named 'no_module'; modules are looked for in the working folder and in",
        ),
    ],
)
def test_mistakes_are_one_line(tesuji, ttt: Path, tmp_path: Path, arguments: str, message: str) -> None:
    for name, damage in (("broken", flip_bit), ("short", cut)):
        shutil.copytree(ttt, tmp_path / name)
        damage(tmp_path / name / "model.safetensors")
    (tmp_path / "four.toml").write_text('game = "connect_four"\niterations = 1\n')
    (tmp_path / "typo.toml").write_text("iterations = 1\n[search]\nsimulation = 3\n")
    (tmp_path / "zero.toml").write_text("iterations = 1\n[search]\nsimulations = 0\n")
    before = sorted(path for path in tmp_path.rglob("*"))
    places = {"ttt": ttt, "tmp": tmp_path, "broken": tmp_path / "broken", "short": tmp_path / "short"}
    code, _, err = tesuji(*(part.format(**places) for part in arguments.split()))
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("tesuji: ")
    assert message.format(tmp=tmp_path) in err
    assert sorted(path for path in tmp_path.rglob("*")) == before


def flip_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def mistakes(err: str) -> list[str]:
    """What is on standard error but for the progress of a run that had begun."""
    return [line for line in err.splitlines() if not re.match(r" *\d+%  ", line)]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("NotFinite", "network NotFinite answered a prior_logit that is not finite; tic_tac_toe(), history ["),
        ("Narrow", "network Narrow: prior_logits has shape (2, 8) for 2 inputs; it must be (2, 9)"),
    ],
)
def test_a_network_that_answers_nonsense_is_one_line(tesuji, own: Path, tiny: Path, network: str, message: str) -> None:
    code, _, err = tesuji(
        *("train", "--game", "tic_tac_toe", "--network", f"own_network:{network}", "--output", "run"),
        *("--iterations", 1, "--config", tiny),
    )
    (line,) = mistakes(err)
    assert code == 2
    assert line.startswith("tesuji: ") and message in line


@pytest.fixture(scope="module")
def finished(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two iterations."""
    run = tmp_path_factory.mktemp("cli") / "run"
    arguments = ["train", "--game", "tic_tac_toe", "--output", run, "--iterations", 2, "--config", tiny]
    assert main([str(argument) for argument in arguments]) == 0
    return run


@pytest.mark.parametrize("damage", [flip_bit, cut, Path.unlink])
@pytest.mark.parametrize("file", ["snapshots/000002/learner.safetensors", "replay/000000.safetensors"])
def test_a_damaged_run_is_one_line(tesuji, finished: Path, tmp_path: Path, file: str, damage) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    damage(run / file)
    code, _, err = tesuji("train", "--resume", run)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("tesuji: ") and str(run / file) in err


def fill_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """There is no space for files of this name."""
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)


@pytest.mark.parametrize(("file", "left"), [("run.json", []), ("000000.safetensors", ["run"])])
def test_a_full_disk_is_one_line(
    tesuji, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, left: list[str]
) -> None:
    fill_disk(monkeypatch, file)
    run = tmp_path / "run"
    code, _, err = tesuji("train", "--game", "tic_tac_toe", "--output", run, "--iterations", 1, "--config", tiny)
    monkeypatch.undo()
    (line,) = mistakes(err)
    assert code == 2
    assert line.startswith(f"tesuji: cannot write {tmp_path}") and line.endswith(f"{file}: No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == left
    if left:
        assert tesuji("train", "--resume", run)[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        "match {ttt} random --games 2 --json",
        "match {ttt} random --games 2 --save-games",
        "evaluate {ttt} --against random --games 2 --simulations 0 --json",
        "describe {ttt} --json",
        "export {ttt}",
    ],
)
def test_no_space_for_a_result_is_one_line(
    tesuji, ttt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """What stood in the file's place still does."""
    if command.startswith("export"):
        pytest.importorskip("onnxruntime")
    result = tmp_path / "result"
    result.write_text("old")
    fill_disk(monkeypatch, result.name)
    code, _, err = tesuji(*command.format(ttt=ttt).split(), result)
    assert (code, mistakes(err)) == (2, [f"tesuji: cannot write {result}: No space left on device"])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result", "old")]


# The process itself.


@pytest.mark.parametrize(
    "command", ["games", "match random random --game tic_tac_toe", "describe connect_four/imitation"]
)
def test_without_open_spiel_every_verb_says_what_to_install(command: str) -> None:
    code = f"import sys; sys.modules['pyspiel'] = None; from engine.cli import main; sys.exit(main({command.split()}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"tesuji: open_spiel is not installed; run: {INSTALL_OPEN_SPIEL}\n"


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"set -o pipefail; {sys.executable} -m engine.cli games | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("game ")


@pytest.mark.slow
def test_ctrl_c_saves_the_run_and_it_goes_on(ttt: Path, tiny: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "engine.cli", "train"]
    start = ["--from", str(ttt), "--output", str(run), "--iterations", "100000", "--config", str(tiny)]
    environment = os.environ | {"COLUMNS": "120"}
    process = subprocess.Popen(
        [*command, *start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    metrics = run / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or len(metrics.read_text().splitlines()) < 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert f"go on:  tesuji train --resume {run}" in out
    iterations = int(out.split(": ")[1].split()[0])
    assert len(metrics.read_text().splitlines()) == iterations >= 3


SMALL_ROLLOUTS = ("--set", "rollout.games=32", "--set", "rollout.positions=256", "--set", "learner.batch_size=64")


def test_train_without_search_and_measure_what_it_brought(tesuji, tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = ("--game", "kuhn_poker", "--method", "mmd", "--iterations", 3, "--seed", 2, "--set", "network.hidden=16")
    code, out, _ = tesuji("train", *told, *SMALL_ROLLOUTS, "--output", run)
    assert code == 0
    assert "exploitability 0." in out and "(exact, NashConv / players)" in out
    assert f"play:   tesuji play {run}\n" in out  # nothing about search, which is not sound there
    code, out, _ = tesuji("exploitability", run, "--json", tmp_path / "found.json")
    assert code == 0 and "exact" in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["kind"] == "exact" and found["exploitability"] == pytest.approx(found["nash_conv"] / 2)
    told = ("--approximate", 0.01, "--games", 200, "--save", tmp_path / "exploiter", "--json", tmp_path / "bound.json")
    code, out, _ = tesuji("exploitability", run, *told)
    assert code == 0 and "approximate (lower bound by a trained exploiter)" in out and "exploitability at least" in out
    bound = json.loads((tmp_path / "bound.json").read_text())
    assert bound["low"] <= bound["bound"] <= bound["high"] and bound["low"] < found["exploitability"]
    code, out, _ = tesuji("match", tmp_path / "exploiter", run, "--games", 20)
    assert code == 0 and "mean difference of returns" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("exploitability", "random", "--game", "kuhn_poker", "--save", "x"),
            "--save is for the exploiter of --approximate",
        ),
        (
            ("exploitability", "random", "--game", "kuhn_poker", "--approximate", 1, "--simulations", 2),
            "--simulations is for exact figures: leave it out with --approximate",
        ),
        (("exploitability", "random", "--game", "kuhn_poker", "--approximate", 0), "0: give a number above 0"),
        (
            ("train", "--game", "kuhn_poker", "--method", "expert_iteration", "--output", "x", "--iterations", 1),
            "hides information",
        ),
        (("train", "--game", "pig", "--method", "pp0", "--output", "x", "--iterations", 1), "did you mean 'ppo'"),
        (("train", "--game", "mfg_garnet", "--method", "ppo", "--output", "x", "--iterations", 1), "mean-field"),
    ],
)
def test_what_cannot_be_measured_or_trained_is_one_line(tesuji, arguments, message: str) -> None:
    code, out, err = tesuji(*arguments)
    assert (code, out) == (2, "") and re.search(message, err) and err.count("\n") == 1
