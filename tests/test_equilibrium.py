"""Where the losses lead in matrix games, with no noise: exact expectations over all joint actions.

Both players of a game without chance choose in turn, the second without seeing what the first has chosen. Utilities are
at most 1; equilibria are solved for apart, in numpy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.config import LearnerConfig, MmdConfig, PpoConfig
from engine.finetune.learner import Learner
from engine.finetune.methods import MagneticMirrorDescent, ProximalPolicyOptimisation
from engine.finetune.methods.method import Output, Trajectories

ROCK_PAPER_SCISSORS = np.array([[0.0, -0.5, 1.0], [0.5, 0.0, -0.5], [-1.0, 0.5, 0.0]])
"""Rock beats scissors twice over: both players have the equilibrium (1/4, 1/2, 1/4)."""
PENNIES = np.array([[1.0, -1.0], [-1.0, 1.0]])
BIASED_PENNIES = np.array([[1.0, -0.5], [-0.5, 0.25]])
"""Equilibrium (1/3, 2/3) of both."""


class Table(nn.Module):
    """A logit for each action of each of two information states, which are the inputs, one-hot."""

    value_kind = "scalar"

    def __init__(self, first, second):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(np.log([first, second]), dtype=torch.float32))

    def forward(self, inputs):
        return inputs @ self.logits, inputs.new_zeros(len(inputs), 2)

    def policies(self):
        return self.logits.detach().double().softmax(1).numpy()


def all_games(payoff, policies):
    """Every joint action once, with exact values: what `prepare` wants, and how often each game is played."""
    actions = payoff.shape[0]
    joint = np.stack(np.meshgrid(*[np.arange(actions)] * 2, indexing="ij"), -1).reshape(-1, 2)
    count = 2 * len(joint)
    value = policies[0] @ payoff @ policies[1]
    gain = payoff[joint[:, 0], joint[:, 1]]
    zeros = np.zeros_like(gain)
    games = Trajectories(
        inputs=np.tile(np.eye(2, dtype=np.float32), (len(joint), 1)),
        legal_mask=np.ones((count, actions), np.uint8),
        players=np.tile(np.array([0, 1], np.int32), len(joint)),
        actions=joint.reshape(-1),
        log_policy=np.tile(np.log(policies), (len(joint), 1)).astype(np.float32),
        values=np.tile(np.array([[value, -value], [-value, value]], np.float32), (len(joint), 1)),
        rewards=np.stack([zeros, zeros, gain, -gain], 1).reshape(count, 2).astype(np.float32),
        learnt=np.ones(count, np.bool_),
        offsets=np.arange(0, count + 1, 2),
        groups=np.arange(len(joint)),
    )
    return games, policies[0][joint[:, 0]] * policies[1][joint[:, 1]]


def expectation(method, payoff, policies, progress=0.0):
    """A batch whose loss is the expectation over games that `policies` play.

    Every game is there once, so advantages carry its probability: surrogates are proportional to them, and all that is
    exact over actions is alike in all rows of a player.
    """
    games, weights = all_games(payoff, policies)
    batch = method.prepare(games, silent, silent, progress)
    scale = torch.from_numpy(np.repeat(weights * len(weights), 2).astype(np.float32))
    return replace(batch, advantages=batch.advantages * scale)


def silent(inputs, legal_mask):
    raise AssertionError("nobody asked")


def gradient(method, batch, table):
    table.zero_grad()
    method.loss(Output(*table(batch.inputs), "scalar"), batch)[0].backward()
    return table.logits.grad


def descend(method, payoff, start, iterations, rate, steps=8):
    """The policies of all iterations, of each `steps` of plain gradient descent on one expectation."""
    table = Table(*start)
    path = [table.policies()]
    for iteration in range(iterations):
        batch = expectation(method, payoff, path[-1], iteration / iterations)
        for _ in range(steps):
            slope = gradient(method, batch, table)
            with torch.no_grad():
                table.logits -= rate * slope
        path.append(table.policies())
    return np.array(path)


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def quantal_response_equilibrium(payoff, temperature):
    """Both answer with softmax(expected utility / temperature): by damped iteration."""
    first = second = np.full(len(payoff), 1 / len(payoff))
    step = min(0.3, 4.0 * temperature**2)  # the colder, the faster their answers turn
    for _ in range(20_000):
        answers = softmax(payoff @ second / temperature), softmax(-first @ payoff / temperature)
        error = max(np.abs(answers[0] - first).max(), np.abs(answers[1] - second).max())
        if error < 1e-12:
            break
        first, second = first + step * (answers[0] - first), second + step * (answers[1] - second)
    assert error < 1e-10
    return np.array([first, second])


def exploitability(payoff, policies):
    """What best answers gain, mean of the players (NashConv / 2)."""
    return ((payoff @ policies[1]).max() - (policies[0] @ payoff).min()) / 2


def test_the_equilibria_of_these_games():
    thirds, quarters = np.array([[1 / 3, 2 / 3]] * 2), np.array([[0.25, 0.5, 0.25]] * 2)
    assert exploitability(BIASED_PENNIES, thirds) == pytest.approx(0.0)
    assert exploitability(ROCK_PAPER_SCISSORS, quarters) == pytest.approx(0.0)
    for payoff, nash in ((BIASED_PENNIES, thirds), (ROCK_PAPER_SCISSORS, quarters)):
        distances = [np.abs(quantal_response_equilibrium(payoff, t) - nash).max() for t in (0.5, 0.2, 0.05)]
        assert distances == sorted(distances, reverse=True)
        assert distances[0] > 0.03


def exact_step(payoff, policies, alpha, eta):
    """The paper's, with a uniform magnet: (policy * e^(eta q)) to the power of 1 / (1 + alpha eta), then normalised."""
    gains = payoff @ policies[1], -policies[0] @ payoff
    return np.array([softmax((np.log(policies[k]) + eta * gains[k]) / (1 + alpha * eta)) for k in (0, 1)])


