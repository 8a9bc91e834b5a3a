"""The folder of a run: made complete or not at all, locked while a process trains it, swept when one begins."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyspiel
from torch import nn

from engine.config import NetworkConfig, RunConfig, changes, load_config, save_config, settle
from engine.errors import Refusal, TesujiError
from engine.files import (
    atomic_folder,
    atomic_write,
    clear_leftovers,
    is_sealed,
    read_file,
    read_json,
    sealed,
    write_errors,
)
from engine.finetune.methods import POLICY_GRADIENTS
from engine.finetune.rollout import read_starts
from engine.game import encoder_shape, facts, load_game, require_rollouts, require_self_play, sound_method
from engine.network import Checkpoint, build, checkpoint, load_checkpoint, save_checkpoint
from engine.network.mlp import MlpNetwork
from engine.network.residual import ResidualNetwork

__all__ = [
    "CHECKPOINTS",
    "CONFIG",
    "REFERENCE",
    "UNTRAINED",
    "accept",
    "create",
    "load_reference",
    "load_run_config",
    "locked",
    "require_run",
    "sweep",
    "with_starts",
]

FORMAT = 2
RUN, CONFIG, STARTS = "run.json", "config.toml", "starts.jsonl"
CHECKPOINTS, REFERENCE = "checkpoints", "reference"
"""The reference is the agent that a run starts from."""
UNTRAINED = "untrained"
"""The method of a checkpoint of random weights."""
KINDS: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    ResidualNetwork: ("residual", ("channels", "blocks")),
    MlpNetwork: ("mlp", ("hidden", "layers")),
}
"""What a network is called in a configuration, and the fields there that it makes use of."""
SETTLED = ("game", "method.name", "network.")
"""Beginnings of the fields that a run cannot change: its networks, games and snapshots are made for them."""
SHOWN = 3
"""Changed fields that a message names."""


def require_method(game: pyspiel.Game, method: str) -> None:
    """Raise TesujiError, naming the method that is sound instead, unless learning from searches is sound in `game`."""
    try:
        require_self_play(game)
    except TesujiError as error:
        sound = sound_method(game)[0]
        words = {f"method.name={method}": f"method.name={sound}"}
        raise Refusal(f"{error}; use the method {sound}", words, {"--method": sound}) from error


def create(config: RunConfig, output: Path, start: Path | None, network_class: str | None) -> None:
    """Make the folder of a run from the checkpoint `start`, else from an untrained network."""
    game = load_game(config.game)
    if config.method.name in POLICY_GRADIENTS:
        game = require_rollouts(game)
        config = replace(config, game=str(game))
    else:
        require_method(game, config.method.name)
    starts = read_starts(Path(config.rollout.starts), config.rollout.held_out) if config.rollout.starts else []
    if config.iterations == 0 and config.minutes == 0.0:
        raise TesujiError("no training budget: set iterations or minutes above 0")
    place = free_place(output)
    if start is not None:
        loaded = load_checkpoint(start, network_class, game=config.game)
        network_config = loaded.network_config
        require_its_network(config, loaded)
    else:
        network_config = config.network
        if network_class is not None:
            network_config = replace(network_config, kind="custom", custom=network_class)
        known = facts(game)
        encoder = known.encoder if network_config.encoder == "auto" else network_config.encoder
        network = build(network_config, known, encoder_shape(game, encoder), config.seed)
    with write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(place)
    with atomic_folder(place) as folder:
        reference = folder / CHECKPOINTS / REFERENCE
        if start is not None:
            reference.mkdir(parents=True)
            for file in (start / name for name in (checkpoint.WEIGHTS, checkpoint.CONFIG, checkpoint.CARD)):
                if file.exists():
                    atomic_write(reference / file.name, file.read_bytes())
            digest = loaded.hash
        else:
            card = f"# An untrained network for {config.game}\n\nSeed {config.seed}.\n"
            digest = save_checkpoint(reference, network, network_config, config.game, UNTRAINED, {}, {}, card)
        if starts:  # a run has its own: the file may be edited, or named from another folder
            atomic_write(folder / STARTS, "".join(f"{json.dumps(start)}\n" for start in starts).encode())
            config = replace(config, rollout=replace(config.rollout, starts=STARTS))
        config = replace(config, network=network_config)
        save_config(config, folder / CONFIG)
        write_record(folder, digest, config)


def write_record(folder: Path, reference: str, config: RunConfig) -> None:
    """Write run.json: what the run was made with, by which a later change of its files is noticed."""
    record = {"format": FORMAT, "reference": reference, "config": asdict(config), "starts": starts_sum(folder, config)}
    atomic_write(folder / RUN, json.dumps(sealed(record)).encode() + b"\n")


def read_record(folder: Path) -> dict[str, Any]:
    """The content of run.json. Raises TesujiError where it is damaged or of another version."""
    file = folder / RUN
    content = read_json(file)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise TesujiError(
            f"{file}: format {found!r} is unknown; this version of Tesuji reads format {FORMAT}: begin a new run from "
            f"its best agent with --from {folder}"
        )
    if not is_sealed(content):
        raise TesujiError(f"{file} is damaged: it is not what was written")
    return dict(content)


def starts_sum(folder: Path, config: RunConfig) -> str:
    """The checksum of the run's own starts; empty where it has none."""
    if not config.rollout.starts:
        return ""
    try:
        return hashlib.sha256(read_file(folder / STARTS)).hexdigest()
    except OSError as error:
        raise TesujiError(f"cannot read {folder / STARTS}: {error.strerror}") from error


