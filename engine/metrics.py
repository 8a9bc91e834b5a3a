"""What a run writes down about itself: lines of JSON, TensorBoard events, and the environment it ran in."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engine.errors import TesujiError
from engine.files import atomic_write, read_file, read_json, sync_file, sync_folder, write_errors

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["JsonLines", "TensorBoard", "record_environment"]

PACKAGES = ("tesuji", "open_spiel", "torch", "numpy", "openvino", "nncf")
"""Those whose version can change what a run computes."""
COMPARED = ("eval/elo_over_random", "eval/elo_over_start", "eval/exploitability", "eval/oracle_agreement", "loss/loss")
"""Tags by which TensorBoard compares runs."""


class JsonLines:
    """A file to which one JSON object a line is appended; what is appended stays, or the file is as it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sum: hashlib._Hash | None = None  # of the whole content, once it was asked for

    @property
    def size(self) -> int:
        """Length in bytes; 0 for a file that does not exist yet."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, values: Mapping[str, Any]) -> None:
        """Write one line. Numbers that are not finite become null. Raises TesujiError where the system refuses."""
        data = (json.dumps(plain(values), allow_nan=False) + "\n").encode()
        with write_errors(self.path):
            before = self.size
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                left = data
                while left:
                    left = left[os.write(descriptor, left) :]
            except BaseException:
                os.ftruncate(descriptor, before)
                raise
            finally:
                os.close(descriptor)
        if self._sum is not None:
            self._sum.update(data)

    def mark(self) -> dict[str, Any]:
        """How long the file is now, and the checksum of its content, as JSON values: `restore` goes back to it."""
        if self._sum is None:
            self._sum = hashlib.sha256(self._content())
        return {"bytes": self.size, "sha256": self._sum.hexdigest()}

    def restore(self, mark: Mapping[str, Any]) -> None:
        """Take back what was appended since this `mark`. Raises TesujiError if anything before it has changed."""
        size = mark["bytes"]
        content = self._content()[:size]
        if len(content) == size and hashlib.sha256(content).hexdigest() != mark["sha256"]:
            raise TesujiError(f"{self.path} was changed: its first {size} bytes are not those that were written")
        self.truncate(size)

    def sync(self) -> None:
        """Flush what was appended to the disk, so that a power cut cannot take it back."""
        if self.path.exists():
            with write_errors(self.path):
                sync_file(self.path)
                sync_folder(self.path.parent)  # the first time its name is new, too

    def truncate(self, size: int) -> None:
        """Cut the file back to its first `size` bytes. Raises TesujiError if it is shorter."""
        self._sum = None
        if self.size < size:
            raise TesujiError(f"{self.path} has {self.size} bytes, not the {size} it had: it was cut or replaced")
        if self.size > size:
            with write_errors(self.path):
                os.truncate(self.path, size)

    def read(self, numbers: Collection[str] = ()) -> list[dict[str, Any]]:
        """All lines. Raises TesujiError naming the first that is damaged or lacks one of these `numbers`."""
        found = []
        for number, line in enumerate(self._content().splitlines(), start=1):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                raise TesujiError(f"{self.path}: line {number} is damaged: it is no JSON object")
            for name in numbers:
                if not isinstance(value.get(name), int | float):
                    raise TesujiError(f"{self.path}: line {number} is damaged: {name!r} is no number")
            found.append(value)
        return found

    def _content(self) -> bytes:
        """All bytes; none of a file that does not exist. Raises TesujiError where it cannot be read."""
        try:
            return read_file(self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise TesujiError(f"cannot read {self.path}: {error.strerror}") from error


def plain(value: Any) -> Any:
    """`value` as strict JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


class TensorBoard:
    """Numbers of a run as TensorBoard events in `folder`; written at each `log`."""

    def __init__(
        self, folder: Path, first_step: int = 0, parameters: Mapping[str, str | float] = MappingProxyType({})
    ) -> None:
        """Events of an earlier process from `first_step` on are hidden: they are about to be written again.

        `parameters` stand in the tab HPARAMS, where runs are compared by `COMPARED`.
        """
        self.folder = folder
        self.first_step = first_step
        self.parameters = parameters
        self.writer: SummaryWriter | None = None

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Add every finite number of `values`, nested tables as ``table/name``. Raises TesujiError where refused."""
        with write_errors(self.folder):
            if self.writer is None:
                from torch.utils.tensorboard import SummaryWriter  # seconds to import

                self.writer = SummaryWriter(str(self.folder), purge_step=self.first_step or None)
                if self.parameters:
                    self._describe(self.writer)
            for name, number in numbers(values).items():
                self.writer.add_scalar(name, number, step)
            self.writer.flush()

    def _describe(self, writer: SummaryWriter) -> None:
        """Write the parameters into the same events file (`SummaryWriter.add_hparams` would make a run of its own)."""
        from torch.utils.tensorboard.summary import hparams

        for summary in hparams(  # type: ignore[no-untyped-call]
            dict(self.parameters), dict.fromkeys(COMPARED, 0.0)
        ):
            writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the events file."""
        if self.writer is not None:
            with write_errors(self.folder):
                self.writer.close()


def numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The finite numbers of nested tables by path."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and math.isfinite(value):
            found[f"{prefix}{name}"] = float(value)
    return found


def environment() -> dict[str, Any]:
    """Versions and hardware that decide numbers and speed; nothing that names a person, path or host."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions,
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def record_environment(path: Path, iteration: int, changes: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Add this process to the file's list of environments, as running from `iteration` on, with these `changes` of the
    run's configuration.
    """
    known = read_json(path) if path.exists() else []
    if not isinstance(known, list):
        raise TesujiError(f"{path} is damaged: it holds no list: remove it")
    entry = {"from_iteration": iteration, **environment()} | ({"changes": dict(changes)} if changes else {})
    atomic_write(path, json.dumps([*known, entry], indent=2).encode() + b"\n")
