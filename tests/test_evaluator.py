"""Evaluators: every back-end answers as the network does, in sessions of any size, before and after an update."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.config import EvaluatorConfig, NetworkConfig
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.native import core
from engine.network import build, sizes_of, values_of
from engine.search import backend as backend_module
from engine.search import torch_backend
from engine.search.backend import BF16_TOLERANCE, Backend
from engine.search.evaluator import device_for, make_evaluator, native_evaluator
from engine.search.torch_backend import TorchBackend, TorchSession, graph_rows

OPENVINO = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="extra openvino is not installed")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
BACKENDS = ["torch", pytest.param("openvino", marks=OPENVINO), pytest.param("cuda", marks=GPU)]
ROWS = 20
EXACT = 1e-4  # fp32 on both sides, sums in another order


def network_for(name: str, seed: int = 0, **sizes: int) -> nn.Module:
    """A network whose normalisations are unlike their initial state and whose answers vary."""
    game = load_game(name)
    config = NetworkConfig(**({"channels": 16, "blocks": 2, "hidden": 32, "layers": 2} | sizes))  # type: ignore[arg-type]
    network = build(config, facts(game), encoder_shape(game), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.uniform_(-0.3, 0.3, generator=generator)
                module.running_var.uniform_(0.3, 1.5, generator=generator)
    return network.eval()


def batch(network: nn.Module, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and legal masks."""
    sizes = sizes_of(network)
    generator = np.random.default_rng(seed)
    inputs = (generator.random((rows, sizes.inputs)) < 0.4).astype(np.float32)
    return inputs, np.ones((rows, sizes.num_actions), np.uint8)


