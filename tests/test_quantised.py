"""int8: near fp32 on real positions, replaced where it is not, calibrated on replayed positions in runs that resume."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyspiel
import pytest
import torch
from torch import nn

from engine.agents.network_agent import NetworkAgent
from engine.agents.parser import parse_agent
from engine.config import EvaluatorConfig, NetworkConfig, load_config
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.metrics import JsonLines
from engine.native import core
from engine.network import build, sizes_of
from engine.network.checkpoint import load_checkpoint
from engine.search.backend import Backend
from engine.search.calibration import POSITIONS, Calibration, calibration_for
from engine.search.evaluator import make_evaluator, nncf_installed, openvino_installed
from engine.selfplay.actor import Contestant
from engine.training.run import resume, train

INSTALLED = openvino_installed() and nncf_installed()
NEEDED = pytest.mark.skipif(not INSTALLED, reason="extra int8 is not installed")
CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"
INT8 = EvaluatorConfig(precision="int8", device="cpu")
ROWS = 32


def network_for(game: pyspiel.Game, seed: int = 0, custom: str = "") -> nn.Module:
    config = NetworkConfig(channels=8, blocks=1, hidden=16, layers=1, custom=custom)
    return build(config, facts(game), encoder_shape(game), seed).eval()


def evaluator_for(network: nn.Module, game: pyspiel.Game, **bounds: float) -> Backend:
    config = replace(INT8, **bounds)
    return make_evaluator(network, config, ROWS, calibration_for(config, game, "auto"))


def divergence(mask: np.ndarray, logits: np.ndarray, found: np.ndarray) -> float:
    """Mean KL of the policies of two arrays of logits over legal actions, one row after the other."""
    total = 0.0
    for legal, row, other in zip(mask.astype(bool), logits.astype(float), found.astype(float), strict=True):
        p, q = (np.exp(each[legal]) / np.exp(each[legal]).sum() for each in (row, other))
        total += float((p * np.log(p / q)).sum())
    return total / len(mask)


# The positions.


def test_the_parts_share_no_position() -> None:
    inputs = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 1], [2, 2]], np.float32)
    mask = np.arange(7, dtype=np.uint8)[:, None]
    parts = Calibration.split(inputs, mask)
    np.testing.assert_array_equal(parts.inputs, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(parts.held_out, [[1, 1], [0, 0], [2, 2]])
    np.testing.assert_array_equal(parts.legal_mask[:, 0], [3, 4, 6])


def test_a_single_position_serves_for_both() -> None:
    parts = Calibration.split(np.ones((3, 2), np.float32), np.ones((3, 4), np.uint8))
    assert (len(parts.inputs), len(parts.held_out), parts.legal_mask.shape) == (1, 1, (1, 4))


@pytest.mark.parametrize("name", ["connect_four", "kuhn_poker", "pig(winscore=15)"])
def test_random_games_give_positions_of_the_game(name: str) -> None:
    game = load_game(name)
    found = calibration_for(INT8, game, "auto")
    again = calibration_for(INT8, game, "auto")
    assert found is not None and again is not None
    np.testing.assert_array_equal(found.inputs, again.inputs)
    both = np.concatenate([found.inputs, found.held_out])
    assert len(np.unique(both, axis=0)) == len(both) <= POSITIONS
    assert both.shape[1] == core.encoder_size(game, core.default_encoder(game))
    assert found.legal_mask.sum(axis=1).min() >= 1
    if name == "kuhn_poker":  # 3 cards for each of: nothing said, a pass, a bet, a pass answered by a bet
        assert len(both) == 12


def test_positions_are_drawn_only_for_int8() -> None:
    assert calibration_for(EvaluatorConfig(precision="bf16"), load_game("connect_four"), "auto") is None


# The back-end.


@NEEDED
@pytest.mark.parametrize("name", ["connect_four/tuned", "connect_four/imitation"])
def test_shipped_agents_answer_nearly_as_in_fp32(name: str) -> None:
    agents = [parse_agent(f"{name}:precision={each}") for each in ("fp32", "int8")]
    assert all(isinstance(agent, NetworkAgent) for agent in agents)
    plain, rounded = (agent.evaluator() for agent in agents)  # type: ignore[union-attr]
    assert rounded.precision == "int8"  # type: ignore[attr-defined]
    # The positions of 16 games that the agent plays against itself by its raw policy.
    game = load_game("connect_four")
    generator = np.random.default_rng(5)
    running, seen = [game.new_initial_state() for _ in range(16)], []
    while running:
        seen += [state.clone() for state in running]
        for state, decision in zip(running, agents[0].policy(running, None, 0), strict=True):
            state.apply_action(int(generator.choice(7, p=decision.probabilities)))
        running = [state for state in running if not state.is_terminal()]
    mask = core.legal_mask(seen)
    inputs = core.encode(seen, agents[0].checkpoint.encoder)  # type: ignore[attr-defined]
    logits, values = plain.evaluate(inputs, mask)
    found_logits, found_values = rounded.evaluate(inputs, mask)
    assert 0.0 < divergence(mask, logits, found_logits) < 0.003
    assert 0.0 < np.abs(values - found_values).mean() < 0.03
    best, found_best = (np.where(mask, each, -np.inf).argmax(axis=1) for each in (logits, found_logits))
    assert (best == found_best).mean() > 0.9


@NEEDED
def test_the_errors_told_are_those_of_the_held_out_positions(tic_tac_toe: pyspiel.Game) -> None:
    network = network_for(tic_tac_toe)
    calibration = calibration_for(INT8, tic_tac_toe, "auto")
    assert calibration is not None
    rounded = make_evaluator(network, INT8, ROWS, calibration)
    plain = make_evaluator(network, EvaluatorConfig(backend="torch", precision="fp32", device="cpu"), ROWS)
    held_out = calibration.held_out, calibration.legal_mask
    (logits, values), (found_logits, found_values) = plain.evaluate(*held_out), rounded.evaluate(*held_out)
    told = rounded.quantisation
    assert told is not None and told.precision == rounded.precision == "int8" and told.seconds > 0.0
    assert told.policy_kl == pytest.approx(divergence(held_out[1], logits, found_logits), rel=1e-3)
    assert told.value_error == pytest.approx(float(np.abs(values - found_values).mean()), rel=1e-3)
    assert plain.quantisation is None


@NEEDED
@pytest.mark.parametrize("bound", ["int8_policy_kl", "int8_value_error"])
def test_above_a_bound_another_precision_serves(
    tic_tac_toe: pyspiel.Game, bound: str, caplog: pytest.LogCaptureFixture
) -> None:
    network = network_for(tic_tac_toe)
    with caplog.at_level(logging.WARNING):
        evaluator = evaluator_for(network, tic_tac_toe, **{bound: 0.0})
    assert len(caplog.records) == 1 and "in int8 is too far from fp32" in caplog.text
    told = evaluator.quantisation
    assert told is not None and told.precision == evaluator.precision != "int8"
    assert told.policy_kl > 0.0 and told.value_error > 0.0
    other = make_evaluator(network, EvaluatorConfig("openvino", evaluator.precision, "cpu"), ROWS)
    inputs = np.eye(27, dtype=np.float32)
    mask = np.ones((27, 9), np.uint8)
    for found, wanted in zip(evaluator.evaluate(inputs, mask), other.evaluate(inputs, mask), strict=True):
        np.testing.assert_array_equal(found, wanted)


@NEEDED
def test_each_update_decides_anew(
    tic_tac_toe: pyspiel.Game, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from engine.search import quantised_backend

    first, second = (network_for(tic_tac_toe, seed) for seed in (0, 1))
    calibration = calibration_for(INT8, tic_tac_toe, "auto")
    assert calibration is not None
    evaluator = make_evaluator(first, INT8, ROWS, calibration)
    session = evaluator.session(ROWS)
    session.inputs[0, :27] = inputs = np.eye(27, dtype=np.float32)
    mask = np.ones((27, 9), np.uint8)

    def answers() -> np.ndarray:
        session.launch(0, 27)
        session.wait(0)
        return session.prior_logits[0, :27].copy()

    rounded = answers()
    bounds: Iterator[tuple[float, float]] = iter([(0.01, float("nan")), (0.01, 0.05)])
    monkeypatch.setattr(quantised_backend.QuantisedBackend, "_errors", lambda *_: next(bounds))
    assert evaluator.update(second.state_dict(), calibration) == 1
    assert evaluator.precision != "int8" and len(caplog.records) == 1
    plain = make_evaluator(second, EvaluatorConfig("openvino", evaluator.precision, "cpu"), ROWS)
    np.testing.assert_array_equal(answers(), plain.evaluate(inputs, mask)[0])
    assert evaluator.update(first.state_dict()) == 2
    assert evaluator.precision == "int8" and len(caplog.records) == 1
    np.testing.assert_array_equal(answers(), rounded)


@NEEDED
def test_ranges_come_from_the_calibration(tic_tac_toe: pyspiel.Game) -> None:
    network = network_for(tic_tac_toe)
    calibration = calibration_for(INT8, tic_tac_toe, "auto")
    assert calibration is not None
    evaluator = make_evaluator(network, INT8, ROWS, calibration)
    usual = evaluator.quantisation
    evaluator.update(network.state_dict(), replace(calibration, inputs=0.01 * calibration.inputs))
    narrow = evaluator.quantisation
    assert usual is not None and narrow is not None
    assert narrow.policy_kl > 10.0 * usual.policy_kl  # what lies outside the ranges is cut off


@NEEDED
def test_what_cannot_be_converted_is_served_otherwise(
    tic_tac_toe: pyspiel.Game, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from engine.search import quantised_backend

    def fail(*_: Any) -> None:
        raise KeyError("an operation\nand more")

    monkeypatch.setattr(quantised_backend, "quantised", fail)
    evaluator = evaluator_for(network_for(tic_tac_toe), tic_tac_toe)
    assert len(caplog.records) == 1 and "cannot be made int8" in caplog.text
    assert evaluator.precision in ("bf16", "fp32")
    told = evaluator.quantisation
    assert told is not None and told.precision == evaluator.precision
    assert np.isnan(told.policy_kl) and np.isnan(told.value_error)


class Custom(nn.Module):
    """A network that makes tensors of its own."""

    def __init__(self, input_shape: tuple[int, ...], num_actions: int, num_players: int) -> None:
        super().__init__()
        self.mix = nn.Linear(int(np.prod(input_shape)), 32)
        self.policy = nn.Linear(32, num_actions)
        self.value = nn.Linear(32, num_players)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.tanh(self.mix(inputs) + torch.ones(32))
        return self.policy(features), self.value(features)


class Constant(Custom):
    """A network without anything that could be rounded."""

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = inputs[:, :1] * 0.0
        return rows + self.policy.bias, rows + self.value.bias


@NEEDED
@pytest.mark.parametrize("name", ["Custom", "Constant"])
def test_custom_networks(tic_tac_toe: pyspiel.Game, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "custom_networks", sys.modules[__name__])
    network = network_for(tic_tac_toe, custom=f"custom_networks:{name}")
    # Processors without VNNI saturate in between: whether int8 is near enough there is not the question here.
    evaluator = evaluator_for(network, tic_tac_toe, int8_policy_kl=1.0, int8_value_error=1.0)
    assert evaluator.precision == "int8"


@NEEDED
def test_flat_inputs(caplog: pytest.LogCaptureFixture) -> None:
    game = load_game("kuhn_poker")
    evaluator = evaluator_for(network_for(game), game)
    assert evaluator.precision == "int8" and not caplog.records
    assert sizes_of(network_for(game)).value_kind == "scalar"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"device": "cuda"}, r"evaluator.precision: int8 runs on the CPU only; set evaluator.device to cpu"),
        ({"backend": "torch"}, r"evaluator.precision: int8 needs OpenVINO; set evaluator.backend to openvino"),
        ({}, r"int8 needs OpenVINO and NNCF; run: pip install 'tesuji\[int8\]'"),
    ],
)
def test_what_is_not_there_is_one_line(
    tic_tac_toe: pyspiel.Game, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], message: str
) -> None:
    monkeypatch.setattr(sys.modules["engine.search.evaluator"], "nncf_installed", lambda: False)
    wanted = EvaluatorConfig(precision="int8", **config)
    with pytest.raises(TesujiError, match=message) as error:
        make_evaluator(network_for(tic_tac_toe), wanted, ROWS, calibration_for(wanted, tic_tac_toe, "auto"))
    assert "\n" not in str(error.value)


@NEEDED
def test_without_positions_nothing_is_guessed(tic_tac_toe: pyspiel.Game) -> None:
    with pytest.raises(TesujiError, match="int8 needs positions to calibrate on"):
        make_evaluator(network_for(tic_tac_toe), INT8)


QUIET = """
import gc, logging, signal, socket, sys

