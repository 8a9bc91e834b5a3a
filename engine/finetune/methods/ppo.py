"""Proximal policy optimisation: small, safe steps along the policy gradient of self-play.

Sources: Schulman et al., 2017, "Proximal policy optimization algorithms"; Huang et al., 2022, "The 37 implementation
details of proximal policy optimization"; Rudolph et al., 2025, "Reevaluating policy gradient methods for
imperfect-information games", who found that PPO with much entropy (0.05 to 0.1) is hard to beat where information is
hidden.

Details
-------
1. The network plays all seats of every game; each decision counts for the player who made it. Illegal actions are
   masked before the softmax, so that they get neither probability nor gradient.
2. Advantages: GAE or V-trace with a critic a player (`actor_critic`). With `normalise` they are brought to mean 0 and
   deviation 1 over the iteration (not over a batch: small batches would add noise).
3. Advantage filtering: only the `advantage_share` of decisions with the largest |advantage| is learnt from, by policy
   and critic alike (Cusumano-Towner et al., 2025, "Robust autonomy emerges from self-play"). 1 learns from all. Rare
   outcomes are far from the value, so small shares draw the critic towards them.
4. Surrogate: min(r A, clip(r, 1 - clip, 1 + clip) A) with r = network / policy that played, mean over the batch.
5. Entropy bonus: exact entropy of each decision over legal actions, constant weight.
6. Loss = -surrogate + value_weight * value - entropy_weight * entropy. Gradient clipping (norm 1), Adam, learning-rate
   schedule and averaged weights for evaluation belong to the learner.
7. Networks learn in evaluation mode: batch-norm statistics stay still, so that before the first step r is 1 but for
   rounding, and for decisions that an earlier network made in games not yet finished.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from engine.config import PpoConfig
from engine.finetune.methods.actor_critic import (
    clipped_surrogate,
    entropy,
    log_ratios,
    played,
    value_loss,
    with_advantages,
)
from engine.finetune.methods.method import Answers, Output, Played, Trajectories

__all__ = ["ProximalPolicyOptimisation"]

DEVIATION_FLOOR = 1e-6
"""Added to deviations that are divided by."""


class ProximalPolicyOptimisation:
    """See the module's text."""

    name = "ppo"
    group = 1

    def __init__(self, config: PpoConfig, value_weight: float = 1.0) -> None:
        self.config = config
        self.epochs = config.epochs
        self.value_weight = value_weight

    def prepare(self, games: Trajectories, current: Answers, reference: Answers, progress: float) -> Played:
        """See `PolicyGradient.prepare`."""
        advantages, targets, rest = with_advantages(games, current, self.config)
        rows = np.flatnonzero(games.learnt)
        if self.config.normalise:
            own = advantages[rows]
            advantages = (advantages - own.mean()) / (own.std() + DEVIATION_FLOOR)
        if self.config.advantage_share < 1.0:
            kept = max(1, round(self.config.advantage_share * len(rows)))
            rows = np.sort(rows[np.argpartition(-np.abs(advantages[rows]), kept - 1)[:kept]])
        return played(games, advantages, targets, rest, rows=rows)

    def loss(self, output: Output, batch: Played) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method.loss`. Metrics: the parts, `step_kl` to the policy that played, and `clipped_share`."""
        log_policy, log_ratio = log_ratios(output, batch)
        policy, metrics = clipped_surrogate(log_ratio, batch.advantages, self.config.clip)
        value, spread = value_loss(output, batch), entropy(log_policy).mean()
        metrics |= {"value_loss": value.detach(), "entropy": spread.detach()}
        return policy + self.value_weight * value - self.config.entropy_weight * spread, metrics