def truth(network: nn.Module, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the network itself answers, in fp32."""
    with torch.no_grad():
        logits, value = network(torch.from_numpy(inputs))
        return logits.numpy(), values_of(network, value).numpy()


def on(backend: str, precision: str = "fp32") -> EvaluatorConfig:
    """torch on a GPU for "cuda"; else that back-end on the CPU."""
    if backend == "cuda":
        return EvaluatorConfig(backend="torch", precision=precision, device="cuda")
    return EvaluatorConfig(backend=backend, precision=precision, device="cpu")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["connect_four", "kuhn_poker", "kuhn_poker(players=3)", "2048"])
def test_fp32_is_exact(backend: str, name: str) -> None:
    network = network_for(name)
    evaluator = make_evaluator(network, on(backend), ROWS)
    for rows in (1, 5, ROWS, 2 * ROWS + 3):
        inputs, mask = batch(network, rows)
        answers = evaluator.evaluate(inputs, mask)
        for found, wanted in zip(answers, truth(network, inputs), strict=True):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, wanted, rtol=0, atol=EXACT)
            assert rows == 1 or found.std(axis=0).max() > 1e-3  # answers that vary


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["connect_four", "kuhn_poker"])
def test_bf16_stays_within_its_tolerance(backend: str, name: str) -> None:
    network = network_for(name, channels=32, blocks=4)
    evaluator = make_evaluator(network, on(backend, "bf16"), ROWS)
    assert evaluator.precision == "bf16"
    inputs, mask = batch(network, 100)
    logits, values = evaluator.evaluate(inputs, mask)
    wanted_logits, wanted_values = truth(network, inputs)
    policy, wanted_policy = (torch.from_numpy(each).softmax(1).numpy() for each in (logits, wanted_logits))
    assert np.abs(policy - wanted_policy).mean() <= BF16_TOLERANCE
    assert np.abs(values - wanted_values).mean() <= BF16_TOLERANCE


def test_win_draw_loss_values_are_opposite() -> None:
    network = network_for("connect_four")
    _, values = make_evaluator(network, on("torch"), ROWS).evaluate(*batch(network, 30))
    assert values.shape == (30, 2)
    np.testing.assert_array_equal(values[:, 0], -values[:, 1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_sessions_answer_any_number_of_rows_in_either_half(backend: str) -> None:
    network = network_for("connect_four")
    sizes = sizes_of(network)
    session = make_evaluator(network, on(backend), ROWS).session(ROWS)
    rows_held = session.inputs.shape[1]
    assert rows_held >= ROWS
    assert session.inputs.shape == (2, rows_held, sizes.inputs)
    assert session.legal_mask.shape == (2, rows_held, sizes.num_actions)
    assert session.prior_logits.shape == (2, rows_held, sizes.num_actions)
    assert session.values.shape == (2, rows_held, sizes.num_players)
    kinds = [array.dtype for array in (session.inputs, session.legal_mask, session.prior_logits, session.values)]
    assert kinds == [np.float32, np.uint8, np.float32, np.float32]
    buffers = (session.inputs, session.prior_logits, session.values)
    for step, rows in enumerate((ROWS, 1, 0, 7, 9, 8, ROWS, 3)):
        inputs = [batch(network, rows, seed=2 * step + half)[0] for half in (0, 1)]
        session.inputs.fill(np.nan)  # garbage in the rows that are not named harms no one
        for half in (0, 1):
            session.inputs[half, :rows] = inputs[half]
            session.launch(half, rows)
        for half in (0, 1):
            session.wait(half)
            logits, values = truth(network, inputs[half])
            np.testing.assert_allclose(session.prior_logits[half, :rows], logits, rtol=0, atol=EXACT)
            np.testing.assert_allclose(session.values[half, :rows], values, rtol=0, atol=EXACT)
    held = (session.inputs, session.prior_logits, session.values)
    assert all(mine is kept for mine, kept in zip(held, buffers, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_batch_has_the_same_answers(backend: str) -> None:
    network = network_for("connect_four")
    inputs, mask = batch(network, ROWS)
    first, second = (make_evaluator(network, on(backend, "auto"), ROWS) for _ in range(2))
    for mine, again, other in zip(
        first.evaluate(inputs, mask), first.evaluate(inputs, mask), second.evaluate(inputs, mask), strict=True
    ):
        np.testing.assert_array_equal(mine, again)
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_update_reaches_every_session(backend: str, precision: str) -> None:
    network, other = network_for("connect_four", seed=0), network_for("connect_four", seed=1)
    evaluator = make_evaluator(network, on(backend, precision), ROWS)
    fresh = make_evaluator(other, on(backend, precision), ROWS)
    sessions = [evaluator.session(ROWS) for _ in range(2)]
    inputs, mask = batch(network, ROWS)
    before = evaluator.evaluate(inputs, mask)
    assert evaluator.version == 0
    assert evaluator.update(other.state_dict()) == evaluator.version == 1
    wanted = fresh.evaluate(inputs, mask)
    assert np.abs(wanted[0] - before[0]).max() > 1e-2
    for session in sessions:
        session.inputs[1, :ROWS] = inputs
        session.launch(1, ROWS)
        session.wait(1)
        np.testing.assert_array_equal(session.prior_logits[1, :ROWS], wanted[0])
        np.testing.assert_array_equal(session.values[1, :ROWS], wanted[1])
    np.testing.assert_array_equal(evaluator.evaluate(inputs, mask)[0], wanted[0])
    assert evaluator.update(network.state_dict()) == 2
    np.testing.assert_array_equal(evaluator.evaluate(inputs, mask)[0], before[0])


def test_an_update_must_fit() -> None:
    network = network_for("connect_four")
    evaluator = make_evaluator(network, on("torch"), ROWS)
    with pytest.raises(TesujiError, match=r"tensor policy.bias is .*\[8\].* not .*\[7\]"):
        evaluator.update(network.state_dict() | {"policy.bias": torch.zeros(8)})
    with pytest.raises(TesujiError, match="tensor extra is"):
        evaluator.update(network.state_dict() | {"extra": torch.zeros(8)})
    assert evaluator.version == 0


def test_an_evaluator_keeps_its_weights_while_the_network_learns() -> None:
    network = network_for("connect_four")
    evaluator = make_evaluator(network, on("torch"), ROWS)
    inputs, mask = batch(network, 4)
    before = evaluator.evaluate(inputs, mask)
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
    np.testing.assert_array_equal(evaluator.evaluate(inputs, mask)[0], before[0])
    np.testing.assert_array_equal(evaluator.session(ROWS).values, np.zeros((2, ROWS, 2)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_sessions_work_in_threads_of_their_own(backend: str) -> None:
    network = network_for("connect_four")
    evaluator = make_evaluator(network, on(backend), ROWS)
    batches = [batch(network, ROWS, seed)[0] for seed in range(4)]
    sessions = [evaluator.session(ROWS) for _ in batches]

    def work(index: int) -> None:
        session = sessions[index]
        for _ in range(5):
            session.inputs[0, :ROWS] = batches[index]
            session.launch(0, ROWS)
            session.wait(0)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session, inputs in zip(sessions, batches, strict=True):
        np.testing.assert_allclose(session.prior_logits[0, :ROWS], truth(network, inputs)[0], rtol=0, atol=EXACT)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("layer", "field"), [("policy", "prior_logits"), ("value", "values")])
def test_a_network_that_is_not_finite_is_named(backend: str, layer: str, field: str) -> None:
    network = network_for("connect_four")
    with torch.no_grad():
        getattr(network, layer).bias[0] = float("nan")
    evaluator = make_evaluator(network, on(backend, "auto"), ROWS)
    with pytest.raises(TesujiError, match=f"network ResidualNetwork: {field} has entries that are not finite"):
        evaluator.evaluate(*batch(network, 3))


def test_a_device_that_cannot_run_the_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr(TorchSession, "load", refuse)
    evaluator = make_evaluator(network_for("connect_four"), on("torch"), ROWS)
    with pytest.raises(TesujiError, match=r"ResidualNetwork does not run on torch in fp32 \(no kernel\): use another"):
        evaluator.session(ROWS)


def test_logits_of_illegal_actions_may_be_anything() -> None:
    network = network_for("connect_four")
    with torch.no_grad():
        network.policy.bias[2] = float("nan")
    inputs, mask = batch(network, 3)
    mask[:, 2] = 0
    _, values = make_evaluator(network, on("torch"), ROWS).evaluate(inputs, mask)
    assert np.isfinite(values).all()


def test_wrong_shapes_are_named() -> None:
    network = network_for("connect_four")
    evaluator = make_evaluator(network, on("torch"), ROWS)
    inputs, mask = batch(network, 3)
    with pytest.raises(TesujiError, match=r"inputs has shape \(3, 125\); it must be \(3, 126\)"):
        evaluator.evaluate(inputs[:, 1:], mask)
    with pytest.raises(TesujiError, match=r"legal_mask has shape \(2, 7\); it must be \(3, 7\)"):
        evaluator.evaluate(inputs, mask[:2])
    with pytest.raises(TesujiError, match="at least 1 row"):
        evaluator.session(0)


def test_evaluate_leaves_torch_its_threads() -> None:
    network = network_for("connect_four")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make_evaluator(network, on("torch"), ROWS).evaluate(*batch(network, 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class Stray(backend_module.Backend):
    """A back-end whose bf16 is wrong."""

    name = "stray"
    error = 0.5

    def open(self, rows: int) -> backend_module.BatchSession:
        error = self.error if self.precision == "bf16" else 0.0

        class Session(backend_module.BatchSession):
            def load(self, network: nn.Module) -> None:
                self.network = network

            def launch(self, half: int, rows: int) -> None:
                logits, values = truth(self.network, self.inputs[half, :rows])
                self.prior_logits[half, :rows] = logits
                self.values[half, :rows] = values + error

            def wait(self, half: int) -> None:
                pass

        return Session(self.sizes, rows)


@pytest.mark.parametrize(("error", "precision"), [(0.5, "fp32"), (float("nan"), "fp32"), (0.001, "bf16")])
def test_bf16_that_strays_falls_back_with_a_warning(
    error: float, precision: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Stray, "error", error)
    network = network_for("connect_four")
    with caplog.at_level(logging.WARNING):
        evaluator = Stray(network, "bf16", ROWS)
    assert evaluator.precision == precision
    assert [record.levelname for record in caplog.records] == (["WARNING"] if precision == "fp32" else [])
    inputs, mask = batch(network, 3)
    if precision == "fp32":
        found = evaluator.evaluate(inputs, mask)[1]
        np.testing.assert_allclose(found, truth(network, inputs)[1], rtol=0, atol=EXACT)


class Custom(nn.Module):
    """A network that makes tensors of its own."""

    def __init__(self, input_shape: tuple[int, ...], num_actions: int, num_players: int) -> None:
        super().__init__()
        size = int(np.prod(input_shape))
        self.mix = nn.Linear(size, 32)
        self.policy = nn.Linear(32, num_actions)
        self.value = nn.Linear(32, num_players)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.tanh(self.mix(inputs) + torch.ones(32, device=inputs.device))
        return self.policy(features), self.value(features)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_custom_network_runs_everywhere(backend: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "custom_networks", sys.modules[__name__])
    game = load_game("tic_tac_toe")
    network = build(NetworkConfig(custom="custom_networks:Custom"), facts(game), encoder_shape(game)).eval()
    evaluator = make_evaluator(network, on(backend, precision), ROWS)
    assert evaluator.precision == precision
    inputs, mask = batch(network, 30)
    logits, values = evaluator.evaluate(inputs, mask)
    wanted_logits, wanted_values = truth(network, inputs)
    tolerance = EXACT if precision == "fp32" else 0.05
    np.testing.assert_allclose(logits, wanted_logits, rtol=0, atol=tolerance)
    np.testing.assert_allclose(values, wanted_values, rtol=0, atol=tolerance)


def test_automatic_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    network = network_for("tic_tac_toe")
    name = "engine.search.evaluator"
    evaluator = sys.modules[name]
    for bf16, installed, chosen in (
        (False, True, ("torch", "fp32")),
        (False, False, ("torch", "fp32")),
        (True, False, ("torch", "bf16")),
        *([(True, True, ("openvino", "bf16"))] if importlib.util.find_spec("openvino") else []),
    ):
        monkeypatch.setattr(evaluator, "hardware_bf16", lambda bf16=bf16: bf16)
        monkeypatch.setattr(evaluator, "openvino_installed", lambda installed=installed: installed)
        made = make_evaluator(network, EvaluatorConfig(), ROWS)
        assert (made.name, made.precision) == chosen


@pytest.mark.parametrize(("bf16", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_emulated_bf16_is_not_chosen(bf16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or bf16)
    monkeypatch.setattr(torch_backend, "CudaBackend", TorchBackend)
    assert make_evaluator(network_for("tic_tac_toe"), EvaluatorConfig(), ROWS).precision == chosen


@pytest.mark.parametrize(
    ("wanted", "without", "beside"),
    [
        ({}, "cpu", "cuda"),
        ({"backend": "torch", "precision": "fp32"}, "cpu", "cuda"),
        ({"backend": "openvino"}, "cpu", "cpu"),
        ({"precision": "int8"}, "cpu", "cpu"),
        ({"device": "cpu"}, "cpu", "cpu"),
        ({"device": "cuda"}, None, "cuda"),
        ({"device": "cuda", "backend": "openvino"}, None, None),
    ],
)
def test_the_device_without_and_beside_a_gpu(
    wanted: dict[str, str], without: str | None, beside: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gpu, device in ((False, without), (True, beside)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        if device is not None:
            assert device_for(EvaluatorConfig(**wanted)) == device
            continue
        with pytest.raises(TesujiError, match="evaluator"):
            device_for(EvaluatorConfig(**wanted))


def test_what_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_for("tic_tac_toe")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TesujiError, match=r"evaluator.device: cuda, but torch sees no GPU"):
        make_evaluator(network, EvaluatorConfig(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(TesujiError, match=r"evaluator.backend: openvino runs on the CPU only"):
        make_evaluator(network, EvaluatorConfig(device="cuda", backend="openvino"))
    monkeypatch.setattr(sys.modules["engine.search.evaluator"], "openvino_installed", lambda: False)
    with pytest.raises(TesujiError, match=r"openvino is not installed; run: pip install 'tesuji\[openvino\]'"):
        make_evaluator(network, EvaluatorConfig(device="cpu", backend="openvino"))


@pytest.mark.parametrize(("rows", "expected"), [(1, [1]), (8, [8]), (9, [8, 9]), (128, [8, 16, 32, 64, 128])])
def test_every_batch_has_a_graph(rows: int, expected: list[int]) -> None:
    assert graph_rows(rows) == expected


@GPU
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", EXACT), ("bf16", 0.1)])
def test_a_gpu_answers_as_the_network_before_and_after_an_update(precision: str, tolerance: float) -> None:
    network, other = network_for("connect_four", seed=0), network_for("connect_four", seed=1)
    evaluator = make_evaluator(network, EvaluatorConfig(backend="torch", precision=precision, device="cuda"), ROWS)
    inputs, mask = batch(network, 2 * ROWS + 3)
    for each in (network, other):
        for found, wanted in zip(evaluator.evaluate(inputs, mask), truth(each, inputs), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
        evaluator.update(other.state_dict())


@OPENVINO
def test_openvino_reports_to_no_one(repository: Path) -> None:
    script = """
import sys
import numpy as np
from engine.config import EvaluatorConfig, NetworkConfig
from engine.game import encoder_shape, facts, load_game
from engine.network import build
from engine.search.evaluator import make_evaluator
game = load_game("tic_tac_toe")
network = build(NetworkConfig(channels=4, blocks=1), facts(game), encoder_shape(game))
evaluator = make_evaluator(network, EvaluatorConfig(backend="openvino", precision="fp32"))
evaluator.evaluate(np.zeros((2, 27), np.float32), np.ones((2, 9), np.uint8))
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "openvino.tools.ovc.telemetry_stub []\n"), done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_native_core_reads_the_answers(backend: str) -> None:
    game = load_game("connect_four")
    network = network_for("connect_four")
    evaluator: Backend = make_evaluator(network, on(backend), ROWS)
    native = native_evaluator(evaluator, game, "auto", workers=1, rows=ROWS, cache_entries=0)
    states = [game.new_initial_state() for _ in range(3)]
    states[1].apply_action(3)
    for action in (2, 2, 5):
        states[2].apply_action(action)
    results = core.search(states, native, core.SearchParams(simulations=0), [0, 1, 2], workers=1)
    name = core.default_encoder(game)
    logits, values = truth(network, core.encode(states, name))
    for state, result, row, value in zip(states, results, logits, values, strict=True):
        order = np.roll(value, state.current_player())
        prior = torch.from_numpy(row).softmax(0).numpy()
        np.testing.assert_array_equal(result.actions, np.arange(7))
        np.testing.assert_allclose(result.prior, prior, rtol=0, atol=EXACT)
        np.testing.assert_allclose(result.raw_values, order, rtol=0, atol=EXACT)


SIGNALLED = """
import gc, signal
from engine.config import EvaluatorConfig, NetworkConfig
from engine.game import encoder_shape, facts, load_game
from engine.network import build
from engine.search.evaluator import make_evaluator

game = load_game("tic_tac_toe")
network = build(NetworkConfig(channels=4, blocks=1), facts(game), encoder_shape(game)).eval()
backends = [make_evaluator(network, EvaluatorConfig(backend="openvino", precision="fp32")) for _ in range(2)]
sessions = [backend.session(4) for backend in backends]
while backends:
    backends.pop(0)
    sessions.pop(0)
    gc.collect()
caught = []
signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
signal.raise_signal(signal.SIGINT)
assert caught == [signal.SIGINT]
"""


@OPENVINO
def test_a_signal_is_caught_after_openvino_back_ends_have_gone(repository: Path) -> None:
    """In a process of its own: it was a segmentation fault where each back-end had an OpenVINO core of its own."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
