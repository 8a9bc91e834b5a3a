"""The residual network for board-shaped inputs [C, H, W].

A torso of 3x3 convolutions with batch normalisation (He et al. 2016, blocks as in AlphaZero), then one 1x1 convolution
shared by both heads: its channels are split between a linear policy and a two-layer value. Nothing in it is dear on a
CPU but the torso, and every batch normalisation folds into the convolution before it (`engine.network.fold`).
"""

import torch
from torch import Tensor, nn

from engine.network.network import Network, Sizes

__all__ = ["ConvNorm", "ResidualNetwork"]

# Channels of each head's part of the 1x1 convolution. AlphaZero has 2 and 1, for boards of 361 points and 256 channels;
# small boards afford more.
HEAD_CHANNELS = 8
VALUE_HIDDEN = 64


class ConvNorm(nn.Module):
    """A convolution without bias followed by batch normalisation."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        """A `size` x `size` kernel, padded so that the board keeps its shape."""
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, planes: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        normalised: Tensor = self.norm(self.convolution(planes))
        return normalised


class Block(nn.Module):
    """Two convolutions and a skip connection."""

    def __init__(self, channels: int) -> None:
        """A block of constant width."""
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, planes: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same shape."""
        return torch.relu(self.second(torch.relu(self.first(planes))) + planes)


class ResidualNetwork(Network):
    """Signature and perspective as in `engine.network.network`."""

    def __init__(self, sizes: Sizes, channels: int, blocks: int, bounded: bool) -> None:
        """`channels` wide, `blocks` deep; scalar values pass a tanh where utilities are `bounded`."""
        super().__init__(sizes)
        planes, height, width = sizes.input_shape
        flat = HEAD_CHANNELS * height * width
        self.squash = bounded and sizes.value_kind == "scalar"
        self.stem = ConvNorm(planes, channels, 3)
        self.torso = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.heads = ConvNorm(channels, 2 * HEAD_CHANNELS, 1)
        self.policy = nn.Linear(flat, sizes.num_actions)
        self.value_hidden = nn.Linear(flat, VALUE_HIDDEN)
        self.value = nn.Linear(VALUE_HIDDEN, sizes.value_width)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """f32[B, D] -> prior_logits f32[B, A], value f32[B, P or 3]."""
        planes = inputs.reshape(-1, *self.sizes.input_shape)
        planes = self.torso(torch.relu(self.stem(planes)))
        # Flat first: halves of rows are cheap to take, halves of channels are not (6 % of a small network's time).
        policy, value = torch.relu(self.heads(planes)).flatten(1).chunk(2, dim=1)
        value = self.value(torch.relu(self.value_hidden(value)))
        return self.policy(policy), torch.tanh(value) if self.squash else value
