"""Elo differences with honest intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_QUANTILE = 1.959963984540054
"""97.5 % quantile of the standard normal: two-sided 95 %."""


@dataclass(frozen=True)
class Rating:
    """An Elo difference; positive means that the first player is stronger."""

    elo: float
    """Point estimate; infinite if every game went one way, NaN without games."""
    low: float
    high: float
    """Ends of the 95 % interval; infinite where the games set no bound."""
    score: float
    """Mean points a game, 0 to 1; NaN without games."""
    pairs: int

    def __str__(self) -> str:
        return f"{self.elo:+.0f} [{self.low:+.0f}, {self.high:+.0f}]"


def elo_of_score(score: float) -> float:
    """Elo difference at which the logistic model expects `score` points a game (0 to 1); the ends give -inf and inf."""
    if score <= 0.0:
        return -math.inf
    if score >= 1.0:
        return math.inf
    return -400.0 * math.log10(1.0 / score - 1.0)


def elo_interval(pair_scores: Sequence[float]) -> Rating:
    """Elo difference from paired games: each opening is played twice, colours swapped.

    `pair_scores`: the first player's points in both games of each pair, 0 to 2 (0, 0.5, 1, 1.5 or 2 where a game is
    won, drawn or lost).

    The two games of a pair share their opening and are not independent, so the pair is the unit: with
    s_i = pair score / 2 the mean m has the standard error sqrt(sum (s_i - m)^2 / (n - 1) / n), and the interval is
    m -+ 1.96 standard errors, mapped to Elo by elo(s) = -400 log10(1/s - 1). This is the "pentanomial" model of
    Stockfish's fishtest (its wiki, "Fishtest mathematics").

    If all pairs scored the same the sample variance is zero and says nothing. Then an exact bound takes its place: n
    equal outcomes have at least 2.5 % chance only if each has probability q >= 0.025^(1/n), and the rest may lie
    anywhere, so the mean is within [s q, 1 - (1 - s) q].
    """
    n = len(pair_scores)
    if n == 0:
        return Rating(math.nan, -math.inf, math.inf, math.nan, 0)
    if not all(0.0 <= score <= 2.0 for score in pair_scores):
        raise ValueError("a pair score is the sum of two game scores and lies between 0 and 2")
    scores = [score / 2.0 for score in pair_scores]
    mean = math.fsum(scores) / n
    if min(scores) == max(scores):
        certain = 0.025 ** (1.0 / n)
        low, high = scores[0] * certain, 1.0 - (1.0 - scores[0]) * certain
    else:
        variance = math.fsum((score - mean) ** 2 for score in scores) / (n - 1)
        margin = NORMAL_QUANTILE * math.sqrt(variance / n)
        low, high = mean - margin, mean + margin
    return Rating(elo_of_score(mean), elo_of_score(low), elo_of_score(high), mean, n)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (E. B. Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    z2 = NORMAL_QUANTILE**2 / trials
    centre = (share + z2 / 2.0) / (1.0 + z2)
    margin = NORMAL_QUANTILE * math.sqrt(share * (1.0 - share) / trials + z2 / (4.0 * trials)) / (1.0 + z2)
    return max(0.0, centre - margin), min(1.0, centre + margin)
