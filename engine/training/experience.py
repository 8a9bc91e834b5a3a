"""What a run learns from: how its games are played, and which batches they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.finetune.methods import Batch

__all__ = ["Experience", "Games"]


@dataclass(frozen=True)
class Games:
    """One iteration's games."""

    positions: int
    """Decisions of the games that finished."""
    games: int
    decisions: int
    """Made in this iteration, by games that finished or not."""
    metrics: Mapping[str, Any]
    """What else there is to tell, for metrics.jsonl."""
    rates: Mapping[str, float]
    """What was counted while playing; over the time it took, these are rates."""
    lengths: NDArray[np.int64]
    """[G] actions of each game; those of chance count where they are recorded."""
    returns: NDArray[np.float64]
    """[G, P] how each game ended, normalised."""


class Experience(Protocol):
    """Plays by the learner's weights and hands out batches to learn from."""

    repeatable: bool
    """What has been played can be learnt from again, where the time is too short for more games."""

    def play(self, iteration: int, share: float, seconds: float) -> Games:
        """One iteration's games, with `share` of the budget used; those that end within so many seconds, maybe none.

        A call that is aborted loses nothing but itself.
        """
        ...

    def repeat(self) -> None:
        """From here on batches come without end from what has been played."""
        ...

    @property
    def owed(self) -> float:
        """Batches to be learnt from in this iteration."""
        ...

    def batch(self) -> Batch | None:
        """The next batch; None when nothing is owed."""
        ...

    def drop(self) -> None:
        """Nothing is owed any more: the time is up."""
        ...

    def update(self, iteration: int) -> dict[str, Any]:
        """Play by the learner's new weights from now on; returns what there is to tell of that,
        the seconds that it took under "time".
        """
        ...

    def keep(self, iteration: int, metrics: Mapping[str, Any]) -> None:
        """The iteration is done: a chance to keep the learner's weights as an opponent; `metrics` are for its card."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What `restore` goes on from: JSON values and binary parts."""
        ...

    def restore(self, iteration: int, state: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
        """Go back to a `state`; the learner has its weights already."""
        ...

    def clear(self) -> None:
        """Forget whatever an earlier process wrote: the run begins."""
        ...

    def prune(self, states: list[Mapping[str, Any]]) -> None:
        """Delete files that none of these states needs."""
        ...

    def close(self) -> None:
        """Let go of threads."""
        ...
