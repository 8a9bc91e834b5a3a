"""The agents that a run leaves behind: the reference, the best, the latest, and past ones to play against."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from engine.config import RunConfig
from engine.files import write_errors
from engine.network import Checkpoint, save_checkpoint
from engine.training.folder import CHECKPOINTS, REFERENCE

__all__ = ["PAST_EVERY", "Checkpoints", "averaged"]

PAST_EVERY, PAST_KEPT = 5, 8
"""Iterations between past checkpoints, and how many are kept beside the reference as opponents."""


def averaged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The averaged weights in a learner's state: those that play."""
    prefix = "average/"
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


class Checkpoints:
    """The folder ``checkpoints/`` of a run that started from `reference`."""

    def __init__(self, folder: Path, reference: Checkpoint, config: RunConfig) -> None:
        self.folder = folder / CHECKPOINTS
        self.reference = reference
        self.config = config
        self.shell = copy.deepcopy(reference.network)
        """Weights on their way into a file; the reference's own network belongs to the learner."""
        self.past = [REFERENCE]
        """Names of the opponents, oldest first."""

    def save(self, name: str, state: Mapping[str, Tensor], iteration: int, metrics: Mapping[str, Any]) -> None:
        """Save the averaged weights of a learner's state, in place of what has this name."""
        self.shell.load_state_dict(averaged(state))
        game, method, parent = self.config.game, self.config.method.name, self.reference.hash
        save_checkpoint(
            self.folder / name,
            self.shell,
            self.reference.network_config,
            game,
            method,
            {"parent": parent, "iteration": iteration, "seed": self.config.seed},
            metrics,
            f"# An agent for {game}\n\nFine-tuned by Tesuji ({method}), iteration {iteration} of a run from the agent "
            f"with weights {parent[:12]}.\n",
        )

    def save_past(self, state: Mapping[str, Tensor], iteration: int, metrics: Mapping[str, Any]) -> None:
        """Save one more opponent; the oldest but for the reference makes room for it."""
        name = f"past-{iteration:06d}"
        self.save(name, state, iteration, metrics)
        self.past = [REFERENCE, *self.past[1:][-(PAST_KEPT - 1) :], name]

    def draw_past(self, generator: np.random.Generator) -> str:
        """The name of an opponent, drawn uniformly."""
        return self.past[int(generator.integers(len(self.past)))]

    def prune(self, needed: Collection[str]) -> None:
        """Delete past checkpoints that are not `needed`."""
        with write_errors(self.folder):
            for path in self.folder.glob("past-*"):
                if path.name not in needed:
                    shutil.rmtree(path)
