"""Retention: what keeps a fine-tuned network near the agent it came from."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from engine.finetune.methods.method import Batch, legal_log_probabilities

__all__ = ["Reference"]


class Reference:
    """The loaded agent, frozen: a deep copy in evaluation mode, which nothing trains. Several threads may use it."""

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    def divergence(self, prior_logits: Tensor, batch: Batch) -> Tensor:
        """KL(reference || network) over legal actions in nats, mean over the batch; 0 only where the policies agree.

        This direction is paid for wherever the reference puts mass and the network no longer does: that is what
        forgetting means. Its gradient on the logits is network - reference probability, bounded by 1.
        """
        with torch.no_grad():
            reference = legal_log_probabilities(self.network(batch.inputs)[0].float(), batch.legal_mask)
        log_probabilities = legal_log_probabilities(prior_logits, batch.legal_mask)
        return (reference.exp() * (reference - log_probabilities)).sum(1).mean()
