from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluate.ratings import (
    Rating,
    elo_interval,
    elo_of_score,
    mean_and_spread,
    score_bounds,
    share_interval,
    wilson_interval,
)

PAIR_SCORES = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0])


def score_of_elo(elo: float) -> float:
    return 1.0 / (1.0 + 10.0 ** (-elo / 400.0))


def test_elo_of_known_scores() -> None:
    assert elo_of_score(0.5) == 0.0
    assert elo_of_score(10 / 11) == pytest.approx(400.0)
    assert elo_of_score(0.75) == pytest.approx(400.0 * math.log10(3.0))
    assert elo_of_score(0.0) == -math.inf
    assert elo_of_score(1.0) == math.inf


def test_interval_by_hand() -> None:
    # Scores a game 1 and 0, five times each: mean 0.5, squared deviations 10 * 0.25, variance 2.5 / 9. Published tables
    # give t = 2.262157 for 97.5 % and 9 degrees of freedom.
    rating = elo_interval([2.0, 0.0] * 5)
    margin = 2.262157 * math.sqrt(2.5 / 9.0 / 10.0)
    assert (rating.pairs, rating.score, rating.elo) == (10, 0.5, 0.0)
    assert rating.low == pytest.approx(-400.0 * math.log10(1.0 / (0.5 - margin) - 1.0), abs=1e-3)
    assert rating.high == pytest.approx(-rating.low)


def test_what_few_pairs_have_not_shown_by_hand() -> None:
    # Four pairs miss an outcome of probability 1 - 0.025^(1/4) = 0.602 with chance 0.025, so that 0.75 may be 0.298.
    rating = elo_interval([2.0, 1.5, 1.5, 1.0])
    assert (rating.pairs, rating.score) == (4, 0.75)
    assert rating.elo == pytest.approx(190.848501887865)
    assert score_of_elo(rating.low) == pytest.approx(0.75 * 0.397635, abs=1e-5)
    assert rating.high == math.inf  # 0.75 and the spread by Student's distribution, 0.325, are more than can be won


def test_the_interval_of_a_mean_by_hand() -> None:
    mean, spread = mean_and_spread(np.array([1.0, 2.0, 3.0, 4.0]), reach=9.0)
    assert (mean, spread) == (2.5, pytest.approx(3.182446 * math.sqrt(5.0 / 3.0 / 4.0), rel=1e-6))
    # Equal values: an outcome that is met half the time is missed by 5 trials with chance 0.5^5 = 3.1 %; it is
    # 0.025^(1/5) = 0.478 at which that chance is 2.5 %.
    assert mean_and_spread(np.full(5, 7.0), reach=2.0) == (7.0, pytest.approx(2.0 * (1.0 - 0.478176), abs=1e-5))
    assert mean_and_spread(np.array([3.0]), reach=2.0) == (3.0, math.inf)


def test_shares_by_hand() -> None:
    # Two openings of three games: the means are 0.5 and 0, and |d| is 5/6 on average; 1/2 + 0.25 / (10/6) = 0.65.
    rating = share_interval(np.array([[1.5, 0.5, -0.5], [1.0, -1.0, 0.0]]) * 10.0)
    assert rating.score == pytest.approx(0.5 + 0.25 / (2.0 * 4.5 / 6.0))
    assert rating.pairs == 2 and rating.low < 0.0 < rating.high
    # Without draws it is the points of a game of two.
    points = elo_interval([2.0, 1.0, 1.0, 0.0, 2.0])
    shares = share_interval(np.array([[2.0, 2.0], [2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, 2.0]]))
    assert (shares.score, shares.low, shares.high) == pytest.approx((points.score, points.low, points.high))
    assert share_interval(np.zeros((20, 3))) == elo_interval([1.0] * 20)


def test_equals_share_alike_in_games_of_three() -> None:
    """The winner of three gains 1.5 on the others and each loser is 0.75 behind: equals win a third and share half."""
    random = np.random.default_rng(3)
    won = random.integers(3, size=(500, 200, 3)) == 0
    ratings = [share_interval(differences) for differences in np.where(won, 1.5, -0.75)]
    assert np.mean([rating.score for rating in ratings]) == pytest.approx(0.5, abs=0.005)
    assert 0.93 < np.mean([rating.low <= 0.0 <= rating.high for rating in ratings]) < 0.97


def test_the_pair_is_the_unit() -> None:
    """The same wins and losses: spread over pairs they cancel the opening's luck, joined in pairs they do not."""
    split = elo_interval([1.0] * 99 + [2.0])
    joined = elo_interval([2.0, 0.0] * 49 + [2.0, 1.0])
    assert split.score == joined.score
    assert split.high - split.low < (joined.high - joined.low) / 5


