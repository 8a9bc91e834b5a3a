"""Snapshots of a run: everything it goes on from after a kill at any instant.

``snapshots/<iteration>/`` holds ``state.json`` and binary parts whose checksums stand in it. A folder appears under its
name only when it is complete.
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
from engine.files import atomic_folder, write_errors

__all__ = ["Snapshot", "newest", "prune", "read", "write"]

KEPT = 2
"""Snapshots kept on disk: the newest, and one before it in case that one is damaged."""
FORMAT = 1
STATE = "state.json"


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
    folder.mkdir(exist_ok=True)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in snapshot.parts.items()}
    content = {"format": FORMAT, "iteration": snapshot.iteration, "state": snapshot.state, "sha256": sums}
    with atomic_folder(folder / f"{snapshot.iteration:06d}") as temporary:
        for name, data in snapshot.parts.items():
            (temporary / name).write_bytes(data)
        (temporary / STATE).write_text(json.dumps(content), encoding="utf-8")


def saved(folder: Path) -> list[Path]:
    """Complete snapshots, oldest first."""
    return sorted(path for path in folder.glob("*") if path.name.isdigit()) if folder.is_dir() else []


def newest(folder: Path) -> Path | None:
    """The latest complete snapshot."""
    found = saved(folder)
    return found[-1] if found else None


def read(path: Path) -> Snapshot:
    """Read and check a snapshot. Raises TesujiError naming the damaged file."""
    file = path / STATE
    try:
        content = json.loads(file.read_bytes())
        if content["format"] != FORMAT:
            raise TesujiError(f"{file}: format {content['format']} is unknown; this version of Tesuji reads {FORMAT}")
        parts = {}
        for name, digest in content["sha256"].items():
            file = path / name
            parts[name] = file.read_bytes()
            if hashlib.sha256(parts[name]).hexdigest() != digest:
                raise TesujiError(damaged(file))
        return Snapshot(content["iteration"], content["state"], parts)
    except OSError as error:
        raise TesujiError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TesujiError(damaged(file)) from error


def damaged(file: Path) -> str:
    """What to do about a damaged file of a snapshot."""
    return f"{file} is damaged; remove the folder {file.parent} to resume from the snapshot before it"


def prune(folder: Path) -> list[Path]:
    """Delete all but the newest `KEPT` snapshots, and leftovers of interrupted writes; returns those kept, in order."""
    found = saved(folder)
    with write_errors(folder):
        for path in [*found[:-KEPT], *folder.glob(".*.tmp")]:
            shutil.rmtree(path)
    return found[-KEPT:]
