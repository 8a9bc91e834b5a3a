"""The board as a picture, with arrows for moves."""

from __future__ import annotations

from collections.abc import Mapping

import pyspiel

from engine.drawing import stepping_board

STONES = {"o": ("#f7f5ee", "#555555"), "x": ("#1f2430", "#000000")}
"""Fill and outline, by seat."""
NAMES = ("o (white)", "x (black)")


def draw(state: pyspiel.State, marks: Mapping[int, str]) -> str:
    """The position, row 1 at the bottom."""
    return stepping_board("Clobber", state, marks, STONES, NAMES)
