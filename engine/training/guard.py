"""The guard: matches of the current agent against the best one so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyspiel

from engine.config import RunConfig
from engine.evaluate.match import draw_openings
from engine.evaluate.ratings import Rating, elo_interval
from engine.selfplay.actor import Contestant, search_params

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

    Every opening is random and played with the candidate in each seat (one-player games: once by each of the two). A
    game scores 1, 0.5 or 0 as the candidate's return is above, at or below the mean of the others' (of the best's
    game).
    """
    from engine.native import core

    players = game.num_players()
    rotations = max(2, players)
    openings, _ = draw_openings(game, -(-games // rotations), config.guard.opening_plies, seed)
    search = search_params(config.search, config.guard.simulations)
    rows = [
        (opening, [0 if seat == turn else 1 for seat in range(players)])
        for opening in openings
        for turn in range(rotations)
    ]
    played = core.play_match(
        game,
        [candidate.native, best.native],
        [core.PlayerParams(index, search) for index in range(2)],
        [list(opening.actions) for opening, _ in rows],
        [seats for _, seats in rows],
        [opening.chance_seed for opening, _ in rows],
        workers=config.selfplay.workers,
        games_per_worker=config.selfplay.games_per_worker,
    )
    margins = np.array([margin(seats, returns) for (_, seats), (_, returns) in zip(rows, played, strict=True)]).reshape(
        -1, rotations
    )
    if players == 1:
        margins = margins.sum(axis=1, keepdims=True)
    points = (np.sign(margins) + 1.0) / 2.0
    return elo_interval([float(pair) for pair in 2.0 * points.mean(axis=1)])


def margin(seats: list[int], returns: list[float]) -> float:
    """The candidate's return less the mean of the best's; of a one-player game its return, or minus the best's."""
    own = [value for seat, value in zip(seats, returns, strict=True) if seat == 0]
    others = [value for seat, value in zip(seats, returns, strict=True) if seat == 1]
    return (sum(own) / len(own) if own else 0.0) - (sum(others) / len(others) if others else 0.0)
