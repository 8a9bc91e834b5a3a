"""Networks for inference: batch normalisation folded away, and values made normalised values."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from engine.network.network import values_of
from engine.network.residual import ConvNorm

__all__ = ["Answers", "folded"]


class Answers(nn.Module):
    """A network with normalised values: f32[B, D] -> prior_logits f32[B, A], values f32[B, P] (observer first).

    The network inside may compute in another type; inputs and answers are float32.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        """Answer with `network`, which takes inputs of type `dtype`."""
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        logits, value = self.network(inputs.to(self.dtype))
        return logits.float(), values_of(self.network, value.float())


def folded(network: nn.Module, state_dict: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A copy of `network` in evaluation mode, without gradients, with every `ConvNorm` made one convolution with bias.

    With `state_dict`, the copy has those weights instead of the network's own. Its answers equal those of
    ``network.eval()`` up to rounding. Other modules are copied as they are.
    """
    result = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    if state_dict is not None:
        result.load_state_dict(state_dict)
    for module in list(result.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, ConvNorm):
                setattr(module, name, fold(child))
    return result


def fold(pair: ConvNorm) -> nn.Conv2d:
    """One convolution with the weights and bias of convolution and (evaluation-mode) normalisation together."""
    old, norm = pair.convolution, pair.norm
    assert norm.running_mean is not None and norm.running_var is not None
    # Double precision: the fold is done once, its rounding would be paid at every leaf.
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    new = nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size[0], padding=old.kernel_size[0] // 2)
    new.weight.data = (old.weight.double() * scale[:, None, None, None]).float()
    assert new.bias is not None
    new.bias.data = (norm.bias.double() - norm.running_mean.double() * scale).float()
    return new.eval().requires_grad_(False)
