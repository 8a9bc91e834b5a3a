"""The benchmark against mctx + pgx: what it prints and chooses, and, where JAX is installed, that the peer plays the
same games with the same network.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import measure
import numpy as np
import peers
import pyspiel
import pytest
import torch
from safetensors.numpy import load_file, save_file

from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import facts, load_game
from engine.native import core
from engine.network import build
from engine.network.inference import Answers, folded

JAX = pytest.mark.skipif(
    any(importlib.util.find_spec(each) is None for each in peers.PACKAGES), reason="extra peers is not installed"
)


def bench(path: Path) -> peers.Bench:
    options = argparse.Namespace(json=path / "peers.json", quick=False, fresh=False)
    store = measure.Measurements("peers", options, {})
    return peers.Bench(store, path, rounds=1, seconds=0.1, moves=1)


def test_the_peer_is_tuned_field_by_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its best is found where the fields do not depend on each other, and nothing is measured twice."""
    tried: list[str] = []

    class Stand:
        """A peer that is faster with one process, gumbel, and 32 games."""

        def __init__(self, _: str, __: int, chosen: peers.Configuration, *___: object) -> None:
            self.chosen = chosen

        def __enter__(self) -> Stand:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def turn(self) -> float:
            tried.append(str(self.chosen))
            one, gumbel = self.chosen.processes == 1, self.chosen.policy == "gumbel"
            return 100.0 + 10.0 * one + 5.0 * gumbel - abs(self.chosen.batch - 32) / 100.0

    monkeypatch.setattr(peers, "Peer", Stand)
    monkeypatch.setattr(peers, "peer_weights", lambda *_: Path())
    best = bench(tmp_path).best("connect_four", 32, peers.Configuration(), peers.CHOICES)
    assert best == peers.Configuration(1, 32, "fp32", "gumbel")
    assert len(tried) == len(set(tried)) == 1 + 1 + 1 + 1 + 4
    bench(tmp_path).best("connect_four", 32, peers.Configuration(), peers.CHOICES)  # taken up from the file
    assert len(tried) == 8


def test_rows_and_figures() -> None:
    """Medians of ratios within a round; shares of leaves; a precision that is not there says why."""
    rates = {"simulations": [20.0, 90.0, 30.0], "evaluations": [10.0, 10.0, 10.0]}
    peer = {"simulations": [10.0, 10.0, 10.0], "evaluations": [20.0, 20.0, 20.0]}
    result = {
        "configuration": "2 x 64 games, fp32, puct",
        "absent": {"int8": "not here"},
        "peer": {**peer, "cache_hits": [0.0] * 3, "terminal": [1.0] * 3},
        "bf16": {**rates, "cache_hits": [30.0] * 3, "terminal": [3.0] * 3},
    }
    figures: dict[str, float] = {}
    rows = list(peers.rows_of("connect_four", 32, result, figures))
    assert figures == {
        "connect_four.32.bf16.simulations_over_peer": 3.0,
        "connect_four.32.bf16.evaluations_over_peer": 0.5,
    }
    assert [row[1:] for row in rows] == [
        ["0.0 k", "0.0 k", "0.00", "0.10"],
        ["0.0 k", "0.0 k", "0.75", "0.10", "3.00x (5x)", "0.50x"],
        [""] * 6,
    ]
    assert rows[2][0].endswith("int8: not here")


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["peers.py"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TesujiError, match=r"pip install -c constraints.txt 'tesuji\[peers\]'"):
        peers.main()


def test_tesuji_counts_its_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every simulation of a finished search ended in one of the three kinds of leaves."""
    monkeypatch.setattr(peers, "GAMES_PER_WORKER", 4)
    monkeypatch.setattr(peers, "CHANNELS", 48)
    played = peers.Tesuji(peers.CONTESTS["connect_four"], 4, "fp32", 8, 0.0)
    assert played.actor.positions == 8 * 2 * 4
    assert played.turn() > 0.0
    (rates,) = played.turns
    leaves = rates["evaluations"] + rates["cache_hits"] + rates["terminal"]
    assert leaves >= rates["simulations"] > rates["terminal"] > 0.0


def random_history(game: pyspiel.Game, seed: int, plies: int) -> list[int]:
    generator = random.Random(seed)
    state = game.new_initial_state()
    while not state.is_terminal() and len(state.history()) < plies:
        state.apply_action(generator.choice(state.legal_actions()))
    history: list[int] = state.history()
    return history


def in_process_with_jax(code: str, repository: Path, *arguments: str) -> str:
    """What `code` prints in a process of its own: JAX's threads and those of the tests never share one."""
    paths = f"{repository}{os.pathsep}{repository / 'benchmarks'}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ANSWERS = """
