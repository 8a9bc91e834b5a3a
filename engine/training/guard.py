"""The guard: matches of the current agent against the best one so far."""

from __future__ import annotations

from dataclasses import dataclass

import pyspiel

from engine.config import RunConfig
from engine.evaluate.match import draw_rows, play_in_pool, rate
from engine.evaluate.ratings import Rating
from engine.native import core
from engine.search.search import search_params
from engine.selfplay.actor import Contestant

__all__ = ["Verdict", "guard_match", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """What a match means for the run."""

    promote: bool
    """The candidate is the new best."""
    roll_back: bool
    """The candidate is clearly worse: training goes on from the best."""


def verdict(rating: Rating, rollback_elo: float) -> Verdict:
    """Judge the candidate's `rating` against the best.

    It becomes the best when it scores at least half: of two agents that measure the same the one that has learnt longer
    is kept. It is undone when it is worse by more than `-rollback_elo` and the interval leaves no doubt of that.
    """
    return Verdict(rating.score >= 0.5, rating.elo < rollback_elo and rating.high < 0.0)


def guard_match(
    game: pyspiel.Game, candidate: Contestant, best: Contestant, config: RunConfig, *, games: int, seed: int
) -> Rating:
    """Play `games` games (rounded up to whole openings) of `candidate` against `best`.

    As in every match (`engine.evaluate.match`), each random opening is played with the candidate in each seat.
    """
    search = search_params(config.search, config.guard.simulations, game)
    rows, _ = draw_rows(game, games, config.guard.opening_plies, seed)
    played = play_in_pool(
        game,
        [candidate.native, best.native],
        [core.PlayerParams(index, search) for index in range(2)],
        rows,
        config.selfplay.workers,
        config.selfplay.games_per_worker,
    )
    return rate(played)
