"""Atomic writing: refused writes are one line, and what stood there stays."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine import files
from engine.errors import TesujiError
from engine.files import atomic_folder, atomic_write, clear_leftovers, read_json, write_errors


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_atomic_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["a"]


def test_full_disk_is_one_line_and_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TesujiError, match="No space left on device") as caught:
        atomic_write(path, b"two")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["a"]


def test_file_size_limit_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(TesujiError, match=r"cannot write .*File too large"):
            atomic_write(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["a"]


def test_missing_parent_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TesujiError, match="cannot write"):
        atomic_write(tmp_path / "no" / "a", b"")


@pytest.mark.parametrize("name", ["EISDIR", "EBUSY", "ENOTDIR", "ENOENT", "ENOTEMPTY", "ENAMETOOLONG"])
def test_whatever_the_system_refuses_is_one_line(tmp_path: Path, name: str) -> None:
    reason = os.strerror(getattr(errno, name))
    with pytest.raises(TesujiError) as caught, write_errors(tmp_path):
        raise OSError(getattr(errno, name), reason)
    assert str(caught.value) == f"cannot write {tmp_path}: {reason}"


def test_an_error_of_many_files_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TesujiError) as caught, write_errors(tmp_path):
        raise shutil.Error("first\nsecond")
    assert str(caught.value) == f"cannot write {tmp_path}: first second"


def test_a_folder_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(TesujiError, match=r"cannot write .*a: Is a directory"):
        atomic_write(tmp_path / "a", b"")
    assert names(tmp_path) == ["a"]


def test_a_file_in_place_of_the_folder_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"mine")
    with pytest.raises(TesujiError, match=r"cannot write .*f: Not a directory"), atomic_folder(path) as folder:
        (folder / "x").write_bytes(b"1")
    assert path.read_bytes() == b"mine"
    assert names(tmp_path) == ["f"]


def test_json_is_read_or_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(TesujiError, match=r"cannot read .*a\.json: No such file"):
        read_json(path)
    with pytest.raises(TesujiError, match="Is a directory"):
        read_json(tmp_path)
    for damaged in (b"", b'{"a": ', b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(damaged)
        with pytest.raises(TesujiError, match=r"a\.json: not valid JSON") as caught:
            read_json(path)
        assert "\n" not in str(caught.value)
    path.write_text('{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}


def test_atomic_folder_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with atomic_folder(path) as folder:
        (folder / "x").write_bytes(b"1")
        assert not path.exists()
    assert names(path) == ["x"]
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize("one_step", [True, False])
def test_atomic_folder_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_step: bool) -> None:
    if not one_step:
        monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())
    path = tmp_path / "f"
    for name in ("x", "y"):
        with atomic_folder(path) as folder:
            (folder / name).write_bytes(b"1")
    assert names(path) == ["y"]
    assert names(tmp_path) == ["f"]


def test_failure_inside_a_folder_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with atomic_folder(path) as folder:
        (folder / "x").write_bytes(b"1")
    with pytest.raises(TesujiError, match=r"cannot write .*f: No space left"), atomic_folder(path) as folder:
        (folder / "y").write_bytes(b"1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(KeyError), atomic_folder(path):
        raise KeyError
    assert names(path) == ["x"]
    assert names(tmp_path) == ["f"]


def test_leftovers_of_killed_processes_are_cleared(tmp_path: Path) -> None:
    killed = "import os; from pathlib import Path; from engine.files import atomic_folder\n"
    killed += "with atomic_folder(Path('f')) as folder: (folder / 'x').write_bytes(b'1'); os._exit(9)"
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parent.parent)}
    assert subprocess.run([sys.executable, "-c", killed], cwd=tmp_path, env=environment).returncode == 9
    (left,) = names(tmp_path)
    kept = [left.replace(".f.", ".g."), f".f.{os.getpid()}-0123abcd.tmp", ".f.1-0123abcd.tmp", ".f.note.tmp"]
    for name in kept:
        (tmp_path / name).mkdir()
    clear_leftovers(tmp_path / "f")
    assert names(tmp_path) == sorted(kept)
