"""A run killed at any instant, or refused by the disk, ends where the uninterrupted one does."""

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from engine import files, metrics
from engine.config import load_config
from engine.errors import TesujiError
from engine.metrics import JsonLines
from engine.training import snapshot
from engine.training.folder import create
from engine.training.run import resume, train

CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"

SESSION = """
import resource, sys
from pathlib import Path
from engine.config import load_config
from engine.errors import TesujiError
from engine.training.run import resume, train

config, folder, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
report = lambda progress: print(progress.phase, progress.iteration, flush=True)
if not (folder / "run.json").exists():
    from engine.training.folder import create
    create(load_config(config), folder, None, None)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    result = resume(folder, on_progress=report)
except TesujiError as error:
    print("error:", error, flush=True)
    sys.exit(2)
print("interrupted" if result.interrupted else "finished", result.iterations, flush=True)
"""


def start(folder, limit=0):
    return subprocess.Popen(
        [sys.executable, "-c", SESSION, str(CONFIG), str(folder), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CONFIG.parents[2],
    )


def interrupt_once():
    """A function that sends SIGINT at its first call alone: a second one asks a run to stop at once."""
    signals = iter([signal.SIGINT])

    def interrupt():
        for number in signals:
            signal.raise_signal(number)

    return interrupt


def outcome(folder):
    """All that must be equal: weights, replay, metrics and matches, without times."""
    lines = JsonLines(folder / "metrics.jsonl").read()
    matches = JsonLines(folder / "matches.jsonl").read()
    for line in lines:
        del line["time"]
    for line in matches:
        del line["elapsed"]
    names = ("reference", "best", "latest", "past-000005")
    files = [folder / "checkpoints" / name / "model.safetensors" for name in names]
    last = max((folder / "snapshots").iterdir())
    files += [folder / "comparison.json", folder / "random.json"]
    files += [last / name for name in ("learner.safetensors", "best.safetensors", "games.bin")]
    return {
        "metrics": lines,
        "matches": matches,
        "replay": snapshot.read_state(last)["state"]["experience"]["replay"],
        "files": {f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run, to be copied and not changed."""
    return train(load_config(CONFIG), tmp_path_factory.mktemp("whole") / "run").folder


@pytest.fixture(scope="module")
def uninterrupted(whole):
    return outcome(whole)


def test_the_same_configuration_gives_the_same_run(uninterrupted, tmp_path):
    assert outcome(train(load_config(CONFIG), tmp_path / "run").folder) == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_and_resumed(uninterrupted, tmp_path, seed):
    moments = random.Random(seed)
    folder = tmp_path / "run"
    for _ in range(4):
        session = start(folder)
        # Some reports after its start, then somewhere between two of them: while playing, learning, writing.
        for _ in range(moments.randrange(1, 9)):
            line = session.stdout.readline()
            assert line and not line.startswith("error"), session.stderr.read()
        timer = threading.Timer(moments.uniform(0.0, 0.3), session.kill)
        timer.start()
        session.communicate()
        timer.join()
    session = start(folder)
    output, errors = session.communicate()
    assert session.returncode == 0, errors
    assert output.splitlines()[-1] == "finished 6"
    assert outcome(folder) == uninterrupted
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.slow
def test_a_limit_on_file_size_is_one_line_and_loses_nothing(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    session = start(folder, limit=12_000)
    output, errors = session.communicate()
    assert session.returncode == 2, errors
    last = output.splitlines()[-1]
    assert last.startswith("error: cannot write ") and last.endswith(": File too large")
    assert "Traceback" not in errors
    resume(folder)
    assert outcome(folder) == uninterrupted


@pytest.mark.parametrize(
    ("call", "after"), [("replace", 0), ("replace", 11), ("fsync", 16), ("write", 0), ("write", 5)]
)
def test_a_full_disk_is_one_line_and_loses_nothing(uninterrupted, tmp_path, monkeypatch, call, after):
    folder = tmp_path / "run"
    config = load_config(CONFIG)
    interrupt = interrupt_once()

    def stop(progress):
        if progress.iteration == 2 and progress.phase == "self-play":
            interrupt()

    assert train(config, folder, on_progress=stop).iterations == 1
    before = {path.relative_to(folder): path.read_bytes() for path in (folder / "checkpoints").rglob("*.*")}
    real, count = getattr(os, call), [0]

    def full(*arguments, **options):
        count[0] += 1
        if count[0] > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    for module in (files, metrics):
        monkeypatch.setattr(module.os, call, full)
    with pytest.raises(TesujiError, match=r"cannot write .*: No space left on device") as error:
        resume(folder)
    monkeypatch.undo()
    assert "\n" not in str(error.value)
    for path, data in before.items():
        if path.parts[1] not in ("best", "latest"):
            assert (folder / path).read_bytes() == data
    assert not list(folder.rglob("*.tmp"))
    resume(folder)
    assert outcome(folder) == uninterrupted


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_start_that_fails_leaves_no_run(tmp_path, monkeypatch, pretrained):
    create(load_config(CONFIG), tmp_path / "other", None, None)
    start = tmp_path / "other" / "checkpoints" / "reference" if pretrained else None

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for call in ("replace", "sendfile"):  # the second is how shutil copies
        monkeypatch.setattr(os, call, full)
    with pytest.raises(TesujiError, match=r"cannot write .*: No space left on device") as error:
        train(load_config(CONFIG), tmp_path / "run", start=start)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_killed_right_after_the_last_snapshot(uninterrupted, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    write = snapshot.write

    def killed(folder, captured):
        write(folder, captured)
        if captured.state["finished"]:
            raise Killed

    monkeypatch.setattr(snapshot, "write", killed)
    with pytest.raises(Killed):
        train(load_config(CONFIG), tmp_path / "run")
    monkeypatch.undo()
    assert resume(tmp_path / "run").iterations == 6
    assert outcome(tmp_path / "run") == uninterrupted


def test_what_a_snapshot_counts_on_is_on_the_disk_before_it(tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def fsync(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    folder = train(load_config(CONFIG), tmp_path / "run").folder
    manifest = (max((folder / "snapshots").iterdir()) / "manifest.json").stat().st_ino
    last = len(synced) - 1 - synced[::-1].index(manifest)  # a file removed before may have had its number
    for name in ("metrics.jsonl", "matches.jsonl"):
        assert (folder / name).stat().st_ino in synced[:last]


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("learner.safetensors", "truncate"),
        ("best.safetensors", "flip"),
        ("games.bin", "remove"),
        ("state.json", "flip"),
        ("manifest.json", "flip"),
        ("manifest.json", "truncate"),
    ],
)
def test_a_damaged_snapshot_is_named_and_the_one_before_serves(uninterrupted, whole, tmp_path, part, damage):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    file = folder / "snapshots" / "000006" / part
    data = bytearray(file.read_bytes())
    # In text a digit, so that it is still JSON.
    position = next(at for at in range(len(data) // 2, len(data)) if part[-4:] != "json" or chr(data[at]).isdigit())
    data[position] ^= 1
    file.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    if damage == "remove":
        file.unlink()
    with pytest.raises(TesujiError, match=r"000006/\S+ is damaged; remove the folder \S+000006 to resume") as error:
        resume(folder)
    assert "\n" not in str(error.value)
    shutil.rmtree(file.parent)
    assert resume(folder).iterations == 6
    assert outcome(folder) == uninterrupted


def test_a_damaged_older_snapshot_does_not_stop_a_run(tmp_path):
    for iteration in (1, 2, 3):
        state = snapshot.Snapshot(iteration, {"past": [f"past-{iteration}"]}, {"games.bin": bytes(iteration)})
        snapshot.write(tmp_path, state)
    (tmp_path / "000002" / "games.bin").write_bytes(b"")  # only its state is asked for
    assert snapshot.prune(tmp_path) == [{"past": ["past-2"]}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000002", "000003"]
    (tmp_path / "000002" / "state.json").write_text('{"iteration": 2, "state": {"past": []}}')
    assert snapshot.prune(tmp_path) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_run_on_a_gpu_resumes_exactly(tmp_path):
    config = load_config(CONFIG, {"evaluator.device": "cuda", "network.channels": "32"})
    interrupt = interrupt_once()

    def stop(progress):
        if progress.iteration == 4 and progress.phase == "learning":
            interrupt()

    assert train(config, tmp_path / "run", on_progress=stop).interrupted
    assert outcome(resume(tmp_path / "run").folder) == outcome(train(config, tmp_path / "whole").folder)


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_shard_stops_the_resume_in_one_line(tmp_path, damage):
    folder = tmp_path / "run"
    interrupt = interrupt_once()

    def stop(progress):
        if progress.iteration == 3:
            interrupt()

    train(load_config(CONFIG), folder, on_progress=stop)
    path = max((folder / "replay").glob("*.safetensors"))
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[:-20])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with pytest.raises(TesujiError, match=f"{path.name} is damaged") as error:
        resume(folder)
    assert "\n" not in str(error.value)
    # Refusing changed nothing.
    for each in ("metrics.jsonl", "snapshots", "checkpoints", "replay"):
        for left in [copy / each] if (copy / each).is_file() else (copy / each).rglob("*.*"):
            assert left.read_bytes() == (folder / left.relative_to(copy)).read_bytes()
