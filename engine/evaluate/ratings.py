"""Elo differences with honest intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

NORMAL_QUANTILE = 1.959963984540054
"""97.5 % quantile of the standard normal: two-sided 95 %."""
ROUNDING = 1e-9
"""Differences of this size are none."""


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
    m -+ t standard errors, t the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom, mapped to Elo
    by elo(s) = -400 log10(1/s - 1). With many pairs this is the "pentanomial" model of Stockfish's fishtest (its wiki,
    "Fishtest mathematics"). It is never narrower than `score_bounds`.
    """
    n = len(pair_scores)
    if n == 0:
        return Rating(math.nan, -math.inf, math.inf, math.nan, 0)
    if not all(0.0 <= score <= 2.0 for score in pair_scores):
        raise ValueError("a pair score is the sum of two game scores and lies between 0 and 2")
    scores = [score / 2.0 for score in pair_scores]
    mean = math.fsum(scores) / n
    return score_rating(mean, t_spread(scores), n)


def share_interval(differences: NDArray[np.float64]) -> Rating:
    """Elo difference from differences of returns, for games that are not just won, drawn or lost.

    `differences`: float64[openings, games of each], the first player's return less the others' mean. Over the games of
    an opening, in which the first player sits in each seat once, they have the mean 0 between equals, whatever the
    seats are worth. The score is the first player's share of all that is gained and lost, which is
    1/2 + mean(d) / (2 mean |d|), with an interval by the openings' means.
    """
    n, size = len(differences), float(np.abs(differences).mean())
    if size == 0.0:
        return elo_interval([1.0] * n)
    means = differences.mean(axis=1)
    return score_rating(0.5 + float(means.mean()) / (2.0 * size), t_spread(means) / (2.0 * size), n)


def score_rating(score: float, spread: float, n: int) -> Rating:
    """The rating of a mean score a game with so wide an interval on either side, but no less than `score_bounds`."""
    low, high = score_bounds(score, n)
    low, high = min(low, score - spread), max(high, score + spread)
    return Rating(elo_of_score(score), elo_of_score(low), elo_of_score(high), score, n)


def score_bounds(score: float, n: int) -> tuple[float, float]:
    """What outcomes that n openings have not shown leave open: the least width of an interval around a mean `score`.

    n equal outcomes have at least 2.5 % chance only if each has probability q >= 0.025^(1/n). The rest may lie anywhere
    between 0 and 1, so the mean is within [s q, 1 - (1 - s) q].
    """
    seen = 1.0 - unseen(n)
    return score * seen, 1.0 - (1.0 - score) * seen


def unseen(n: int) -> float:
    """The largest probability of outcomes that n trials miss with at least 2.5 % chance: 1 - 0.025^(1/n)."""
    return 1.0 - float(0.025 ** (1.0 / n))


def t_spread(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Half the width of the 95 % interval of a mean, by Student's distribution; 0 for one value alone."""
    n = len(values)
    if n < 2:
        return 0.0
    return float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) / math.sqrt(n)


def mean_and_spread(values: NDArray[np.float64], reach: float) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval; infinite for one value.

    Where all values are equal their variance says nothing. Then the share of outcomes that may have been missed
    (`unseen`) counts, at a distance of `reach` from the mean.
    """
    if len(values) < 2:
        return float(values.mean()), math.inf
    equal = np.ptp(values) <= ROUNDING * max(1.0, float(np.abs(values).max()))
    return float(values.mean()), unseen(len(values)) * reach if equal else t_spread(values)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (E. B. Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # here, because it takes a second to import

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
