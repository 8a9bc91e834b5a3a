"""What a method of fine-tuning is, and the parts that methods share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from engine.selfplay.records import Positions

__all__ = [
    "MASKED",
    "Answers",
    "Batch",
    "Context",
    "Method",
    "Output",
    "Played",
    "PolicyGradient",
    "SearchMethod",
    "Searched",
    "Source",
    "Trajectories",
    "expected_values",
    "legal_log_probabilities",
    "policy_loss",
]

MASKED = -1e9
"""Logit of an illegal action: its probability is exactly 0 in float32, and 0 * log of it is 0, not NaN."""


@dataclass(frozen=True)
class Batch:
    """B decisions as tensors on the learner's device: what every method learns from, and each adds to."""

    inputs: Tensor
    """float32 [B, D]"""
    legal_mask: Tensor
    """bool [B, A]"""

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: slice | Tensor) -> Self:
        return type(self)(*(getattr(self, each.name)[rows] for each in fields(self)))

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""
        return type(self)(*(getattr(self, each.name).to(device, non_blocking=True) for each in fields(self)))


@dataclass(frozen=True)
class Searched(Batch):
    """Recorded positions and what a search or a teacher found there: `engine.selfplay.records.Positions` as tensors."""

    policy: Tensor
    """float32 [B, A]"""
    root_values: Tensor
    """float32 [B, P], normalised, observer-first"""
    returns: Tensor
    """float32 [B, P], normalised, observer-first"""

    @classmethod
    def of(cls, positions: Positions) -> Searched:
        """The same numbers as tensors, sharing memory where the types allow it."""
        return cls(
            torch.from_numpy(positions.inputs),
            torch.from_numpy(positions.legal_mask).bool(),
            torch.from_numpy(positions.policy),
            torch.from_numpy(positions.root_values),
            torch.from_numpy(positions.returns),
        )


@dataclass(frozen=True)
class Played(Batch):
    """Decisions of games that the network has played, and what came of them."""

    actions: Tensor
    """int64 [B]: what was played"""
    log_policy: Tensor
    """float32 [B, A]: log-probabilities that it was drawn from; those of illegal actions are about `MASKED`"""
    magnet: Tensor
    """float32 [B, A]: log-probabilities of the policy that the network is drawn to, in the same form"""
    magnet_weight: Tensor
    """float32 [B]: how strongly, in nats beside the policy loss: the schedule's value for this iteration"""
    advantages: Tensor
    """float32 [B]: of the action over the policy, for the player who moved, normalised units"""
    returns: Tensor
    """float32 [B, P]: what the values shall predict, normalised, observer-first"""
    outcomes: Tensor
    """float32 [B, P]: the rest of the game's returns from here, undiscounted, normalised, observer-first"""


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


BatchT = TypeVar("BatchT", bound=Batch, contravariant=True)


class Method(Protocol[BatchT]):
    """What is learnt. The learner owns everything else: optimiser, averages, reference, resume.

    `loss` must be a mean over the batch's rows (so that halves of a batch can be computed apart), draw no random
    numbers and keep no state.
    """

    name: str

    def loss(self, output: Output, batch: BatchT) -> tuple[Tensor, dict[str, Tensor]]:
        """A scalar to minimise, and scalar metrics (detached)."""
        ...


class SearchMethod(Method[Searched], Protocol):
    """Learns from recorded positions, drawn again and again."""

    def collect(self, context: Context) -> Searched:
        """The next batch of `context.batch_size` positions."""
        ...


@dataclass(frozen=True)
class Trajectories:
    """Whole games that the network has played, one after the other: S decisions of E games, as arrays.

    What a policy-gradient method turns into `Played`. Values and rewards are normalised (utility / value_scale).
    """

    inputs: NDArray[np.float32]
    """[S, D], drawn from the mover's seat"""
    legal_mask: NDArray[np.uint8]
    """[S, A]"""
    players: NDArray[np.int32]
    """[S]: who moved"""
    actions: NDArray[np.int64]
    """[S]"""
    log_policy: NDArray[np.float32]
    """[S, A]: as in `Played`; of the network as it was when the game was played"""
    values: NDArray[np.float32]
    """[S, P]: the network's, observer-first"""
    rewards: NDArray[np.float32]
    """[S, P]: of every seat in the game's order, from this decision up to the next one of any player"""
    learnt: NDArray[np.bool_]
    """[S]: the decision is the learning network's; those of opponents only tell what came of it"""
    offsets: NDArray[np.int64]
    """[E + 1]: game e has the decisions offsets[e] .. offsets[e + 1]"""
    groups: NDArray[np.int64]
    """[E]: games with the same number began alike (`RolloutConfig` and `GrpoConfig.group`)"""

    def __len__(self) -> int:
        return len(self.inputs)


class Answers(Protocol):
    """A network asked for many decisions at once."""

    def __call__(self, inputs: NDArray[np.float32], legal_mask: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Log-probabilities float32 [S, A] over legal actions; those of illegal ones are about `MASKED`."""
        ...


class PolicyGradient(Method[Played], Protocol):
    """Learns from the games that the network has just played, then forgets them."""

    epochs: int
    """Passes over an iteration's decisions."""
    group: int
    """Games that begin alike: same start, same chance before the first decision."""

    def prepare(self, played: Trajectories, current: Answers, reference: Answers, progress: float) -> Played:
        """The rows to learn from in this iteration (perhaps not all), on the CPU.

        current, reference: the network as it is now, and the agent that the run began with. progress: share of the
        training budget used, in [0, 1].
        """
        ...


def legal_log_probabilities(prior_logits: Tensor, legal_mask: Tensor) -> Tensor:
    """Log-softmax over legal actions, [B, A]; illegal actions get about `MASKED`."""
    return functional.log_softmax(prior_logits.masked_fill(~legal_mask, MASKED), dim=1)


def policy_loss(prior_logits: Tensor, batch: Searched) -> tuple[Tensor, dict[str, Tensor]]:
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
