"""Errors that are the user's to mend: one clear line each, printed without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["CheckpointError", "ConfigError", "TesujiError", "nearest"]


class TesujiError(Exception):
    """A mistake in what was given: the message is one line naming the file or field and what to change."""


class CheckpointError(TesujiError):
    """A checkpoint that is missing, damaged, or made for something else."""


class ConfigError(TesujiError):
    """A configuration key or value that is unknown or out of range."""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """A suffix such as ``" (did you mean 'go'?)"`` for the candidate closest to `name`, or the empty string."""
    close = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
