"""Group-relative policy optimisation: several games from the same start judge each other; no critic.

Source: Shao et al., 2024, "DeepSeekMath: pushing the limits of mathematical reasoning in open language models"; the
reward is verifiable (the game's own outcome), as in reinforcement learning with verifiable rewards.

Details
-------
1. `group` games begin alike: from the same start, with the same chance before the first decision. The advantage of
   every decision of a game is the mover's return of that game less the group's mean for its seat; with `normalise` over
   the group's deviation, too. Groups whose games all end alike teach nothing. The other games'
   returns do not depend on this one's actions, so they add no bias, whoever can see the deal; its own part in the mean
   shortens the gradient by 1 / group. The deviation gives groups with rare outcomes more weight (Liu et al., below).
2. The network plays all seats; illegal actions are masked before the softmax.
3. Surrogate as in ppo: min(r A, clip(r) A), mean over the decisions of the batch: every decision weighs the same, long
   games more (Liu et al., 2025, "Understanding R1-Zero-like training", on what a mean over each game would do instead).
4. KL(network || reference) by the estimate s - 1 - log s with s = reference / network of the action played (Schulman,
   2020, "Approximating KL divergence"): never negative, no bias while the network is the policy that played; the
   reference is the agent that the run began with. But in the mean its gradient is that of KL(reference || network)
   (Tang and Munos, 2025, "On a few pitfalls in KL divergence gradient estimation for RL").
5. Entropy bonus: exact, off by default; hidden information wants 0.05 to 0.1.
6. Loss = -surrogate + kl_weight * KL - entropy_weight * entropy. The value head is left as it is; so weight decay,
   which would wear it down, is best 0. Values drift all the same where the torso moves below them: a search that is to
   use them needs them taught anew. Clipping, Adam, schedule and averages belong to the learner.
7. Networks learn in evaluation mode: batch-norm statistics stay still.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from engine.config import GrpoConfig
from engine.finetune.methods.actor_critic import clipped_surrogate, entropy, log_ratios, played
from engine.finetune.methods.method import Answers, Output, Played, Trajectories

__all__ = ["GroupRelativePolicyOptimisation"]


class GroupRelativePolicyOptimisation:
    """See the module's text."""

    name = "grpo"

    def __init__(self, config: GrpoConfig) -> None:
        self.config = config
        self.epochs = config.epochs
        self.group = config.group

    def prepare(self, games: Trajectories, current: Answers, reference: Answers, progress: float) -> Played:
        """See `PolicyGradient.prepare`."""
        from engine.finetune.advantage import group_relative  # here, because it brings numba

        advantages = group_relative(
            games.players, games.rewards, games.offsets, games.groups, normalise=self.config.normalise
        )
        nothing = np.zeros((len(games), 0), np.float32)
        magnet = reference(games.inputs, games.legal_mask) if self.config.kl_weight > 0.0 else None
        return played(games, advantages, nothing, nothing, magnet=magnet)

    def loss(self, output: Output, batch: Played) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method.loss`. Metrics: the parts, `step_kl` to the policy that played, and `clipped_share`."""
        log_policy, log_ratio = log_ratios(output, batch)
        policy, metrics = clipped_surrogate(log_ratio, batch.advantages, self.config.clip)
        spread = entropy(log_policy).mean()
        metrics["entropy"] = spread.detach()
        loss = policy - self.config.entropy_weight * spread
        if self.config.kl_weight > 0.0:
            rows = batch.actions[:, None]
            log_share = (batch.magnet.gather(1, rows) - log_policy.gather(1, rows))[:, 0]
            pull = (log_share.exp() - 1.0 - log_share).mean()
            metrics["reference_kl_estimate"] = pull.detach()
            loss = loss + self.config.kl_weight * pull
        return loss, metrics
