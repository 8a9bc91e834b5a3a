"""The random streams of a run: all derive from its one seed."""

from __future__ import annotations

import numpy as np

from engine.config import RunConfig

__all__ = [
    "ACTOR_STREAM",
    "CALIBRATION_STREAM",
    "COMPARISON_STREAM",
    "MATCH_STREAM",
    "PAST_STREAM",
    "RANDOM_STREAM",
    "REPLAY_STREAM",
    "ROLLOUT_STREAM",
    "SHUFFLE_STREAM",
    "stream_seed",
]

(
    ACTOR_STREAM,
    REPLAY_STREAM,
    PAST_STREAM,
    MATCH_STREAM,
    CALIBRATION_STREAM,
    ROLLOUT_STREAM,
    SHUFFLE_STREAM,
    COMPARISON_STREAM,
    RANDOM_STREAM,
) = range(9)
"""Their names."""


def stream_seed(config: RunConfig, stream: int) -> int:
    """A seed for everything random of this stream, 64 bits."""
    return int(np.random.SeedSequence([config.seed, stream]).generate_state(1, np.uint64)[0])
