"""Seeds: whatever draws at random has a stream of its own, derived from one seed and what the stream is for."""

from __future__ import annotations

import hashlib

import pyspiel

__all__ = ["state_seed", "stream"]


def stream(*parts: int | str) -> int:
    """A 63-bit seed of its own for everything that these parts name."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def state_seed(seed: int, state: pyspiel.State) -> int:
    """A 63-bit seed from a seed and a state's history: the same state gets the same stream in any batch."""
    return stream(seed, *state.history())
