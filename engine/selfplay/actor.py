"""The actor: the native pool of games, played by the current network as the run's configuration says."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import pyspiel
from torch import Tensor, nn

from engine.config import RunConfig
from engine.search.calibration import Calibration, calibration_for
from engine.search.evaluator import make_evaluator, native_evaluator
from engine.search.search import search_params
from engine.selfplay.records import Records

__all__ = ["Actor", "Contestant", "Resignation"]

LEARNER, PAST = 0, 1
"""Indices of the pool's players and evaluators."""


class Contestant:
    """A network in the pool, whose weights can be exchanged between runs of it."""

    def __init__(self, network: nn.Module, game: pyspiel.Game, encoder: str, config: RunConfig) -> None:
        """Serve a copy of `network` to every worker."""
        play = config.selfplay
        rows = (play.games_per_worker + 1) // 2  # two halves: one is filled while the other is answered
        calibration = calibration_for(config.evaluator, game, encoder)
        self.evaluator = make_evaluator(network, config.evaluator, rows, calibration)
        self.native = native_evaluator(self.evaluator, game, encoder, play.workers, rows, play.cache_entries)

    def update(self, weights: Mapping[str, Tensor], calibration: Calibration | None = None) -> None:
        """Answer with these weights from now on; `calibration` as in `Evaluator.update`."""
        self.native.version = self.evaluator.update(weights, calibration)


class Resignation:
    """Keeps the share of wrong resignations under a limit.

    In some games nobody resigns; those in which a player would have are checked: it is an error if that player did not
    lose. When more than `limit` of the checked games of the last `WINDOW` iterations were errors, the threshold moves
    halfway to 1, at which nobody resigns, and the count starts anew.
    """

    WINDOW = 10
    """Iterations counted."""
    FEWEST = 20
    """Checked games below which a share says too little."""

    def __init__(self, threshold: float, limit: float) -> None:
        self.threshold = threshold
        self.limit = limit
        self.counts: deque[tuple[int, int]] = deque(maxlen=self.WINDOW)
        """(checked, errors) of each iteration."""

    def observe(self, checked: int, errors: int) -> None:
        """Take in one iteration."""
        self.counts.append((checked, errors))
        checked_all = sum(checked for checked, _ in self.counts)
        if checked_all >= self.FEWEST and self.share > self.limit:
            self.threshold = (1.0 + self.threshold) / 2.0
            self.counts.clear()

    @property
    def share(self) -> float:
        """Errors among the checked games counted; 0 without any."""
        return sum(errors for _, errors in self.counts) / max(1, sum(checked for checked, _ in self.counts))


class Actor:
    """Plays games by the learner's averaged weights, some of them against a past checkpoint."""

    def __init__(self, network: nn.Module, game: pyspiel.Game, encoder: str, config: RunConfig, *, seed: int) -> None:
        """`network` is copied. `seed` decides every game, given the weights and the number of workers."""
        from engine.native import core

        play = config.selfplay
        self.positions = play.positions
        self.learner = Contestant(network, game, encoder, config)
        # Alone at the board there is nobody to play against.
        past_share = play.past_share if game.num_players() > 1 else 0.0
        self.past = Contestant(network, game, encoder, config) if past_share > 0.0 else None
        contestants = [self.learner] if self.past is None else [self.learner, self.past]
        search = search_params(config.search, config.search.simulations, game, play)
        players = [
            core.PlayerParams(
                index,
                search,
                temperature=play.temperature,
                temperature_plies=play.temperature_plies,
                final_temperature=play.final_temperature,
            )
            for index in range(len(contestants))
        ]
        params = core.SelfPlayParams(
            random_opening_share=play.random_opening_share,
            random_opening_plies=play.random_opening_plies,
            past_share=past_share,
            fast_share=play.fast_share,
            fast_simulations=play.fast_simulations,
            resign_threshold=play.resign_threshold,
            resign_plies=play.resign_plies,
            resign_check_share=play.resign_check_share,
        )
        evaluators = [contestant.native for contestant in contestants]
        self.pool = core.Pool(game, evaluators, players, params, play.workers, play.games_per_worker, seed)
        self.resignation = Resignation(play.resign_threshold, play.resign_false_positive_limit)
        self.resigns = play.resign_threshold > 0.0

    def play(self, seconds: float = math.inf) -> tuple[Records, dict[str, float]]:
        """One iteration's games, but no longer than so many seconds, and what they took.

        Returns the games that finished (the others go on in the next call) and the pool's counts for this call.
        """
        before = self.pool.statistics()
        records = Records.from_pool(self.pool.run(positions=self.positions, seconds=seconds))
        counts = {name: value - before[name] for name, value in self.pool.statistics().items()}
        if self.resigns:
            self.resignation.observe(int(counts["resignation_checks"]), int(counts["resignation_errors"]))
            self.pool.set_resign_threshold(self.resignation.threshold)
        return records, counts

    def state(self) -> tuple[dict[str, Any], bytes]:
        """What `restore` needs: JSON values, and the games in progress."""
        counts = [list(pair) for pair in self.resignation.counts]
        return {"threshold": self.resignation.threshold, "counts": counts}, self.pool.snapshot()

    def restore(self, state: Mapping[str, Any], games: bytes) -> None:
        """Go back to a `state`; the weights are set by `Contestant.update`."""
        self.pool.restore(games)
        self.resignation.threshold = state["threshold"]
        self.resignation.counts.clear()
        self.resignation.counts.extend((checked, errors) for checked, errors in state["counts"])
        if self.resigns:
            self.pool.set_resign_threshold(self.resignation.threshold)
