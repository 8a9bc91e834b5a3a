"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import TesujiError

if TYPE_CHECKING:
    import pyspiel

    from engine.agents.agent import BatchAgent
    from engine.config import EvaluatorConfig

AGENT = (
    "a checkpoint or run folder, a shipped agent (connect_four/imitation), random, mcts:1000, ismcts:1000 (where "
    "information is hidden), oracle, or best_response:AGENT (the exact best response to another, in games small enough "
    "to be enumerated); options after a colon: PATH:simulations=400,temperature=0 (simulations per move); also seconds "
    "(per move), backend, precision, device, search=ismcts and any field of [search] of a checkpoint, c and rollouts "
    "of mcts, particles and rollouts of ismcts"
)


def add_game(parser: argparse.ArgumentParser) -> None:
    """--game, for agents that are no checkpoints."""
    parser.add_argument("--game", metavar="GAME", help="OpenSpiel game string (default: the checkpoint's game)")


def whole(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    """Reads a whole number in this range; the core counts in 31 bits."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: give a whole number from {least} to {most}")
        return value

    return read


seed = whole(0, 2**63 - 1)


def above_zero(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: give a number above 0")
    return value


def writable_file(text: str) -> Path:
    """A file to be written at the end of long work: what would stop that is told before it begins."""
    path = Path(text)
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {getattr(error, 'strerror', error)}") from error
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder '{path.parent}'")
    return path


def add_seed(parser: argparse.ArgumentParser) -> None:
    """--seed, of everything random."""
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of everything random (default 0)")


def add_network(parser: argparse.ArgumentParser) -> None:
    """--network, for checkpoints with a network of the user's own."""
    parser.add_argument("--network", metavar="MODULE:CLASS", help="your own network's class, if a checkpoint needs it")


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json, the result for programs."""
    parser.add_argument("--json", type=writable_file, metavar="FILE", help="write the result to FILE, too")


def add_config(parser: argparse.ArgumentParser) -> None:
    """--config and --set, the fields of a run's configuration."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file laid over the game's defaults")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="one field, as in learner.batch_size=256; repeatable",
    )


def read_settings(texts: Sequence[str]) -> dict[str, str]:
    """{"learner.batch_size": "256"} from the values of --set."""
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise TesujiError(f"--set {text}: write SECTION.FIELD=VALUE, as in learner.batch_size=256")
        settings[name] = value
    return settings


def load_agents(
    options: argparse.Namespace, *specs: str, workers: int | None = None, evaluator: EvaluatorConfig | None = None
) -> tuple[pyspiel.Game, list[BatchAgent]]:
    """The game (from --game, else the first checkpoint's) and the agents by name; `workers` threads for networks, and
    how they answer where their names do not say.
    """
    from engine.agents.network_agent import WORKERS
    from engine.agents.parser import game_of, has_custom_network, parse_agent
    from engine.game import load_game

    name = options.game or game_of(*specs)
    if name is None:
        raise TesujiError(f"agent '{specs[0]}': say which game it plays (--game GAME)")
    game = load_game(name)
    # Of several agents, only those with a network of the user's own take its class.
    custom = {spec: len(specs) == 1 or has_custom_network(spec, game) for spec in specs}
    if options.network is not None and not any(custom.values()):
        raise TesujiError(f"--network {options.network}: none of the agents has a network of your own; leave it out")
    threads = WORKERS if workers is None else workers
    classes = {spec: options.network if custom[spec] else None for spec in specs}
    return game, [parse_agent(spec, game, classes[spec], evaluator, threads) for spec in specs]


def write_json(path: Path | None, value: dict[str, Any]) -> None:
    """Write to --json's file, if it was given."""
    if path is not None:
        from engine.files import atomic_write

        atomic_write(path, (json.dumps(value, indent=2) + "\n").encode())
