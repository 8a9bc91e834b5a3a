"""Self-play simulations a second of Tesuji against mctx + pgx on JAX, on two processors and with the same network.

Both play the same games in the same way: 64 channels x 5 blocks with the same heads (and the same weights, where both
read as many planes), Dirichlet noise at the root, moves drawn by temperature, games that begin with random moves so
that they differ and are at all stages from the start. They take turns within one run, and whoever has no turn sleeps.

The peer plays in its best configuration here, found by a search of its own before: one process a processor or one
process on both, batches of 32 to 512 games, fp32 or bf16, PUCT (mctx.muzero_policy) or Gumbel
(mctx.gumbel_muzero_policy); jitted, and compiled before the clock starts. Its simulations all ask the network, those
too that end in a terminal state. Channels before rows, products of matrices in place of convolutions, and XLA's flags
for XNNPACK, YNNPACK, oneDNN and wider vectors did not take less processor time (jaxlib 0.10.2).

Tesuji's simulations end in the network, in a position that is already known (a cache hit: answered before in the turn,
or asked by another game of the batch) or in a terminal state. How many of each depends on the play, so evaluations are
reported apart: with a trained network games are more alike, and known positions more frequent. Connect Four is played
by `connect_four/tuned` and Othello by `othello/imitation`, whose functions are enlarged to the common size; go by fresh
weights, since no trained ones are shipped. Searches in progress at the end of a turn, less than a move in every game,
are not counted as simulations of Tesuji.

Boards, komi and actions are the same (7; 65 and 82 with the pass); only a repetition of the whole board in go, which
is rare, is a draw in OpenSpiel and lost in pgx. The peer's network reads no more planes than Tesuji's: 2 in
connect_four and othello (Tesuji: 2 and 3), 4 in go.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyspiel
import torch
from measure import REPOSITORY, Measurements, interleaved, parser, print_table, ratio, run, thousands
from safetensors.torch import save_file
from self_play import network_of

from engine.config import EvaluatorConfig, RunConfig, load_config
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.network import build
from engine.network.inference import folded
from engine.selfplay.actor import Actor

PEER = REPOSITORY / "benchmarks" / "peers_jax.py"
PACKAGES = ("jax", "mctx", "pgx")
CHANNELS, BLOCKS = 64, 5
SIMULATIONS = (32, 128)
PROCESSORS = 2
SEED = 1

COUNTS = {
    "simulations": "simulations",
    "evaluations": "evaluations",
    "cache_hits": "cache_hits",
    "terminal": "terminal_hits",
}
"""What is compared, by the name the pool gives it."""
PRECISIONS = ("bf16", "int8")
GAMES_PER_WORKER = 64
"""Tesuji's batches are half as large; more is no faster (BENCHMARKS.md), and leaves more searches unfinished."""
MOVES = 12
"""At least so many in each of Tesuji's games in a turn: what unfinished searches lose is little then."""


LONGER = 1.5
"""Tesuji's turns, times the peer's: what it knows is forgotten before each, as when training brings new weights."""


@dataclass(frozen=True)
class Contest:
    """A game as both play it."""

    name: str
    """OpenSpiel's."""
    planes: int
    """That the peer's network reads."""
    opening_plies: int
    """Games begin with 1 to so many random moves."""
    dirichlet_alpha: float
    """Of the noise at the root: about 10 / legal actions (AlphaZero)."""
    wanted: dict[str, float]
    """Times the peer's simulations a second, by Tesuji's precision."""
    agent: str = ""
    """The shipped agent whose network plays (see self_play.py); "": fresh weights."""
    upside_down: bool = False
    """OpenSpiel counts rows from the other end than pgx."""


CONTESTS = {
    "connect_four": Contest("connect_four", 2, 20, 1.0, {"bf16": 5.0, "int8": 8.0}, agent="tuned", upside_down=True),
    "othello": Contest("othello", 2, 40, 1.0, {"bf16": 3.0}, agent="imitation"),
    "go_9x9": Contest("go(board_size=9)", 4, 80, 0.15, {"bf16": 3.0}),
}
"""By pgx's name."""