@pytest.mark.parametrize("payoff", [ROCK_PAPER_SCISSORS, BIASED_PENNIES])
def test_the_loss_is_least_where_the_paper_says(payoff):
    method = MagneticMirrorDescent(MmdConfig(magnet_weight=0.3, step_kl_weight=2.0), value_weight=0.0)
    played = np.random.default_rng(2).dirichlet(np.ones(len(payoff)), 2)
    batch = expectation(method, payoff, played)
    following = exact_step(payoff, played, alpha=0.3, eta=0.5)
    assert gradient(method, batch, Table(*following)).numpy() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(gradient(method, batch, Table(*played)).numpy()).max() > 0.01


@pytest.mark.parametrize(("step_kl_weight", "converges"), [(1.0, False), (5.0, True), (20.0, True)])
def test_steps_much_larger_than_the_magnet_is_strong_circle(step_kl_weight, converges):
    """The proof wants eta <= alpha for utilities in [-1, 1], that is, a weight of 20 here."""
    policies = np.array([softmax(np.arange(3) * sign) for sign in (1.0, -0.7)])
    for _ in range(4000):
        policies = exact_step(ROCK_PAPER_SCISSORS, policies, alpha=0.05, eta=1 / step_kl_weight)
    distance = np.abs(policies - quantal_response_equilibrium(ROCK_PAPER_SCISSORS, 0.05)).max()
    assert distance < 1e-3 if converges else distance > 0.2


