"""Weights of your own network, made elsewhere, become a checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyspiel
import safetensors.torch
from safetensors import SafetensorError

from engine.config import NetworkConfig
from engine.errors import CheckpointError
from engine.files import read_file
from engine.game import encoder_shape, facts
from engine.network.build import build
from engine.network.checkpoint import fill, save_checkpoint

__all__ = ["adopt"]


def adopt(file: Path, network_class: str | None, game: pyspiel.Game | None, folder: Path) -> str:
    """Write the checkpoint `folder` from a safetensors file with the state dict of `network_class` for `game`.

    The class is the same as everywhere: ``package.module:Class``, called with (input_shape, num_actions, num_players).
    Returns the hash of the weights. Raises TesujiError for what is missing, and where names or shapes do not fit.
    """
    if network_class is None:
        raise CheckpointError(f"{file}: bare weights: give their class with --network package.module:Class")
    if game is None:
        raise CheckpointError(f"{file}: bare weights: say which game they play (--game GAME)")
    try:
        data = read_file(file)
        weights = safetensors.torch.load(data)
    except OSError as error:
        raise CheckpointError(f"{file}: {error.strerror}") from error
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{file}: not a safetensors file: {error}") from error
    config = NetworkConfig(kind="custom", custom=network_class)
    network = build(config, facts(game), encoder_shape(game))
    fill(network, weights, file)
    lineage = {"adopted_from": file.name, "sha256": hashlib.sha256(data).hexdigest()}
    card = f"# {network_class} for {game}\n\nAdopted from {file.name}.\n"
    return save_checkpoint(folder, network, config, str(game), "adopted", lineage, {}, card)
