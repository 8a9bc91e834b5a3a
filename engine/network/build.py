"""From a configuration and a game to a network with fresh weights."""

import importlib
from typing import Any

import torch
from torch import nn

from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import GameFacts
from engine.network.mlp import MlpNetwork
from engine.network.network import VALUE_KINDS, Sizes, probe
from engine.network.residual import ResidualNetwork

__all__ = ["build"]

BOARD_RANK = 3  # [planes, rows, columns]; inputs of any other rank count as flat


def build(config: NetworkConfig, game: GameFacts, input_shape: tuple[int, ...], seed: int = 0) -> nn.Module:
    """A network for `game` whose inputs have `input_shape` (from the encoder), its weights drawn from `seed` alone.

    A custom class is imported and called as ``Class(input_shape=..., num_actions=..., num_players=...)``.
    Raises TesujiError where the kind does not fit the inputs, or a custom class is not what it must be.
    """
    shape = tuple(input_shape)
    if not shape:
        raise TesujiError(f"{game.short_name} has no tensors a network could read")
    kind = config.kind
    if kind == "auto":
        kind = "custom" if config.custom else "residual" if len(shape) == BOARD_RANK else "mlp"
    if kind == "residual" and len(shape) != BOARD_RANK:
        raise TesujiError(f"network.kind: residual needs inputs [planes, rows, columns], not {list(shape)}; use mlp")
    value_kind = "wdl" if game.win_draw_loss else "scalar"
    sizes = Sizes(shape, game.num_actions, game.num_players, value_kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "custom":
            return build_custom(config.custom, game, shape)
        if kind == "residual":
            return ResidualNetwork(sizes, config.channels, config.blocks, game.bounded)
        return MlpNetwork(sizes, config.hidden, config.layers, game.bounded)


def build_custom(name: str, game: GameFacts, shape: tuple[int, ...]) -> nn.Module:
    """An instance of the user's class, with its sizes attached and its outputs' shapes checked."""
    network_class = import_class(name)
    try:
        network = network_class(input_shape=shape, num_actions=game.num_actions, num_players=game.num_players)
    except TypeError as error:
        raise TesujiError(f"network {name} must take (input_shape, num_actions, num_players): {error}") from error
    value_kind = getattr(network, "value_kind", "scalar")
    if value_kind not in VALUE_KINDS:
        raise TesujiError(f"network {name}: value_kind is {value_kind!r}; it must be one of {', '.join(VALUE_KINDS)}")
    if value_kind == "wdl" and not game.win_draw_loss:
        raise TesujiError(
            f"network {name}: value_kind 'wdl' needs two players and returns of -1, 0 and 1; "
            f"{game.short_name} has others, use 'scalar'"
        )
    # Plain attributes: the state dict stays the user's own.
    attributes: Any = network
    attributes.value_kind = value_kind
    attributes.sizes = Sizes(shape, game.num_actions, game.num_players, value_kind)
    probe(network)
    return network


def import_class(name: str) -> type[nn.Module]:
    """The class named ``package.module:Class``; TesujiError where there is none."""
    module_name, _, class_name = name.partition(":")
    if not module_name or not class_name:
        raise TesujiError(f"network {name!r}: write it as package.module:Class")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        where = "modules are looked for in the working folder and in PYTHONPATH"
        raise TesujiError(f"network {name!r}: cannot import {module_name}: {error}; {where}") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, nn.Module):
        raise TesujiError(f"network {name!r}: {module_name} has no torch.nn.Module named {class_name}")
    return found
