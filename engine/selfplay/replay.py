"""Replay: the newest positions in memory, to be sampled; the games they come from on disk, in checksummed shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.files import write_errors
from engine.game import Symmetry
from engine.selfplay.records import Positions, Records, Shard, compact_inputs, read_shard, write_shard

__all__ = ["Replay", "Window"]

FIRST_CAPACITY = 4096
"""Rows of a new window's arrays; they double until the window is full, so that a large window costs nothing early."""


class Window:
    """A ring of the newest `capacity` positions, sampled uniformly with random symmetries.

    Kept compact (inputs uint8 where exact, masks as bits, policies float16); a sample comes out as float32.
    Not for use by several threads.
    """

    def __init__(self, capacity: int, symmetries: Sequence[Symmetry] = (), *, seed: int | Sequence[int] = 0) -> None:
        self.capacity = capacity
        self.symmetries = list(symmetries)
        self.generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        self.added = 0
        """Positions ever added; the ring holds the last `len(self)` of them."""
        self.actions = 0
        self.arrays: list[NDArray[Any]] = []

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def append(self, positions: Positions) -> None:
        """Add positions, the oldest making room for them."""
        count = min(len(positions), self.capacity)
        skip = len(positions) - count
        self.actions = positions.policy.shape[1]
        columns: list[NDArray[Any]] = [
            compact_inputs(positions.inputs)[skip:],
            np.packbits(positions.legal_mask[skip:], axis=1),
            positions.policy[skip:].astype(np.float16),
            positions.root_values[skip:].astype(np.float32, copy=False),
            positions.returns[skip:].astype(np.float32, copy=False),
        ]
        self._reserve(columns, self.added + len(positions))
        rows = (np.arange(self.added + skip, self.added + len(positions))) % self.capacity
        for array, column in zip(self.arrays, columns, strict=True):
            array[rows] = column
        self.added += len(positions)

    def _reserve(self, columns: list[NDArray[Any]], needed: int) -> None:
        rows = min(self.capacity, max(FIRST_CAPACITY, 1 << max(0, needed - 1).bit_length()))
        if not self.arrays:
            self.arrays = [np.empty((rows, column.shape[1]), column.dtype) for column in columns]
        for index, (array, column) in enumerate(zip(self.arrays, columns, strict=True)):
            wider = np.result_type(array.dtype, column.dtype)  # uint8 inputs turn float32 with the first fraction
            if len(array) < rows or wider != array.dtype:
                larger = np.empty((max(rows, len(array)), array.shape[1]), wider)
                larger[: len(array)] = array
                self.arrays[index] = larger

    def sample(self, count: int) -> Positions:
        """`count` positions drawn uniformly with replacement, each under a random symmetry (or none)."""
        if not len(self):
            raise ValueError("the window is empty")
        rows = self.generator.integers(len(self), size=count)
        inputs, packed, policy, root_values, returns = (array[rows] for array in self.arrays)
        legal_mask = np.unpackbits(packed, axis=1, count=self.actions)
        if self.symmetries:
            drawn = self.generator.integers(len(self.symmetries) + 1, size=count)
            for index, symmetry in enumerate(self.symmetries, 1):
                turned = np.flatnonzero(drawn == index)
                inputs[turned] = inputs[turned][:, symmetry.inputs]
                legal_mask[turned] = legal_mask[turned][:, symmetry.actions]
                policy[turned] = policy[turned][:, symmetry.actions]
        return Positions(inputs.astype(np.float32), legal_mask, policy.astype(np.float32), root_values, returns)

    def draw(self, count: int, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Up to `count` different rows by the caller's `generator`: inputs f32[K, D] and legal masks u8[K, A], K >= 1.

        Samples that follow are as if it had not been called.
        """
        if not len(self):
            raise ValueError("the window is empty")
        rows = generator.choice(len(self), size=min(count, len(self)), replace=False)
        inputs, packed = self.arrays[0][rows], self.arrays[1][rows]
        return inputs.astype(np.float32), np.unpackbits(packed, axis=1, count=self.actions)


class Replay:
    """A window whose games are also on disk, in shards; `state` names them and their checksums.

    Shards that have left the window stay until `prune`, because an older snapshot may still need them.
    """

    def __init__(
        self,
        folder: Path,
        window: int,
        symmetries: Sequence[Symmetry] = (),
        *,
        shard_positions: int = 50_000,
        seed: int | Sequence[int] = 0,
    ) -> None:
        self.folder = folder
        self.window = Window(window, symmetries, seed=seed)
        self.shard_positions = shard_positions
        self.shards: list[Shard] = []
        """Those the window draws from, oldest first."""
        self.written = 0
        """Shards ever written; the next one's number."""
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self.window)

    def append(self, records: Records) -> None:
        """Write the games to disk and add their positions to the window."""
        for part in records.split(self.shard_positions):
            self.shards.append(write_shard(self.folder, f"{self.written:06d}.safetensors", part))
            self.written += 1
            self.window.append(part)
        left = sum(shard.positions for shard in self.shards)
        while self.shards and left - self.shards[0].positions >= self.window.capacity:
            left -= self.shards.pop(0).positions

    def sample(self, count: int) -> Positions:
        """See `Window.sample`."""
        return self.window.sample(count)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs besides the shards, as JSON values."""
        return {
            "shards": [asdict(shard) for shard in self.shards],
            "written": self.written,
            "oldest": self.written - len(self.shards),
            "added": self.window.added,
            "generator": self.window.generator.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`: read and check its shards, delete those written later.

        Raises TesujiError naming the first damaged or missing shard.
        """
        self.shards = [Shard(**entry) for entry in state["shards"]]
        self.written = state["written"]
        window = self.window
        window.added = state["added"] - sum(shard.positions for shard in self.shards)
        for shard in self.shards:
            window.append(read_shard(self.folder, shard))
        window.generator.bit_generator.state = state["generator"]
        self._delete(lambda number: number >= self.written)

    def prune(self, needed: int) -> None:
        """Delete shards numbered below `needed`: the smallest "oldest" of all states that may still be restored."""
        self._delete(lambda number: number < needed)

    def _delete(self, gone: Callable[[int], bool]) -> None:
        with write_errors(self.folder):
            for path in self.folder.glob("*.safetensors"):
                if path.stem.isdecimal() and gone(int(path.stem)):
                    path.unlink()