import sys
import jax.numpy as jnp
from safetensors.numpy import load_file, save_file
from peers_jax import load_weights, network
weights, inputs, answers = sys.argv[1:]
logits, values = network(load_weights(weights, "fp32"), jnp.asarray(load_file(inputs)["inputs"]))
save_file({"logits": jnp.asarray(logits).__array__(), "values": jnp.asarray(values).__array__()}, answers)
"""


@JAX
def test_the_networks_are_the_same(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "BLOCKS", 2)
    monkeypatch.setattr(peers, "CHANNELS", 16)
    contest = peers.CONTESTS["othello"]
    network = build(
        NetworkConfig(channels=16, blocks=2), facts(load_game(contest.name)), (contest.planes, 8, 8), peers.SEED
    )
    generator = np.random.default_rng(3)
    inputs = generator.random((5, contest.planes, 8, 8), np.float32)
    save_file({"inputs": np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))}, tmp_path / "inputs")
    weights = peers.peer_weights("othello", tmp_path)
    in_process_with_jax(ANSWERS, repository, str(weights), str(tmp_path / "inputs"), str(tmp_path / "answers"))
    answers = load_file(tmp_path / "answers")
    with torch.inference_mode():
        logits, values = Answers(folded(network))(torch.from_numpy(inputs.reshape(5, -1)))
    np.testing.assert_allclose(answers["logits"], logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(answers["values"], values[:, 0].numpy(), atol=1e-5)


PLAYTHROUGH = """
import json, sys
import jax, numpy, pgx
answers = {}
for name, history in json.loads(sys.argv[1]).items():
    game = pgx.make(name)
    step = jax.jit(game.step)
    states = [game.init(jax.random.key(0))]
    for action in history:
        states.append(step(states[-1], action))
    answers[name] = {
        "legal": [numpy.flatnonzero(state.legal_action_mask).tolist() for state in states],
        "planes": [numpy.asarray(state.observation, int).tolist() for state in states],
        "terminal": [bool(state.terminated) for state in states],
    }
print(json.dumps(answers))
"""


@JAX
@pytest.mark.slow
def test_the_games_are_the_same(repository: Path) -> None:
    """Legal actions and ends in a random game; in connect_four also what the shipped agent's network sees."""
    games = {name: load_game(contest.name) for name, contest in peers.CONTESTS.items()}
    histories = {name: random_history(game, 5, 60) for name, game in games.items()}
    answers: dict[str, Any] = json.loads(in_process_with_jax(PLAYTHROUGH, repository, json.dumps(histories)))
    for name, game in games.items():
        state = game.new_initial_state()
        for ply, action in enumerate([*histories[name], None]):
            assert answers[name]["terminal"][ply] == state.is_terminal(), (name, ply)
            if state.is_terminal():
                break
            assert answers[name]["legal"][ply] == state.legal_actions(), (name, ply)
            if name == "connect_four":
                seen = np.array(answers[name]["planes"][ply])[::-1].transpose(2, 0, 1)
                np.testing.assert_array_equal(seen.ravel(), core.encode([state], "connect_four")[0])
            if action is not None:
                state.apply_action(action)


@JAX
@pytest.mark.slow
def test_the_peer_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes; one evaluation a simulation and one a root; both end with the peer."""
    monkeypatch.setattr(peers, "BLOCKS", 1)
    monkeypatch.setattr(peers, "CHANNELS", 8)
    weights = peers.peer_weights("othello", tmp_path)
    chosen = peers.Configuration(processes=min(2, os.cpu_count() or 1), batch=3)
    with peers.Peer("othello", 4, chosen, weights, 0.01) as peer:
        assert peer.turn() > 0.0
        assert peer.turn() > 0.0
    for rates in peer.turns:
        assert rates["evaluations"] == pytest.approx(rates["simulations"] * 5 / 4)
        assert 0.0 <= rates["terminal"] <= rates["simulations"]
    assert all(process.returncode is not None for process in peer.processes)