@dataclass(frozen=True)
class Configuration:
    """How the peer uses the machine."""

    processes: int = PROCESSORS
    batch: int = 128
    """Games a process."""
    precision: str = "fp32"
    policy: str = "puct"

    def __str__(self) -> str:
        return f"{self.processes} x {self.batch} games, {self.precision}, {self.policy}"


CHOICES: dict[str, tuple[Any, ...]] = {
    "processes": (2, 1),
    "precision": ("fp32", "bf16"),
    "policy": ("puct", "gumbel"),
    "batch": (32, 64, 128, 256, 512),
}
"""What is tried for the peer: field by field in this order, each with the best of those before."""


def configuration(contest: Contest, simulations: int, precision: str) -> RunConfig:
    """Tesuji's, as a training run would play, but that nobody resigns and no opponents come from the past."""
    config = load_config(None, {"game": contest.name})
    return replace(
        config,
        network=replace(config.network, channels=CHANNELS, blocks=BLOCKS),
        search=replace(config.search, simulations=simulations),
        selfplay=replace(
            config.selfplay,
            workers=PROCESSORS,
            games_per_worker=GAMES_PER_WORKER,
            past_share=0.0,
            resign_threshold=0.0,
            random_opening_share=1.0,
            random_opening_plies=contest.opening_plies,
            dirichlet_alpha=contest.dirichlet_alpha,
        ),
        evaluator=EvaluatorConfig(precision=precision, device="cpu"),
    )


def network_for(contest: Contest, config: RunConfig, shape: tuple[int, ...]) -> torch.nn.Module:
    """The network of `config` for inputs of this shape; the shipped agent's where it reads the same."""
    game = load_game(contest.name)
    if contest.agent and shape == encoder_shape(game, config.network.encoder):
        return network_of(config.network, game, contest.agent)
    return build(config.network, facts(game), shape, seed=SEED).eval()


class Tesuji:
    """Self-play in this process."""

    def __init__(self, contest: Contest, simulations: int, precision: str, moves: int, seconds: float) -> None:
        """Turns take about `seconds` and have at least `moves` in each game, at most an iteration's positions.

        Raises TesujiError where `precision` is not served.
        """
        config = configuration(contest, simulations, precision)
        game: pyspiel.Game = load_game(contest.name)
        network = network_for(contest, config, encoder_shape(game, config.network.encoder))
        self.actor = Actor(network, game, config.network.encoder, config, seed=SEED)
        served = self.actor.learner.evaluator.precision
        if served != precision:
            raise TesujiError(f"{precision} strays from fp32 here")
        self.fewest = moves * PROCESSORS * GAMES_PER_WORKER
        self.most = config.selfplay.positions
        self.seconds = seconds
        self.turns: list[dict[str, float]] = []
        self.actor.positions = self.fewest // 2
        self.turn()  # to know how many positions a turn has
        self.turns.clear()

    def turn(self) -> float:
        """Simulations a second; all counts a second go to `turns`."""
        start = time.perf_counter()
        counts = self.actor.play()[1]
        seconds = time.perf_counter() - start
        rates = {key: counts[name] / seconds for key, name in COUNTS.items()}
        self.turns.append(rates)
        wanted = int(self.seconds * counts["positions"] / seconds)
        self.actor.positions = max(self.fewest, min(self.most, wanted))
        return rates["simulations"]


