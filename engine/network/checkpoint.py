"""Checkpoints: a folder with ``model.safetensors``, ``config.json`` and a model card ``README.md``.

No pickle is read, and no code named in a checkpoint is imported: a custom network's class has to be given again.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import engine
from engine.config import NetworkConfig
from engine.errors import CheckpointError, ConfigError, TesujiError
from engine.files import SEAL, atomic_folder, is_sealed, read_file, read_json, sealed, write_errors
from engine.game import encoder_shape, facts, foreign_file, load_game
from engine.network.build import build
from engine.network.network import sizes_of

__all__ = ["Checkpoint", "load_checkpoint", "place_for", "read_config", "require_known_file", "save_checkpoint"]

FORMAT = 2
UNSEALED = 1
"""The older format, which is read as well: all but its seal, so that only its weights are known to be unchanged."""
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
KEYS: dict[str, type] = {
    "game": str,
    "network": dict,
    "sizes": dict,
    "method": str,
    "lineage": dict,
    "metrics": dict,
    "weights": dict,
    "versions": dict,
}
"""What every configuration holds beside its format, and of which type."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint."""

    network: nn.Module
    """In evaluation mode, on the CPU, in the precision it was saved in."""
    network_config: NetworkConfig
    """With `encoder` resolved to a name."""
    game: str
    """Full game string."""
    encoder: str
    method: str
    """What made the weights, such as "imitation" or "expert_iteration"."""
    metrics: dict[str, Any]
    lineage: dict[str, Any]
    """Where it comes from; `parent` is the hash of the checkpoint it was trained from."""
    hash: str
    """sha256 of the weights file, as hexadecimal digits."""
    path: Path


