"""The native core: every import order, and what a user reads when it cannot be loaded."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyspiel
import pytest

from engine import native
from engine.errors import TesujiError

USE_ALL_THREE = """
game = pyspiel.load_game("connect_four")
state = game.new_initial_state()
state.apply_action(3)
assert core.encode([state], core.default_encoder(game)).sum() > 0
assert core.legal_mask([state]).tolist() == [[1] * 7]
assert torch.ones(3).sum().item() == 3
try:
    pyspiel.load_game("no_such_game")
except pyspiel.SpielError:
    print("fine")
"""


def run_python(code: str, *flags: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )


@pytest.mark.parametrize("order", list(itertools.permutations(["torch", "pyspiel", "core"])), ids="-".join)
def test_every_import_order(order: tuple[str, ...], repository: Path) -> None:
    lines = {"core": "from engine.native import core"}
    code = "\n".join(lines.get(name, f"import {name}") for name in order) + USE_ALL_THREE
    done = run_python(code, folder=repository)
    assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr


@pytest.mark.parametrize("other", ["openvino", "onnxruntime", "tensorboard.compat.proto.event_pb2", "grpc"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_libraries_with_their_own_abseil_or_protobuf(other: str, first: bool, repository: Path) -> None:
    """pyspiel's symbols become global; libraries that carry copies of the same code must not mind."""
    pytest.importorskip(other.partition(".")[0])
    imports = [f"import {other}", "from engine.native import core", "import pyspiel, torch"]
    done = run_python("\n".join(imports if first else imports[::-1]) + USE_ALL_THREE, folder=repository)
    assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr


def test_native_error_is_a_user_error_and_an_import_error() -> None:
    assert issubclass(native.NativeError, TesujiError)
    assert issubclass(native.NativeError, ImportError)


def test_open_spiel_missing(repository: Path) -> None:
    """A Python with no site-packages at all: one clear line that names the command to run."""
    code = "try:\n    import engine.native\nexcept ImportError as error:\n    print(error)"
    done = run_python(code, "-S", folder=repository)
    assert done.stdout == f"open_spiel is not installed; run: {native.INSTALL_OPEN_SPIEL}\n", done.stderr


def with_import(monkeypatch: pytest.MonkeyPatch, replaced: str, answer: Callable[[], object]) -> None:
    real = native.importlib.import_module
    monkeypatch.setattr(native.importlib, "import_module", lambda name: answer() if name == replaced else real(name))


def raises(error: Exception) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


def test_pyspiel_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    with_import(monkeypatch, "pyspiel", raises(ImportError("libstdc++.so.6: version not found")))
    with pytest.raises(native.NativeError, match=r"open_spiel does not load \(libstdc.*run: pip install open_spiel=="):
        native.import_core()


def test_core_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    with_import(monkeypatch, "engine._core", raises(ModuleNotFoundError("No module named 'engine._core'")))
    with pytest.raises(native.NativeError, match="not built; in Tesuji's source folder run: pip install"):
        native.import_core()


def test_core_with_undefined_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    with_import(monkeypatch, "engine._core", raises(ImportError("undefined symbol: _ZN10open_spiel")))
    with pytest.raises(native.NativeError, match=r"does not load with open_spiel .* \(undefined symbol"):
        native.import_core()


def test_other_open_spiel_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.metadata, "version", lambda name: "9.9.9")
    with pytest.raises(native.NativeError, match=r"built with open_spiel 2\.0\.2, but 9\.9\.9 is installed"):
        native.import_core()


def test_other_pybind11_internals(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(game: object) -> str:
        raise TypeError("default_encoder(): incompatible function arguments")

    stranger = SimpleNamespace(open_spiel_version="2.0.2", pybind11_internals_id="v1", default_encoder=refuse)
    with_import(monkeypatch, "engine._core", lambda: stranger)
    with pytest.raises(native.NativeError, match=r"pybind11 internals \(v1\) are not those of the open_spiel wheel"):
        native.import_core()


def test_core_was_built_as_supported() -> None:
    assert native.core.open_spiel_version == native.SUPPORTED_OPEN_SPIEL
    assert native.core.pybind11_internals_id.encode() in Path(pyspiel.__file__).read_bytes()
