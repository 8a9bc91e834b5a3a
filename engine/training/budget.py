"""The training budget of a run, in iterations or in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from engine.config import RunConfig

__all__ = ["Budget"]


class Budget:
    """How much of a run's budget is used, and what there is still time for.

    A budget in minutes ends with the last match, so its share is set aside; what is left when another round of games
    would be too much goes into learning. Only the first iteration has no durations to go by: it plays whatever it
    takes.
    """

    def __init__(self, config: RunConfig) -> None:
        self.iterations = config.iterations
        self.seconds = 60.0 * config.minutes
        """0 with a budget in iterations."""
        self.before = 0.0
        self.started = monotonic()
        self.durations = {"self-play": 0.0, "learning": 0.0, "match": 0.0}
        """Seconds that each phase took last; of the first match, an estimate."""

    @property
    def elapsed(self) -> float:
        """Seconds of training in all sessions."""
        return self.before + monotonic() - self.started

    def share(self, iterations: float) -> float:
        """Of the budget used, 0 to 1, when `iterations` are done (of a time budget: now)."""
        if self.seconds:
            return min(1.0, self.elapsed / self.seconds)
        return min(1.0, iterations / self.iterations) if self.iterations else 1.0

    def left(self, iterations: float) -> float | None:
        """Seconds to go, estimated; None before the first iteration is done."""
        if self.seconds:
            return max(0.0, self.seconds - self.elapsed)
        return self.elapsed * (self.iterations - iterations) / iterations if iterations else None

    @property
    def time_for_training(self) -> float:
        """Seconds before the last match has to begin; without end with a budget in iterations."""
        return self.seconds - self.elapsed - self.durations["match"] if self.seconds else float("inf")

    @property
    def time_for_games(self) -> bool:
        """Playing pays only if part of what is played can still be learnt before the time is up."""
        needed = 1.2 * self.durations["self-play"] + 0.25 * self.durations["learning"]
        return self.time_for_training > needed or not self.durations["self-play"]

    def used_up(self, iterations: int) -> bool:
        """No iteration is left."""
        return self.share(iterations) >= 1.0 or self.time_for_training <= 0.0

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {"elapsed": self.elapsed, "durations": dict(self.durations)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.before, self.durations = state["elapsed"], dict(state["durations"])
