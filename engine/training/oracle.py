"""How often the raw network's best move is one that a perfect player could make."""

from __future__ import annotations

import numpy as np
import pyspiel
from torch import nn

from engine.evaluate.agreement import labelled_positions
from engine.finetune.rollout import NetworkAnswers
from engine.native import core

__all__ = ["OracleCheck"]

MOST = 256
"""Positions asked about, so that it costs next to nothing beside a judgement."""


class OracleCheck:
    """The labelled positions of the game's room, as many as `MOST`, evenly over the list."""

    def __init__(self, game: pyspiel.Game, encoder: str) -> None:
        positions = labelled_positions(game)
        self.positions = positions[:: -(-len(positions) // MOST)] if positions else []
        states = [position.state(game) for position in self.positions]
        self.inputs = core.encode(states, encoder) if states else None
        self.legal_mask = core.legal_mask(states) if states else None

    def agreement(self, network: nn.Module) -> float | None:
        """The share of optimal moves, 0 to 1; None where no positions are labelled."""
        if self.inputs is None or self.legal_mask is None:
            return None
        moves = NetworkAnswers(network)(self.inputs, self.legal_mask).argmax(axis=1)
        optimal = [
            position.scores[int(move)] == position.best for position, move in zip(self.positions, moves, strict=True)
        ]
        return float(np.mean(optimal))