def save_checkpoint(
    folder: Path,
    network: nn.Module,
    config: NetworkConfig,
    game: str,
    method: str,
    lineage: Mapping[str, Any],
    metrics: Mapping[str, Any],
    card: str,
) -> str:
    """Write a checkpoint folder atomically, in place of one that may stand there; returns the hash of the weights.

    `card` is the text of the model card (Markdown). Raises TesujiError where the folder cannot be written, or holds
    anything but a checkpoint; what stood there before is then untouched.
    """
    place = place_for(folder)
    loaded = load_game(game)
    encoder = facts(loaded).encoder if config.encoder == "auto" else config.encoder
    weights = weight_bytes(network)
    digest = hashlib.sha256(weights).hexdigest()
    content = {
        "format": FORMAT,
        "game": str(loaded),
        "network": asdict(replace(config, encoder=encoder)),
        "sizes": asdict(sizes_of(network)),
        "method": method,
        "lineage": dict(lineage),
        "metrics": dict(metrics),
        "weights": {"file": WEIGHTS, "sha256": digest, "bytes": len(weights)},
        "versions": {"tesuji": engine.__version__} | {name: version(name) for name in ("torch", "open_spiel")},
    }
    text = json.dumps(sealed(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_folder(place) as temporary:
        (temporary / WEIGHTS).write_bytes(weights)
        (temporary / CONFIG).write_bytes(text.encode())
        (temporary / CARD).write_bytes(card.encode())
    return digest


def place_for(folder: Path) -> Path:
    """Where `folder` leads, if a checkpoint can be written there: before long work, too. Makes its parent.

    Raises TesujiError where the system refuses, and where anything would be lost but an older checkpoint.
    """
    with write_errors(folder):
        place = folder.resolve()
        if place == Path.cwd():  # replacing it would leave the user's shell in a deleted folder
            raise CheckpointError(f"{folder} is the working folder: name a new folder in it")
        if place.exists() and any(place.iterdir()) and not holds_checkpoint(place):
            raise CheckpointError(f"{folder} holds something other than a checkpoint: name a new folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.", suffix=".tmp"):
            pass  # the only sure sign that the system lets us write
    return place


def holds_checkpoint(folder: Path) -> bool:
    """The folder holds a checkpoint of a format that this version reads, and nothing else."""
    try:
        read_config(folder)
    except CheckpointError:
        return False
    return {entry.name for entry in folder.iterdir()} <= {WEIGHTS, CONFIG, CARD}


def load_checkpoint(path: Path | str, network_class: str | None = None, game: str | None = None) -> Checkpoint:
    """Read a checkpoint folder, verify its hash, and build its network.

    `network_class` (``package.module:Class``) is needed for a custom network and refused for a built-in one. With
    `game` the checkpoint must be for that game. Raises CheckpointError, in one line naming the file, for everything
    that is missing, damaged or does not fit.
    """
    folder = Path(path)
    content = read_config(folder)
    file = folder / CONFIG
    own_game, digest = content["game"], content["weights"]["sha256"]
    try:
        config = NetworkConfig(**content["network"])
    except (TypeError, ConfigError) as error:
        raise CheckpointError(f"{file}: not a checkpoint's configuration: {error}") from error
    require_known_file(folder, own_game, game)
    try:
        loaded = load_game(own_game)
        shape = encoder_shape(loaded, config.encoder)
    except TesujiError as error:
        raise CheckpointError(f"{file}: {error}") from error
    if game is not None and str(load_game(game)) != str(loaded):
        raise CheckpointError(f"{folder}: this checkpoint plays {own_game}, not {game}")
    weights = read_weights(folder / WEIGHTS, digest)
    built = with_class(config, network_class, folder)
    # First without memory, for sizes that are claimed only; a custom class may need real tensors.
    with nullcontext() if network_class else torch.device("meta"):
        network = build(built, facts(loaded), shape)
    if json.loads(json.dumps(asdict(sizes_of(network)))) != content["sizes"]:
        raise CheckpointError(f"{file}: sizes do not fit the game {own_game} with encoder {config.encoder}")
    require_fit(network, weights, folder / WEIGHTS)
    if network_class is None:
        network = build(built, facts(loaded), shape)
    fill(network, weights, folder / WEIGHTS)
    network.eval()
    method, metrics, lineage = content["method"], content["metrics"], content["lineage"]
    return Checkpoint(network, config, own_game, config.encoder, method, metrics, lineage, digest, folder)


def require_known_file(folder: Path, own: str, game: str | None = None) -> None:
    """A checkpoint's word alone opens no file: that takes the same `game` from the user. Else CheckpointError."""
    file = foreign_file(own)
    if file is not None and (game is None or str(load_game(game)) != own):
        raise CheckpointError(f"{folder}: its game reads the file {file}; if you trust it, add --game '{own}'")


def weight_bytes(network: nn.Module) -> bytes:
    """The network's state dict in safetensors format."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    return safetensors.torch.save(tensors)


def read_config(folder: Path) -> dict[str, Any]:
    """The checkpoint's config.json, of a known format and unchanged, with all `KEYS` and a hash of the weights."""
    file = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such checkpoint folder")
    try:
        content = read_json(file)
    except TesujiError as error:
        raise CheckpointError(str(error)) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found not in (FORMAT, UNSEALED):
        raise CheckpointError(f"{file}: format {found!r} is unknown; this version of Tesuji reads format {FORMAT}")
    if not is_sealed(content) if found == FORMAT else SEAL in content:
        raise CheckpointError(f"{file}: damaged: it is not what was written with these weights")
    wrong = [name for name, kind in KEYS.items() if not isinstance(content.get(name), kind)]
    if not wrong and not isinstance(content["weights"].get("sha256"), str):
        wrong = ["weights.sha256"]
    if wrong:
        raise CheckpointError(f"{file}: not a checkpoint's configuration: no valid {wrong[0]!r}")
    return dict(content)


def read_weights(file: Path, digest: str) -> dict[str, Tensor]:
    """The tensors of a weights file whose sha256 is `digest`."""
    try:
        data = read_file(file)
    except OSError as error:
        raise CheckpointError(f"{file}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckpointError(f"{file}: damaged: its sha256 is not the one in {CONFIG}")
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{file}: not a safetensors file: {error}") from error


def with_class(config: NetworkConfig, network_class: str | None, folder: Path) -> NetworkConfig:
    """The configuration to build from: code is taken from the caller, never from the checkpoint."""
    custom = config.kind == "custom" or bool(config.custom)
    if custom and network_class is None:
        raise CheckpointError(
            f"{folder}: has a custom network ({config.custom}): give its class again with "
            f"--network package.module:Class"
        )
    if not custom and network_class is not None:
        raise CheckpointError(f"{folder}: has a built-in network; leave out --network {network_class}")
    return replace(config, custom=network_class) if network_class is not None else config


def fill(network: nn.Module, weights: Mapping[str, Tensor], file: Path) -> None:
    """Copy `weights` into `network`, bit for bit; names, shapes and types must be the same."""
    require_fit(network, weights, file)
    network.load_state_dict(weights)


def require_fit(network: nn.Module, weights: Mapping[str, Tensor], file: Path) -> None:
    """CheckpointError naming the tensor unless names, shapes and types of `weights` are those of `network`."""
    own = network.state_dict()
    for name in sorted(own.keys() ^ weights.keys()):
        reason = "is missing" if name in own else "does not belong to this network"
        raise CheckpointError(f"{file}: tensor {name} {reason}")
    for name, tensor in own.items():
        found = weights[name]
        if tensor.shape != found.shape or tensor.dtype != found.dtype:
            raise CheckpointError(f"{file}: tensor {name} is {describe(found)}, the network needs {describe(tensor)}")


def describe(tensor: Tensor) -> str:
    """Type and shape, for messages."""
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
