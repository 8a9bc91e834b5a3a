"""Errors that are the user's to mend: one clear line each, printed without a traceback."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

__all__ = ["CheckpointError", "ConfigError", "Refusal", "TesujiError", "nearest"]


class TesujiError(Exception):
    """A mistake in what was given: the message is one line naming the file or field and what to change."""


class CheckpointError(TesujiError):
    """A checkpoint that is missing, damaged, or made for something else."""


class ConfigError(TesujiError):
    """A configuration key or value that is unknown or out of range."""


class Refusal(TesujiError):
    """Something that is not sound or not possible in a game, while something near it is.

    words: words of the command line that works, by those that they replace.
    flags: its options by name, such as ``{"--method": "mmd"}``; None leaves one out.
    `engine.cli.refusals` makes the whole command of them.
    """

    def __init__(
        self,
        message: str,
        words: Mapping[str, str] = MappingProxyType({}),
        flags: Mapping[str, str | None] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.words = words
        self.flags = flags


def nearest(name: str, candidates: Iterable[str]) -> str:
    """A suffix such as ``" (did you mean 'go'?)"`` for the candidate closest to `name`, or the empty string."""
    close = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
