"""Atomic writing: refused writes are one line, and what stood there stays."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from engine import files
from engine.errors import TesujiError
from engine.files import atomic_folder, atomic_write


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
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(KeyError), atomic_folder(path):
        raise KeyError
    assert names(path) == ["x"]
    assert names(tmp_path) == ["f"]