class Peer:
    """Self-play with mctx and pgx, in processes that sleep but for their turns."""

    def __init__(self, name: str, simulations: int, chosen: Configuration, weights: Path, seconds: float) -> None:
        """Start the processes; they have compiled when this returns. `weights` as in peers_jax.py."""
        contest = CONTESTS[name]
        play = configuration(contest, simulations, "fp32").selfplay
        specification = {
            "game": name,
            "planes": contest.planes,
            "upside_down": contest.upside_down,
            "weights": str(weights),
            "precision": chosen.precision,
            "policy": chosen.policy,
            "batch": chosen.batch,
            "simulations": simulations,
            "dirichlet_alpha": play.dirichlet_alpha,
            "dirichlet_fraction": play.dirichlet_fraction,
            "temperature": play.temperature,
            "temperature_plies": play.temperature_plies,
            "final_temperature": play.final_temperature,
            "opening_plies": play.random_opening_plies,
        }
        self.seconds = seconds
        self.turns: list[dict[str, float]] = []
        self.processes: list[subprocess.Popen[str]] = []
        available = sorted(os.sched_getaffinity(0))
        for index in range(chosen.processes):
            # JAX makes as many threads as there are processors for it.
            with limited_to({available[index]} if chosen.processes > 1 else set(available)):
                process = subprocess.Popen(
                    [sys.executable, str(PEER), json.dumps({**specification, "seed": SEED + index})],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "JAX_PLATFORMS": "cpu"},
                    # Ctrl-C is this process's to answer. Not a session: Linux would give it more of a busy machine.
                    process_group=0,
                )
            self.processes.append(process)
        try:
            self.answers()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def turn(self) -> float:
        """Simulations a second, of all processes together; all counts a second go to `turns`."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{self.seconds}\n")
            process.stdin.flush()
        total = {"simulations": 0.0, "evaluations": 0.0, "terminal": 0.0}
        for counts in self.answers():
            for key in total:
                total[key] += counts[key] / counts["seconds"]
        self.turns.append({**total, "cache_hits": 0.0})
        return total["simulations"]

    def answers(self) -> list[dict[str, float]]:
        """The next line of every process."""
        lines = []
        for process in self.processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise TesujiError("a process of the peer ended; its message stands above")
            lines.append(json.loads(line))
        return lines

    def close(self) -> None:
        """End the processes, so that their processor time counts as this one's."""
        for process in self.processes:
            process.kill()
            process.communicate()


@contextmanager
def limited_to(processors: set[int]) -> Iterator[None]:
    """Processes started meanwhile run on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@cache
def peer_weights(name: str, folder: Path) -> Path:
    """A file in `folder` with the peer's network for this game."""
    contest = CONTESTS[name]
    config = configuration(contest, SIMULATIONS[0], "fp32")
    _, *board = encoder_shape(load_game(contest.name), config.network.encoder)
    network = folded(network_for(contest, config, (contest.planes, *board)))
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in network.state_dict().items()}, path)
    return path


@dataclass(frozen=True)
class Bench:
    """Where measurements go, and how long they take."""

    store: Measurements
    folder: Path
    rounds: int
    seconds: float
    moves: int

    def best(
        self, name: str, simulations: int, start: Configuration, choices: dict[str, tuple[Any, ...]]
    ) -> Configuration:
        """The fastest configuration of the peer, found from `start` one field after the other."""
        best = start
        for field, values in choices.items():
            candidates = [replace(best, **{field: value}) for value in values]
            best = max(candidates, key=partial(self.trial, name, simulations))
        return best

    def trial(self, name: str, simulations: int, tried: Configuration) -> float:
        """The peer's simulations a second in one turn."""

        def measure() -> dict[str, Any]:
            with Peer(name, simulations, tried, peer_weights(name, self.folder), self.seconds / 2) as peer:
                return {"simulations": peer.turn()}

        result = self.store.get(f"{name} {simulations}, peer alone: {tried}", measure)
        return float(result["simulations"])

    def compare(self, name: str, simulations: int, chosen: Configuration) -> dict[str, Any]:
        """Rates by round of the peer and of Tesuji in each precision; the reason where this machine lacks it."""

        def measure() -> dict[str, Any]:
            absent: dict[str, str] = {}
            with ExitStack() as stack:
                players: dict[str, Tesuji | Peer] = {}
                players["peer"] = stack.enter_context(
                    Peer(name, simulations, chosen, peer_weights(name, self.folder), self.seconds)
                )
                for precision in PRECISIONS:
                    try:
                        players[precision] = Tesuji(
                            CONTESTS[name], simulations, precision, self.moves, LONGER * self.seconds
                        )
                    except TesujiError as error:
                        absent[precision] = str(error)
                interleaved(self.rounds, {each: player.turn for each, player in players.items()})
            return {
                "configuration": str(chosen),
                "absent": absent,
                **{each: columns(p.turns) for each, p in players.items()},
            }

        return self.store.get(f"{name} {simulations}", measure)


