"""Losses of ppo, mmd and grpo and their gradients against numbers worked out by hand, and what they learn from."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from engine.config import GrpoConfig, LearnerConfig, MethodConfig, MmdConfig, PpoConfig, RunConfig
from engine.finetune.advantage import estimate, outcomes
from engine.finetune.methods import (
    POLICY_GRADIENTS,
    GroupRelativePolicyOptimisation,
    MagneticMirrorDescent,
    ProximalPolicyOptimisation,
    make_policy_gradient,
)
from engine.finetune.methods.method import MASKED, Output, Played, Trajectories, legal_log_probabilities
from engine.finetune.methods.mmd import scheduled

LN2, LN3 = math.log(2.0), math.log(3.0)
LOGITS = [0.0, LN3, 5.0]
"""Over the first two (legal) actions: probabilities 1/4 and 3/4. The entropy is ln 4 - 3/4 ln 3."""
ENTROPY = 2.0 * LN2 - 0.75 * LN3
SLOPE = 3.0 / 16.0 * LN3
"""d entropy / d logit 0 = -p (ln p + entropy) = 1/4 (ln 4 - ln 4 + 3/4 ln 3); of logit 1 it is the opposite."""


def log(*probabilities):
    return [math.log(each) if each else MASKED for each in probabilities]


HALVES = log(0.5, 0.5, 0)


def one(action, advantage, *, before=HALVES, magnet=HALVES, weight=0.0, returns=(0.0, 0.0), outcome=(0.0, 0.0)):
    """One decision between the first two of three actions."""
    return Played(
        torch.zeros(1, 4),
        torch.tensor([[True, True, False]]),
        torch.tensor([action]),
        torch.tensor([before]),
        torch.tensor([magnet]),
        torch.tensor([weight]),
        torch.tensor([advantage]),
        torch.tensor([returns]),
        torch.tensor([outcome]),
    )


def ppo(value_weight=0.0, **values):
    return ProximalPolicyOptimisation(PpoConfig(**({"entropy_weight": 0.0} | values)), value_weight)


def mmd(value_weight=0.0, **values):
    return MagneticMirrorDescent(MmdConfig(**({"step_kl_weight": 0.0} | values)), value_weight)


def grpo(**values):
    return GroupRelativePolicyOptimisation(GrpoConfig(**({"kl_weight": 0.0} | values)))


def told(method, batch, logits=LOGITS, value=(0.0, 0.0), kind="scalar"):
    """Loss, metrics, and the gradients on the first row's logits and value."""
    logits = torch.tensor([logits], requires_grad=True)
    value = torch.tensor([value], requires_grad=True)
    loss, metrics = method.loss(Output(logits, value, kind), batch)
    loss.backward()
    assert all(not each.requires_grad and each.ndim == 0 for each in metrics.values())
    slopes = [each.grad[0].tolist() if each.grad is not None else None for each in (logits, value)]
    return loss.item(), {name: each.item() for name, each in metrics.items()}, *slopes


@pytest.mark.parametrize("make", [ppo, grpo])
@pytest.mark.parametrize(
    ("action", "before", "advantage", "loss", "slope", "clipped"),
    [
        # Inside: r = (1/4) / (5/18) = 0.9; -r A = -1.8, slope -r A (1 - 1/4) on the action's own logit.
        (0, 5 / 18, 2.0, -1.8, -1.35, 0.0),
        (0, 5 / 18, -2.0, 1.8, 1.35, 0.0),
        # Above: r = (3/4) / (1/2) = 1.5. A good action counts 1.2 and is pushed no further; a bad one is pushed back.
        (1, 1 / 2, 2.0, -2.4, 0.0, 1.0),
        (1, 1 / 2, -2.0, 3.0, -0.75, 1.0),
        # Below: r = (1/4) / (1/2) = 0.5. A bad action counts 0.8 and is pushed no further; a good one is pulled back.
        (0, 1 / 2, -2.0, 1.6, 0.0, 1.0),
        (0, 1 / 2, 2.0, -1.0, -0.75, 1.0),
    ],
)
def test_the_clipped_surrogate(make, action, before, advantage, loss, slope, clipped):
    policy = log(before, 1 - before, 0) if action == 0 else log(1 - before, before, 0)
    found, metrics, slopes, _ = told(make(clip=0.2), one(action, advantage, before=policy))
    assert found == pytest.approx(loss)
    assert metrics["policy_loss"] == pytest.approx(loss)
    assert metrics["clipped_share"] == clipped
    ratio = (0.25, 0.75)[action] / before
    assert metrics["step_kl"] == pytest.approx(ratio - 1 - math.log(ratio), abs=1e-6)
    assert slopes == pytest.approx([slope, -slope, 0.0])