def test_no_games_say_nothing() -> None:
    rating = elo_interval([])
    assert math.isnan(rating.elo)
    assert (rating.low, rating.high, rating.pairs) == (-math.inf, math.inf, 0)


def test_all_won_has_a_finite_lower_end() -> None:
    # A share q of won pairs gives 200 of 200 with chance q^200 = 2.5 %.
    rating = elo_interval([2.0] * 200)
    assert rating.elo == math.inf and rating.high == math.inf
    assert score_of_elo(rating.low) ** 200 == pytest.approx(0.025)
    lost = elo_interval([0.0] * 200)
    assert (lost.low, lost.elo, lost.high) == (-math.inf, -math.inf, pytest.approx(-rating.low))


def test_equal_pairs_are_not_certainty() -> None:
    rating = elo_interval([1.0] * 20)
    assert rating.elo == 0.0
    assert rating.low == pytest.approx(-rating.high)
    assert rating.low < -20.0


def test_pair_scores_are_sums_of_two_games() -> None:
    with pytest.raises(ValueError, match="between 0 and 2"):
        elo_interval([2.5])


@given(st.lists(PAIR_SCORES, min_size=1, max_size=60))
def test_swapping_the_players_mirrors_the_rating(pair_scores: list[float]) -> None:
    rating = elo_interval(pair_scores)
    mirrored = elo_interval([2.0 - score for score in pair_scores])
    assert rating.low <= rating.elo <= rating.high
    assert mirrored.elo == pytest.approx(-rating.elo)
    assert mirrored.low == pytest.approx(-rating.high)
    assert mirrored.high == pytest.approx(-rating.low)


@given(st.lists(PAIR_SCORES, min_size=2, max_size=30))
def test_more_of_the_same_narrows_the_interval(pair_scores: list[float]) -> None:
    few, many = elo_interval(pair_scores), elo_interval(pair_scores * 4)
    assert many.elo == pytest.approx(few.elo)
    assert many.low >= few.low - 1e-9
    assert many.high <= few.high + 1e-9


def test_intervals_cover_the_truth() -> None:
    """2,000 simulated matches of 200 pairs whose openings favour one side: about 95 % hold the true value."""
    random = np.random.default_rng(7)
    strength = random.normal(0.0, 0.15, size=(2000, 200))
    wins = [random.random((2000, 200)) < np.clip(0.7 + sign * strength, 0.0, 1.0) for sign in (1, -1)]
    truth = elo_of_score(0.5 * sum(np.clip(0.7 + s * random.normal(0.0, 0.15, 10**6), 0, 1).mean() for s in (1, -1)))
    ratings = [elo_interval(row.tolist()) for row in (wins[0].astype(float) + wins[1])]
    covered = np.mean([rating.low <= truth <= rating.high for rating in ratings])
    assert 0.93 < covered < 0.97


@pytest.mark.parametrize("pairs", [2, 3, 5, 10, 30])
@pytest.mark.parametrize(
    "chances",
    [(0.25, 0.0, 0.5, 0.0, 0.25), (0.02, 0.1, 0.76, 0.1, 0.02), (0.0, 0.0, 0.95, 0.05, 0.0), (0.0, 0.0, 0.1, 0.2, 0.7)],
)
def test_small_samples_cover_the_truth(pairs: int, chances: tuple[float, ...]) -> None:
    """400 matches of a few pairs that score 0, 0.5, 1, 1.5 and 2 with these chances: 92 % or more hold the truth."""
    random = np.random.default_rng(pairs)
    scores = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    truth = elo_of_score(float(scores @ chances) / 2.0)
    ratings = [elo_interval(random.choice(scores, pairs, p=chances).tolist()) for _ in range(400)]
    assert np.mean([rating.low <= truth <= rating.high for rating in ratings]) > 0.92


@given(st.lists(PAIR_SCORES, min_size=1, max_size=60))
def test_no_interval_is_narrower_than_what_was_not_seen(pair_scores: list[float]) -> None:
    rating: Rating = elo_interval(pair_scores)
    low, high = score_bounds(rating.score, rating.pairs)
    assert low < high
    assert rating.low <= elo_of_score(low) and rating.high >= elo_of_score(high)


def test_wilson_by_hand() -> None:
    # 8 of 10: the published example's centre and margin, (0.8 + z2/20) / (1 + z2/10) with z2 = 3.8415.
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.490162, abs=1e-6)
    assert high == pytest.approx(0.943318, abs=1e-6)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 50)[0] == pytest.approx(0.0)
    assert wilson_interval(50, 50)[1] == pytest.approx(1.0)
