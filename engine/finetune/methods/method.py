"""What a method of fine-tuning is, and the parts that methods share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor

from engine.selfplay.records import Positions

__all__ = [
    "Batch",
    "Context",
    "Method",
    "Output",
    "Source",
    "expected_values",
    "legal_log_probabilities",
    "policy_loss",
]

MASKED = -1e9
"""Logit of an illegal action: its probability is exactly 0 in float32, and 0 * log of it is 0, not NaN."""


@dataclass(frozen=True)
class Batch:
    """B positions as tensors on the learner's device; fields as in `engine.selfplay.records.Positions`."""

    inputs: Tensor
    """float32 [B, D]"""
    legal_mask: Tensor
    """bool [B, A]"""
    policy: Tensor
    """float32 [B, A]"""
    root_values: Tensor
    """float32 [B, P], normalised, observer-first"""
    returns: Tensor
    """float32 [B, P], normalised, observer-first"""

    @classmethod
    def of(cls, positions: Positions) -> Batch:
        """The same numbers as tensors, sharing memory where the types allow it."""
        return cls(
            torch.from_numpy(positions.inputs),
            torch.from_numpy(positions.legal_mask).bool(),
            torch.from_numpy(positions.policy),
            torch.from_numpy(positions.root_values),
            torch.from_numpy(positions.returns),
        )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: slice) -> Batch:
        return Batch(*(getattr(self, each.name)[rows] for each in fields(self)))

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(*(getattr(self, each.name).to(device, non_blocking=True) for each in fields(self)))


@dataclass(frozen=True)
class Output:
    """What the network answers for a batch, in float32."""

    prior_logits: Tensor
    """[B, A]; those of illegal actions mean nothing"""
    value: Tensor
    """[B, P] normalised and observer-first; or [B, 3] logits of win, draw and loss of the observer"""
    value_kind: str
    """"scalar" or "wdl": which of the two"""


class Source(Protocol):
    """Where positions are drawn from: a replay, or a data set."""

    def sample(self, count: int) -> Positions:
        """`count` positions."""
        ...


@dataclass(frozen=True)
class Context:
    """What a method may draw on when it collects a batch."""

    source: Source
    batch_size: int


class Method(Protocol):
    """What is learnt. The learner owns everything else: optimiser, averages, reference, resume.

    `loss` must be a mean over the batch's rows (so that halves of a batch can be computed apart), draw no random
    numbers and keep no state.
    """

    name: str

    def collect(self, context: Context) -> Batch:
        """The next batch of `context.batch_size` positions."""
        ...

    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """A scalar to minimise, and scalar metrics (detached)."""
        ...


def legal_log_probabilities(prior_logits: Tensor, legal_mask: Tensor) -> Tensor:
    """Log-softmax over legal actions, [B, A]; illegal actions get about `MASKED`."""
    return functional.log_softmax(prior_logits.masked_fill(~legal_mask, MASKED), dim=1)


def policy_loss(prior_logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of the policy over legal actions to `batch.policy`, mean over the batch, in nats.

    Metrics: the loss; the target's own entropy, below which the loss cannot fall; and how often the best action of
    both is the same.
    """
    log_probabilities = legal_log_probabilities(prior_logits, batch.legal_mask)
    loss = -(batch.policy * log_probabilities).sum(1).mean()
    with torch.no_grad():
        metrics = {
            "policy_loss": loss.detach(),
            "policy_target_entropy": torch.special.entr(batch.policy).sum(1).mean(),
            "policy_accuracy": (log_probabilities.argmax(1) == batch.policy.argmax(1)).float().mean(),
        }
    return loss, metrics


def expected_values(output: Output) -> Tensor:
    """The network's values [B, P], normalised, observer-first."""
    if output.value_kind == "scalar":
        return output.value
    win, _, loss = output.value.softmax(1).unbind(1)
    return torch.stack((win - loss, loss - win), dim=1)
