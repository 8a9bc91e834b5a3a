"""The training budget of a run, in iterations or in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from engine.config import RunConfig

__all__ = ["Budget"]

ENDLESS = float("inf")
MATCH_SHARE = 0.2
"""Of the time so far, at most, that matches on the way take."""
CLOSING_SHARE = 0.1
"""The largest share of the budget that is set aside for each match at the end."""
GRACE = 0.02
"""Of the whole time, at least, that each match at the end may take, even if the training before took too long."""
RANDOM_SHARE = 0.02
"""The largest share of the budget that each match against random play takes."""
SHORTEST_PLAY = 10.0
"""Seconds: a first iteration is not cut shorter, unless there is not so much time."""


class Budget:
    """How much of a run's budget is used, and what there is still time for.

    A budget in minutes ends with the last matches, so their share is set aside; what is left when another round of
    games would be too much goes into learning. Only the first iteration has no durations to go by: half of the time
    that is left is for its games, so that they are learnt from. A budget in iterations sets no limits to anything.
    """

    def __init__(self, config: RunConfig, closing: int = 1) -> None:
        """`closing` matches are to be played at the end."""
        self.iterations = config.iterations
        self.seconds = 60.0 * config.minutes
        """0 with a budget in iterations."""
        self.closing = closing
        self.last = 0.0
        """Seconds set aside for what comes after those matches."""
        self.before = 0.0
        self.started = monotonic()
        self.durations = {"self-play": 0.0, "learning": 0.0, "match": 0.0}
        """Seconds that each phase took last; of a match, what one of full length would take, first an estimate."""
        self.matches = 0.0
        """Seconds that matches have taken so far."""

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
        """Seconds before the last matches have to begin; without end with a budget in iterations."""
        if not self.seconds:
            return ENDLESS
        reserve = min(self.durations["match"], CLOSING_SHARE * self.seconds)
        return self.seconds - self.elapsed - self.last - self.closing * reserve

    @property
    def time_for_games(self) -> bool:
        """Playing pays only if part of what is played can still be learnt before the time is up."""
        needed = 1.2 * self.durations["self-play"] + 0.25 * self.durations["learning"]
        return self.time_for_training > needed or not self.durations["self-play"]

    @property
    def time_to_play(self) -> float:
        """Seconds after which the games of an iteration are cut off, so that they can still be learnt from."""
        left = self.time_for_training
        if self.durations["learning"]:
            return max(0.0, left - 0.25 * self.durations["learning"])
        return max(left / 2.0, min(left, SHORTEST_PLAY), 0.0)

    def time_for_match(self, remaining: int = 0) -> float:
        """Seconds for a match, on the way or as the first of `remaining` matches at the end."""
        if not self.seconds:
            return ENDLESS
        if remaining:
            return max(GRACE * self.seconds, (self.seconds - self.elapsed - self.last) / remaining)
        return max(0.0, min(MATCH_SHARE * self.elapsed - self.matches, self.time_for_training / 2.0))

    @property
    def time_for_random(self) -> float:
        """Seconds for a match against random play."""
        return RANDOM_SHARE * self.seconds if self.seconds else ENDLESS

    def set_aside(self, seconds: float) -> None:
        """Leave time for a match against random play at the end, by how long the first one took: better players can
        take longer.
        """
        if self.seconds:
            self.last = min(2.0 * seconds, self.time_for_random)

    def used_up(self, iterations: int) -> bool:
        """No iteration is left."""
        return self.share(iterations) >= 1.0 or self.time_for_training <= 0.0

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {"elapsed": self.elapsed, "durations": dict(self.durations), "matches": self.matches, "last": self.last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.before, self.durations = state["elapsed"], dict(state["durations"])
        self.matches = state.get("matches", 0.0)
        self.last = state.get("last", 0.0)
