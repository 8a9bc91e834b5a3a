"""Expert iteration: the search is the expert, the network its apprentice, and each makes the other better.

Sources: Anthony et al., 2017, "Thinking fast and slow with deep learning and tree search"; Silver et al., 2018, "A
general reinforcement learning algorithm that masters chess, shogi and Go through self-play" (AlphaZero).

Details
-------
1. Policy: cross-entropy to the root's visit shares, softmax over legal actions only, so that no capacity is spent on
   pushing illegal logits down.
2. Value target: outcome_weight * outcome + (1 - outcome_weight) * root value. The outcome is unbiased but noisy, the
   root value is bootstrapped and smooth; mixing them is a two-step form of n-step returns (Willemsen et al., 2020,
   "Value targets in off-policy AlphaZero"; Leela Chess Zero's q_ratio). 0.6 was the best of a few tried on
   connect_four.
3. Scalar heads: squared error to that mixture, mean over players and batch.
4. Win/draw/loss heads: cross-entropy to a mixture of two distributions. The outcome is a point mass. The root value q
   says nothing of draws, so its draw mass is the network's own prediction d (no gradient flows through it), cut to
   1 - |q|, and the rest is split such that win - loss = q. The expectation of the target is exactly that of point 2,
   its draw share is still learnt from outcomes, and the gradient on the logits is prediction - target, bounded by 1.
5. Root values outside [-1, 1] (they come from averages of float32) are clamped in point 4.
6. Loss = policy + value_weight * value. AlphaZero's L2 term is the learner's decoupled weight decay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from engine.finetune.methods.method import Context, Output, Searched, expected_values, policy_loss
from engine.finetune.methods.sft import outcome_classes

__all__ = ["ExpertIteration", "win_draw_loss_target"]


def win_draw_loss_target(predicted: Tensor, returns: Tensor, root_values: Tensor, outcome_weight: float) -> Tensor:
    """The distribution over (win, draw, loss) to learn, [B, 3]; see points 2 and 4 above.

    predicted: [B, 3] the network's own distribution. returns, root_values: [B, P], observer first.
    """
    value = root_values[:, 0].clamp(-1.0, 1.0)
    draw = torch.minimum(predicted[:, 1], 1.0 - value.abs())
    searched = torch.stack(((1.0 - draw + value) / 2, draw, (1.0 - draw - value) / 2), dim=1)
    outcome = functional.one_hot(outcome_classes(returns), 3).to(searched.dtype)
    return outcome_weight * outcome + (1.0 - outcome_weight) * searched


class ExpertIteration:
    """See the module's text."""

    name = "expert_iteration"

    def __init__(self, outcome_weight: float = 0.6, value_weight: float = 1.0) -> None:
        self.outcome_weight = outcome_weight
        self.value_weight = value_weight

    def collect(self, context: Context) -> Searched:
        """Positions of the replay window."""
        return Searched.of(context.source.sample(context.batch_size))

    def loss(self, output: Output, batch: Searched) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method.loss`. Adds the metric value_error: mean squared error of the observer's value to the mixture."""
        policy, metrics = policy_loss(output.prior_logits, batch)
        mixture = self.outcome_weight * batch.returns + (1.0 - self.outcome_weight) * batch.root_values
        if output.value_kind == "wdl":
            with torch.no_grad():
                target = win_draw_loss_target(
                    output.value.softmax(1), batch.returns, batch.root_values, self.outcome_weight
                )
            value = functional.cross_entropy(output.value, target)
        else:
            value = functional.mse_loss(output.value, mixture)
        with torch.no_grad():
            metrics["value_loss"] = value.detach()
            metrics["value_error"] = functional.mse_loss(expected_values(output)[:, 0], mixture[:, 0])
        return policy + self.value_weight * value, metrics
