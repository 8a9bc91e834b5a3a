"""What every network is: a `torch.nn.Module` with one signature.

    forward(inputs: f32[B, D]) -> (prior_logits: f32[B, A], value)

`value` is by the module's `value_kind`
    "scalar"  f32[B, P]: normalised values (utility / value_scale) of the returns still to come, column k for player
              (observer + k) mod P, where the observer is the player to move, from whose seat the inputs are drawn
    "wdl"     f32[B, 3]: logits of win, draw and loss of the observer; only two-player zero-sum games with returns of
              -1, 0 and 1

A network of your own is any such module whose class takes (input_shape, num_actions, num_players), given as
``--network package.module:Class``. It may set a class attribute `value_kind`; without one it is "scalar".
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.errors import TesujiError

__all__ = ["VALUE_KINDS", "Network", "Sizes", "probe", "sizes_of", "values_of"]

VALUE_KINDS = ("scalar", "wdl")
WIN_DRAW_LOSS = 3


@dataclass(frozen=True)
class Sizes:
    """The shapes a network speaks in."""

    input_shape: tuple[int, ...]
    """What the flat input of D numbers is, for example (planes, rows, columns)."""
    num_actions: int
    """A."""
    num_players: int
    """P."""
    value_kind: str
    """"scalar" or "wdl"."""

    @property
    def inputs(self) -> int:
        """D, the length of a flat input."""
        return int(torch.Size(self.input_shape).numel())

    @property
    def value_width(self) -> int:
        """Columns of the network's own value output."""
        return WIN_DRAW_LOSS if self.value_kind == "wdl" else self.num_players


class Network(nn.Module):
    """Base of the built-in networks: carries its sizes."""

    def __init__(self, sizes: Sizes) -> None:
        """Remember `sizes`."""
        super().__init__()
        self.sizes = sizes
        self.value_kind = sizes.value_kind


def sizes_of(network: nn.Module) -> Sizes:
    """The sizes of a network made by `engine.network.build`; TesujiError for any other module."""
    sizes = getattr(network, "sizes", None)
    if not isinstance(sizes, Sizes):
        raise TesujiError(f"{type(network).__name__} has no sizes: make networks with engine.network.build")
    return sizes


def values_of(network: nn.Module, value_output: Tensor) -> Tensor:
    """The network's own value output as normalised values f32[B, P], observer first."""
    if sizes_of(network).value_kind == "scalar":
        return value_output
    win, _, loss = value_output.softmax(dim=1).unbind(dim=1)
    return torch.stack((win - loss, loss - win), dim=1)


def probe(network: nn.Module) -> None:
    """Run two rows of zeros through the network; TesujiError naming the field where an output has the wrong shape."""
    sizes = sizes_of(network)
    name = type(network).__name__
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            output = network(torch.zeros(2, sizes.inputs))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise TesujiError(f"network {name} does not take inputs of shape (2, {sizes.inputs}): {reason}") from error
    finally:
        network.train(training)
    if not isinstance(output, tuple) or len(output) != 2:
        raise TesujiError(f"network {name} must return two tensors: prior_logits and value")
    widths = {"prior_logits": sizes.num_actions, "value": sizes.value_width}
    for (field, width), tensor in zip(widths.items(), output, strict=True):
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        if shape != (2, width):
            raise TesujiError(f"network {name}: {field} has shape {shape} for 2 inputs; it must be (2, {width})")