@pytest.mark.parametrize("make", [ppo, grpo])
def test_the_entropy_bonus(make):
    loss, metrics, slopes, _ = told(make(entropy_weight=0.1), one(0, 0.0))
    assert metrics["entropy"] == pytest.approx(ENTROPY)
    assert loss == pytest.approx(-0.1 * ENTROPY)
    assert slopes == pytest.approx([-0.1 * SLOPE, 0.1 * SLOPE, 0.0])


@pytest.mark.parametrize("make", [ppo, mmd])
def test_scalar_critics_learn_their_targets(make):
    batch = one(0, 0.0, returns=(1.0, -0.5), outcome=(9.0, 9.0))
    loss, metrics, slopes, value = told(make(0.5), batch, value=(0.5, 0.0))
    assert metrics["value_loss"] == pytest.approx(0.25)  # (0.25 + 0.25) / 2
    assert loss == pytest.approx(0.125)
    assert value == pytest.approx([-0.25, 0.25])  # half of 2 (v - target) / 2
    assert slopes == pytest.approx([0.0, 0.0, 0.0], abs=1e-7)


@pytest.mark.parametrize("make", [ppo, mmd])
def test_win_draw_loss_critics_learn_the_class_of_the_outcome(make):
    batch = one(0, 0.0, returns=(0.4, 9.0), outcome=(-1.0, 1.0))
    loss, metrics, slopes, value = told(make(0.5), batch, value=(LN2, 0.0, 0.0), kind="wdl")  # 1/2, 1/4, 1/4
    assert metrics["value_loss"] == pytest.approx(2 * LN2)
    assert loss == pytest.approx(LN2)
    assert value == pytest.approx([0.25, 0.125, -0.375])  # half of prediction less target
    assert slopes == pytest.approx([0.0, 0.0, 0.0], abs=1e-7)


def test_the_whole_loss_of_ppo_is_the_sum_of_its_parts():
    batch = one(0, -1.0, before=log(5 / 18, 13 / 18, 0), returns=(1.0, -0.5))
    loss, *_ = told(ppo(0.5, entropy_weight=0.1), batch, value=(0.5, 0.0))
    assert loss == pytest.approx(0.9 + 0.5 * 0.25 - 0.1 * ENTROPY)


@pytest.mark.parametrize(
    ("action", "advantage", "loss", "slope"), [(1, 2.0, -3.0, 0.75), (1, -2.0, 3.0, -0.75), (0, -2.0, 1.0, 0.75)]
)
def test_the_surrogate_of_mmd_is_not_clipped(action, advantage, loss, slope):
    """r = 1.5 and 0.5; the slope on logit 0 is -r A (1[action is 0] - 1/4)."""
    found, metrics, slopes, _ = told(mmd(), one(action, advantage))
    assert found == pytest.approx(loss)
    assert metrics["policy_loss"] == pytest.approx(loss)
    assert slopes == pytest.approx([slope, -slope, 0.0])


def test_mmd_stays_near_the_policy_that_played():
    """KL((1/4, 3/4) || (1/2, 1/2)) = ln 2 - entropy, so its slope is the entropy's, reversed."""
    loss, metrics, slopes, _ = told(mmd(step_kl_weight=2.0), one(0, 0.0))
    assert metrics["step_kl"] == pytest.approx(LN2 - ENTROPY)
    assert loss == pytest.approx(2.0 * (LN2 - ENTROPY))
    assert slopes == pytest.approx([-2.0 * SLOPE, 2.0 * SLOPE, 0.0])
    same = told(mmd(step_kl_weight=2.0), one(0, 0.0, before=log(0.25, 0.75, 0)))
    assert same[0] == pytest.approx(0.0, abs=1e-6)
    assert same[2] == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_mmd_is_drawn_to_the_magnet():
    """KL((1/4, 3/4) || (3/4, 1/4)) = 1/2 ln 3; its slope on logit 0 is 1/4 (-ln 3 - 1/2 ln 3) = -3/8 ln 3."""
    batch = one(0, 0.0, magnet=log(0.75, 0.25, 0), weight=0.4)
    loss, metrics, slopes, _ = told(mmd(magnet_weight=99.0), batch)  # the batch's weight counts, not the first one
    assert metrics["magnet_kl"] == pytest.approx(0.5 * LN3)
    assert metrics["magnet_weight"] == pytest.approx(0.4)
    assert loss == pytest.approx(0.2 * LN3)
    assert slopes == pytest.approx([-0.15 * LN3, 0.15 * LN3, 0.0])


