"""Networks: shapes, value kinds, seeds, folding, and classes of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import GameFacts, encoder_shape, facts, load_game
from engine.network import build, sizes_of, values_of
from engine.network.inference import Answers, folded

SMALL = NetworkConfig(channels=8, blocks=2, hidden=16, layers=2)


def about(name: str) -> tuple[GameFacts, tuple[int, ...]]:
    game = load_game(name)
    return facts(game), encoder_shape(game)


def trained_looking(network: nn.Module, seed: int = 0) -> nn.Module:
    """Normalisations with statistics and weights unlike their initial ones."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.3, 2.0),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=generator)
    return network


@pytest.mark.parametrize(
    ("name", "kind", "value_kind", "torso"),
    [
        ("connect_four", "auto", "wdl", "ResidualNetwork"),
        ("connect_four", "mlp", "wdl", "MlpNetwork"),
        ("kuhn_poker", "auto", "scalar", "MlpNetwork"),
        ("kuhn_poker(players=3)", "auto", "scalar", "MlpNetwork"),
        ("2048", "auto", "scalar", "MlpNetwork"),
        ("backgammon", "auto", "wdl", "MlpNetwork"),
    ],
)
def test_outputs_by_game(name: str, kind: str, value_kind: str, torso: str) -> None:
    game, shape = about(name)
    network = build(NetworkConfig(kind=kind, channels=8, blocks=1, hidden=16, layers=1), game, shape)
    sizes = sizes_of(network)
    assert type(network).__name__ == torso
    assert (sizes.input_shape, sizes.num_actions, sizes.num_players) == (shape, game.num_actions, game.num_players)
    assert network.value_kind == value_kind
    logits, value = network(torch.rand(5, sizes.inputs))
    assert logits.shape == (5, game.num_actions)
    assert value.shape == (5, 3 if value_kind == "wdl" else game.num_players)
    values = values_of(network, value)
    assert values.shape == (5, game.num_players)
    assert values.abs().max() <= 1


def test_win_draw_loss_values() -> None:
    game, shape = about("tic_tac_toe")
    network = build(SMALL, game, shape)
    sure = torch.tensor([[50.0, 0, 0], [0, 50.0, 0], [0, 0, 50.0], [0, 0, 0]])
    expected = torch.tensor([[1.0, -1], [0, 0], [-1, 1], [0, 0]])
    torch.testing.assert_close(values_of(network, sure), expected)


