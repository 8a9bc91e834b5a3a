"""What hostile or broken surroundings give the command line ends in one line and exit code 2, in no traceback."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import load
from engine.cli import main
from engine.config import NetworkConfig, SearchConfig, sections
from engine.errors import CheckpointError, ConfigError, TesujiError
from engine.frontends.progress import stage_bars
from engine.game import encoder_shape, facts, foreign_file, load_game, room
from engine.markup import printable, printable_lines
from engine.network import build, load_checkpoint, save_checkpoint
from engine.search.search import search

Ran = tuple[int, str, str]

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
"""Clears a terminal's screen and renames its window."""
TINY_RUN = Path(__file__).parent / "data" / "tiny_run.toml"


@pytest.fixture
def tesuji(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command: (exit code, standard output, standard error)."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def make_checkpoint(folder: Path, lineage: dict[str, object] | None = None, metrics: dict[str, object] | None = None):
    """An untrained checkpoint for tic_tac_toe."""
    config = NetworkConfig(channels=4, blocks=1)
    game = load_game("tic_tac_toe")
    network = build(config, facts(game), encoder_shape(game))
    save_checkpoint(folder, network, config, "tic_tac_toe", "none", lineage or {}, metrics or {}, "A card.")
    return folder


@pytest.fixture(scope="module")
def ttt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("hostile") / "agent")


def require_one_line(ran: Ran) -> str:
    """The complaint of a command that refused."""
    code, out, err = ran
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("tesuji: ") and "Traceback" not in err
    return err


# Control characters.


