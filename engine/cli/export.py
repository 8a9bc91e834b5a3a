"""tesuji export"""

from __future__ import annotations

import argparse

from engine.cli.common import add_network, writable_file
from engine.frontends.output import say

SUMMARY = "write a checkpoint's network as ONNX, its answers compared with the original's"
EXAMPLE = "tesuji export connect_four/imitation imitation.onnx"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("checkpoint", metavar="CKPT", help="a checkpoint or run folder, or a shipped agent")
    parser.add_argument("file", type=writable_file, metavar="FILE", help="ONNX file to write")
    add_network(parser)


def run(options: argparse.Namespace) -> int:
    """Export and print how far the answers differ."""
    from engine.agents.parser import resolve_checkpoint
    from engine.network.checkpoint import load_checkpoint
    from engine.network.export import export_onnx

    checkpoint = load_checkpoint(resolve_checkpoint(options.checkpoint), options.network)
    export = export_onnx(checkpoint.network, options.file)
    say(f"{export.path}: {export.path.stat().st_size:,} bytes; inputs of encoder {checkpoint.encoder}")
    say("  largest differences: " + ", ".join(f"{name} {value:.1e}" for name, value in export.differences.items()))
    return 0
