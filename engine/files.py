"""Writing so that a crash, a full disk or a kill at any instant leaves the old content or the new, never a mixture;
reading that always ends; and seals, by which a change of a JSON file is noticed.
"""

import ctypes
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import TesujiError

__all__ = ["SEAL", "atomic_folder", "atomic_write", "clear_leftovers", "is_sealed", "read_file", "read_json", "sealed"]

SEAL = "seal"
"""The field of a JSON object with the checksum of all others."""

# Linux's renameat2(2): relative to the working directory; swap the two names in one step.
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path` under a temporary name, flush it to the disk, then rename it into place.

    A link stays a link, and a device or pipe, which nothing can replace, is written to. Raises TesujiError naming
    `path` where the system refuses (disk full, file too large, no permission); what stood there before still does.
    """
    with write_errors(path):
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            with open(path, "wb") as file:
                file.write(data)
            return
        path = Path(os.path.realpath(path)) if os.path.islink(path) else path
        temporary = beside(path)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `path`; when the block ends without an error it takes the name `path`.

    A folder that stood there is replaced in one step, with all that it holds: the caller knows that nothing is lost.
    After an error the new folder is removed and `path` is as it was. Write errors become a TesujiError naming `path`.
    """
    temporary = beside(path)
    with write_errors(path):
        temporary.mkdir()
        try:
            yield temporary
            for folder, _, names in os.walk(temporary):
                for name in names:
                    sync_file(Path(folder, name))
                sync_folder(Path(folder))
            if path.is_dir():
                exchange(temporary, path)
            else:
                os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(temporary, ignore_errors=True)  # now the replaced folder, where there was one
        sync_folder(path.parent)


def read_file(path: Path) -> bytes:
    """The content of a regular file. Raises OSError, also for a device or a pipe, whose content may never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a zero byte in its name
        raise OSError(errno.EINVAL, "not a file name", str(path)) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object `content` with a checksum of all its fields."""
    fields = {name: value for name, value in content.items() if name != SEAL}
    return fields | {SEAL: checksum(fields)}


def is_sealed(content: Mapping[str, Any]) -> bool:
    """Nothing has changed since `content` was `sealed`, but for the order of its fields."""
    return content == sealed(content)


def checksum(content: Any) -> str:
    """sha256 of JSON values, the same for every way to write them down."""
    plain = json.loads(json.dumps(content))  # tuples and lists are alike there, and so are the keys 1 and "1"
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises TesujiError naming the file where it cannot be read or holds no JSON."""
    try:
        return json.loads(read_file(path))
    except OSError as error:
        raise TesujiError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise TesujiError(f"{path}: not valid JSON: {error}") from error


def clear_leftovers(path: Path) -> None:
    """Remove what `atomic_folder(path)` or `atomic_write(path, ...)` left behind in processes that were killed."""
    name = re.compile(re.escape(f".{path.name}.") + r"([1-9]\d{0,8})-[0-9a-f]{8}\.tmp")
    with write_errors(path):
        for left in path.parent.iterdir():
            found = name.fullmatch(left.name)
            if found and not is_running(int(found[1])):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """There is a process with this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one line that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())  # shutil.Error has a list of reasons, but no number
        raise TesujiError(f"cannot write {path}: {reason}") from error


def beside(path: Path) -> Path:
    """A temporary name, which `clear_leftovers` knows, in the same folder (and so file system) as `path`."""
    return path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"


def exchange(first: Path, second: Path) -> None:
    """Swap two folders: in one step where the system can, else by two renames."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        names = (AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE)
        if rename(*names) == 0:
            return
    aside = beside(second)
    os.rename(second, aside)
    try:
        os.rename(first, second)
    except BaseException:
        os.rename(aside, second)
        raise
    os.rename(aside, first)


def sync_file(path: Path) -> None:
    """Flush one file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Flush a folder's names to the disk."""
    sync_file(path)