def load_run_config(output: Path, accept_changes: bool = False) -> tuple[RunConfig, dict[str, tuple[Any, Any]]]:
    """The configuration of the run in `output` and what has changed in it since the run was made: (before, now) by
    dotted name.

    Raises TesujiError for any change unless they are to be accepted, and for those that no run can take.
    """
    file = output / CONFIG
    config, record = load_config(file), read_record(output)
    found = changes(settle(record["config"], str(output / RUN)), config)
    if config.rollout.starts and (now := starts_sum(output, config)) != record["starts"]:
        found[STARTS] = (f"sha256 {record['starts'][:8]}", f"sha256 {now[:8]}")
    words = [f"{name} is {after!r}, was {before!r}" for name, (before, after) in found.items()]
    told = ", ".join(words[:SHOWN]) + (f", and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
    if any(name.startswith(SETTLED) for name in found):
        raise TesujiError(f"{file} was changed: {told}; no run can change game, method or network: begin a new one")
    if found and not accept_changes:
        raise TesujiError(
            f"{file} was changed: {told}; undo it, or go on with the new values: "
            f"tesuji train --resume {output} --accept-config"
        )
    return config, found


def accept(output: Path, config: RunConfig) -> None:
    """Take the `config` of `load_run_config` for that of the run from now on."""
    write_record(output, read_record(output)["reference"], config)


def with_starts(output: Path, config: RunConfig) -> RunConfig:
    """The configuration with the place of the run's own starts, which is not written down: a run may be moved."""
    if not config.rollout.starts:
        return config
    return replace(config, rollout=replace(config.rollout, starts=str(output / STARTS)))


def free_place(output: Path) -> Path:
    """Where `output` leads, if a run's folder can be made there in one step; else TesujiError."""
    with write_errors(output):
        if (output / RUN).exists():
            raise TesujiError(f"{output} already holds a run: go on with --resume {output}, or name another folder")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise TesujiError(f"{output} is not empty: name another folder")
        place = output.resolve()
    if place == Path.cwd():  # replacing it would leave the user's shell in a deleted folder
        raise TesujiError(f"{output} is the working folder: name a new folder in it")
    return place


def require_its_network(config: RunConfig, start: Checkpoint) -> None:
    """TesujiError for a wish about the network that `start`, which brings its own, does not fulfil."""
    usual = load_config(overrides={"game": config.game, "method.name": config.method.name}).network
    kind, shape = KINDS.get(type(start.network), ("custom", ()))
    found = replace(start.network_config, kind=kind)
    for name in ("kind", "encoder", *shape):
        wanted, own = getattr(config.network, name), getattr(found, name)
        if wanted not in (own, getattr(usual, name), getattr(NetworkConfig(), name)):
            raise TesujiError(
                f"network.{name} is {wanted!r}, but {start.path} has a network with {own!r}: leave it out, "
                f"or start without a checkpoint"
            )


def require_run(output: Path) -> None:
    """TesujiError unless there is a run in `output`."""
    if not (output / RUN).is_file():
        raise TesujiError(f"{output}: holds no run to resume: there is no {RUN}")


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold the run for this process alone; the system lets go when the process ends, however it ends."""
    with write_errors(output):
        descriptor = os.open(output / ".lock", os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TesujiError(f"{output}: another process is training this run") from None
        except OSError as error:
            raise TesujiError(f"cannot lock {output}: {error.strerror}; use a file system that has locks") from error
        yield
    finally:
        os.close(descriptor)


def sweep(output: Path) -> None:
    """Remove what writes that were killed have left behind; only for whoever has the run `locked`."""
    with write_errors(output):
        for path in [*output.glob(".*.tmp"), *output.glob("*/.*.tmp")]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def load_reference(output: Path, config: RunConfig, network_class: str | None) -> Checkpoint:
    """The agent that the run started from, if it is still the same."""
    path = output / CHECKPOINTS / REFERENCE
    reference = load_checkpoint(path, network_class, game=config.game)
    if reference.hash != read_record(output)["reference"]:
        raise TesujiError(f"{path} is not the agent this run started from: its hash is not the one in {RUN}")
    return reference