def columns(turns: list[dict[str, float]]) -> dict[str, list[float]]:
    """Each count by turn."""
    return {key: [turn[key] for turn in turns] for key in turns[0]}


def rows_of(name: str, simulations: int, result: dict[str, Any], figures: dict[str, float]) -> Iterator[list[str]]:
    """The table's rows of one comparison; what is compared is added to `figures`."""
    peer = result["peer"]
    where = f"{name}, {simulations}"
    yield [f"{where}: mctx + pgx, {result['configuration']}", *cells(peer)]
    for precision in PRECISIONS:
        if precision in result["absent"]:
            yield [f"{where}: Tesuji {precision}: {result['absent'][precision]}", *[""] * 6]
            continue
        rates = result[precision]
        times = {key: ratio(rates[key], peer[key]) for key in ("simulations", "evaluations")}
        for key, value in times.items():
            figures[f"{name}.{simulations}.{precision}.{key}_over_peer"] = value
        wanted = CONTESTS[name].wanted.get(precision)
        yield [
            f"{where}: Tesuji {precision}",
            *cells(rates),
            f"{times['simulations']:.2f}x" + (f" ({wanted:g}x)" if wanted else ""),
            f"{times['evaluations']:.2f}x",
        ]


def cells(rates: dict[str, list[float]]) -> list[str]:
    """Simulations and evaluations a second, and the shares of leaves that were known or terminal."""
    middle = {key: statistics.median(values) for key, values in rates.items()}
    hits = middle["cache_hits"] / (middle["cache_hits"] + middle["evaluations"])
    terminal = middle["terminal"] / middle["simulations"]
    return [thousands(middle["simulations"]), thousands(middle["evaluations"]), f"{hits:.2f}", f"{terminal:.2f}"]


def main() -> None:
    options = parser("peers", "Compare self-play's simulations a second with mctx + pgx on JAX.").parse_args()
    if any(importlib.util.find_spec(each) is None for each in PACKAGES):
        raise TesujiError("mctx, pgx or JAX is not installed; run: pip install -c constraints.txt 'tesuji[peers]'")
    processors = sorted(os.sched_getaffinity(0))[:PROCESSORS]
    if len(processors) < PROCESSORS:
        raise TesujiError(f"this benchmark is for {PROCESSORS} processors; this machine gives {len(processors)}")
    os.sched_setaffinity(0, processors)
    rounds, seconds, moves = (1, 3.0, MOVES // 2) if options.quick else (5, 8.0, MOVES)
    settings = {"rounds": rounds, "seconds": seconds, "moves": moves, "network": [CHANNELS, BLOCKS]}
    store = Measurements("peers", options, settings)
    figures: dict[str, float] = {}
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(store, Path(folder), rounds, seconds, moves)
        for name in CONTESTS:
            chosen = Configuration(batch=64)
            if not options.quick:
                chosen = bench.best(name, SIMULATIONS[0], Configuration(), CHOICES)
            for simulations in SIMULATIONS[: 1 if options.quick else None]:
                if simulations != SIMULATIONS[0]:
                    near = {"batch": (chosen.batch, chosen.batch // 2, chosen.batch * 2)}
                    chosen = bench.best(name, simulations, chosen, near)
                rows += rows_of(name, simulations, bench.compare(name, simulations, chosen), figures)
    print_table(
        f"Self-play, {CHANNELS} channels x {BLOCKS} blocks, {PROCESSORS} processors: a second, and times the peer's",
        ["game, simulations a move", "simulations", "evaluations", "cache hits", "terminal", "(wanted)", "evaluations"],
        rows,
    )
    store.finish(figures)


if __name__ == "__main__":
    run(main)
