"""Whatever is changed in a run or a checkpoint is refused in one line, or plays no part in what comes after."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.agents.card import read_card
from engine.cli import main
from engine.config import RunConfig, load_config, values
from engine.errors import CheckpointError, TesujiError
from engine.files import SEAL, is_sealed, sealed
from engine.game import room, rooms
from engine.network import load_checkpoint
from engine.training import snapshot
from engine.training.folder import create, load_run_config, read_record
from engine.training.run import resume, train

CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"
OTHER = {"game": "nim", "network.custom": "module:Class", "rollout.starts": "starts.jsonl"}
"""Values that a field can have instead, where they are no numbers."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to be copied."""
    return train(load_config(CONFIG), tmp_path_factory.mktemp("whole") / "run").folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def refusal(action: Callable[[], object]) -> str:
    """The one line of a TesujiError."""
    with pytest.raises(TesujiError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Seals.


def test_a_seal_covers_every_field_and_no_way_of_writing() -> None:
    content = {"name": "ü", "numbers": (1, 2.5, None), "table": {"10": 1, "9": {"deep": True}}}
    written = json.loads(json.dumps(sealed(content), indent=3))
    assert is_sealed(written) and is_sealed(dict(reversed(written.items())))
    for changed in mutations(written):
        assert not is_sealed(changed), changed
    assert not is_sealed(content)


def mutations(value: Any) -> Iterator[Any]:
    """`value` with one of its parts changed, left out or added, at any depth."""
    if isinstance(value, dict):
        for name in value:
            yield {key: entry for key, entry in value.items() if key != name}
            yield from (value | {name: changed} for changed in mutations(value[name]))
        yield value | {"another": 0}
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in mutations(entry))
        yield [*value, 0]
    elif isinstance(value, bool) or value is None:
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    else:
        yield f"{value}0"


# Checkpoints.


def test_every_change_of_a_checkpoints_configuration_is_refused(run: Path) -> None:
    folder = run / "checkpoints" / "best"
    file = folder / "config.json"
    content = json.loads(file.read_text())
    assert content["lineage"]["parent"] and content["metrics"]["games"] and content["method"] == "expert_iteration"
    changed = list(mutations(content))
    assert len(changed) > 50
    for each in changed:
        file.write_text(json.dumps(each))
        for read in (load_checkpoint, read_card):
            with pytest.raises(CheckpointError) as caught:
                read(folder)
            assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    file.write_text(json.dumps(content))  # without indents
    assert load_checkpoint(folder).lineage == content["lineage"]


def test_a_checkpoint_of_an_older_version_has_no_seal_and_loads(run: Path) -> None:
    folder = run / "checkpoints" / "best"
    file = folder / "config.json"
    content = json.loads(file.read_text())
    older = {name: value for name, value in content.items() if name != SEAL} | {"format": 1}
    file.write_text(json.dumps(older))
    assert load_checkpoint(folder).hash == content["weights"]["sha256"]
    file.write_text(json.dumps(content | {"format": 1}))
    assert "damaged" in refusal(lambda: load_checkpoint(folder))


def test_all_shipped_agents_are_sealed() -> None:
    folders = [folder for name in rooms() for folder in (room(name).folder / "pretrained").glob("*")]
    assert len(folders) >= 14
    for folder in folders:
        assert is_sealed(json.loads((folder / "config.json").read_text())), folder


# A run's configuration.


def other_value(name: str, value: Any) -> Any:
    """A valid value of the field other than `value`."""
    section, _, key = name.rpartition(".")
    owner: Any = RunConfig if not section else type(getattr(RunConfig(game="tic_tac_toe"), section))
    each = owner.__dataclass_fields__[key]
    if each.type is bool:
        return not value
    if each.type is str:
        allowed = each.metadata.get("allowed", (OTHER.get(name, "another"),))
        return next(candidate for candidate in allowed if candidate != value)
    low, high = each.metadata["low"], each.metadata["high"]
    return next(number for number in (value + 1, value - 1, value / 2, low + 0.1) if low < number <= high)


def test_every_changed_field_of_the_configuration_is_named(whole: Path, run: Path) -> None:
    text = (whole / "config.toml").read_text()
    settled = values(load_config(whole / "config.toml"))
    lines = text.splitlines()
    section, changed = "", set()
    for number, line in enumerate(lines):
        if line.startswith("["):
            section = line.strip("[]") + "."
        key, equals, _ = line.partition(" = ")
        if not equals:
            continue
        name = section + key
        new = other_value(name, settled[name])
        shown = json.dumps(new) if isinstance(new, str | bool) else repr(new)
        (run / "config.toml").write_text("\n".join([*lines[:number], f"{key} = {shown}", *lines[number + 1 :]]))
        message = refusal(lambda: load_run_config(run))
        # What does not fit the rest is refused for that, before it is compared.
        if f"{name} is {new!r}, was {settled[name]!r}" not in message:
            assert key in message, message
            assert not message.startswith(f"{run / 'config.toml'} was changed"), message
        changed.add(name)
    assert changed == set(settled)


