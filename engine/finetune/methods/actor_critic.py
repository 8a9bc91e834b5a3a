"""What ppo and mmd have in common: advantages by a critic, and how that critic learns.

Details
-------
1. Every player has a critic: the network's value output has a column for each, drawn from what the mover knows.
   Advantages of a player's decisions use its own column (`engine.finetune.advantage`), never what others know.
2. Scalar heads learn lambda-returns in the mover's column and the rest of the game's returns in the others, by squared
   error, mean over both axes. Win/draw/loss heads learn the class of the outcome, by cross-entropy.
3. No clipping of values (Andrychowicz et al., 2021, "What matters for on-policy deep actor-critic methods?", found no
   use in it), no bonus for exploration beside what each method says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from engine.finetune.methods.method import MASKED, Answers, Output, Played, Trajectories, legal_log_probabilities
from engine.finetune.methods.sft import outcome_classes

__all__ = [
    "Estimator",
    "clipped_surrogate",
    "divergence",
    "entropy",
    "log_ratios",
    "played",
    "uniform",
    "value_loss",
    "with_advantages",
]

Floats = NDArray[np.float32]


class Estimator(Protocol):
    """The fields of a method's configuration that say how advantages are estimated."""

    @property
    def advantage(self) -> str:
        """Which estimator: "gae" or "vtrace"."""

    @property
    def trace_decay(self) -> float:
        """Lambda."""

    @property
    def discount(self) -> float:
        """Of rewards, an own decision."""


def with_advantages(games: Trajectories, current: Answers, config: Estimator) -> tuple[Floats, Floats, Floats]:
    """Advantages [S], value targets [S, P] and outcomes [S, P], the mover first."""
    from engine.finetune.advantage import estimate, outcomes  # here, because it brings numba

    ratios = None
    if config.advantage == "vtrace":
        rows = np.arange(len(games))
        now = current(games.inputs, games.legal_mask)[rows, games.actions]
        ratios = np.exp(now - games.log_policy[rows, games.actions])
    rest = outcomes(games.players, games.rewards, games.offsets)
    advantages, own = estimate(
        games.players,
        np.ascontiguousarray(games.values[:, 0]),
        games.rewards,
        games.offsets,
        discount=config.discount,
        trace_decay=config.trace_decay,
        ratios=ratios,
    )
    targets = rest.copy()
    targets[:, 0] = own
    return advantages, targets, rest


def played(
    games: Trajectories,
    advantages: Floats,
    targets: Floats,
    rest: Floats,
    *,
    magnet: Floats | None = None,
    magnet_weight: float = 0.0,
    rows: NDArray[np.int64] | None = None,
) -> Played:
    """The decisions `rows` (None: all that are learnt from) as tensors. `magnet` None: nothing is drawn anywhere."""
    if rows is None:
        rows = np.flatnonzero(games.learnt)
    pull = np.zeros((len(games), 0), np.float32) if magnet is None else magnet
    arrays: Iterable[NDArray[np.generic]] = (
        games.inputs,
        games.legal_mask,
        games.actions,
        games.log_policy,
        pull,
        np.full(len(games), magnet_weight, np.float32),
        advantages,
        targets,
        rest,
    )
    chosen = [torch.from_numpy(array if len(rows) == len(games) else array[rows]) for array in arrays]
    chosen[1] = chosen[1].bool()
    return Played(*chosen)


def uniform(legal_mask: NDArray[np.uint8]) -> Floats:
    """Log-probabilities [S, A] of the uniform policy over legal actions."""
    share = -np.log(legal_mask.sum(1, keepdims=True, dtype=np.float32))
    return np.where(legal_mask != 0, share, np.float32(MASKED)).astype(np.float32)


def log_ratios(output: Output, batch: Played) -> tuple[Tensor, Tensor]:
    """Log-probabilities of all actions [B, A], and of those played less what they were when played [B]."""
    log_policy = legal_log_probabilities(output.prior_logits, batch.legal_mask)
    rows = batch.actions[:, None]
    return log_policy, (log_policy.gather(1, rows) - batch.log_policy.gather(1, rows))[:, 0]


def divergence(log_policy: Tensor, other: Tensor) -> Tensor:
    """KL(policy || other) of each row [B], in nats; illegal actions, about `MASKED` in both, count nothing."""
    return (log_policy.exp() * (log_policy - other)).sum(1)


def entropy(log_policy: Tensor) -> Tensor:
    """Of each row [B], in nats."""
    return -(log_policy.exp() * log_policy).sum(1)


def clipped_surrogate(log_ratio: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, dict[str, Tensor]]:
    """-min(r A, clip(r, 1 - clip, 1 + clip) A), mean over the batch, to be minimised (Schulman et al., 2017).

    Metrics: policy_loss; step_kl, the estimate r - 1 - log r of KL(played || network); clipped_share of the ratios.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
    with torch.no_grad():
        metrics = {
            "policy_loss": loss.detach(),
            "step_kl": (ratio - 1.0 - log_ratio).mean(),
            "clipped_share": ((ratio - 1.0).abs() > clip).float().mean(),
        }
    return loss, metrics


def value_loss(output: Output, batch: Played) -> Tensor:
    """See points 2 and 3 above."""
    if output.value_kind == "wdl":
        return functional.cross_entropy(output.value, outcome_classes(batch.outcomes))
    return functional.mse_loss(output.value, batch.returns)