def test_weights_come_from_the_seed_alone() -> None:
    game, shape = about("tic_tac_toe")
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = build(SMALL, game, shape, seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = build(SMALL, game, shape, seed=3).state_dict()
    other = build(SMALL, game, shape, seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["stem.convolution.weight"], other["stem.convolution.weight"])


def test_folding_changes_nothing() -> None:
    game, shape = about("connect_four")
    network = trained_looking(build(NetworkConfig(channels=32, blocks=4), game, shape)).eval()
    plain = folded(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    inputs = (torch.rand(64, sizes_of(network).inputs) < 0.5).float()
    with torch.no_grad():
        for mine, theirs in zip(plain(inputs), network(inputs), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)
            assert theirs.std() > 1e-3


def test_folding_takes_other_weights_and_leaves_the_network_alone() -> None:
    game, shape = about("tic_tac_toe")
    network = build(SMALL, game, shape, seed=0)
    other = trained_looking(build(SMALL, game, shape, seed=1))
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    plain = folded(network, other.state_dict())
    assert network.training
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    inputs = torch.rand(4, sizes_of(network).inputs)
    with torch.no_grad():
        logits, values = Answers(plain)(inputs)
        expected, value = other.eval()(inputs)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(values, values_of(other, value), rtol=0, atol=1e-5)


def test_the_shipped_size_fits_in_two_megabytes() -> None:
    game, _ = about("connect_four")
    network = build(NetworkConfig(channels=32, blocks=4), game, (2, 6, 7))
    assert sum(4 * weights.numel() for weights in network.parameters()) < 2e6


def test_a_residual_network_needs_a_board() -> None:
    game, shape = about("kuhn_poker")
    with pytest.raises(TesujiError, match=r"network.kind: residual needs inputs \[planes, rows, columns\]"):
        build(NetworkConfig(kind="residual"), game, shape)


def test_a_game_without_tensors_is_refused() -> None:
    with pytest.raises(TesujiError, match="no tensors"):
        build(SMALL, about("connect_four")[0], ())


CUSTOM = """
import torch
from torch import nn

class Mine(nn.Module):
    value_kind = "{kind}"
    def __init__(self, input_shape, num_actions, num_players):
        super().__init__()
        size = 1
        for each in input_shape:
            size *= each
        self.policy = nn.Linear(size, num_actions + {extra_actions})
        self.value = nn.Linear(size, {values})
    def forward(self, inputs):
        {body}

class Other(nn.Module):
    def __init__(self):
        super().__init__()

number = 3
"""
RETURN = "return self.policy(inputs), self.value(inputs)"


def custom(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str = "scalar",
    extra_actions: int = 0,
    values: str = "num_players",
    body: str = RETURN,
) -> NetworkConfig:
    """A configuration for a class `Mine` in a new module `name`."""
    text = CUSTOM.format(kind=kind, extra_actions=extra_actions, values=values, body=body)
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return NetworkConfig(custom=f"{name}:Mine")


def test_a_network_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game, shape = about("tic_tac_toe")
    network = build(custom(tmp_path, monkeypatch, "own_scalar"), game, shape)
    assert sizes_of(network).value_kind == "scalar"
    assert set(network.state_dict()) == {"policy.weight", "policy.bias", "value.weight", "value.bias"}
    network = build(custom(tmp_path, monkeypatch, "own_wdl", kind="wdl", values="3"), game, shape)
    assert values_of(network, network(torch.zeros(2, sizes_of(network).inputs))[1]).shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra_actions": 1}, r"prior_logits has shape \(2, 10\) for 2 inputs; it must be \(2, 9\)"),
        ({"values": "5"}, r"value has shape \(2, 5\) for 2 inputs; it must be \(2, 2\)"),
        ({"kind": "wdl"}, r"value has shape \(2, 2\) for 2 inputs; it must be \(2, 3\)"),
        ({"kind": "soft"}, "value_kind is 'soft'; it must be one of scalar, wdl"),
        ({"body": "return self.policy(inputs)"}, "must return two tensors: prior_logits and value"),
        ({"body": "return self.policy(inputs), 3"}, "value has shape int"),
        ({"body": "return self.policy(inputs[:, 1:]), 3"}, r"does not take inputs of shape \(2, 27\)"),
    ],
)
def test_a_wrong_network_of_your_own_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], message: str
) -> None:
    game, shape = about("tic_tac_toe")
    name = "wrong_" + "_".join(f"{abs(hash(message))}".split())
    with pytest.raises(TesujiError, match=message) as caught:
        build(custom(tmp_path, monkeypatch, name, **change), game, shape)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_win_draw_loss_of_your_own_needs_such_a_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game, shape = about("kuhn_poker")
    with pytest.raises(TesujiError, match="value_kind 'wdl' needs two players and returns of -1, 0 and 1"):
        build(custom(tmp_path, monkeypatch, "own_kuhn", kind="wdl", values="3"), game, shape)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_names", "write it as package.module:Class"),
        ("no_such_module:Mine", "cannot import no_such_module"),
        ("own_names:Nobody", "has no torch.nn.Module named Nobody"),
        ("own_names:number", "has no torch.nn.Module named number"),
        ("own_names:Other", r"must take \(input_shape, num_actions, num_players\)"),
    ],
)
def test_a_class_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    game, shape = about("tic_tac_toe")
    custom(tmp_path, monkeypatch, "own_names")
    with pytest.raises(TesujiError, match=message) as caught:
        build(NetworkConfig(custom=name), game, shape)
    assert "\n" not in str(caught.value)


def test_a_module_not_made_by_build_is_refused() -> None:
    with pytest.raises(TesujiError, match="Linear has no sizes"):
        sizes_of(nn.Linear(2, 2))
