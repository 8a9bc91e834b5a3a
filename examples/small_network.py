"""A network of your own: any torch module that is called like this and answers like this."""

import math

import torch
from torch import Tensor, nn


class SmallNetwork(nn.Module):
    """One hidden layer. Give it as `--network examples.small_network:SmallNetwork`."""

    def __init__(self, input_shape: tuple[int, ...], num_actions: int, num_players: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(math.prod(input_shape), 64), nn.ReLU())
        self.policy = nn.Linear(64, num_actions)
        self.value = nn.Linear(64, num_players)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [B, D] -> logits of the moves [B, A], values [B, P] in [-1, 1], those of the player to move first."""
        hidden = self.body(inputs)
        return self.policy(hidden), torch.tanh(self.value(hidden))
