"""How much of a network's raw speed self-play keeps, on each back-end of this machine.

Raw: as many threads as the pool has workers, each with a session of its own, that only answer full batches of the same
size.  Pool: self-play on connect_four with 64 simulations.  Both take turns within one run.  The pool's cache starts
each turn empty, as it does in a training run after each export of weights.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyspiel
import torch
from measure import Measurements, interleaved, parser, print_table, ratio, run, thousands

from engine.config import EvaluatorConfig, NetworkConfig, RunConfig, load_config
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game, room
from engine.native import core
from engine.network import build
from engine.network.checkpoint import load_checkpoint
from engine.selfplay.actor import Actor

GAME = "connect_four"
SIMULATIONS = 64
WORKERS = 2
NETWORKS = {"32x4": ("imitation", 32, 4), "48x5": ("tuned", 48, 5), "64x5": ("tuned", 64, 5)}
"""Whose games are played, at least as large as that network, channels and blocks."""
BACKENDS = {
    "cuda-fp32": EvaluatorConfig(backend="torch", precision="fp32", device="cuda"),
    "cuda-bf16": EvaluatorConfig(backend="torch", precision="bf16", device="cuda"),
    "torch-fp32": EvaluatorConfig(backend="torch", precision="fp32", device="cpu"),
    "torch-bf16": EvaluatorConfig(backend="torch", precision="bf16", device="cpu"),
    "openvino-fp32": EvaluatorConfig(backend="openvino", precision="fp32"),
    "openvino-bf16": EvaluatorConfig(backend="openvino", precision="bf16"),
    "openvino-int8": EvaluatorConfig(backend="openvino", precision="int8"),
}
EVALUATIONS_WANTED = 0.9
SIMULATIONS_WANTED = 2.5
COUNTS = ("evaluations", "cache_hits", "terminal_hits", "simulations", "positions")
"""What the pool counts."""


def network_of(config: NetworkConfig, game: pyspiel.Game, agent: str) -> torch.nn.Module:
    """A shipped agent, enlarged to the configured size: its games, and so its cache hits, are real at any size."""
    network = build(config, facts(game), encoder_shape(game, config.encoder))
    game_name = facts(game).short_name
    folder = room(game_name).pretrained(agent)
    if folder is None:
        raise TesujiError(f"games/{game_name}/pretrained/{agent} is missing")
    small = load_checkpoint(folder).network.state_dict()
    # The same function in a larger network: what is new adds nothing, and a block of zeros hands its input through.
    for name, tensor in network.state_dict().items():
        tensor.fill_(1.0 if name.endswith("running_var") else 0.0)
        if name in small:
            tensor[tuple(slice(size) for size in small[name].shape)] = small[name]
    return network.eval()


def real_inputs(game: pyspiel.Game, encoder: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Encoder inputs f32[rows, D] and legal masks u8[rows, A] of positions from random games."""
    generator = random.Random(0)
    states: list[pyspiel.State] = []
    state = game.new_initial_state()
    while len(states) < rows:
        if state.is_terminal():
            state = game.new_initial_state()
        states.append(state.clone())
        state.apply_action(generator.choice(state.legal_actions()))
    return core.encode(states, encoder), core.legal_mask(states)


