"""Records of finished games: what self-play hands to learning, in memory and as a file (a shard)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from engine.errors import TesujiError
from engine.files import atomic_write, read_file

__all__ = ["Positions", "Records", "Shard", "compact_inputs", "read_shard", "write_shard"]

FORMAT = "1"
"""Version of the shard layout, in each file's header."""


@dataclass(frozen=True)
class Positions:
    """N positions to learn from, numbers as the learner takes them."""

    inputs: NDArray[np.float32]
    """[N, D] encoder output for the player to move."""
    legal_mask: NDArray[np.uint8]
    """[N, A] 1 where an action is legal."""
    policy: NDArray[np.float32]
    """[N, A] the distribution to learn: visit shares of the search."""
    root_values: NDArray[np.float32]
    """[N, P] the search's value of what is still to come, normalised, observer-first."""
    returns: NDArray[np.float32]
    """[N, P] what still came: the game's returns less those so far, normalised, observer-first."""

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Records(Positions):
    """Finished games and their recorded decisions, games in id order and decisions in the order they were taken.

    N decisions of G games with P players. Values are normalised (utility / value scale).
    """

    action: NDArray[np.int64]
    """[N] the action played; -1 where the player resigned."""
    player: NDArray[np.int8]
    """[N] who decided (absolute player number)."""
    game_offsets: NDArray[np.int64]
    """[G + 1] decisions of game g are rows game_offsets[g] to game_offsets[g + 1]."""
    game_ids: NDArray[np.int64]
    """[G] number of the game within its run."""
    game_returns: NDArray[np.float32]
    """[G, P] how each game ended, in absolute player order."""
    histories: list[list[int]]
    """[G] all actions of each game, chance outcomes included."""

    @property
    def games(self) -> int:
        """G."""
        return len(self.game_ids)

    @classmethod
    def from_pool(cls, pool: Mapping[str, Any]) -> Records:
        """The dictionary of arrays that the native pool's `run` returns."""
        records = cls(**{each.name: pool[each.name] for each in fields(cls)})
        records.validate()
        return records

    def validate(self) -> None:
        """Raise ValueError naming the first array whose shape does not fit the others."""
        n, g, p = len(self.inputs), len(self.game_ids), self.game_returns.shape[-1]
        a = self.policy.shape[-1]
        shapes: dict[str, tuple[int, ...]] = {
            "inputs": (n, self.inputs.shape[-1]),
            "legal_mask": (n, a),
            "policy": (n, a),
            "root_values": (n, p),
            "returns": (n, p),
            "action": (n,),
            "player": (n,),
            "game_offsets": (g + 1,),
            "game_returns": (g, p),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"records: {name} has shape {list(found)}, not {list(shape)}")
        if len(self.histories) != g:
            raise ValueError(f"records: {len(self.histories)} histories for {g} games")
        offsets = self.game_offsets
        if offsets[0] != 0 or offsets[-1] != n or bool(np.any(np.diff(offsets) < 0)):
            raise ValueError(f"records: game_offsets do not rise from 0 to {n}")

    def split(self, positions: int) -> list[Records]:
        """Parts of whole games with at most `positions` decisions each; a longer game is a part of its own."""
        bounds = [0]
        for game in range(self.games):
            if self.game_offsets[game + 1] - self.game_offsets[bounds[-1]] > positions and game > bounds[-1]:
                bounds.append(game)
        bounds.append(self.games)
        return [self.slice(first, last) for first, last in pairwise(bounds) if last > first]

    def slice(self, first: int, last: int) -> Records:
        """The games with index first to last - 1."""
        low, high = int(self.game_offsets[first]), int(self.game_offsets[last])
        part: dict[str, Any] = {each.name: getattr(self, each.name)[low:high] for each in fields(self)}
        for name in ("game_ids", "game_returns", "histories"):
            part[name] = getattr(self, name)[first:last]
        part["game_offsets"] = self.game_offsets[first : last + 1] - low
        return Records(**part)


def compact_inputs(inputs: NDArray[Any]) -> NDArray[Any]:
    """`inputs` as uint8 where that loses nothing (boards are 0 and 1), else as float32."""
    if inputs.dtype == np.uint8:
        return inputs
    with np.errstate(invalid="ignore"):
        small = inputs.astype(np.uint8)
    return small if np.array_equal(small, inputs) else inputs.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Shard:
    """What the state of a replay says of one file."""

    name: str
    positions: int
    games: int
    sha256: str


def write_shard(folder: Path, name: str, records: Records) -> Shard:
    """Write `records` to ``folder/name`` atomically.

    Inputs are uint8 where exact, policies float16 (relative error at most 2^-11), all else unchanged.
    """
    lengths = [len(history) for history in records.histories]
    arrays: dict[str, NDArray[Any]] = {
        "inputs": compact_inputs(records.inputs),
        "legal_mask": np.packbits(records.legal_mask, axis=1),
        "policy": records.policy.astype(np.float16),
        "history_offsets": np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        "history_actions": np.array([action for history in records.histories for action in history], np.int64),
    }
    for each in ("root_values", "returns", "action", "player", "game_offsets", "game_ids", "game_returns"):
        arrays[each] = getattr(records, each)
    contiguous = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    data = save(contiguous, metadata={"format": FORMAT})
    atomic_write(folder / name, data)
    return Shard(name, len(records), records.games, hashlib.sha256(data).hexdigest())


def read_shard(folder: Path, shard: Shard) -> Records:
    """The records of a file, checked by its sum. Raises TesujiError naming the file if it is damaged."""
    path = folder / shard.name
    try:
        data = read_file(path)
    except OSError as error:
        raise TesujiError(f"cannot read {path}: {error.strerror}; the run needs it to resume") from error
    if hashlib.sha256(data).hexdigest() != shard.sha256:
        raise TesujiError(f"{path} is damaged: its content does not have the checksum it was written with")
    arrays = load(data)
    actions, offsets = arrays.pop("history_actions"), arrays.pop("history_offsets")
    histories = [actions[low:high].tolist() for low, high in pairwise(offsets)]
    width = arrays["policy"].shape[1]
    arrays["legal_mask"] = np.unpackbits(arrays["legal_mask"], axis=1, count=width)
    arrays |= {name: arrays[name].astype(np.float32) for name in ("inputs", "policy")}
    records = Records(histories=histories, **arrays)
    records.validate()
    return records
