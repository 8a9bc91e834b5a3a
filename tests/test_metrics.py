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
