"""Checkpoints: saved and loaded bit for bit; everything damaged or foreign is one line naming the file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from engine.agents.parser import game_of
from engine.config import NetworkConfig
from engine.errors import CheckpointError, TesujiError
from engine.files import sealed
from engine.game import encoder_shape, facts, load_game
from engine.network import build, load_checkpoint, save_checkpoint

CONFIG = NetworkConfig(channels=8, blocks=1, hidden=16, layers=1)
CUSTOM = """
import math
from torch import nn

class Mine(nn.Module):
    def __init__(self, input_shape, num_actions, num_players):
        super().__init__()
        size = math.prod(input_shape)
        self.policy = nn.Linear(size, num_actions)
        self.value = nn.Linear(size, num_players)
    def forward(self, inputs):
        return self.policy(inputs), self.value(inputs)
"""


def network_for(name: str, config: NetworkConfig = CONFIG, seed: int = 0) -> nn.Module:
    game = load_game(name)
    return build(config, facts(game), encoder_shape(game), seed)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints" / "first"
    save_checkpoint(folder, network_for("tic_tac_toe"), CONFIG, "tic_tac_toe", "imitation", {}, {}, "# A card\n")
    return folder


def edit(folder: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    """Change a checkpoint's config.json in place, as if it had been saved so."""
    file = folder / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(sealed(content)))


