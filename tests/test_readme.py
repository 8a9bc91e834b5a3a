"""Every example in README.md runs: as it stands, but for the sizes that `SHORTER` names."""

import io
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.agents.card import read_card
from engine.cli import main
from engine.probing.probe import to_line
from engine.probing.suite import read_line

SMALL = {
    "selfplay.positions": 512,  # games end in an iteration, which learns from them
    "selfplay.games_per_worker": 4,
    "search.simulations": 4,
    "replay.ratio": 1.0,
    "learner.batch_size": 32,
    "guard.every": 0,
    "evaluator.backend": "torch",
}
FLAGS = " ".join(f"--set {name}={value}" for name, value in SMALL.items())
ROLLOUTS = "--iterations 1 --set rollout.games=64 --set rollout.positions=512 --set guard.every=0"
SHORTER = {
    "--minutes 20": ROLLOUTS,
    "--minutes 5": ROLLOUTS,
    "--iterations 120": ROLLOUTS,
    "--budgets 0,64,512": "--budgets 0,4",
    "--budgets 0,64": "--budgets 0,4",
    "--budgets 16,256": "--budgets 4,16",
    "--fail-under 0.9": "--fail-under 0",
    "nim --count 100": "nim --count 3",
    "--approximate 5": "--approximate 0.01 --games 40",
    "--games 10000": "--games 20",
    "--minutes 7": f"--iterations 1 {FLAGS}",
    "--iterations 3": f"--iterations 1 {FLAGS}",
    "--games 500": "--games 20 --simulations 20 --workers 1 --epochs 1 --set learner.batch_size=32",
    "--games 100": "--games 2",
    "mcts:1000": "mcts:10",
    "first --against connect_four/imitation": "first --against connect_four/imitation --games 2 --simulations 0",
    "benchmark runs/first": "benchmark runs/first --seconds 0.001",
    "minutes=7": f"iterations=1, settings={SMALL}",
    "iterations=3, settings={": f"iterations=1, settings={SMALL} | {{",
    "games=400": "games=2",
    '"selfplay.positions": 500': '"selfplay.positions": 64',
}


def blocks(repository: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (repository / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def shortened(text: str) -> str:
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    return text


@pytest.fixture
def workplace(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with the examples in it."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_every_shortening_is_still_needed(repository: Path) -> None:
    text = (repository / "README.md").read_text()
    assert [long for long in SHORTER if long not in text] == []


@pytest.mark.slow
def test_the_shell_examples_run(
    repository: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile = (repository / "Makefile").read_text()
    lines = [line for block in blocks(repository, "sh") for line in block.splitlines()]
    for line in lines:
        command, *arguments = shlex.split(shortened(line), comments=True)
        if command == "make":
            assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE), line
            continue
        assert command == "tesuji", line
        monkeypatch.setattr("sys.stdin", io.StringIO("3\nhint\nquit\n"))
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
    assert (workplace / "first.onnx").is_file()
    assert (workplace / "runs" / "imitation" / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_python_examples_run(repository: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    with np.printoptions(linewidth=1000):  # a decision on one line
        for block in blocks(repository, "python"):
            exec(compile(shortened(block), "README.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("o") for line in printed) == 7  # the moves found by search
    assert 0 <= float(printed[-1]) <= 1
    for folder in ("second", "take_away"):
        assert (workplace / "runs" / folder / "learning_curve.png").is_file()


def test_every_shipped_agent_is_introduced_before_it_is_used(repository: Path) -> None:
    text = (repository / "README.md").read_text()
    title = "## The agents it comes with"
    table = text[text.index(title) : text.index("## In the shell")]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| `")]
    introduced = set()
    for names, *facts in rows:
        assert len(facts) == 4 and all(fact.strip() for fact in facts)
        first, *others = re.findall(r"`([^`]+)`", names)
        introduced |= {first, *(f"{first.split('/')[0]}/{other}" for other in others)}
        room, kind = first.split("/")
        parameters = read_card(repository / "games" / room / "pretrained" / kind).parameters
        assert facts[3].strip().startswith(f"{parameters:,} parameters, ")
    shipped = {f"{path.parts[-4]}/{path.parts[-2]}" for path in repository.glob("games/*/pretrained/*/config.json")}
    assert introduced == shipped
    used = re.findall(r"\b[a-z_]+/(?:imitation|tuned|best|blueprint)\b", text[: text.index(title)])
    assert set(used) <= {"connect_four/imitation"}  # the demo, which says what it is


def test_the_time_of_the_demo_is_said_once(repository: Path) -> None:
    readme, makefile = ((repository / name).read_text() for name in ("README.md", "Makefile"))
    assert re.findall(r"`make demo`[^.]*?(\w+) minutes", readme) == ["ten"]
    assert re.findall(r"make demo .*about (\d+) minutes", makefile) == ["10"]


def test_the_line_of_a_probes_file_is_one(repository: Path) -> None:
    line = blocks(repository, "json")[0].strip()
    assert to_line(read_line(line)) == line


def test_every_link_leads_somewhere(repository: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (repository / "README.md").read_text())
    assert links
    missing = [link for link in links if not link.startswith("https://") and not (repository / link).exists()]
    assert missing == []
