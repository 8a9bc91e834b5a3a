"""What a command prints, and the streams it prints to: nothing in it is obeyed by a terminal, and nothing ends in a
traceback.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from engine.errors import TesujiError
from engine.markup import printable, printable_lines

__all__ = ["Unfailing", "complain", "finish", "open_streams", "say", "show"]

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
"""By the number of their descriptors."""


def say(line: str = "") -> None:
    """Print one line to standard output.

    Raises TesujiError where the system refuses. BrokenPipeError says that the reader has seen enough.
    """
    show(printable(line))


def show(text: str) -> None:
    """Print several lines, such as a table; else like `say`."""
    try:
        print(printable_lines(text))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise refused(error) from error


def complain(text: str) -> None:
    """Print one line to standard error; that it cannot be written is no reason to fail."""
    print(f"tesuji: {printable(text)}", file=Unfailing(sys.stderr), flush=True)


def finish() -> None:
    """Write what standard output still holds. Raises as `say` does; nothing is left for the end of the process."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        raise
    except OSError as error:
        discard(sys.stdout)
        raise refused(error) from error


def open_streams() -> None:
    """Make the standard streams fit to use: closed ones become empty, and no text is too much for an encoding.

    A closed one would otherwise give its number to the next file that is opened, and messages would end up in there.
    """
    for number, (name, mode) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Unfailing(io.TextIOBase):
    """A stream for progress and complaints: what it cannot write is dropped, and so is all that follows."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.works = True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self.stream.encoding

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """That of the stream."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write, or do nothing."""
        if self.works:
            try:
                return self.stream.write(text)
            except (OSError, ValueError):  # ValueError: it was closed
                self.fail()
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        if self.works:
            try:
                self.stream.flush()
            except (OSError, ValueError):
                self.fail()

    def fail(self) -> None:
        """Stop writing."""
        self.works = False
        discard(self.stream)


def discard(stream: TextIO) -> None:
    """Lead a stream nowhere, so that what it still holds is no error at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def refused(error: OSError) -> TesujiError:
    """The one line for output that cannot be written."""
    return TesujiError(f"cannot write the output: {error.strerror}")