def raw_rate(sessions: Sequence[Any], rows: int, seconds: float) -> float:
    """Evaluations a second of full batches, one thread a session, the two halves in turn as in the pool."""
    counts = [0] * len(sessions)
    end = time.perf_counter() + seconds

    def answer(index: int) -> None:
        session = sessions[index]
        session.launch(0, rows)
        while time.perf_counter() < end:
            for half in (0, 1):
                session.launch(1 - half, rows)
                session.wait(half)
                counts[index] += rows
        session.wait(0)

    threads = [threading.Thread(target=answer, args=(index,)) for index in range(len(sessions))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def measure(config: RunConfig, agent: str, rounds: int, raw_seconds: float) -> dict[str, Any]:
    """Rates a second, by round, of the network and on the back-end that `config` names."""
    game = load_game(GAME)
    network = network_of(config.network, game, agent)
    actor = Actor(network, game, config.network.encoder, config, seed=0)
    evaluator = actor.learner.evaluator
    if evaluator.precision != config.evaluator.precision:
        raise TesujiError(f"{config.evaluator.precision} strays from fp32 here")
    rows = config.selfplay.games_per_worker // 2
    inputs, masks = real_inputs(game, config.network.encoder, rows)
    sessions = [evaluator.session(rows) for _ in range(config.selfplay.workers)]
    for session in sessions:
        session.inputs[:], session.legal_mask[:] = inputs, masks
    turns: list[dict[str, float]] = []

    def self_play() -> float:
        start = time.perf_counter()
        counts = actor.play()[1]
        seconds = time.perf_counter() - start
        turns.append({name: counts[name] / seconds for name in COUNTS})
        return turns[-1]["evaluations"]

    def raw() -> float:
        return raw_rate(sessions, rows, raw_seconds)

    raw()
    self_play()  # to games at different plies
    turns.clear()
    answers = interleaved(rounds, {"raw": raw, "evaluations": self_play})
    return {**{name: [turn[name] for turn in turns] for name in COUNTS}, **answers}


def measure_if_present(config: RunConfig, agent: str, rounds: int, raw_seconds: float) -> dict[str, Any]:
    """As `measure`; the reason instead, where this machine lacks the back-end."""
    try:
        return measure(config, agent, rounds, raw_seconds)
    except TesujiError as error:
        return {"absent": str(error)}


def configuration(channels: int, blocks: int, evaluator: EvaluatorConfig, positions: int) -> RunConfig:
    """The room's, as a training run would play, but for the opponents from the past."""
    config = load_config(None, {"game": GAME})
    return replace(
        config,
        network=replace(config.network, channels=channels, blocks=blocks),
        search=replace(config.search, simulations=SIMULATIONS),
        selfplay=replace(config.selfplay, workers=WORKERS, positions=positions, past_share=0.0),
        evaluator=evaluator,
    )


def main() -> None:
    options = parser("self_play", "Compare self-play's evaluations a second with the network's raw rate.").parse_args()
    rounds, positions, raw_seconds = (1, 6000, 3.0) if options.quick else (5, 10_000, 6.0)
    backends = {name: each for name, each in BACKENDS.items() if not options.quick or each.precision == "bf16"}
    store = Measurements("self_play", options, {"rounds": rounds, "positions": positions, "networks": NETWORKS})
    figures: dict[str, float] = {}
    rows = []
    for network, (agent, channels, blocks) in NETWORKS.items():
        for name, backend in backends.items():
            config = configuration(channels, blocks, backend, positions)
            result = store.get(f"{network} {name}", partial(measure_if_present, config, agent, rounds, raw_seconds))
            if "absent" in result:
                rows.append([network, name, result["absent"]])
                continue
            evaluations = ratio(result["evaluations"], result["raw"])
            simulations = ratio(result["simulations"], result["raw"])
            figures[f"{network}.{name}.evaluations_over_raw"] = evaluations
            figures[f"{network}.{name}.simulations_over_raw"] = simulations
            middle = {key: statistics.median(result[key]) for key in ("raw", *COUNTS)}
            hit_rate = middle["cache_hits"] / (middle["cache_hits"] + middle["evaluations"])
            figures[f"{network}.{name}.positions_per_second"] = middle["positions"]
            rows.append(
                [
                    network,
                    name,
                    thousands(middle["raw"]),
                    f"{thousands(middle['evaluations'])} ({evaluations:.2f}x)",
                    f"{thousands(middle['simulations'])} ({simulations:.2f}x)",
                    f"{hit_rate:.2f}",
                    f"{middle['terminal_hits'] / middle['simulations']:.2f}",
                    f"{middle['positions']:,.0f}",
                ]
            )
    print_table(
        f"Self-play on {GAME}, {SIMULATIONS} simulations, {WORKERS} workers; a second "
        f"(wanted: evaluations {EVALUATIONS_WANTED}x raw, simulations {SIMULATIONS_WANTED}x raw)",
        ["network", "back-end", "raw", "evaluations", "simulations", "cache hits", "terminal", "positions"],
        rows,
    )
    store.finish(figures)


if __name__ == "__main__":
    run(main)
