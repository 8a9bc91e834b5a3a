"""What hostile or broken surroundings give the command line ends in one line and exit code 2, in no traceback."""

from __future__ import annotations

import ast
import errno
import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli import main
from engine.config import NetworkConfig
from engine.frontends.progress import stage_bars
from engine.game import encoder_shape, facts, load_game
from engine.markup import printable, printable_lines
from engine.network import build, save_checkpoint

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


def test_names_with_brackets_are_no_markup(tesuji, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with stage_bars() as report:
        report("positions of agent[/bold]", 1, 2)


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
