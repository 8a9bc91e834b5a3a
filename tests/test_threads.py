"""One agent, many Python threads: every thread gets the answers of its own question."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyspiel
import pytest
import torch

from engine.agents.network_agent import NetworkAgent
from engine.config import EvaluatorConfig, NetworkConfig
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.native import core
from engine.network import build
from engine.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from engine.search.evaluator import make_evaluator, native_evaluator, openvino_installed
from engine.search.ismcts import ismcts
from engine.search.search import search
from tests.positions import answering

THREADS = 8
OPENVINO = pytest.mark.skipif(not openvino_installed(), reason="extra openvino is not installed")
BACKENDS = ["torch", pytest.param("openvino", marks=OPENVINO)]


def on(backend: str) -> EvaluatorConfig:
    return EvaluatorConfig(backend=backend, precision="fp32", device="cpu")


def network(seed: int, game: pyspiel.Game) -> torch.nn.Module:
    config = NetworkConfig(channels=8, blocks=1, hidden=16, layers=1)
    return build(config, facts(game), encoder_shape(game), seed).eval()


def states(game: pyspiel.Game, count: int) -> list[pyspiel.State]:
    """Positions in which a player is to move, after different moves."""
    generator = np.random.default_rng(3)
    made = []
    for number in range(count):
        state = game.new_initial_state()
        while not state.is_terminal() and (state.is_chance_node() or len(state.history()) < 2 + number % 3):
            state.apply_action(int(generator.choice(state.legal_actions())))
        made.append(state)
    return [state for state in made if not state.is_terminal()]


def at_once(ask: Callable[[Any], Any], questions: list[Any]) -> list[Any]:
    """The answers, asked for by `THREADS` threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(ask, questions))


def assert_close(found: list[Any], wanted: list[Any]) -> None:
    """The same numbers, up to the rounding of batches of other shapes."""
    for mine, right in zip(found, wanted, strict=True):
        for one, other in zip(mine, right, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_searches_of_one_evaluator_keep_to_their_positions(backend: str) -> None:
    game = load_game("connect_four")
    evaluator = make_evaluator(network(0, game), on(backend), 8)
    native = native_evaluator(evaluator, game, "auto", workers=2, rows=8, cache_entries=0)
    asked = states(game, 64)

    def ask(state: pyspiel.State) -> tuple[Any, ...]:
        found = search(state, native, simulations=30, workers=2)
        return found.prior, found.q, found.visits, found.raw_values

    wanted = [ask(state) for state in asked]
    assert np.std([prior[0] for prior, *_ in wanted]) > 1e-4  # answers that can be told apart
    assert_close(at_once(ask, asked), wanted)


@pytest.mark.parametrize("backend", BACKENDS)
def test_searches_of_information_sets_keep_to_theirs(backend: str) -> None:
    game = load_game("leduc_poker")
    evaluator = make_evaluator(network(0, game), on(backend), 8)
    native = native_evaluator(evaluator, game, "information_state", workers=1, rows=8, cache_entries=0)
    asked = states(game, 24)

    def ask(state: pyspiel.State) -> tuple[Any, ...]:
        found = ismcts(state, native, simulations=20)
        return found.prior, found.q, found.raw_values

    assert_close(at_once(ask, asked), [ask(state) for state in asked])


@pytest.mark.parametrize("backend", BACKENDS)
def test_evaluate_answers_each_thread_by_one_version(backend: str) -> None:
    game = load_game("connect_four")
    networks = [network(seed, game) for seed in range(2)]
    evaluator = make_evaluator(networks[0], on(backend), 4)
    asked = []
    for number, state in enumerate(states(game, 16)):
        inputs = core.encode([state] * (6 + number % 3), core.default_encoder(game))  # several batches
        asked.append((inputs, np.ones((len(inputs), 7), np.uint8)))
    wanted = []
    for each in (networks[1], networks[0]):
        evaluator.update(each.state_dict())
        wanted.append([evaluator.evaluate(*question) for question in asked])
    over = threading.Event()

    def update() -> None:
        while not over.is_set():
            for each in networks:
                evaluator.update(each.state_dict())

    updating = threading.Thread(target=update)
    updating.start()
    try:
        for _ in range(4):
            found = at_once(lambda question: evaluator.evaluate(*question), asked)
            for number, answer in enumerate(found):
                gaps = [
                    max(np.abs(mine - right).max() for mine, right in zip(answer, version[number], strict=True))
                    for version in wanted
                ]
                assert min(gaps) < 1e-5 < max(gaps)
    finally:
        over.set()
        updating.join()


@pytest.mark.parametrize("options", [{}, {"simulations": 20}, {"seconds": 0.02}])
def test_one_agent_serves_many_threads(options: dict[str, Any], connect_four_checkpoint: Checkpoint) -> None:
    agent = NetworkAgent(connect_four_checkpoint, evaluator=on("torch"), **options)
    asked = states(agent.game, 32)
    alone = NetworkAgent(connect_four_checkpoint, evaluator=on("torch"))
    wanted = {str(state): alone.policy(state) for state in asked}
    made: list[Any] = []

    def ask(state: pyspiel.State) -> tuple[Any, Any]:
        made.append(agent.evaluator())
        return state, agent.policy(state)

    for state, decision in at_once(ask, asked):
        right = wanted[str(state)]
        priors = {move.action: move.prior for move in right.statistics["moves"]}
        for move in decision.statistics["moves"]:
            assert abs(move.prior - priors[move.action]) < 1e-5
    assert all(each is made[0] for each in made)


@pytest.fixture
def connect_four_checkpoint(tmp_path: Any) -> Checkpoint:
    game = load_game("connect_four")
    config = NetworkConfig(channels=8, blocks=1)
    save_checkpoint(tmp_path / "agent", network(0, game), config, str(game), "test", {}, {}, "")
    return load_checkpoint(tmp_path / "agent")


def test_sessions_made_by_hand_are_refused_while_in_use() -> None:
    game = load_game("connect_four")
    evaluator = answering(game)
    state = game.new_initial_state()
    held = core.Analysis(state, evaluator, core.SearchParams())
    with pytest.raises(TesujiError, match="sessions are in use"):
        search(state, evaluator, simulations=2)
    del held
    assert search(state, evaluator, simulations=2).simulations == 2
