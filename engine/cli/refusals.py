"""What to type instead of a command line that was refused."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from engine.errors import Refusal, TesujiError


def instead(arguments: Sequence[str], error: TesujiError) -> str:
    """`: run  tesuji ...`, the command with what a `Refusal` puts in place of what it refuses; else an empty string."""
    if not isinstance(error, Refusal):
        return ""
    words: list[str] = []
    dropped = False  # the word before was an option that is left out: its value follows
    for word in arguments:
        option = word.partition("=")[0]
        if option in error.flags:
            dropped = "=" not in word
        elif dropped and not word.startswith("--"):
            dropped = False
        else:
            words.append(replaced(word, error))
            dropped = False
    for option, value in error.flags.items():
        words += [] if value is None else [option, value]
    return f": run  {shlex.join(['tesuji', *words])}" if words != list(arguments) else ""


def replaced(word: str, error: Refusal) -> str:
    """The word, or its end after a colon as in `best_response:AGENT`, in its new form."""
    for old, new in error.words.items():
        if word == old or word.endswith(f":{old}"):
            return word.removesuffix(old) + new
    return word