def refuse(*_, **__):
    raise AssertionError("network")

socket.socket.connect = socket.getaddrinfo = refuse
from engine.config import EvaluatorConfig, NetworkConfig
from engine.game import encoder_shape, facts, load_game
from engine.network import build
from engine.search.calibration import calibration_for
from engine.search.evaluator import make_evaluator

game = load_game("tic_tac_toe")
network = build(NetworkConfig(channels=4, blocks=1), facts(game), encoder_shape(game)).eval()
config = EvaluatorConfig(precision="int8", device="cpu")
calibration = calibration_for(config, game, "auto")
backends = [make_evaluator(network, config, calibration=calibration) for _ in range(2)]
assert [each.precision for each in backends] == ["int8", "int8"]
while backends:
    backends.pop(0)
    gc.collect()
caught = []
signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
signal.raise_signal(signal.SIGINT)
assert caught == [signal.SIGINT]
import openvino
from nncf.telemetry import telemetry
assert "pytest" not in sys.modules  # NNCF keeps quiet where it is
print(type(telemetry).__name__, [name for name in sys.modules if name.startswith("openvino_telemetry.")])
print(logging.getLoggerClass().__name__, openvino.Core.__name__)
"""


@NEEDED
def test_nncf_sends_and_prints_nothing_and_signals_are_caught_after_it(repository: Path) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], cwd=repository, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "MagicMock []\nLogger Core\n", "")


# In a run.


def tiny(**evaluator: Any) -> Any:
    config = load_config(CONFIG)
    return replace(
        config,
        iterations=2,
        evaluator=replace(INT8, **evaluator),
        guard=replace(config.guard, every=0),
        selfplay=replace(config.selfplay, past_share=0.0),
    )


@NEEDED
def test_a_run_calibrates_on_its_replay_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Calibration | None] = []
    update = Contestant.update

    def note(self: Contestant, weights: Any, calibration: Calibration | None = None) -> None:
        used.append(calibration)
        update(self, weights, calibration)

    monkeypatch.setattr(Contestant, "update", note)

    def interrupt(progress: Any) -> None:
        if progress.phase == "self-play" and progress.iteration == 2:
            signal.raise_signal(signal.SIGINT)

    result = train(tiny(), tmp_path / "run", on_progress=interrupt)
    assert (result.interrupted, result.iterations) == (True, 1)
    assert resume(result.folder).iterations == 2
    before, resumed = used[:2]
    assert len(used) == 3 and before is not None and resumed is not None
    for field in ("inputs", "held_out", "legal_mask"):
        np.testing.assert_array_equal(getattr(before, field), getattr(resumed, field))
    last = used[2]
    assert last is not None and not np.array_equal(last.inputs, resumed.inputs)
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert [line["int8"]["acting"] for line in lines] == ["int8"] * 2
    for line in lines:
        assert 0.0 < line["int8"]["policy_kl"] < 0.01 and 0.0 < line["int8"]["value_error"] < 0.05
        assert 0.0 < line["time"]["conversion"] < line["time"]["learning"]
    assert load_checkpoint(result.checkpoint)
    assert "nncf" in json.loads((result.folder / "environment.json").read_bytes())[0]["versions"]


@NEEDED
def test_a_run_says_where_another_precision_acts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = train(replace(tiny(int8_policy_kl=0.0), iterations=1), tmp_path / "run")
    (line,) = JsonLines(result.folder / "metrics.jsonl").read()
    assert line["int8"]["acting"] in ("bf16", "fp32") and line["int8"]["policy_kl"] > 0.0
    warnings = [record for record in caplog.records if "in int8 is too far" in record.getMessage()]
    assert len(warnings) == 2  # the network it began with, and the one that has learnt