def test_the_whole_loss_of_mmd_is_the_sum_of_its_parts():
    batch = one(1, 2.0, magnet=log(0.75, 0.25, 0), weight=0.4, returns=(1.0, -0.5))
    loss, metrics, *_ = told(mmd(0.5, step_kl_weight=2.0), batch, value=(0.5, 0.0))
    assert loss == pytest.approx(-3.0 + 0.5 * 0.25 + 0.4 * 0.5 * LN3 + 2.0 * (LN2 - ENTROPY))
    assert metrics["entropy"] == pytest.approx(ENTROPY)


def test_grpo_is_held_by_the_estimate_of_the_divergence():
    """Reference (5/8, 3/8), action 1: s = 1/2, so s - 1 - ln s = ln 2 - 1/2; its slope on logit 1 is (1 - s) (1 - 3/4).

    Action 0: s = 5/2, 3/2 - ln 2.5, slope on logit 0 (1 - 5/2) (1 - 1/4) = -9/8.
    """
    reference = log(5 / 8, 3 / 8, 0)
    loss, metrics, slopes, _ = told(grpo(kl_weight=2.0), one(1, 0.0, magnet=reference))
    assert metrics["reference_kl_estimate"] == pytest.approx(LN2 - 0.5)
    assert loss == pytest.approx(2.0 * LN2 - 1.0)
    assert slopes == pytest.approx([-0.25, 0.25, 0.0])
    loss, _, slopes, _ = told(grpo(kl_weight=2.0), one(0, 0.0, magnet=reference))
    assert loss == pytest.approx(3.0 - 2.0 * math.log(2.5))
    assert slopes == pytest.approx([-2.25, 2.25, 0.0])


def test_the_divergence_of_grpo_has_no_bias_but_the_gradient_of_the_other_direction():
    """Mean over actions drawn from the network: the value is KL(network || reference), but the gradient that of
    KL(reference || network), network - reference: what is drawn does not follow the network while it learns.
    """
    network, reference = np.array([0.25, 0.75, 0.0]), np.array([5 / 8, 3 / 8, 0.0])
    results = [told(grpo(kl_weight=1.0), one(a, 0.0, magnet=log(*reference), before=log(*network))) for a in (0, 1)]
    divergence = sum(p * math.log(p / q) for p, q in zip(network[:2], reference[:2], strict=True))
    assert sum(network[a] * results[a][0] for a in (0, 1)) == pytest.approx(divergence)
    slope = sum(network[a] * np.array(results[a][2]) for a in (0, 1))
    assert slope.tolist() == pytest.approx((network - reference).tolist())


def test_grpo_leaves_values_alone():
    *_, value = told(grpo(kl_weight=0.1, entropy_weight=0.1), one(0, 1.0))
    assert value is None


METHODS = {
    "ppo": ppo(1.0, entropy_weight=0.1),
    "mmd": mmd(1.0, step_kl_weight=0.5),
    "grpo": grpo(kl_weight=0.3, entropy_weight=0.1),
}


def make_batch(rows=8, actions=5, seed=3):
    """Any decisions; of each, the first two actions are legal and some more."""
    generator = torch.Generator().manual_seed(seed)
    legal = torch.rand(rows, actions, generator=generator) < 0.5
    legal[:, :2] = True

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return Played(
        normal(rows, 4),
        legal,
        torch.randint(0, 2, (rows,), generator=generator),
        legal_log_probabilities(normal(rows, actions), legal),
        legal_log_probabilities(normal(rows, actions), legal),
        torch.rand(rows, generator=generator),
        normal(rows),
        normal(rows, 2),
        normal(rows, 2).sign(),
    )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["scalar", "wdl"])
