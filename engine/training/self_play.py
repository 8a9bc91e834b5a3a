"""Experience by search: the actor's games go into a replay, from which batches are drawn again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyspiel

from engine.config import RunConfig
from engine.finetune.learner import Learner
from engine.finetune.methods import Context, SearchMethod
from engine.finetune.methods.method import Searched
from engine.game import facts, room
from engine.network import load_checkpoint
from engine.search.calibration import POSITIONS, Calibration
from engine.selfplay.actor import Actor
from engine.selfplay.replay import Replay
from engine.training.checkpoints import PAST_EVERY, Checkpoints
from engine.training.experience import Games
from engine.training.streams import ACTOR_STREAM, CALIBRATION_STREAM, PAST_STREAM, REPLAY_STREAM, stream_seed

__all__ = ["SelfPlay"]

IN_PROGRESS = "games.bin"
"""The games in progress, in a snapshot."""


class SelfPlay:
    """See `Experience`."""

    repeatable = True

    def __init__(
        self,
        learner: Learner[Searched],
        method: SearchMethod,
        game: pyspiel.Game,
        config: RunConfig,
        checkpoints: Checkpoints,
        network_class: str | None,
    ) -> None:
        self.learner = learner
        self.method = method
        self.config = config
        self.checkpoints = checkpoints
        self.network_class = network_class
        encoder = checkpoints.reference.encoder
        self.actor = Actor(learner.average, game, encoder, config, seed=stream_seed(config, ACTOR_STREAM))
        self.replay = Replay(
            checkpoints.folder.parent / "replay",
            config.replay.window,
            room(facts(game).short_name).symmetries(game, encoder),
            shard_positions=config.replay.shard_positions,
            seed=[config.seed, REPLAY_STREAM],
        )
        self.context = Context(self.replay, config.learner.batch_size)
        self.debt = 0.0
        """Batches owed to the positions played so far; the fraction is carried on."""
        self.calibration: Calibration | None = None
        """Replayed positions for int8; None before there are any, and where int8 is not asked for."""
        self.past_loaded: str | None = None
        """Whose weights the past player has; exchanging them is not free."""

    def play(self, iteration: int, share: float, seconds: float) -> Games:
        """One iteration of the actor."""
        self._choose_past(iteration)
        records, counts = self.actor.play(seconds)
        self.replay.append(records)
        self.debt += self.config.replay.ratio * len(records) / self.config.learner.batch_size
        answered = counts["cache_hits"] + counts["evaluations"]
        metrics = {
            "window": len(self.replay),
            "cache_hit_rate": counts["cache_hits"] / answered if answered else None,
            "resign_threshold": self.actor.resignation.threshold,
            "resign_errors": self.actor.resignation.share,
            "pool": {name: value for name, value in counts.items() if not name.startswith("seconds")},
        }
        rates = {name: counts[name] for name in ("positions", "simulations", "evaluations")}
        lengths = np.array([len(history) for history in records.histories], np.int64)
        returns = records.game_returns.astype(np.float64)
        return Games(len(records), records.games, int(counts["positions"]), metrics, rates, lengths, returns)

    def repeat(self) -> None:
        """Learn from the replay without end."""
        if len(self.replay):
            self.debt = float("inf")

    @property
    def owed(self) -> float:
        """Batches to be learnt from; those below 1 wait for the next iteration."""
        return self.debt if len(self.replay) else 0.0

    def batch(self) -> Searched | None:
        """The next batch of the replay window."""
        if self.owed < 1.0:
            return None
        self.debt -= 1.0
        return self.method.collect(self.context)

    def drop(self) -> None:
        """Nothing is owed any more."""
        self.debt = 0.0

    def update(self, iteration: int) -> dict[str, Any]:
        """The averaged weights play; in int8, calibrated on positions that are the same wherever this is resumed."""
        if self.config.evaluator.precision == "int8" and len(self.replay):
            generator = np.random.default_rng([self.config.seed, CALIBRATION_STREAM, iteration])
            self.calibration = Calibration.split(*self.replay.window.draw(POSITIONS, generator))
        self.actor.learner.update(self.learner.weights(), self.calibration)
        quantisation = self.actor.learner.evaluator.quantisation
        if quantisation is None:
            return {}
        return {
            "int8": {
                "acting": quantisation.precision,
                "policy_kl": quantisation.policy_kl,
                "value_error": quantisation.value_error,
            },
            "time": {"conversion": quantisation.seconds},
        }

    def keep(self, iteration: int, metrics: Mapping[str, Any]) -> None:
        """Keep one more opponent now and then."""
        if self.actor.past is not None and iteration % PAST_EVERY == 0:
            self.checkpoints.save_past(self.learner.state(), iteration, metrics)

    def _choose_past(self, iteration: int) -> None:
        """Give the past player the weights of a checkpoint drawn uniformly for these `PAST_EVERY` iterations."""
        if self.actor.past is None:
            return
        draw = np.random.default_rng([self.config.seed, PAST_STREAM, iteration // PAST_EVERY])
        name = self.checkpoints.draw_past(draw)
        if name == self.past_loaded:
            return
        self.past_loaded = name
        checkpoint = load_checkpoint(self.checkpoints.folder / name, self.network_class, self.config.game)
        self.actor.past.update(checkpoint.network.state_dict(), self.calibration)

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """See `Experience.state`."""
        actor, games = self.actor.state()
        values = {"debt": self.debt, "replay": self.replay.state(), "actor": actor, "past": list(self.checkpoints.past)}
        return values, {IN_PROGRESS: games}

    def restore(self, iteration: int, state: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
        """See `Experience.restore`."""
        self.debt = state["debt"]
        self.checkpoints.past = list(state["past"])
        self.actor.restore(state["actor"], parts[IN_PROGRESS])
        self.replay.restore(state["replay"])
        self.update(iteration)

    def clear(self) -> None:
        """Forget the positions that an earlier process wrote."""
        self.replay.restore(self.replay.state())

    def prune(self, states: list[Mapping[str, Any]]) -> None:
        """Delete positions and opponents that none of these states needs."""
        self.replay.prune(min(state["replay"]["oldest"] for state in states))
        self.checkpoints.prune({name for state in states for name in state["past"]})

    def close(self) -> None:
        """Nothing to let go of."""