@pytest.mark.parametrize(
    "method",
    [
        ProximalPolicyOptimisation(PpoConfig(entropy_weight=0.2, normalise=False), value_weight=0.0),
        MagneticMirrorDescent(MmdConfig(magnet_weight=0.2), value_weight=0.0),
    ],
)
@pytest.mark.parametrize("payoff", [ROCK_PAPER_SCISSORS, BIASED_PENNIES])
def test_the_loss_is_at_rest_in_the_quantal_response_equilibrium(payoff, method):
    """The bonus for entropy and the uniform magnet are the same pull, of the same temperature."""
    rest = quantal_response_equilibrium(payoff, 0.2)
    assert gradient(method, expectation(method, payoff, rest), Table(*rest)).numpy() == pytest.approx(0.0, abs=1e-6)
    other = quantal_response_equilibrium(payoff, 0.1)
    assert np.abs(gradient(method, expectation(method, payoff, other), Table(*other)).numpy()).max() > 1e-3


@pytest.mark.parametrize("payoff", [ROCK_PAPER_SCISSORS, BIASED_PENNIES])
def test_the_last_iterate_of_mmd_is_the_quantal_response_equilibrium(payoff):
    method = MagneticMirrorDescent(MmdConfig(magnet_weight=0.2, step_kl_weight=5.0), value_weight=0.0)
    start = [softmax(np.arange(len(payoff)) * sign) for sign in (1.0, -0.7)]
    path = descend(method, payoff, start, 250, rate=0.5)
    distances = np.abs(path - quantal_response_equilibrium(payoff, 0.2)).max((1, 2))
    assert distances[0] > 0.2
    assert distances[-1] < 1e-3


@pytest.mark.parametrize("payoff", [ROCK_PAPER_SCISSORS, BIASED_PENNIES])
def test_a_falling_magnet_leads_towards_the_nash_equilibrium(payoff):
    """From temperature 1 to 0.05 it ends near the equilibrium of the last temperature, far below that of the first."""
    config = MmdConfig(magnet_weight=1.0, final_magnet_weight=0.05, magnet_schedule="geometric", step_kl_weight=10.0)
    start = [softmax(np.arange(len(payoff)) * sign) for sign in (1.0, -0.7)]
    path = descend(MagneticMirrorDescent(config, value_weight=0.0), payoff, start, 300, rate=0.3)
    first, last = (quantal_response_equilibrium(payoff, temperature) for temperature in (1.0, 0.05))
    assert exploitability(payoff, path[-1]) < 0.2 * exploitability(payoff, first)
    assert np.abs(path[-1] - last).max() < 0.02


def test_without_a_magnet_only_the_average_of_mirror_descent_converges():
    """Its last iterate circles the equilibrium of matching pennies, further and further away."""
    method = MagneticMirrorDescent(MmdConfig(magnet_weight=0.0, step_kl_weight=5.0), value_weight=0.0)
    path = descend(method, PENNIES, [[0.6, 0.4], [0.5, 0.5]], 300, rate=0.5)
    distances = np.abs(path - 0.5).max((1, 2))
    nearest = [distances[first : first + 50].min() for first in range(0, 300, 50)]
    assert nearest == sorted(nearest)
    assert nearest[-1] > 0.4
    assert path.mean(0) == pytest.approx(0.5, abs=0.05)


def test_the_learner_finds_the_equilibrium():
    """With Adam and its momentum, too, given some steps an iteration: with two it runs ahead and circles."""
    method = MagneticMirrorDescent(MmdConfig(magnet_weight=0.2, step_kl_weight=5.0), value_weight=0.0)
    config = LearnerConfig(
        learning_rate=0.02, final_learning_rate=1e-4, warmup_steps=0, weight_decay=0.0, precision="fp32", threads=1
    )
    learner = Learner(Table([0.8, 0.2], [0.3, 0.7]), method, config, still=True)
    for iteration in range(150):
        batch = expectation(method, BIASED_PENNIES, learner.network.policies())
        for _ in range(8):
            learner.step(batch, iteration / 150)
    rest = quantal_response_equilibrium(BIASED_PENNIES, 0.2)
    assert learner.network.policies() == pytest.approx(rest, abs=5e-3)