@given(st.text(st.characters()))
def test_printable_text_is_one_line_without_commands_to_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(each) for each in shown if each != "\t"} & {"Cc", "Zl", "Zp", "Cs"}
    assert not {unicodedata.bidirectional(each) for each in shown} & {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI"}
    assert [printable(line) for line in text.split("\n")] == printable_lines(text).split("\n")


def test_harmless_text_stays_as_it_is() -> None:
    text = "Größe 3 x 4, \t日本 ● ○ 🎲"
    assert printable(text) == text
    assert printable("a\x1b[31mb\nc\u202ed\udc80") == r"a\x1b[31mb\nc\u202ed\udc80"


def test_all_verbs_print_through_the_one_place_that_escapes(repository: Path) -> None:
    for file in [*(repository / "engine" / "cli").glob("*.py"), *(repository / "engine" / "frontends").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert file.name in ("output.py", "progress.py"), f"{file}:{node.lineno}"


def test_a_checkpoint_cannot_send_commands_to_the_terminal_nor_forge_lines(tesuji, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "agent", {"parent": ESCAPE}, {f"loss{ESCAPE}": f"0\nsha256  {'0' * 64}"})
    code, out, _ = tesuji("describe", folder)
    assert code == 0
    assert not set(out) & set("\x1b\x07")
    assert r"\x1b[2J" in out
    assert sum(line.startswith("sha256") for line in out.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe", f"no{ESCAPE}"),
        ("match", f"a{ESCAPE}\nb", "random"),
        ("match", "random", "random", "--game", f"go{ESCAPE}"),
        ("games", ESCAPE),
        (ESCAPE,),
        ("train", "--game", "nim", "--output", "x", "--set", f"{ESCAPE}=1"),
        ("train", "--resume", f"run{ESCAPE}"),
        ("probe", "random", "--family", ESCAPE),
        ("match", "random", "random", "--games", ESCAPE),
        ("--import", f"module{ESCAPE}", "games"),
    ],
)
def test_a_complaint_shows_control_characters_and_does_not_send_them(tesuji, arguments: tuple[str, ...]) -> None:
    assert not set(require_one_line(tesuji(*arguments))[:-1]) & set("\x1b\x07\n")


def test_names_with_brackets_are_no_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with stage_bars() as report:
        report("positions of agent[/bold]", 1, 2)
    assert "agent[/bold]" in "".join(capsys.readouterr())


# Standard streams.


class Broken(io.StringIO):
    """A stream whose disk is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_that_cannot_be_written_stops_no_run(
    tesuji, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    if terminal:
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Broken())
    code, out, _ = tesuji(
        *("train", "--game", "tic_tac_toe", "--output", tmp_path / "run", "--config", TINY_RUN),
        *("--iterations", 1, "--set", "guard.every=0"),
    )
    assert (code, "1 iterations" in out) == (0, True)


def test_output_that_cannot_be_written_is_one_line(tesuji, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken())
    assert require_one_line(tesuji("games")) == "tesuji: cannot write the output: No space left on device\n"


def test_an_ascii_terminal_shows_the_rest_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_checkpoint(tmp_path / "agent", metrics={"Größe": 3})
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["describe", str(folder)]) == 0
    assert rb"Gr\xf6\xdfe 3" in written.getvalue()


@pytest.mark.parametrize(
    ("redirection", "code", "complaint"),
    [
        (">/dev/full", 2, "tesuji: cannot write the output: No space left on device\n"),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("--no-such-option 2>/dev/full", 2, ""),
        ("2>&1 | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_streams_of_the_process(redirection: str, code: int, complaint: str) -> None:
    command = f"{sys.executable} -m engine.cli games {redirection}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (code, complaint)


def test_a_deleted_working_folder_is_one_line(tesuji, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "the working folder cannot be used: No such file" in require_one_line(tesuji("games"))


# Files that are something else.

LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        f"match {LONG} random",
        f"match {LONG}:simulations=3 random",
        f"match {LONG}.safetensors random --game tic_tac_toe --network a:B",
        f"describe {LONG}",
        f"match random random --game {LONG}",
        f"match random random --game tic_tac_toe --json {LONG}",
        f"export {{ttt}} {LONG}",
        f"train --from {LONG} --output {{tmp}}/x --iterations 1",
        f"train --game tic_tac_toe --output {{tmp}}/{LONG} --iterations 1",
        f"train --game tic_tac_toe --output {{tmp}}/x --config {LONG} --iterations 1",
        f"train --resume {LONG}",
        f"pretrain --game tic_tac_toe --output {{tmp}}/{LONG}",
        f"pretrain --game tic_tac_toe --output {{tmp}}/x --cache {{tmp}}/{LONG}",
        f"train --game kuhn_poker --method ppo --output {{tmp}}/x --iterations 1 --set rollout.starts={LONG}",
        f"exploitability random --game kuhn_poker --approximate 1 --save {{tmp}}/{LONG}",
        f"probe random --probes {LONG}",
        f"probe random --output {{tmp}}/{LONG}",
        f"probe random --report {LONG}",
        f"probe add {LONG} --game tic_tac_toe",
        f"probe add {{tmp}}/x --game tic_tac_toe --played {LONG}",
        f"probe generate {LONG} --output {{tmp}}/x",
        f"probe verify {LONG}",
        f"play {{ttt}} --save-game {LONG}",
        f"match random random --game efg_game(filename={LONG})",
    ],
)
def test_names_that_are_too_long_are_one_line(tesuji, ttt: Path, tmp_path: Path, arguments: str) -> None:
    require_one_line(tesuji(*arguments.format(ttt=ttt, tmp=tmp_path).split()))


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop", "secret"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("agent/model.safetensors", "describe agent"),
        ("agent/config.json", "match agent random --games 2"),
        ("x.safetensors", "match x.safetensors random --game tic_tac_toe --network own:Own"),
        ("x.toml", "train --game tic_tac_toe --output run --iterations 1 --config x.toml"),
        ("x.jsonl", "probe random --probes x.jsonl"),
        ("x.jsonl", "probe verify x.jsonl"),
        ("x.jsonl", "probe add y.jsonl --played x.jsonl"),
        ("x.jsonl", "train --game kuhn_poker --method ppo --output run --iterations 1 --set rollout.starts=x.jsonl"),
    ],
)
def test_what_is_no_readable_file_is_one_line(
    tesuji, ttt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, arguments: str
) -> None:
    """None is waited for, and none is read without end."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ttt, tmp_path / "agent")
    path = tmp_path / name
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(b"")
        refuse_to_open(path, monkeypatch)
    require_one_line(tesuji(*arguments.split()))


def refuse_to_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does with a file of somebody else; root may open all."""
    opened = os.open

    def refuse(name: object, *arguments: int, **options: object) -> int:
        if Path(str(name)).absolute() == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return opened(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize(
    "arguments",
    [
        "train --game tic_tac_toe --iterations 1 --output {file}",
        "pretrain --game tic_tac_toe --output {file}",
        "exploitability random --game kuhn_poker --approximate 1 --save {file}",
        "probe random --game kuhn_poker --output {file}",
        "train --resume {file}",
        "describe {file}",
        "play {file}",
        "match {file} random --game tic_tac_toe",
        "match random random --game tic_tac_toe --json {file}/x",
    ],
)
def test_a_file_where_a_folder_is_needed_is_one_line_and_stays(tesuji, tmp_path: Path, arguments: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    require_one_line(tesuji(*arguments.format(file=file).split()))
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_result_can_go_to_a_pipe_or_a_link(tesuji, ttt: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True)
    assert tesuji("describe", ttt, "--json", tmp_path / "pipe")[0] == 0
    text = reader.communicate(timeout=60)[0]
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("old")
    assert tesuji("describe", ttt, "--json", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert json.loads(text) == json.loads((tmp_path / "file").read_text())


# Files that a game string names.

TREE = """EFG 2 R "two moves" { "first" "second" }
p "" 1 1 "" { "left" "right" } 0
t "" 1 "" { 1 -1 }
t "" 2 "" { -1 1 }
"""


@pytest.fixture
def tree(tmp_path: Path) -> str:
    """A game that is read from a file of the user's."""
    (tmp_path / "tree.efg").write_text(TREE)
    return f"efg_game(filename={tmp_path}/tree.efg)"


def test_a_checkpoints_word_opens_no_file_but_its_users_does(tesuji, tree: str, tmp_path: Path) -> None:
    game = load_game(tree)
    config = NetworkConfig(hidden=8, layers=1)
    save_checkpoint(tmp_path / "c", build(config, facts(game), encoder_shape(game)), config, tree, "none", {}, {}, "")
    for command in (
        "match {c} random",
        "play {c}",
        "exploitability {c}",
        "train --from {c} --output {c}/x --minutes 1",
    ):
        err = require_one_line(tesuji(*command.format(c=tmp_path / "c").split()))
        assert err.endswith(f"its game reads the file {tmp_path}/tree.efg; if you trust it, add --game '{tree}'\n")
    with pytest.raises(CheckpointError, match="its game reads the file"):
        load_checkpoint(tmp_path / "c")
    assert tesuji("match", tmp_path / "c", "random", "--games", 2, "--game", tree)[0] == 0
    assert tesuji("describe", tmp_path / "c")[0] == 0


@pytest.mark.parametrize(
    "game",
    [
        "efg_game(filename=/etc/passwd)",
        "efg_game(filename=../../chess/game.py)",
        "efg_game(filename=trees/../../../setup.py)",
        "nfg_game(filename=x)",
        "bargaining(instances_file=/dev/zero)",
        "colored_trails(board_size=3,boards_file=x)",
        "crossword(puzzles_root=/,word_list_file=x)",
        "misere(game=efg_game(filename=/etc/passwd))",
        "turn_based_simultaneous_game(game=nfg_game(filename=x))",
        "no_such_game(filename=x)",
    ],
)
def test_files_outside_the_games_room_are_foreign(game: str) -> None:
    assert foreign_file(game)


def test_a_rooms_own_files_are_not_foreign() -> None:
    (file, *_) = sorted((room("efg_game").folder / "trees").glob("*.efg"))
    assert foreign_file(f"efg_game(filename=trees/{file.name})") is None
    assert foreign_file(f"efg_game(filename={file})") is None
    assert foreign_file("connect_four(rows=5)") is None


# Numbers.


@pytest.mark.parametrize(
    "arguments",
    [
        "train --game tic_tac_toe --output {tmp}/x --iterations 1 --set selfplay.positions=1000000000000000000000",
        "train --game tic_tac_toe --output {tmp}/x --iterations 1 --set search.simulations=3.7",
        "train --game tic_tac_toe --output {tmp}/x --iterations 1 --set search.max_bytes=9223372036854775808",
        "train --game tic_tac_toe --output {tmp}/x --iterations 1 --set search.c_puct=1e400",
        "match {ttt}:simulations=3.7 random",
        "match {ttt}:simulations=1e3 random",
        "match {ttt}:max_bytes=1000000000000000000000 random",
        "match {ttt}:c_puct=nan random",
        "match {ttt}:seconds=nan random",
        "match mcts:3.7 random --game tic_tac_toe",
        "match random random --game tic_tac_toe --seed 9223372036854775808",
        "exploitability random --game kuhn_poker --max-histories 1000000000000000000000",
        "benchmark {ttt} --simulations 3.7",
        "probe random --budgets 3.7",
        "play {ttt} --seat 1000000000000000000000",
        "probe generate nim --difficulty 1000000000000000000000 --output {tmp}/x",
        "probe add {tmp}/x --game tic_tac_toe --history 1000000000000000000000",
        "match random random --game connect_four(rows=1000000000000000000000)",
        "match random random --game connect_four(rows=3.7)",
    ],
)
def test_numbers_that_do_not_fit_are_one_line(tesuji, ttt: Path, tmp_path: Path, arguments: str) -> None:
    require_one_line(tesuji(*arguments.format(ttt=ttt, tmp=tmp_path).split()))
    assert not list(tmp_path.iterdir())


def test_every_whole_number_of_a_configuration_has_an_end() -> None:
    for kind in sections().values():
        for name, each in kind.__dataclass_fields__.items():
            if each.type is int:
                with pytest.raises(ConfigError, match=f"{name}: .* is out of range: it must be at least"):
                    kind(**{name: 10**21})
    with pytest.raises(ConfigError, match="not a whole number"):
        SearchConfig(simulations=3.7)  # type: ignore[arg-type]


def test_simulations_are_whole_numbers_in_python_too(ttt: Path) -> None:
    agent = load(ttt)
    state = load_game("tic_tac_toe").new_initial_state()
    for simulations in (3.7, -1, 10**21, "3"):
        with pytest.raises(TesujiError, match=r"whole number|out of range"):
            agent.policy(state, simulations)
        with pytest.raises(TesujiError, match=r"whole number|out of range"):
            search(state, agent.native_evaluator(), simulations=simulations)
