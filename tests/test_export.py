"""ONNX files answer as the network does, for any batch size."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.network import build, sizes_of, values_of
from engine.network.export import export_onnx

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", ["connect_four", "kuhn_poker(players=3)"])
def test_the_file_answers_as_the_network(tmp_path: Path, name: str) -> None:
    game = load_game(name)
    network = build(NetworkConfig(channels=8, blocks=2, hidden=16, layers=2), facts(game), encoder_shape(game)).eval()
    export = export_onnx(network, tmp_path / "network.onnx")
    assert export.differences.keys() == {"prior_logits", "values"}
    assert max(export.differences.values()) <= 1e-4
    session = onnxruntime.InferenceSession(export.path.read_bytes(), providers=["CPUExecutionProvider"])
    for rows in (1, 7):
        inputs = torch.rand(rows, sizes_of(network).inputs)
        logits, values = session.run(["prior_logits", "values"], {"inputs": inputs.numpy()})
        with torch.no_grad():
            wanted, value = network(inputs)
        np.testing.assert_allclose(logits, wanted.numpy(), rtol=0, atol=1e-4)
        np.testing.assert_allclose(values, values_of(network, value).numpy(), rtol=0, atol=1e-4)


def test_a_network_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    game = load_game("tic_tac_toe")
    network = build(NetworkConfig(channels=8, blocks=1), facts(game), encoder_shape(game))
    with torch.no_grad():
        network.policy.bias.fill_(float("nan"))
    with pytest.raises(TesujiError, match="prior_logits differs from torch by nan; nothing is written"):
        export_onnx(network, tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = load_game("tic_tac_toe")
    network = build(NetworkConfig(channels=8, blocks=1), facts(game), encoder_shape(game))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(TesujiError, match=r"export needs onnxruntime; run: pip install 'tesuji\[export\]'"):
        export_onnx(network, tmp_path / "network.onnx")
