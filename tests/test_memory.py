"""Memory: what may be done any number of times takes no more of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.config import EvaluatorConfig, NetworkConfig
from engine.game import encoder_shape, facts, load_game
from engine.network import build, sizes_of
from engine.network.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from engine.search.backend import Backend
from engine.search.calibration import calibration_for
from engine.search.evaluator import make_evaluator, nncf_installed, openvino_installed

MEBIBYTE = 2**20
STATM = Path("/proc/self/statm")
SLACK = 16.0
"""MiB: of what grows at each update, 300 leave many times as much."""


def resident() -> float:
    """MiB of this process."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def grown(network: nn.Module, evaluator: Backend, updates: int) -> float:
    """MiB that so many updates add, after a few that are not counted; every session answers after each."""
    sessions = [evaluator.session(16) for _ in range(2)]
    weights = network.state_dict()
    start = 0.0
    for update in range(-10, updates):
        evaluator.update(weights)
        for session in sessions:
            session.launch(0, 16)
            session.wait(0)
        if update == -1:
            start = resident()
    return resident() - start


@pytest.mark.skipif(not STATM.exists(), reason="no /proc")
@pytest.mark.parametrize(
    ("backend", "precision", "updates"),
    [
        ("torch", "fp32", 300),
        pytest.param("openvino", "fp32", 300, marks=pytest.mark.skipif(not openvino_installed(), reason="no openvino")),
        # Rounding takes longer; from 1.3 MiB an update these still leave twice the slack.
        pytest.param("openvino", "int8", 25, marks=pytest.mark.skipif(not nncf_installed(), reason="no nncf")),
    ],
)
def test_updates_leave_nothing_behind(backend: str, precision: str, updates: int) -> None:
    game = load_game("connect_four")
    network = build(NetworkConfig(channels=16, blocks=2), facts(game), encoder_shape(game))
    config = EvaluatorConfig(backend=backend, precision=precision, device="cpu")
    evaluator = make_evaluator(network, config, 16, calibration_for(config, game, "auto"))
    assert grown(network, evaluator, updates) < SLACK


class Odd(nn.Module):
    """Weights of many kinds: some that nothing reads, one that two modules share, whole numbers, a plain parameter."""

    def __init__(self, input_shape: tuple[int, ...], num_actions: int, num_players: int) -> None:
        super().__init__()
        width = int(np.prod(input_shape))
        self.unused = nn.Linear(3, 3)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(width)
        self.factor = nn.Parameter(torch.ones(1))
        self.register_buffer("shift", torch.tensor([2]))
        self.policy, self.value = nn.Linear(width, num_actions), nn.Linear(width, num_players)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.norm(torch.relu(self.second(torch.relu(self.first(inputs)))))
        return self.policy(hidden) * self.factor + self.shift, torch.tanh(self.value(hidden))


@pytest.mark.skipif(not openvino_installed(), reason="no openvino")
def test_updates_reach_weights_of_every_kind() -> None:
    game = load_game("tic_tac_toe")
    config = NetworkConfig(custom="tests.test_memory:Odd")
    networks = [build(config, facts(game), encoder_shape(game), seed) for seed in range(3)]
    for number, network in enumerate(networks):
        with torch.no_grad():
            network.factor.fill_(1.0 + number)  # type: ignore[operator, union-attr]
            network.shift.fill_(number)  # type: ignore[operator, union-attr]
            network.norm.running_mean.fill_(0.1 * number)  # type: ignore[operator, union-attr]
    backend = EvaluatorConfig(backend="openvino", precision="fp32", device="cpu")
    evaluator = make_evaluator(networks[0], backend, 8)
    sizes = sizes_of(networks[0])
    inputs = np.random.default_rng(0).random((8, sizes.inputs), np.float32)
    mask = np.ones((8, sizes.num_actions), np.uint8)
    for network in (networks[1], networks[2], networks[0]):
        evaluator.update(network.state_dict())
        with torch.no_grad():
            logits, values = network.eval()(torch.from_numpy(inputs))
        found = evaluator.evaluate(inputs, mask)
        np.testing.assert_allclose(found[0], logits.numpy(), rtol=0, atol=1e-4)
        np.testing.assert_allclose(found[1], values.numpy(), rtol=0, atol=1e-4)


@pytest.mark.skipif(not STATM.exists(), reason="no /proc")
def test_a_network_is_not_built_before_its_weights_are_known_to_fit(tmp_path: Path) -> None:
    game = load_game("connect_four")
    network = build(NetworkConfig(channels=8, blocks=1), facts(game), encoder_shape(game))
    claimed = NetworkConfig(channels=4096, blocks=16)  # 19 GiB of weights
    save_checkpoint(tmp_path / "agent", network, claimed, str(game), "test", {}, {}, "")
    before = resident()
    with pytest.raises(CheckpointError, match=r"tensor \S+ is"):
        load_checkpoint(tmp_path / "agent")
    assert resident() - before < 200.0
