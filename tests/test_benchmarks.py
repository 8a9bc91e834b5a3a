"""The benchmarks' common ground: what an interrupted run keeps, and what is printed."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import fine_tuning
import learning
import measure
import pytest

from engine.errors import TesujiError


def options(path: Path, fresh: bool = False) -> argparse.Namespace:
    return measure.parser("some", "Some.").parse_args(["--json", str(path), *(["--fresh"] if fresh else [])])


def interrupted(path: Path) -> None:
    """A run that made one measurement and then ended."""
    measure.Measurements("some", options(path), {"rounds": 2}).get("first", lambda: {"rate": 1.5})


def counted(store: measure.Measurements) -> tuple[float, int]:
    """The rate of "first", and how often it had to be measured."""
    calls: list[int] = []

    def again() -> dict[str, float]:
        calls.append(1)
        return {"rate": 2.5}

    return store.get("first", again)["rate"], len(calls)


def test_an_interrupted_run_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    interrupted(path)
    assert counted(measure.Measurements("some", options(path), {"rounds": 2})) == (1.5, 0)


def test_a_finished_run_is_not_taken_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "some.json"
    interrupted(path)
    measure.Measurements("some", options(path), {"rounds": 2}).finish({"first": 1.5, "zero": -0.0})
    assert capsys.readouterr().out.splitlines()[-2:] == ["figure: first=1.5", "figure: zero=0"]
    assert json.loads(path.read_text())["figures"] == {"first": 1.5, "zero": 0.0}
    assert counted(measure.Measurements("some", options(path), {"rounds": 2})) == (2.5, 1)


@pytest.mark.parametrize(
    ("name", "settings", "fresh"),
    [("other", {"rounds": 2}, False), ("some", {"rounds": 3}, False), ("some", {"rounds": 2}, True)],
)
def test_another_run_is_not_taken_up(name: str, settings: dict[str, int], fresh: bool, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    interrupted(path)
    assert counted(measure.Measurements(name, options(path, fresh), settings)) == (2.5, 1)


def test_a_damaged_file_is_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('{"benchmark": "so')
    assert counted(measure.Measurements("some", options(path), {"rounds": 2})) == (2.5, 1)


def test_interleaved_takes_turns() -> None:
    order: list[str] = []

    def turn(name: str) -> float:
        order.append(name)
        return float(len(order))

    answers = measure.interleaved(2, {"a": lambda: turn("a"), "b": lambda: turn("b")})
    assert order == ["a", "b", "a", "b"]
    assert answers == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_ratio_is_the_median_within_rounds() -> None:
    assert measure.ratio([10.0, 4.0, 90.0], [10.0, 2.0, 10.0]) == 2.0


def test_a_fine_tuning_that_was_judged_is_left_alone(tmp_path: Path) -> None:
    base = tmp_path / "run"
    assert fine_tuning.folder_of(base) == base
    base.mkdir()
    assert fine_tuning.folder_of(base) == base  # interrupted
    assert fine_tuning.folder_of(base, fresh=True) == tmp_path / "run-2"
    (base / fine_tuning.JUDGEMENT).touch()
    assert fine_tuning.folder_of(base) == tmp_path / "run-2"


def test_a_comparison_of_learning_goes_on_or_trains_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of an interrupted comparison are taken up, those of a finished one are not."""
    searches, games, lasting = {"a": {}, "b": {}}, [], [True]

    def learnt(game: str, search: str, minutes: float, folder: Path) -> dict[str, str]:
        begun = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if search == "b" and not lasting[0]:
            raise KeyboardInterrupt
        games.append((search, begun))
        return {"checkpoint": str(folder)}

    monkeypatch.setattr(learning, "REPOSITORY", tmp_path)
    monkeypatch.setattr(learning, "GAMES", {"connect_four": tuple(searches)})
    monkeypatch.setattr(learning, "learnt", learnt)
    monkeypatch.setattr(learning, "rated", lambda *_: {"elo": 1.0, "low": 0.0, "high": 2.0})
    monkeypatch.setattr(sys, "argv", ["learning.py", "--json", str(tmp_path / "some.json")])
    learning.main()
    lasting[0] = False
    with pytest.raises(KeyboardInterrupt):
        learning.main()
    lasting[0] = True
    learning.main()
    assert games == [("a", False), ("b", False), ("a", False), ("b", True)]


def test_scales_are_compared_over_training_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 10, 20 and 60 have the mean 30 and the variance 700; Student's 97.5 % quantile for three is 4.303. If
    seeds agree by chance, the matches' own noise, here 20.4 / 1.96 = 10.4 a match, is the least there is.
    """
    elo, trained = {(0.2, 1): 10.0, (0.2, 2): 20.0, (0.2, 3): 60.0}, []

    def scaled(game: str, scale: float, seed: int, quick: bool, folder: Path) -> dict[str, str]:
        trained.append((scale, seed))
        return {"checkpoint": f"{scale:g}"}

    def rated(game: str, a: str, b: str, games: int, simulations: int, seed: int) -> dict[str, float]:
        assert b == "1"
        middle = elo.get((float(a), seed), 5.0)
        return {"elo": middle, "low": middle - 20.4, "high": middle + 20.4}

    monkeypatch.setattr(learning, "REPOSITORY", tmp_path)
    monkeypatch.setattr(learning, "SCALES", (1.0, 0.2, 0.1))
    monkeypatch.setattr(learning, "scaled", scaled)
    monkeypatch.setattr(learning, "rated", rated)
    path = tmp_path / "some.json"
    monkeypatch.setattr(sys, "argv", ["learning.py", "--scales", "--game", "othello", "--json", str(path)])
    learning.main()
    figures = json.loads(path.read_text())["figures"]
    assert sorted(trained) == [(scale, seed) for scale in (0.1, 0.2, 1.0) for seed in (1, 2, 3)]
    assert figures["elo_othello_scale_0.2"] == pytest.approx(30.0)
    assert figures["elo_othello_scale_0.2_spread"] == pytest.approx(4.303 * (700 / 3) ** 0.5, rel=1e-3)
    assert figures["elo_othello_scale_0.1"] == pytest.approx(5.0)
    assert figures["elo_othello_scale_0.1_spread"] == pytest.approx(4.303 * 20.4 / 1.96 / 3**0.5, rel=1e-3)


def test_a_game_is_chosen_among_those_of_the_scales_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["learning.py", "--game", "othello"])
    with pytest.raises(TesujiError, match="--game is for --scales"):
        learning.main()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the load of others is read from /proc/stat")
def test_load_of_others_does_not_count_this_process() -> None:
    """Another process that is busy for a while is counted, with the processor time that it took."""
    watch = measure.Watch()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    other = subprocess.Popen([sys.executable, "-c", busy])
    while Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    seen = measure.Ticks.now()  # before it is waited for, it is not yet a child that ended
    assert (seen.busy - watch.start.busy) - (seen.own - watch.start.own) > 0.4
    assert other.wait() == 0


def test_a_table_shows_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    measure.print_table("Some", ["one"], [["pip install 'tesuji[openvino]'"]])
    assert "'tesuji[openvino]'" in capsys.readouterr().out


def test_user_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise TesujiError("nothing to measure")

    with pytest.raises(SystemExit) as ended:
        measure.run(main)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(": nothing to measure\n")


@pytest.mark.parametrize(
    "name",
    [
        "search",
        "environment",
        "exploitability",
        "imperfect_information",
        "self_play",
        "learning",
        "peers",
        "fine_tuning",
    ],
)
def test_help(name: str, repository: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / f"{name}.py"), "--help"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout
    assert "--json FILE" in done.stdout