def test_the_loss_is_the_mean_of_the_losses_of_the_rows(name, kind):
    batch = make_batch()
    logits, value = torch.randn(8, 5), torch.randn(8, 2 if kind == "scalar" else 3)
    whole, metrics = METHODS[name].loss(Output(logits, value, kind), batch)
    rows = [METHODS[name].loss(Output(logits[i : i + 1], value[i : i + 1], kind), batch[i : i + 1]) for i in range(8)]
    assert whole.item() == pytest.approx(torch.stack([loss for loss, _ in rows]).mean().item(), rel=1e-5)
    for metric, tensor in metrics.items():
        assert tensor.item() == pytest.approx(torch.stack([row[metric] for _, row in rows]).mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_illegal_actions_count_nothing_and_get_no_gradient(name):
    batch = make_batch()
    results = []
    for illegal in (-50.0, 0.0, 1e4, math.inf):
        logits = torch.linspace(-1, 1, 40).view(8, 5).masked_fill(~batch.legal_mask, illegal).requires_grad_()
        loss, _ = METHODS[name].loss(Output(logits, torch.zeros(8, 2), "scalar"), batch)
        loss.backward()
        assert not logits.grad[~batch.legal_mask].any()
        assert logits.grad[batch.legal_mask].all()
        assert logits.grad.sum(1).tolist() == pytest.approx([0.0] * 8, abs=1e-7)
        results.append((loss.item(), logits.grad.tolist()))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("name", METHODS)
def test_one_legal_action_leaves_nothing_to_learn(name):
    batch = replace(
        one(1, 2.0, before=log(0, 1, 0), magnet=log(0, 1, 0), weight=0.5),
        legal_mask=torch.tensor([[False, True, False]]),
    )
    _, metrics, slopes, _ = told(METHODS[name], batch)
    assert metrics["entropy"] == metrics["step_kl"] == 0.0
    assert slopes == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_those_of_finite_differences(name):
    batch = make_batch()
    batch = type(batch)(
        *(t.double() if t.is_floating_point() else t for t in (getattr(batch, f.name) for f in fields(batch)))
    )
    # Away from the corners of the clipped surrogate.
    logits = batch.log_policy.masked_fill(~batch.legal_mask, 0.0) + 0.02 * torch.randn(8, 5, dtype=torch.float64)
    value = torch.randn(8, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda logits, value: METHODS[name].loss(Output(logits, value, "scalar"), batch)[0],
        (logits.requires_grad_(), value.requires_grad_(name != "grpo")),
    )


def make_games(lengths=(5, 3, 6, 2), actions=5, seats=2, seed=5):
    """Games of players in turn; the first input of each decision is its number."""
    random = np.random.default_rng(seed)
    count = sum(lengths)
    legal = random.random((count, actions)) < 0.5
    legal[:, :2] = True
    logits = torch.from_numpy(random.normal(size=(count, actions)).astype(np.float32))
    return Trajectories(
        inputs=np.stack([np.arange(count), random.normal(size=count)], 1).astype(np.float32),
        legal_mask=legal.astype(np.uint8),
        players=np.concatenate([np.arange(length) % seats for length in lengths]).astype(np.int32),
        actions=random.integers(0, 2, count),
        log_policy=legal_log_probabilities(logits, torch.from_numpy(legal)).numpy(),
        values=random.normal(size=(count, seats)).astype(np.float32),
        rewards=random.normal(size=(count, seats)).astype(np.float32),
        learnt=np.ones(count, np.bool_),
        offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        groups=np.arange(len(lengths), dtype=np.int64) // 2,
    )


def silent(inputs, legal_mask):
    raise AssertionError("nobody asked")


class Fixed:
    """Answers alike whatever is asked, over legal actions."""

    def __init__(self, *logits):
        self.logits = torch.tensor([logits])

    def __call__(self, inputs, legal_mask):
        legal = torch.from_numpy(legal_mask).bool()
        return legal_log_probabilities(self.logits.expand(len(inputs), -1), legal).numpy()


def whole(games, discount, trace_decay):
    return estimate(
        games.players,
        np.ascontiguousarray(games.values[:, 0]),
        games.rewards,
        games.offsets,
        discount=discount,
        trace_decay=trace_decay,
    )


@pytest.mark.parametrize("make", [ppo, mmd])
def test_what_is_prepared_are_the_decisions_with_advantages_and_targets(make):
    games = make_games()
    batch = make(normalise=False, discount=0.9, trace_decay=0.8).prepare(games, silent, silent, 0.0)
    advantages, targets = whole(games, 0.9, 0.8)
    for name in ("inputs", "actions", "log_policy"):
        np.testing.assert_array_equal(getattr(batch, name).numpy(), getattr(games, name))
    np.testing.assert_array_equal(batch.legal_mask.numpy(), games.legal_mask != 0)
    assert batch.legal_mask.dtype == torch.bool
    np.testing.assert_array_equal(batch.advantages.numpy(), advantages)
    np.testing.assert_array_equal(batch.outcomes.numpy(), outcomes(games.players, games.rewards, games.offsets))
    # The mover learns its own lambda-returns, the others' columns the rest of the game.
    np.testing.assert_array_equal(batch.returns[:, 0].numpy(), targets)
    np.testing.assert_array_equal(batch.returns[:, 1].numpy(), batch.outcomes[:, 1].numpy())


def test_prepared_batches_can_be_cut():
    batch = grpo().prepare(make_games(), silent, silent, 0.0)
    assert len(batch[3:9]) == 6
    assert batch[torch.tensor([5, 2])].inputs[:, 0].tolist() == [5.0, 2.0]


@pytest.mark.parametrize("make", [ppo, mmd])
def test_vtrace_asks_the_network_as_it_is_now(make):
    """One player's two decisions, as in test_advantage: now 3/4 and 1/4, both drawn with 1/2: ratios 3/2 and 1/2."""
    games = Trajectories(
        inputs=np.zeros((2, 2), np.float32),
        legal_mask=np.array([[1, 1, 0]] * 2, np.uint8),
        players=np.zeros(2, np.int32),
        actions=np.array([1, 0]),
        log_policy=np.array([HALVES] * 2, np.float32),
        values=np.array([[0.1, 9.0], [0.2, 9.0]], np.float32),
        rewards=np.array([[0.0, 0.0], [1.0, -1.0]], np.float32),
        learnt=np.ones(2, np.bool_),
        offsets=np.array([0, 2]),
        groups=np.zeros(1, np.int64),
    )
    settings = {"advantage": "vtrace", "trace_decay": 1.0, "normalise": False}
    batch = make(**settings).prepare(games, Fixed(*LOGITS), silent, 0.0)
    assert batch.advantages.tolist() == pytest.approx([0.5, 0.8])
    assert batch.returns.tolist() == [pytest.approx([0.6, -1.0]), pytest.approx([0.6, -1.0])]
    batch = make(**settings | {"advantage": "gae"}).prepare(games, silent, silent, 0.0)
    assert batch.advantages.tolist() == pytest.approx([0.9, 0.8])
    assert batch.returns[:, 0].tolist() == pytest.approx([1.0, 1.0])


def test_ppo_normalises_over_the_iteration():
    games = make_games()
    plain, _ = whole(games, 1.0, 0.95)
    batch = ppo(normalise=True).prepare(games, silent, silent, 0.0)
    assert batch.advantages.tolist() == pytest.approx(((plain - plain.mean()) / plain.std()).tolist(), rel=1e-4)


def test_mmd_keeps_the_mean_of_advantages():
    games = make_games()
    plain, _ = whole(games, 1.0, 0.95)
    batch = mmd(normalise=True).prepare(games, silent, silent, 0.0)
    assert batch.advantages.tolist() == pytest.approx((plain / plain.std()).tolist(), rel=1e-4)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(("share", "kept"), [(0.25, 4), (0.5, 8), (0.97, 16), (1.0, 16), (1e-3, 1)])
def test_advantage_filtering_keeps_the_largest(normalise, share, kept):
    games = make_games()
    everything = ppo(normalise=normalise).prepare(games, silent, silent, 0.0)
    batch = ppo(normalise=normalise, advantage_share=share).prepare(games, silent, silent, 0.0)
    order = sorted(range(16), key=lambda row: -abs(everything.advantages[row].item()))
    rows = torch.tensor(sorted(order[:kept]))
    assert len(batch) == kept
    for each in fields(Played):
        assert torch.equal(getattr(batch, each.name), getattr(everything, each.name)[rows]), each.name


@pytest.mark.parametrize(
    ("schedule", "weights"),
    [("constant", (0.4, 0.4, 0.4)), ("linear", (0.4, 0.25, 0.1)), ("geometric", (0.4, 0.2, 0.1))],
)
def test_the_schedule_of_the_magnet_is_applied(schedule, weights):
    """From 0.4 to 0.1: half-way 0.25, or 0.4 times the root of a quarter."""
    games = make_games()
    method = mmd(magnet_weight=0.4, final_magnet_weight=0.1, magnet_schedule=schedule)
    output = Output(torch.randn(16, 5), torch.zeros(16, 2), "scalar")
    base = None
    for progress, weight in zip((0.0, 0.5, 1.0), weights, strict=True):
        batch = method.prepare(games, silent, silent, progress)
        assert batch.magnet_weight.tolist() == pytest.approx([weight] * 16)
        loss, metrics = method.loss(output, batch)
        rest = loss.item() - weight * metrics["magnet_kl"].item()
        base = rest if base is None else base
        assert rest == pytest.approx(base, abs=1e-5)


def test_geometric_schedules_end_near_zero_and_may_begin_there():
    falling = MmdConfig(magnet_weight=1.0, final_magnet_weight=0.0, magnet_schedule="geometric")
    assert [scheduled(falling, progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 1e-3, 1e-6])
    rising = MmdConfig(magnet_weight=0.0, final_magnet_weight=1.0, magnet_schedule="geometric")
    assert scheduled(rising, 0.5) == pytest.approx(1e-3)


def test_magnets():
    games = make_games()
    legal = torch.from_numpy(games.legal_mask).bool()
    magnet = mmd(magnet="uniform").prepare(games, silent, silent, 0.0).magnet
    assert magnet.dtype == torch.float32
    torch.testing.assert_close(magnet.exp(), legal / legal.sum(1, keepdim=True))
    torch.testing.assert_close(magnet[~legal], torch.full_like(magnet[~legal], MASKED))
    agent = Fixed(0.3, -1.0, 2.0, 0.0, 1.0)
    reference = agent(games.inputs, games.legal_mask)
    magnet = mmd(magnet="reference").prepare(games, silent, agent, 0.0).magnet
    np.testing.assert_array_equal(magnet.numpy(), reference)
    mixed = mmd(magnet="reference", magnet_uniform=0.25).prepare(games, silent, agent, 0.0).magnet
    expected = 0.75 * np.exp(reference) + 0.25 * games.legal_mask / games.legal_mask.sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(mixed.numpy()), expected, rtol=1e-5)
    torch.testing.assert_close(mixed[~legal], torch.full_like(mixed[~legal], MASKED))


