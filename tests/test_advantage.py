"""Advantages against the papers' sums, written out plainly, and against numbers worked out by hand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.finetune.advantage import RATIO_LIMIT, estimate, group_relative, outcomes


@dataclass
class Games:
    players: np.ndarray
    values: np.ndarray
    rewards: np.ndarray
    offsets: np.ndarray
    ratios: np.ndarray

    @property
    def seats(self):
        return self.rewards.shape[1]

    def estimate(self, discount=1.0, trace_decay=1.0, ratios=None):
        facts = self.players, self.values, self.rewards, self.offsets
        return estimate(*facts, discount=discount, trace_decay=trace_decay, ratios=ratios)

    def trajectories(self):
        """Of each player in each game: its steps, and the sum of its rewards from each of them to the next."""
        for first, end in itertools.pairwise(self.offsets):
            for player in range(self.seats):
                steps = [step for step in range(first, end) if self.players[step] == player]
                bounds = itertools.pairwise([*steps, end])
                yield steps, [float(self.rewards[low:high, player].sum(dtype=np.float64)) for low, high in bounds]


def games(players, rewards, values=None, ratios=None):
    """Games as lists of movers, and of rewards a seat at each decision."""
    lengths = [len(game) for game in players]
    count = sum(lengths)
    seats = max(len(each) for game in rewards for each in game)
    return Games(
        np.array([mover for game in players for mover in game], np.int32),
        np.zeros(count, np.float32) if values is None else np.array(values, np.float32),
        np.array([each for game in rewards for each in game], np.float32).reshape(count, seats),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.ones(count, np.float32) if ratios is None else np.array(ratios, np.float32),
    )


@st.composite
def ragged_games(draw):
    """Games of 1 to 4 players in any order of moves: some never move, some move twice in a row, some games are empty;
    rewards of every seat anywhere.
    """
    seats = draw(st.integers(1, 4))
    movers = draw(st.lists(st.lists(st.integers(0, seats - 1), max_size=9), min_size=1, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = sum(map(len, movers))
    return Games(
        np.array([mover for game in movers for mover in game], np.int32),
        random.normal(size=count).astype(np.float32),
        (random.normal(size=(count, seats)) * (random.random((count, seats)) < 0.5)).astype(np.float32),
        np.concatenate(([0], np.cumsum([len(game) for game in movers]))).astype(np.int64),
        np.exp(random.normal(size=count)).astype(np.float32),
    )


def plain_returns(rewards, values, discount, trace_decay):
    """Lambda-returns of one trajectory by their definition: returns of n steps, weighted (1 - lambda) lambda^(n-1); the
    last one, which knows the end, has all the weight that is left.
    """
    found = []
    for start in range(len(rewards)):
        left = len(rewards) - start
        mixed, weight = 0.0, 1.0
        for n in range(1, left + 1):
            total = sum(discount**k * rewards[start + k] for k in range(n))
            if n < left:
                total += discount**n * values[start + n]
                mixed += weight * (1.0 - trace_decay) * total
                weight *= trace_decay
            else:
                mixed += weight * total
        found.append(mixed)
    return found


def plain_vtrace(rewards, values, ratios, discount, trace_decay):
    """V-trace of one trajectory: the sum over times t of equation (1) of the paper, with c = lambda * min(1, ratio)
    (its remark 2).
    """
    following = [*values[1:], 0.0]
    found = []
    for s in range(len(rewards)):
        total = values[s]
        for t in range(s, len(rewards)):
            traces = np.prod([trace_decay * min(1.0, ratios[i]) for i in range(s, t)])
            surprise = min(1.0, ratios[t]) * (rewards[t] + discount * following[t] - values[t])
            total += discount ** (t - s) * traces * surprise
        found.append(total)
    return found


SHARES = st.sampled_from([0.0, 0.3, 0.95, 1.0])


def close(values):
    return pytest.approx(values, rel=1e-4, abs=1e-5)


@given(played=ragged_games(), discount=SHARES, trace_decay=SHARES)
def test_gae_and_lambda_returns_are_their_definitions(played, discount, trace_decay):
    advantages, targets = played.estimate(discount, trace_decay)
    assert advantages.dtype == targets.dtype == np.float32
    for steps, rewards in played.trajectories():
        values = played.values[steps].astype(float)
        returns = plain_returns(rewards, values, discount, trace_decay)
        assert targets[steps].tolist() == close(returns)
        assert advantages[steps].tolist() == close(list(returns - values))


@given(played=ragged_games(), discount=SHARES, trace_decay=SHARES)
def test_vtrace_is_its_definition(played, discount, trace_decay):
    advantages, targets = played.estimate(discount, trace_decay, played.ratios)
    for steps, rewards in played.trajectories():
        values = played.values[steps].astype(float)
        found = plain_vtrace(rewards, values, played.ratios[steps].astype(float), discount, trace_decay)
        assert targets[steps].tolist() == close(found)
        # The advantage looks at the next decision's target, by lambda, and at its value, by the rest.
        mixed = [trace_decay * v + (1.0 - trace_decay) * own for v, own in zip(found, values, strict=True)]
        ahead = np.array([*mixed[1:], 0.0][: len(steps)])
        assert advantages[steps].tolist() == close(list(np.array(rewards) + discount * ahead - values))


@given(played=ragged_games(), discount=SHARES, trace_decay=SHARES, ratio=st.sampled_from([1.0, 1.5, 1e30]))
def test_vtrace_is_gae_where_no_ratio_is_below_one(played, discount, trace_decay, ratio):
    plain = played.estimate(discount, trace_decay)
    corrected = played.estimate(discount, trace_decay, np.full(len(played.players), ratio, np.float32))
    np.testing.assert_array_equal(plain, corrected)


@given(played=ragged_games())
def test_undiscounted_full_traces_give_the_rest_of_the_returns(played):
    advantages, targets = played.estimate(1.0, 1.0)
    rest = outcomes(played.players, played.rewards, played.offsets)
    assert targets.tolist() == close(rest[:, 0].tolist())
    assert advantages.tolist() == close((rest[:, 0] - played.values).tolist())


@given(played=ragged_games(), discount=SHARES, corrected=st.booleans())
def test_without_traces_advantages_look_one_own_decision_ahead(played, discount, corrected):
    advantages, _ = played.estimate(discount, 0.0, played.ratios if corrected else None)
    for steps, rewards in played.trajectories():
        for k, step in enumerate(steps):
            ahead = float(played.values[steps[k + 1]]) if k + 1 < len(steps) else 0.0
            assert advantages[step] == close(rewards[k] + discount * ahead - float(played.values[step]))


@given(played=ragged_games(), discount=SHARES, trace_decay=SHARES)
def test_what_would_never_be_played_now_teaches_values_nothing(played, discount, trace_decay):
    _, targets = played.estimate(discount, trace_decay, np.zeros(len(played.players), np.float32))
    np.testing.assert_array_equal(targets, played.values)


@given(played=ragged_games(), discount=SHARES, trace_decay=SHARES)
def test_games_do_not_touch_each_other(played, discount, trace_decay):
    whole = played.estimate(discount, trace_decay, played.ratios)
    for first, end in itertools.pairwise(played.offsets):
        part = slice(first, end)
        alone = Games(
            played.players[part], played.values[part], played.rewards[part], np.array([0, end - first]), played.ratios
        )
        for found, expected in zip(
            alone.estimate(discount, trace_decay, played.ratios[part]), (each[part] for each in whole), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@given(played=ragged_games())
def test_outcomes_are_the_returns_still_to_come_with_the_mover_first(played):
    found = outcomes(played.players, played.rewards, played.offsets)
    for first, end in itertools.pairwise(played.offsets):
        for step in range(first, end):
            rest = played.rewards[step:end].astype(float).sum(0)
            expected = [rest[(played.players[step] + k) % played.seats] for k in range(played.seats)]
            assert found[step].tolist() == close(expected)


def test_two_players_by_hand():
    """Player 0 moves, player 1 twice, player 0 again; player 0 gains 1 in the middle and loses 2 at the end.

    Discount 1/2, lambda 1/2. Player 0 has rewards 1 (steps 0 to 2) and -2: surprise 1 + 0.5 * 0.4 - 0.2 = 1 and
    -2 - 0.4 = -2.4; advantages 1 - 0.25 * 2.4 = 0.4 and -2.4. Player 1 has rewards -1 (its step 1 alone) and 2:
    surprise -1 + 0.5 * 0.6 - 0.1 = -0.8 and 2 - 0.6 = 1.4; advantages -0.8 + 0.25 * 1.4 = -0.45 and 1.4.
    """
    played = games([[0, 1, 1, 0]], [[[0, 0], [1, -1], [0, 0], [-2, 2]]], values=[0.2, 0.1, 0.6, 0.4])
    advantages, targets = played.estimate(0.5, 0.5)
    assert advantages.tolist() == pytest.approx([0.4, -0.45, 1.4, -2.4])
    assert targets.tolist() == pytest.approx([0.6, -0.35, 2.0, -2.0])
    rest = outcomes(played.players, played.rewards, played.offsets)
    assert rest.tolist() == [[-1, 1], [1, -1], [2, -2], [-2, 2]]


def test_vtrace_by_hand():
    """One player, discount 1, lambda 1, values 0.1 and 0.2, reward 1 at the end; ratios 1.5 (counts 1) and 0.5.

    The last: surprise 0.8, of which half: target 0.6; its advantage is the whole 0.8, for the ratio is the loss's.
    The first: 0.2 - 0.1 + (0.6 - 0.2) = 0.5; target 0.6.
    """
    played = games([[0, 0]], [[[0], [1]]], values=[0.1, 0.2], ratios=[1.5, 0.5])
    advantages, targets = played.estimate(ratios=played.ratios)
    assert advantages.tolist() == pytest.approx([0.5, 0.8])
    assert targets.tolist() == pytest.approx([0.6, 0.6])


def test_who_never_moves_changes_nothing_for_others():
    played = games([[0, 0], [1]], [[[0, 5, 7], [1, -5, 7]], [[3, 2, 7]]])
    advantages, _ = played.estimate()
    assert advantages.tolist() == [1.0, 1.0, 2.0]


def test_rewards_before_the_first_own_decision_belong_to_none():
    played = games([[0, 1]], [[[0, 4], [0, 1]]])
    assert played.estimate()[0].tolist() == [0.0, 1.0]


def test_values_of_vtrace_are_those_of_the_policy_between_both():
    """The paper: its fixed point is the value of the policy proportional to min(rho-bar * played, now)."""
    before, now, gains = np.array([0.5, 0.25, 0.25]), np.array([0.1, 0.3, 0.6]), np.array([1.0, -1.0, 0.5])
    between = np.minimum(RATIO_LIMIT * before, now)
    value = between @ gains / between.sum()
    played = games([[0]] * 3, [[[gain]] for gain in gains], values=[value] * 3, ratios=now / before)
    _, targets = played.estimate(ratios=played.ratios)
    assert before @ targets == pytest.approx(value)


def test_no_decisions_have_no_advantages():
    nothing = np.empty(0, np.float32), np.empty((0, 2), np.float32), np.zeros(1, np.int64)
    assert [len(each) for each in estimate(np.empty(0, np.int32), *nothing, discount=1.0, trace_decay=1.0)] == [0, 0]
    groups = np.empty(0, np.int64)
    assert len(group_relative(np.empty(0, np.int32), *nothing[1:], groups, normalise=True)) == 0


def relative(played, groups, normalise):
    found = group_relative(played.players, played.rewards, played.offsets, np.array(groups), normalise=normalise)
    assert found.dtype == np.float32
    return found


def test_group_relative_by_hand():
    """Games 0, 2 and 3 began alike: player 0 got 1, 1, -2 (mean 0, deviation sqrt 2), player 1 got 0, 3, 3 (mean 2,
    deviation sqrt 2). Game 1 has nothing to compare it with. Rewards count wherever they were given.
    """
    played = games(
        [[0, 1], [0], [1, 1, 0], [0, 1]],
        [[[1, 0], [0, 0]], [[9, 9]], [[1, 3], [-1, 0], [1, 0]], [[-3, 1], [1, 2]]],
    )
    plain = relative(played, [5, 2, 5, 5], normalise=False)
    assert plain.tolist() == pytest.approx([1, -2, 0, 1, 1, 1, -2, 1])
    scaled = relative(played, [5, 2, 5, 5], normalise=True)
    assert scaled.tolist() == pytest.approx((np.array([1, -2, 0, 1, 1, 1, -2, 1]) / np.sqrt(2.0)).tolist())


def test_games_without_decisions_are_left_out_of_others_returns():
    played = games([[0], [], [0], []], [[[1]], [], [[3]], []])
    assert relative(played, [0, 1, 0, 1], normalise=False).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("normalise", [False, True])
def test_groups_that_end_alike_teach_nothing(normalise):
    """The same returns, given in other parts: what rounding leaves must not be blown up."""
    third = np.float32(1 / 3)
    played = games([[0, 0]] * 3, [[[0.1], [0.2]], [[0.2], [0.1]], [[0.3 - third], [third]]])
    assert relative(played, [0, 0, 0], normalise).tolist() == pytest.approx([0.0] * 6, abs=1e-7)
    if normalise:
        assert not relative(played, [0, 0, 0], normalise).any()


@given(
    seed=st.integers(0, 2**32 - 1),
    seats=st.integers(1, 3),
    groups=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    normalise=st.booleans(),
)
def test_advantages_of_a_group_have_mean_zero_and_deviation_one(seed, seats, groups, normalise):
    random = np.random.default_rng(seed)
    movers = [random.permutation(seats).tolist() for _ in groups]
    rewards = random.integers(-2, 3, (len(groups), seats, seats)).tolist()
    played = games(movers, rewards)
    found = relative(played, groups, normalise).reshape(len(groups), seats)
    seat = np.take_along_axis(found, np.argsort(movers, axis=1), axis=1)  # [E, P]
    for group in set(groups):
        members = seat[np.array(groups) == group]
        assert members.mean(0).tolist() == pytest.approx([0.0] * seats, abs=1e-6)
        if normalise:
            assert all(deviation == pytest.approx(1.0) or deviation == 0.0 for deviation in members.std(0))


@pytest.mark.parametrize("size", [2, 3])
def test_group_relative_policy_gradient_is_the_true_one_less_a_share(size):
    """Each game's own return is part of the mean: over all games that could be, the gradient is (G - 1) / G of it."""
    policy, gains = np.array([0.2, 0.5, 0.3]), np.array([1.0, -0.5, 0.25])
    scores = np.eye(3) - policy  # gradient of log policy[a] on the logits
    true = sum(policy[a] * gains[a] * scores[a] for a in range(3))
    total = np.zeros(3)
    for actions in itertools.product(range(3), repeat=size):
        played = games([[0]] * size, [[[gains[action]]] for action in actions])
        advantages = relative(played, [0] * size, normalise=False)
        total += np.prod(policy[list(actions)]) * (advantages[:, None] * scores[list(actions)]).mean(0)
    assert total.tolist() == pytest.approx((true * (size - 1) / size).tolist(), abs=1e-6)
