"""The multi-layer perceptron for flat inputs."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.network.network import Network, Sizes

__all__ = ["MlpNetwork"]


class MlpNetwork(Network):
    """Layers of linear map, layer normalisation and ReLU, then one linear map a head. Signature and perspective as in
    `engine.network.network`.
    """

    def __init__(self, sizes: Sizes, hidden: int, layers: int, bounded: bool) -> None:
        """`layers` hidden layers of `hidden` units; scalar values pass a tanh where utilities are `bounded`."""
        super().__init__(sizes)
        self.squash = bounded and sizes.value_kind == "scalar"
        widths = [sizes.inputs, *([hidden] * layers)]
        steps: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            steps += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU()]
        self.torso = nn.Sequential(*steps)
        self.policy = nn.Linear(hidden, sizes.num_actions)
        self.value = nn.Linear(hidden, sizes.value_width)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """f32[B, D] -> prior_logits f32[B, A], value f32[B, P or 3]."""
        features = self.torso(inputs)
        value = self.value(features)
        return self.policy(features), torch.tanh(value) if self.squash else value
