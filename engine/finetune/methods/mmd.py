"""Magnetic mirror descent: policy gradient that stays near the policy that played, and is drawn to a magnet.

Source: Sokota et al., 2023, "A unified approach to reinforcement learning, quantal response equilibria, and two-player
zero-sum games". With a uniform magnet of weight alpha the last iterate goes to the quantal response equilibrium of that
temperature; with alpha going to 0, to a Nash equilibrium. For matrix games and small steps (point 3) the former is
proven; in sequential games, where each decision is improved for itself as here, it is what the paper observes. With the
loaded agent as magnet it is fine-tuning that does not forget.

Details
-------
1. Roll-outs, masks, advantages and critics as in ppo (`actor_critic`). Advantages keep their scale by default: alpha
   is then a temperature in units of the normalised utilities. With `normalise` they are divided by their deviation over
   the iteration, and alpha is relative to it.
2. Surrogate: r A with r = network / policy that played, mean over the batch, unclipped: the divergence bounds the step.
3. KL(network || policy that played), exact over legal actions, with weight `step_kl_weight` = 1 / step size: the
   proximal term of mirror descent with the negative entropy. For utilities in [-1, 1] the proof wants steps of at most
   alpha; much larger ones may circle (tests/test_equilibrium.py: rock-paper-scissors with unequal stakes and alpha 0.05
   does with weight 1, not with 5). The term bounds a step only where an iteration has enough of the optimiser's steps
   to come near its minimum.
4. KL(network || magnet), exact over legal actions, with weight alpha. The magnet is uniform or the agent that the run
   began with. A trained agent all but excludes many actions, and the divergence from it grows without bound as an
   equilibrium wants them back: `magnet_uniform` mixes it with the uniform policy. The weight's schedule over the
   training budget is applied when an iteration's games are prepared: constant, linear, or geometric (alpha falls by
   the same factor in equal shares of the budget).
5. Loss = -surrogate + value_weight * value + alpha * KL(network || magnet) + step_kl_weight * KL(network || played).
   Gradient clipping, Adam, learning-rate schedule and averaged weights belong to the learner.
6. Networks learn in evaluation mode: batch-norm statistics stay still.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.config import MmdConfig
from engine.finetune.methods.actor_critic import (
    Floats,
    divergence,
    entropy,
    log_ratios,
    played,
    uniform,
    value_loss,
    with_advantages,
)
from engine.finetune.methods.method import Answers, Output, Played, Trajectories

__all__ = ["MagneticMirrorDescent", "scheduled"]

DEVIATION_FLOOR = 1e-6
"""Added to deviations that are divided by."""
WEIGHT_FLOOR = 1e-6
"""A geometric schedule cannot reach 0: it ends here instead."""


def scheduled(config: MmdConfig, progress: float) -> float:
    """The magnet's weight with the share `progress` of the budget used."""
    first, last = config.magnet_weight, config.final_magnet_weight
    if config.magnet_schedule == "linear":
        return first + (last - first) * progress
    if config.magnet_schedule == "geometric":
        first, last = max(first, WEIGHT_FLOOR), max(last, WEIGHT_FLOOR)
        return float(first * (last / first) ** progress)
    return first


def softened(log_policy: Floats, legal_mask: NDArray[np.uint8], share: float) -> Floats:
    """float32[N, A]: log of a policy mixed with this share of the uniform one; itself for a share of 0."""
    if share == 0.0:
        return log_policy
    mixed = np.logaddexp(log_policy + np.log1p(-share), uniform(legal_mask) + np.log(share))
    return np.where(legal_mask != 0, mixed, log_policy).astype(np.float32)


class MagneticMirrorDescent:
    """See the module's text."""

    name = "mmd"
    group = 1

    def __init__(self, config: MmdConfig, value_weight: float = 1.0) -> None:
        self.config = config
        self.epochs = config.epochs
        self.value_weight = value_weight

    def prepare(self, games: Trajectories, current: Answers, reference: Answers, progress: float) -> Played:
        """See `PolicyGradient.prepare`."""
        advantages, targets, rest = with_advantages(games, current, self.config)
        if self.config.normalise:
            advantages /= advantages[games.learnt].std() + DEVIATION_FLOOR
        if self.config.magnet == "reference":
            magnet = softened(reference(games.inputs, games.legal_mask), games.legal_mask, self.config.magnet_uniform)
        else:
            magnet = uniform(games.legal_mask)
        weight = scheduled(self.config, progress)
        return played(games, advantages, targets, rest, magnet=magnet, magnet_weight=weight)

    def loss(self, output: Output, batch: Played) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method.loss`. Metrics: the parts, with `step_kl` to the policy that played."""
        log_policy, log_ratio = log_ratios(output, batch)
        surrogate = (log_ratio.exp() * batch.advantages).mean()
        value = value_loss(output, batch)
        step = divergence(log_policy, batch.log_policy).mean()
        pulls = divergence(log_policy, batch.magnet)
        pull = (batch.magnet_weight * pulls).mean()
        with torch.no_grad():
            metrics = {
                "policy_loss": -surrogate.detach(),
                "value_loss": value.detach(),
                "entropy": entropy(log_policy).mean(),
                "step_kl": step.detach(),
                "magnet_kl": pulls.mean(),
                "magnet_weight": batch.magnet_weight.mean(),
            }
        return -surrogate + self.value_weight * value + pull + self.config.step_kl_weight * step, metrics