def test_a_configuration_written_in_another_way_is_the_same(run: Path) -> None:
    file = run / "config.toml"
    file.write_text("# a note\n" + file.read_text().replace(" = ", "="))
    assert load_run_config(run)[1] == {}


def test_a_changed_configuration_is_refused_until_it_is_accepted_and_is_then_recorded(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / "config.toml"
    file.write_text(file.read_text().replace("learning_rate = 0.002", "learning_rate = 0.5", 1))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["train", "--resume", str(run)]) == 2
    err = capsys.readouterr().err
    assert f"{file} was changed: learner.learning_rate is 0.5, was 0.002; undo it" in err
    assert err.endswith(f"tesuji train --resume {run} --accept-config\n")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert main(["train", "--resume", str(run), "--accept-config"]) == 0
    last = json.loads((run / "environment.json").read_text())[-1]
    assert last["changes"] == {"learner.learning_rate": [0.002, 0.5]}
    assert main(["train", "--resume", str(run)]) == 0  # accepted once and for all
    assert "changes" not in json.loads((run / "environment.json").read_text())[-1]


def test_a_finished_run_goes_on_when_a_larger_budget_is_accepted(run: Path) -> None:
    file = run / "config.toml"
    file.write_text(file.read_text().replace("iterations = 6", "iterations = 7"))
    result = resume(run, accept_config=True)
    assert result.iterations == tomllib.loads(file.read_text())["iterations"] == 7
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [('game = "tic_tac_toe"', 'game = "nim"'), ("channels = 8", "channels = 16"), ('"expert_iteration"', '"sft"')],
)
def test_what_a_run_is_made_for_cannot_be_changed(run: Path, old: str, new: str) -> None:
    file = run / "config.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert "no run can change game, method or network" in refusal(lambda: resume(run, accept_config=True))


def test_accepting_is_for_resuming(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--game", "nim", "--output", str(tmp_path / "run"), "--accept-config"]) == 2
    assert "give --resume RUN, too" in capsys.readouterr().err


def test_changed_starts_are_refused_until_they_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "starts.jsonl").write_text("[0]\n[1]\n")
    told = {"game": "kuhn_poker", "method.name": "ppo", "iterations": "1", "rollout.starts": f"{tmp_path}/starts.jsonl"}
    create(load_config(None, told), tmp_path / "run", None, None)
    (tmp_path / "run" / "starts.jsonl").write_text("[0]\n[2]\n")
    assert "starts.jsonl is 'sha256 " in refusal(lambda: load_run_config(tmp_path / "run"))
    config, changes = load_run_config(tmp_path / "run", accept_changes=True)
    assert (config.rollout.starts, list(changes)) == ("starts.jsonl", ["starts.jsonl"])


# The other files of a run.


def test_every_change_of_a_runs_record_is_refused(run: Path) -> None:
    file = run / "run.json"
    for changed in mutations(json.loads(file.read_text())):
        file.write_text(json.dumps(changed))
        assert str(file) in refusal(lambda: read_record(run))


@pytest.mark.parametrize("name", ["manifest.json", "state.json"])
def test_every_change_of_a_snapshots_json_is_refused(run: Path, name: str) -> None:
    path = run / "snapshots" / "000006" / name
    changed = list(mutations(json.loads(path.read_text())))
    assert len(changed) > 10
    for each in changed[:: 1 + len(changed) // 100]:
        path.write_text(json.dumps(each))
        assert str(path) in refusal(lambda: snapshot.read(path.parent))


def test_a_changed_byte_in_any_file_is_refused_or_plays_no_part(whole: Path, tmp_path: Path) -> None:
    """Records of the machine and the last match, pictures, events, the card and the lock are not read for a result."""
    unread = ("environment.json", "comparison.json", "random.json", ".lock", "learning_curve.png", "README.md")
    kinds = {}
    for path in sorted(path for path in whole.rglob("*") if path.is_file()):
        place = path.relative_to(whole)
        if path.name not in unread and place.parts[0] != "tensorboard" and path.stat().st_size:
            # Of shards and snapshots the newest: a resumed run does not need the others.
            kinds[re.sub(r"\d+", "", str(place))] = place
    assert len(kinds) >= 12
    for number, place in enumerate(kinds.values()):
        run = Path(shutil.copytree(whole, tmp_path / str(number)))
        data = bytearray((run / place).read_bytes())
        digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()]
        data[digits[len(digits) // 2]] ^= 1  # a digit stays one: what follows is still JSON or TOML
        (run / place).write_bytes(data)
        if place.parts[0] == "checkpoints" and place.parts[1] != "reference":
            assert place.name in refusal(lambda folder=run / place.parent: load_checkpoint(folder))
        else:
            assert place.name in refusal(lambda folder=run: resume(folder))
