"""Progress: bars on a terminal, plain lines of training elsewhere."""

import pytest

from engine.frontends.progress import stage_bars, training_bar, training_note
from engine.training.run import Progress


def progress(**changes: object) -> Progress:
    values: dict[str, object] = {
        "phase": "self-play",
        "iteration": 3,
        "share": 0.25,
        "elapsed": 60.0,
        "left": 185.4,
        "positions": 12_345,
        "games": 400,
        "samples": 50_000,
        "metrics": {"time": {"positions_per_second": 1234.5, "samples_per_second": 0}},
    }
    return Progress(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich takes standard error for a wide terminal."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


def test_the_note_has_iteration_rates_and_time_left() -> None:
    assert training_note(progress()) == "iteration 3, 12,345 positions, 1,234 positions/s, 3:05 left"
    assert training_note(progress(left=None, metrics={})) == "iteration 3, 12,345 positions"


def test_training_writes_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with training_bar() as report:
        report(progress())
        report(progress(share=0.26))  # too soon for another line
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == " 25%  self-play, iteration 3, 12,345 positions, 1,234 positions/s, 3:05 left\n"


def test_stages_are_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with stage_bars() as report:
        report("games", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_training_draws_a_bar_on_a_terminal(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with training_bar() as report:
        report(progress())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "self-play" in captured.err
    assert " 25%" in captured.err
    assert "3:05 left" in captured.err


def test_every_stage_has_a_bar_of_its_own(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with stage_bars() as report:
        report("games", 64, 128)
        report("games", 128, 128)
        report("steps", 1, 1000)
    drawn = capsys.readouterr().err
    assert "128 of 128" in drawn
    assert "1 of 1,000" in drawn
