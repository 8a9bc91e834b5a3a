"""Lines of JSON, events and environments."""

import errno
import json
import os

import pytest

from engine import metrics
from engine.errors import TesujiError
from engine.metrics import JsonLines, TensorBoard, record_environment


def test_lines_are_appended_and_cut_back(tmp_path):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    assert lines.size == 0 and lines.read() == []
    lines.append({"iteration": 1, "loss": 0.5})
    size = lines.size
    lines.append({"iteration": 2, "loss": float("nan"), "pool": {"rate": float("inf")}, "names": ["a"]})
    assert lines.read()[1] == {"iteration": 2, "loss": None, "pool": {"rate": None}, "names": ["a"]}
    lines.truncate(size)
    assert lines.read() == [{"iteration": 1, "loss": 0.5}]
    with pytest.raises(TesujiError, match=r"metrics\.jsonl has \d+ bytes, not the 1000 it had"):
        lines.truncate(1000)


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.append({"iteration": 1})
    real = os.write
    calls = []

    def full(descriptor, data):
        calls.append(len(data))
        if len(calls) == 1:
            return real(descriptor, data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(metrics.os, "write", full)
    with pytest.raises(TesujiError, match=r"cannot write .*metrics\.jsonl: No space left on device"):
        lines.append({"iteration": 2})
    monkeypatch.undo()
    assert len(calls) == 2
    assert lines.read() == [{"iteration": 1}]
    lines.append({"iteration": 2})
    assert [line["iteration"] for line in lines.read()] == [1, 2]


def test_a_refused_cut_is_one_line(tmp_path, monkeypatch):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.append({"iteration": 1})

    def refuse(path, size):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(metrics.os, "truncate", refuse)
    with pytest.raises(TesujiError, match=r"cannot write .*metrics\.jsonl: Read-only file system"):
        lines.truncate(0)
    assert lines.read() == [{"iteration": 1}]


def test_what_was_appended_is_flushed_to_the_disk(tmp_path, monkeypatch):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    lines.sync()
    assert flushed == []
    lines.append({"iteration": 1})
    lines.sync()
    assert flushed == [lines.path.stat().st_ino, tmp_path.stat().st_ino]

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TesujiError, match=r"cannot write .*metrics\.jsonl: No space left on device"):
        lines.sync()


@pytest.mark.parametrize("damage", [b'{"iteration": 2', b"", b"3", b"[]", b"\xff\x00", b"[" * 100_000])
def test_a_damaged_line_is_named(tmp_path, damage):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.append({"iteration": 1})
    lines.path.write_bytes(lines.path.read_bytes() + damage + b"\n")
    lines.append({"iteration": 3})
    with pytest.raises(TesujiError, match=r"metrics\.jsonl: line 2 is damaged") as error:
        lines.read()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ['{"loss": 0.5}', '{"iteration": null}', '{"iteration": "2"}'])
def test_a_line_without_a_number_that_is_needed_is_named(tmp_path, line):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.append({"iteration": 1})
    lines.path.write_text(lines.path.read_text() + line + "\n")
    assert len(lines.read()) == 2
    with pytest.raises(TesujiError, match=r"metrics\.jsonl: line 2 is damaged: 'iteration' is no number") as error:
        lines.read(("iteration",))
    assert "\n" not in str(error.value)


def test_lines_that_cannot_be_read(tmp_path):
    with pytest.raises(TesujiError, match=r"cannot read .*: Is a directory"):
        JsonLines(tmp_path).read()


def test_numbers_become_events(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(tmp_path)
    board.log({"loss": 0.5, "name": "x", "bad": float("nan"), "time": {"rate": 3}}, 1)
    board.log({"loss": 0.25}, 2)
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["loss", "time/rate"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]


def test_each_session_adds_its_environment(tmp_path):
    path = tmp_path / "environment.json"
    record_environment(path, 0)
    record_environment(path, 7)
    first, second = json.loads(path.read_bytes())
    assert (first.pop("from_iteration"), second.pop("from_iteration")) == (0, 7)
    assert first == second
    assert first["versions"]["open_spiel"] == "2.0.2"
    assert first["cores"] >= 1


@pytest.mark.parametrize(("text", "reason"), [("[{", "not valid JSON"), ('{"a": 1}', "it holds no list: remove it")])
def test_a_damaged_list_of_environments_is_named(tmp_path, text, reason):
    path = tmp_path / "environment.json"
    path.write_text(text)
    with pytest.raises(TesujiError, match=rf"environment\.json.*{reason}") as error:
        record_environment(path, 0)
    assert "\n" not in str(error.value)
    assert path.read_text() == text
