"""The positions that int8 is calibrated on, and those on which it is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyspiel
from numpy.typing import NDArray

from engine.config import EvaluatorConfig
from engine.native import core

__all__ = ["POSITIONS", "Calibration", "calibration_for"]

POSITIONS = 512
"""Drawn for one calibration. More than 128 to calibrate on changed no error on connect_four."""
PER_GAME = 8
"""Positions taken of one random game; those of the same game resemble each other."""
SEED = 1
"""Of the random games: an agent is the same whenever it is loaded."""


@dataclass(frozen=True)
class Calibration:
    """Positions as a network sees them, in two parts that share none (but in a game with a single one)."""

    inputs: NDArray[np.float32]
    """[N, D] what the ranges of numbers are measured on."""
    held_out: NDArray[np.float32]
    """[M, D] what the answers are judged on."""
    legal_mask: NDArray[np.uint8]
    """[M, A] legal actions of the held-out positions."""

    @classmethod
    def split(cls, inputs: NDArray[np.float32], legal_mask: NDArray[np.uint8]) -> Calibration:
        """From inputs f32[K, D] with legal_mask u8[K, A], K >= 1: of the distinct positions, half for each part."""
        _, first = np.unique(inputs, axis=0, return_index=True)
        rows = np.sort(first)
        middle = len(rows) // 2
        held_out = rows[middle:]
        return cls(inputs[rows[: max(1, middle)]], inputs[held_out], legal_mask[held_out])


def calibration_for(config: EvaluatorConfig, game: pyspiel.Game, encoder: str) -> Calibration | None:
    """What `make_evaluator` needs for a network that has not played yet: positions of random games, always the same.

    None unless `config` asks for int8.
    """
    if config.precision != "int8":
        return None
    generator = np.random.default_rng(SEED)
    states: list[pyspiel.State] = []
    while len(states) < POSITIONS:
        played = random_game(game, generator)
        chosen = generator.permutation(len(played))[:PER_GAME]
        states += [played[index] for index in sorted(chosen)]
    return Calibration.split(core.encode(states, encoder), core.legal_mask(states))


def random_game(game: pyspiel.Game, generator: np.random.Generator) -> list[pyspiel.State]:
    """The states of a game of uniformly random moves in which a player decides."""
    decisions = []
    state = game.new_initial_state()
    while not state.is_terminal():
        if state.is_chance_node():
            outcomes, probabilities = zip(*state.chance_outcomes(), strict=True)
            weights = np.asarray(probabilities)
            action = generator.choice(outcomes, p=weights / weights.sum())
        else:
            decisions.append(state.clone())
            action = generator.choice(state.legal_actions())
        state.apply_action(int(action))
    return decisions
