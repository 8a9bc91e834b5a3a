"""Ctrl-C and termination: asked once, a run stops at a safe point; asked twice, at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Interrupted", "Interruption"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """The run was asked to stop; what the current iteration did so far is dropped."""


class Interruption:
    """Catches SIGINT and SIGTERM while entered (from the main thread; elsewhere it does nothing)."""

    def __init__(self) -> None:
        self.requested = False
        self.abortable = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Interrupted if the run was asked to stop."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def abort(self) -> Iterator[None]:
        """Within, a signal raises Interrupted at once: for long native calls whose results may be lost."""
        try:
            self.abortable = True  # before the check: a signal between the two would be noticed after the call only
            self.check()
            yield
        finally:
            self.abortable = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self.abortable:
            raise Interrupted
