"""Experience without search: the raw network plays, and a policy-gradient method learns from those games alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyspiel
import torch
from numpy.typing import NDArray

from engine.config import RunConfig
from engine.finetune.learner import Learner
from engine.finetune.methods import PolicyGradient
from engine.finetune.methods.method import Played, Trajectories
from engine.finetune.retention import Reference
from engine.finetune.rollout import GroupRollout, NetworkAnswers, Rollout
from engine.game import facts
from engine.training.checkpoints import Checkpoints
from engine.training.experience import Games
from engine.training.streams import ROLLOUT_STREAM, SHUFFLE_STREAM, stream_seed

__all__ = ["Rollouts"]

IN_PROGRESS = "games.safetensors"
"""The games in progress, in a snapshot."""


class Rollouts:
    """See `Experience`. The current weights play, not the averaged ones: what learns must be what played."""

    repeatable = False

    def __init__(
        self,
        learner: Learner[Played],
        method: PolicyGradient,
        game: pyspiel.Game,
        config: RunConfig,
        checkpoints: Checkpoints,
        report: Callable[[int, int], None],
    ) -> None:
        """`report` is called while the first games begin, with how many have of how many."""
        self.learner = learner
        self.method = method
        self.config = config
        threads = config.learner.threads
        self.current = NetworkAnswers(learner.network, threads)
        reference = Reference(checkpoints.reference.network).network.to(learner.device)
        self.reference = NetworkAnswers(reference, threads)
        self.scale = facts(game).value_scale
        told = (game, checkpoints.reference.encoder, config.rollout)
        seed = stream_seed(config, ROLLOUT_STREAM)
        if method.group > 1:
            self.rollout: Rollout = GroupRollout(
                *told, group=method.group, seed=seed, value_scale=self.scale, report=report
            )
        else:
            self.rollout = Rollout(*told, seed=seed, value_scale=self.scale, report=report)
        self.rows: Played | None = None
        self.waiting: list[NDArray[np.int64]] = []
        """Rows of each batch that is owed, the next one last."""

    def play(self, iteration: int, share: float, seconds: float) -> Games:
        """One iteration's games, prepared and shuffled into batches."""
        calls = self.rollout.calls
        games = self.rollout.play(self.current, seconds)
        decisions = (self.rollout.calls - calls) * self.config.rollout.games
        rates = {"positions": float(decisions)}
        self.rows, self.waiting = None, []
        if not len(games):
            return Games(0, 0, decisions, {}, rates, np.empty(0, np.int64), np.empty((0, 1)))
        self.rows = self.method.prepare(games, self.current, self.reference, share)
        generator = np.random.default_rng([self.config.seed, SHUFFLE_STREAM, iteration])
        count = len(self.rows)
        batches = -(-count // self.config.learner.batch_size)
        for _ in range(self.method.epochs):
            self.waiting += np.array_split(generator.permutation(count), batches)
        returns, lengths = summary(games)
        metrics = {
            "learnt_share": count / len(games),
            "mean_length": lengths,
            "mean_returns": [float(value) * self.scale for value in returns],
        }
        ends = np.add.reduceat(games.rewards.astype(np.float64), games.offsets[:-1])
        return Games(len(games), len(games.groups), decisions, metrics, rates, np.diff(games.offsets), ends)

    def repeat(self) -> None:
        """Nothing that was played is learnt from twice: it would be another policy's."""

    @property
    def owed(self) -> float:
        """Batches to be learnt from in this iteration."""
        return float(len(self.waiting))

    def batch(self) -> Played | None:
        """The next batch of this iteration's decisions."""
        if not self.waiting or self.rows is None:
            return None
        return self.rows[torch.from_numpy(self.waiting.pop())]

    def drop(self) -> None:
        """Nothing is owed any more."""
        self.waiting = []

    def update(self, iteration: int) -> dict[str, Any]:
        """The network that learns is the one that plays: there is nothing to hand over."""
        return {}

    def keep(self, iteration: int, metrics: Mapping[str, Any]) -> None:
        """Nobody plays against past weights."""

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """See `Experience.state`."""
        return {}, {IN_PROGRESS: self.rollout.state()}

    def restore(self, iteration: int, state: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
        """See `Experience.restore`."""
        self.rollout.restore(parts[IN_PROGRESS])

    def clear(self) -> None:
        """Nothing but snapshots is kept in files."""

    def prune(self, states: list[Mapping[str, Any]]) -> None:
        """Nothing but snapshots is kept in files."""

    def close(self) -> None:
        """Let go of threads."""
        self.current.close()
        self.reference.close()


def summary(games: Trajectories) -> tuple[NDArray[np.float64], float]:
    """Mean returns of each seat, normalised, and mean number of decisions of a game."""
    returns = games.rewards.sum(0, dtype=np.float64) / len(games.groups)
    return returns, len(games) / len(games.groups)
