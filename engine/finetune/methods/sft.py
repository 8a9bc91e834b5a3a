"""Supervised fine-tuning: imitate recorded decisions and predict how the games ended.

Details
-------
1. Policy: cross-entropy to the recorded distribution over legal actions (a teacher's visit shares, or one action with
   probability 1). This is minimum-KL imitation of the whole distribution (Hinton et al., 2015, "Distilling the
   knowledge in a neural network"), as AlphaGo's supervised stage for single moves (Silver et al., 2016).
2. Value: the outcome alone. Win/draw/loss heads: cross-entropy to the class of the observer's return (above, at or
   below 0; the game's returns are -1, 0 or 1). Scalar heads: squared error over all players, mean of both axes.
3. Loss = policy + value_weight * value. Weight decay and clipping belong to the learner.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from engine.finetune.methods.method import Context, Output, Searched, policy_loss

__all__ = ["SupervisedFinetuning", "outcome_classes"]


def outcome_classes(returns: Tensor) -> Tensor:
    """Index into (win, draw, loss) of the observer's return, int64 [B]."""
    return (1 - torch.sign(returns[:, 0])).long()


class SupervisedFinetuning:
    """See the module's text."""

    name = "sft"

    def __init__(self, value_weight: float = 1.0) -> None:
        self.value_weight = value_weight

    def collect(self, context: Context) -> Searched:
        """Positions of the data set."""
        return Searched.of(context.source.sample(context.batch_size))

    def loss(self, output: Output, batch: Searched) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method.loss`."""
        policy, metrics = policy_loss(output.prior_logits, batch)
        if output.value_kind == "wdl":
            value = functional.cross_entropy(output.value, outcome_classes(batch.returns))
        else:
            value = functional.mse_loss(output.value, batch.returns)
        metrics["value_loss"] = value.detach()
        return policy + self.value_weight * value, metrics
