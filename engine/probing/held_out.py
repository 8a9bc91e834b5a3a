"""Which positions are held out from training: half of all, the same ones in every file of probes.

A hash of the position's orbit decides, so that its images under the symmetries of the game are held out with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pyspiel

from engine.game import room
from engine.probing.probe import Probe

__all__ = ["is_held_out", "mark"]

SALT = 593
"""Chosen so that about half of each shipped family is held out; another number marks other positions."""


def is_held_out(state: pyspiel.State) -> bool:
    """Whether the position of a player to move is held out from training."""
    game = state.get_game().get_type().short_name
    return side(f"{game} {room(game).orbit(state)}", SALT)


def mark(probe: Probe) -> Probe:
    """The probe, marked as its position is."""
    return replace(probe, held_out=is_held_out(probe.state()))


def side(orbit: str, salt: int) -> bool:
    """The side on which an orbit lies."""
    return bool(hashlib.sha256(f"{salt} {orbit}".encode()).digest()[0] & 1)
