"""Snapshots of a run: everything it goes on from after a kill at any instant.

``snapshots/<iteration>/`` holds ``state.json``, binary parts, and ``manifest.json`` with the checksums of them all. A
folder appears under its name only when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import TesujiError
from engine.files import atomic_folder, is_sealed, read_file, sealed, write_errors

__all__ = ["Snapshot", "newest", "prune", "read", "write"]

KEPT = 2
"""Snapshots kept on disk: the newest, and one before it in case that one is damaged."""
FORMAT = 4
MANIFEST, STATE = "manifest.json", "state.json"


@dataclass(frozen=True)
class Snapshot:
    """A run's state between two iterations."""

    iteration: int
    """Iterations done."""
    state: Mapping[str, Any]
    """JSON values."""
    parts: Mapping[str, bytes]
    """Binary state by file name."""


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write ``folder/<iteration>/`` atomically. Raises TesujiError where the system refuses."""
    state = {"iteration": snapshot.iteration, "state": snapshot.state}
    files = {STATE: json.dumps(state).encode(), **snapshot.parts}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    with write_errors(folder):
        folder.mkdir(exist_ok=True)
    with atomic_folder(folder / f"{snapshot.iteration:06d}") as temporary:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        manifest = sealed({"format": FORMAT, "sha256": sums})
        (temporary / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def saved(folder: Path) -> list[Path]:
    """Complete snapshots, oldest first."""
    return sorted(path for path in folder.glob("*") if path.name.isdigit()) if folder.is_dir() else []


def newest(folder: Path) -> Path | None:
    """The latest complete snapshot."""
    found = saved(folder)
    return found[-1] if found else None


def read(path: Path) -> Snapshot:
    """Read and check a snapshot. Raises TesujiError naming the damaged file."""
    sums = checksums(path)
    state = read_state(path)
    parts = {name: checked(path / name, digest) for name, digest in sums.items() if name != STATE}
    return Snapshot(state["iteration"], state["state"], parts)


def read_state(path: Path) -> dict[str, Any]:
    """What ``state.json`` holds, without a look at the binary parts."""
    file = path / STATE
    try:
        return dict(json.loads(checked(file, checksums(path)[STATE])))
    except (ValueError, KeyError) as error:
        raise TesujiError(damaged(file)) from error


def checksums(path: Path) -> dict[str, str]:
    """Of the files of a snapshot, by name."""
    file = path / MANIFEST
    try:
        content = json.loads(checked(file))
        found = content["format"]
        sums = dict(content["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise TesujiError(damaged(file)) from error
    if found != FORMAT:
        raise TesujiError(f"{file}: format {found!r} is unknown; this version of Tesuji reads format {FORMAT}")
    if not is_sealed(content):
        raise TesujiError(damaged(file))
    return sums


def checked(file: Path, digest: str | None = None) -> bytes:
    """The content of a file, if it is there and, where given, its sha256 is `digest`."""
    try:
        data = read_file(file)
    except FileNotFoundError as error:
        raise TesujiError(damaged(file)) from error
    except OSError as error:
        raise TesujiError(f"cannot read {file}: {error.strerror}") from error
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise TesujiError(damaged(file))
    return data


def damaged(file: Path) -> str:
    """What to do about a damaged file of a snapshot."""
    return f"{file} is damaged; remove the folder {file.parent} to resume from the snapshot before it"


def prune(folder: Path) -> list[dict[str, Any]]:
    """Delete all but the newest `KEPT` snapshots; returns the states of those kept before the newest.

    Damaged ones are left out: nothing can be resumed from them, so they need nothing, and whoever tries is told.
    """
    found = saved(folder)
    with write_errors(folder):
        for path in found[:-KEPT]:
            shutil.rmtree(path)
    states = []
    for path in found[-KEPT:-1]:
        try:
            states.append(dict(read_state(path)["state"]))
        except TesujiError:
            continue
    return states