def test_grpo_prepares_the_reference_where_it_counts():
    games = make_games()
    agent = Fixed(0.3, -1.0, 2.0, 0.0, 1.0)
    batch = grpo(kl_weight=0.1).prepare(games, silent, agent, 0.0)
    np.testing.assert_array_equal(batch.magnet.numpy(), agent(games.inputs, games.legal_mask))
    assert grpo(kl_weight=0.0).prepare(games, silent, silent, 0.0).magnet.shape == (16, 0)


def test_grpo_compares_games_that_began_alike():
    """Games 0 and 1 are a group, 2 and 3 another: half the difference of the returns, or its sign."""
    games = make_games()
    returns = np.add.reduceat(games.rewards, games.offsets[:-1])
    halves = np.repeat([1, -1, 1, -1], 2).reshape(4, 2) * np.repeat((returns[::2] - returns[1::2]) / 2, 2, axis=0)
    rows = np.repeat(np.arange(4), np.diff(games.offsets)), games.players
    plain = grpo(normalise=False).prepare(games, silent, silent, 0.0).advantages
    assert plain.tolist() == pytest.approx(halves[rows].tolist(), rel=1e-4)
    scaled = grpo(normalise=True).prepare(games, silent, silent, 0.0).advantages
    assert scaled.tolist() == pytest.approx(np.sign(halves)[rows].tolist())


def test_policy_gradients_are_found_by_name():
    for name in POLICY_GRADIENTS:
        config = RunConfig(
            method=MethodConfig(name=name),
            learner=LearnerConfig(value_weight=0.25),
            ppo=PpoConfig(epochs=3),
            mmd=MmdConfig(epochs=4),
            grpo=GrpoConfig(epochs=5, group=8),
        )
        method = make_policy_gradient(config)
        assert method.name == name
        assert method.epochs == {"ppo": 3, "mmd": 4, "grpo": 5}[name]
        assert method.group == (8 if name == "grpo" else 1)
        assert getattr(method, "value_weight", 0.25) == 0.25


@pytest.mark.parametrize("method", [ppo(), mmd(), grpo()], ids=lambda method: method.name)
def test_decisions_of_opponents_are_not_learnt_from(method):
    games = replace(make_games(lengths=(3, 4, 2, 5)), learnt=np.arange(14) % 3 != 0)
    batch = method.prepare(games, silent, silent, 0.0)
    assert batch.inputs[:, 0].tolist() == [row for row in range(14) if row % 3]
