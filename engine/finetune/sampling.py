"""Actions drawn from masked policies, compiled by numba: a batch takes less than one call of torch."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["sample"]


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def sample(
    log_policy: NDArray[np.float32],
    legal_mask: NDArray[np.uint8],
    draw: NDArray[np.float64],
    actions: NDArray[np.int64],
) -> None:
    """Write to `actions` [N] the one at quantile draw[n] in [0, 1) of the distribution exp(log_policy[n]) [N, A].

    Only legal actions are drawn, whatever rounding leaves of the last quantile.
    """
    for row in range(len(actions)):
        rest = draw[row]
        for action in range(log_policy.shape[1]):
            if legal_mask[row, action]:
                actions[row] = action
                rest -= np.exp(np.float64(log_policy[row, action]))
                if rest < 0.0:
                    break
