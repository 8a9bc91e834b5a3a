"""The facts on a checkpoint's card, read without importing its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself; its weights' hash has been verified."""

    path: Path
    game: str
    network: dict[str, Any]
    parameters: int
    bytes: int
    method: str
    metrics: dict[str, Any]
    lineage: dict[str, Any]
    hash: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"path": str(self.path)}


def read_card(path: Path) -> Card:
    """Read and verify a checkpoint folder. Raises CheckpointError."""
    from engine.network.checkpoint import CONFIG, WEIGHTS, read_config, read_weights

    content = read_config(path)
    try:
        weights = read_weights(path / WEIGHTS, str(content["weights"]["sha256"]))
        return Card(
            path=path,
            game=str(content["game"]),
            network=dict(content["network"]),
            parameters=sum(tensor.numel() for tensor in weights.values() if tensor.is_floating_point()),
            bytes=(path / WEIGHTS).stat().st_size,
            method=str(content["method"]),
            metrics=dict(content["metrics"]),
            lineage=dict(content["lineage"]),
            hash=str(content["weights"]["sha256"]),
            versions=dict(content["versions"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path / CONFIG}: not a checkpoint's configuration: {error}") from error
