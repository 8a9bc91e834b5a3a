"""tesuji describe"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from engine.cli.common import add_json, write_json
from engine.frontends.output import show

SUMMARY = "print what a checkpoint is: game, network, lineage, metrics, hash"
EXAMPLE = "tesuji describe connect_four/imitation"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("checkpoint", metavar="CKPT", help="a checkpoint or run folder, or a shipped agent")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the card's facts, one a line."""
    from engine.agents.card import read_card
    from engine.agents.parser import resolve_checkpoint
    from engine.frontends.tables import table

    card = read_card(resolve_checkpoint(options.checkpoint))
    rows = [
        ["checkpoint", str(card.path)],
        ["game", card.game],
        *(["network" if index == 0 else "", line] for index, line in enumerate(_pairs(card.network))),
        ["parameters", f"{card.parameters:,} ({card.bytes / 1e6:.2f} MB)"],
        ["sha256", card.hash],
        ["method", card.method],
        *(["lineage" if index == 0 else "", line] for index, line in enumerate(_pairs(card.lineage))),
        *(["metrics" if index == 0 else "", line] for index, line in enumerate(_pairs(card.metrics))),
        ["made with", ", ".join(_pairs(card.versions))],
    ]
    show(table(rows, left=(0, 1)))
    write_json(options.json, card.to_json())
    return 0


def _pairs(values: Mapping[str, object]) -> list[str]:
    """`key value` lines; tables inside as `table.key value`."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"{key}.{line}" for line in _pairs(value)]
        elif value not in ("", None):
            lines.append(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}")
    return lines
