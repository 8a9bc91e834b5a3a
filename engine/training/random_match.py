"""A yardstick that never moves: the raw network against uniformly random play."""

from __future__ import annotations

import math
from time import monotonic

import numpy as np
import pyspiel
from torch import nn

from engine.evaluate.match import MatchGame, difference_of, rate, rotations
from engine.finetune.rollout import NetworkAnswers
from engine.game import facts
from engine.native import core
from engine.training.guard import Comparison, clipped

__all__ = ["play_random"]

TOGETHER = 64
"""Games side by side, at most: each part is played to its end or not counted at all."""


class OutOfTime(Exception):
    """The games of a part have not all ended; those that ended first are no fair sample."""


def play_random(
    game: pyspiel.Game,
    network: nn.Module,
    encoder: str,
    *,
    games: int,
    seed: int,
    seconds: float = math.inf,
    workers: int = 1,
) -> Comparison | None:
    """Play `games` games (rounded up to whole rotations of the seats) of `network` against random moves.

    The network plays by its probabilities, without search, so that every game can be played: hidden information, any
    number of players, one player (each plays alone, and the returns are compared). Everything random follows `seed`.
    None where so many `seconds` are not enough for the first part of the games.
    """
    turns, end = rotations(game), monotonic() + seconds
    wanted = -(-games // turns) * turns
    together = max(1, TOGETHER // turns) * turns
    answers = NetworkAnswers(network.eval())
    played: list[MatchGame] = []
    try:
        while len(played) < wanted:
            part = np.random.SeedSequence([seed, len(played)])
            played += play_part(game, answers, encoder, min(together, wanted - len(played)), part, end, workers)
    except OutOfTime:
        pass
    if not played:
        return None
    points = facts(game).win_draw_loss
    rating = rate(played, by_points=points)
    elo, low, high = (clipped(value) if points else None for value in (rating.elo, rating.low, rating.high))
    centre, spread = difference_of(game, played)
    return Comparison(len(played), elo, low, high, centre, centre - spread, centre + spread)


def play_part(
    game: pyspiel.Game,
    answers: NetworkAnswers,
    encoder: str,
    size: int,
    seed: np.random.SeedSequence,
    end: float,
    workers: int,
) -> list[MatchGame]:
    """So many games side by side; those that begin alike have the network in one seat after the other.

    Raises OutOfTime at the time `end`.
    """

    def check(*_: int) -> None:
        if monotonic() >= end:
            raise OutOfTime

    check()
    first, second = (int(value) for value in seed.generate_state(2, np.uint64))
    generator = np.random.default_rng(second)
    turns = rotations(game)
    env = core.BatchEnv(game, size, encoder, seed=first, workers=workers, group=turns, report=check)
    inputs = np.empty((size, env.input_size), np.float32)
    legal_mask = np.empty((size, env.num_actions), np.uint8)
    players = np.empty(size, np.int32)
    rewards = np.empty((size, env.num_players), np.float32)
    done = np.empty(size, np.uint8)
    seat = np.arange(size) % turns
    running = np.ones(size, np.bool_)
    returns = np.zeros((size, env.num_players))
    env.observe(inputs, legal_mask, players)
    while running.any():
        check()
        log_policy = np.zeros((size, env.num_actions), np.float32)  # random play: all legal actions alike
        rows = np.flatnonzero(running & (players == seat))
        if rows.size:
            log_policy[rows] = answers(inputs[rows], legal_mask[rows])
        # The largest of log p + Gumbel noise is drawn with probability p.
        drawn = np.where(legal_mask != 0, log_policy + generator.gumbel(size=log_policy.shape), -np.inf).argmax(axis=1)
        env.step(drawn.astype(np.int64), rewards, done, inputs, legal_mask, players)
        returns[running] += rewards[running]
        running &= done == 0
    return [
        MatchGame((), tuple(int(turn != player) for player in range(env.num_players)), (), tuple(total.tolist()))
        for turn, total in zip(seat.tolist(), returns, strict=True)
    ]