def replace_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Other weights, with a sha256 that fits them."""
    data = safetensors.torch.save(tensors)
    (folder / "model.safetensors").write_bytes(data)
    edit(folder, lambda content: content["weights"].update(sha256=hashlib.sha256(data).hexdigest()))


@pytest.mark.parametrize("game", ["connect_four", "kuhn_poker", "kuhn_poker(players=3)"])
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, game: str) -> None:
    network = network_for(game, seed=5)
    network(torch.rand(8, network.sizes.inputs))  # moves the running statistics of normalisations
    if game == "connect_four":
        network.to(memory_format=torch.channels_last)
    lineage, metrics = {"parent": "ab" * 32}, {"elo": 1.25, "notes": "ü"}
    digest = save_checkpoint(tmp_path / "c", network, CONFIG, game, "expert_iteration", lineage, metrics, "# Card\n")
    loaded = load_checkpoint(tmp_path / "c")
    own, theirs = network.state_dict(), loaded.network.state_dict()
    assert own.keys() == theirs.keys()
    for name, tensor in own.items():
        assert tensor.dtype == theirs[name].dtype
        assert torch.equal(tensor, theirs[name])
    assert loaded.hash == digest
    assert loaded.game == str(load_game(game))
    assert loaded.encoder == facts(load_game(game)).encoder == loaded.network_config.encoder
    assert (loaded.method, loaded.lineage, loaded.metrics) == ("expert_iteration", lineage, metrics)
    assert loaded.path == tmp_path / "c"
    assert not loaded.network.training
    inputs = torch.rand(3, network.sizes.inputs)
    for mine, other in zip(network.eval()(inputs), loaded.network(inputs), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)
    assert (tmp_path / "c" / "README.md").read_text() == "# Card\n"
    assert sorted(os.listdir(tmp_path / "c")) == ["README.md", "config.json", "model.safetensors"]


def test_saving_a_loaded_checkpoint_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(saved)
    again = tmp_path / "again"
    save_checkpoint(again, loaded.network, loaded.network_config, loaded.game, loaded.method, {}, {}, "# A card\n")
    for name in os.listdir(saved):
        assert (saved / name).read_bytes() == (again / name).read_bytes()


def test_saving_replaces_in_one_piece(saved: Path) -> None:
    other = network_for("tic_tac_toe", seed=9)
    digest = save_checkpoint(saved, other, CONFIG, "tic_tac_toe", "imitation", {}, {}, "")
    assert load_checkpoint(saved).hash == digest
    assert os.listdir(saved.parent) == ["first"]


def test_a_full_disk_keeps_the_old_checkpoint(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_checkpoint(saved).hash

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TesujiError, match="No space left on device"):
        save_checkpoint(saved, network_for("tic_tac_toe", seed=9), CONFIG, "tic_tac_toe", "x", {}, {}, "")
    monkeypatch.undo()
    assert load_checkpoint(saved).hash == before
    assert os.listdir(saved.parent) == ["first"]


def save(folder: Path) -> str:
    return save_checkpoint(folder, network_for("tic_tac_toe"), CONFIG, "tic_tac_toe", "imitation", {}, {}, "")


def assert_refused(folder: Path, message: str) -> None:
    """Nothing is written in place of what stands there."""
    before = {path: path.read_bytes() for path in sorted(folder.parent.rglob("*")) if path.is_file()}
    with pytest.raises(TesujiError, match=message) as caught:
        save(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert {path: path.read_bytes() for path in sorted(folder.parent.rglob("*")) if path.is_file()} == before


def test_only_a_checkpoint_is_replaced(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "work"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    assert_refused(other, "holds something other than a checkpoint: name a new folder")
    (other / "thesis.txt").rename(other / "config.json")
    assert_refused(other, "holds something other than a checkpoint")
    assert_refused(other / "config.json", "Not a directory")
    (saved / "thesis.txt").write_text("years")
    assert_refused(saved, "holds something other than a checkpoint")
    (saved / "thesis.txt").unlink()
    edit(saved, lambda content: content.pop("sizes"))
    assert_refused(saved, "holds something other than a checkpoint")


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    assert save(tmp_path / "c") == load_checkpoint(tmp_path / "c").hash


def test_a_link_to_a_checkpoint_stays_a_link(saved: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(saved)
    digest = save_checkpoint(link, network_for("tic_tac_toe", seed=9), CONFIG, "tic_tac_toe", "x", {}, {}, "")
    assert link.is_symlink()
    assert load_checkpoint(saved).hash == digest
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "link"]


def test_the_working_folder_is_not_replaced(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    with pytest.raises(TesujiError, match=r"\. is the working folder: name a new folder in it"):
        save(Path())


def test_a_parent_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(tmp_path / "file" / "c", "cannot write .*: (Not a directory|File exists)")


def assert_one_line(folder: Path, message: str, **arguments: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(folder, **arguments)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_every_truncation_and_bit_flip_of_the_weights_is_found(saved: Path) -> None:
    file = saved / "model.safetensors"
    data = file.read_bytes()
    for length in (0, 1, 8, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:length])
        assert_one_line(saved, "model.safetensors: damaged: its sha256")
    for position in range(0, len(data), max(1, len(data) // 50)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position % 8)
        file.write_bytes(flipped)
        assert_one_line(saved, "model.safetensors: damaged: its sha256")


def test_missing_files(saved: Path) -> None:
    assert_one_line(saved / "no", "no such checkpoint folder")
    (saved / "model.safetensors").unlink()
    assert_one_line(saved, "model.safetensors: No such file")
    (saved / "config.json").unlink()
    assert_one_line(saved, "config.json: No such file")
    shutil.rmtree(saved)
    assert_one_line(saved, "no such checkpoint folder")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"format": 1}', '{"format": 1, "game": 3}'])
def test_a_config_that_is_none(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text)
    message = r"config\.json: (not valid JSON|format None is unknown|not a checkpoint's configuration)"
    assert_one_line(saved, message)
    with pytest.raises(CheckpointError, match=message):
        game_of(str(saved))


def test_a_config_of_bytes_that_are_no_text(saved: Path) -> None:
    (saved / "config.json").write_bytes(b"\xff\xfe\x00")
    assert_one_line(saved, r"config\.json: not valid JSON")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format=3), "format 3 is unknown; this version of Tesuji reads format 2"),
        (lambda c: c.update(game="tic_tac_two"), r"unknown game 'tic_tac_two' \(did you mean 'tic_tac_toe'\?\)"),
        (lambda c: c.update(game="connect_four"), "sizes do not fit the game connect_four"),
        (lambda c: c.pop("weights"), "not a checkpoint's configuration: no valid 'weights'"),
        (lambda c: c.pop("game"), "not a checkpoint's configuration: no valid 'game'"),
        (lambda c: c["weights"].pop("sha256"), "not a checkpoint's configuration: no valid 'weights.sha256'"),
        (lambda c: c.update(weights=[]), "not a checkpoint's configuration"),
        (lambda c: c["network"].update(width=3), "not a checkpoint's configuration: .*width"),
        (lambda c: c["network"].update(channels=-3), "channels: -3 is out of range"),
        (lambda c: c["network"].update(encoder="nonesuch"), "nonesuch"),
        (
            lambda c: c["network"].update(channels=9),
            r"tensor \S+ is float32\[\S+.*the network needs",
        ),
        (lambda c: c["network"].update(blocks=2), "model.safetensors: tensor torso.1.* is missing"),
        (lambda c: c["network"].update(blocks=0), "model.safetensors: tensor torso.0.* does not belong"),
    ],
)
def test_a_config_that_does_not_fit(saved: Path, change: Callable[[dict], None], message: str) -> None:  # type: ignore[type-arg]
    edit(saved, change)
    assert_one_line(saved, message)


def test_tensors_that_do_not_fit(saved: Path) -> None:
    tensors = load_checkpoint(saved).network.state_dict()
    replace_weights(saved, tensors | {"policy.bias": torch.zeros(8)})
    assert_one_line(saved, r"model.safetensors: tensor policy.bias is float32\[8\], the network needs float32\[9\]")
    replace_weights(saved, tensors | {"policy.bias": torch.zeros(9, dtype=torch.float16)})
    assert_one_line(saved, r"tensor policy.bias is float16\[9\], the network needs float32\[9\]")
    replace_weights(saved, {name: tensor for name, tensor in tensors.items() if name != "value.bias"})
    assert_one_line(saved, "tensor value.bias is missing")
    replace_weights(saved, tensors | {"extra": torch.zeros(1)})
    assert_one_line(saved, "tensor extra does not belong to this network")


def test_a_pickle_in_place_of_the_weights_is_not_read(saved: Path) -> None:
    torch.save({"policy.bias": torch.zeros(9)}, saved / "model.safetensors")
    digest = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    edit(saved, lambda content: content["weights"].update(sha256=digest))
    assert_one_line(saved, "model.safetensors: not a safetensors file")


def test_a_checkpoint_of_another_game(saved: Path) -> None:
    assert_one_line(saved, r"this checkpoint plays tic_tac_toe\(\), not connect_four", game="connect_four")
    assert load_checkpoint(saved, game="tic_tac_toe").game == "tic_tac_toe()"


def test_a_custom_class_is_never_imported_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "my_module.py"
    module.write_text(CUSTOM)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = NetworkConfig(kind="custom", custom="my_module:Mine")
    network = network_for("tic_tac_toe", config)
    save_checkpoint(tmp_path / "c", network, config, "tic_tac_toe", "imitation", {}, {}, "")
    assert_one_line(
        tmp_path / "c", r"custom network \(my_module:Mine\): give its class again with --network package.module"
    )
    loaded = load_checkpoint(tmp_path / "c", "my_module:Mine")
    assert type(loaded.network).__name__ == "Mine"
    own = network.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in loaded.network.state_dict().items())


def test_a_class_for_a_built_in_network_is_refused(saved: Path) -> None:
    assert_one_line(saved, "has a built-in network; leave out --network a:B", network_class="a:B")
