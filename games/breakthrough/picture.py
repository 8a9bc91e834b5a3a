"""The board as a picture, with arrows for moves."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import stepping_board

STONES = {"b": ("#1f2430", "#000000"), "w": ("#f7f5ee", "#555555")}
"""Fill and outline, by seat."""
NAMES = ("Black (b)", "White (w)")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position, row 1 at the bottom."""
    return stepping_board("Breakthrough", state, marks, STONES, NAMES)
