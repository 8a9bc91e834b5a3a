"""Evaluators: what answers a leaf, whichever device and library computes it."""

import importlib.util
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

import pyspiel
import torch
from torch import Tensor, nn

from engine.config import EvaluatorConfig
from engine.errors import TesujiError
from engine.game import facts
from engine.network.network import Network
from engine.search.backend import Backend, Float32, Quantisation, UInt8, hardware_bf16
from engine.search.calibration import Calibration

if TYPE_CHECKING:
    from engine import _core

__all__ = ["Evaluator", "Session", "device_for", "make_evaluator", "native_evaluator"]

DEFAULT_ROWS = 64  # batches beyond 32 gain little on a CPU


class Session(Protocol):
    """One worker's buffers of `rows` rows in two halves; rows a launch does not name are garbage.

    The native core writes `inputs` and `legal_mask`, calls `launch` and `wait` (holding the GIL; they release it while
    they compute), and reads the answers in place.
    """

    inputs: Float32
    """f32[2, rows, D]: what the encoder wrote, from the seat of the player to move."""
    legal_mask: UInt8
    """u8[2, rows, A]."""
    prior_logits: Float32
    """f32[2, rows, A]: logits of the prior; those of illegal actions mean nothing."""
    values: Float32
    """f32[2, rows, P]: normalised values, column k for player (observer + k) mod P."""

    def launch(self, half: int, rows: int) -> None:
        """Start answering the first `rows` rows of a half."""

    def wait(self, half: int) -> None:
        """Return when the answers of the half's last launch stand in its buffers."""


class Evaluator(Protocol):
    """A network on a device."""

    network_name: str
    """Of the network's class, for error messages."""

    version: int
    """Changes with every update; cached answers of another version are void."""

    quantisation: Quantisation | None
    """How int8 did at the last update; None where it was not asked for."""

    def update(self, state_dict: Mapping[str, Tensor], calibration: Calibration | None = None) -> int:
        """Serve these weights (names as in the network's training form) in all sessions; returns the new version.

        calibration: for int8 alone, its positions from now on; None keeps those it has.
        """

    def evaluate(self, inputs: Float32, legal_mask: UInt8) -> tuple[Float32, Float32]:
        """From inputs f32[B, D] and legal_mask u8[B, A] to prior_logits f32[B, A] and values f32[B, P].

        Values are normalised, column k for player (observer + k) mod P.
        """

    def session(self, rows: int) -> Session:
        """Buffers and a copy of the network for one worker thread."""

    def close(self) -> None:
        """Let go of memory and sessions."""


def device_for(config: EvaluatorConfig) -> str:
    """Where an evaluator of this configuration answers, and the learner beside it learns: "cuda" or "cpu".

    Raises TesujiError for a GPU that is not there or that the back-end cannot use.
    """
    gpu = torch.cuda.is_available()
    if config.device == "cuda" and not gpu:
        raise TesujiError("evaluator.device: cuda, but torch sees no GPU; use cpu or auto")
    if config.device == "cuda" and config.backend == "openvino":
        raise TesujiError("evaluator.backend: openvino runs on the CPU only; set evaluator.device to cpu or use torch")
    if config.device != "auto":
        return config.device
    return "cuda" if gpu and config.backend != "openvino" and config.precision != "int8" else "cpu"


def make_evaluator(
    network: nn.Module, config: EvaluatorConfig, rows: int = DEFAULT_ROWS, calibration: Calibration | None = None
) -> Backend:
    """An evaluator that serves a copy of `network` as `config` says; `evaluate` works in batches of `rows`.

    calibration: positions for int8 (see `calibration_for`), which cannot do without; nothing else looks at it.

    "auto" takes a GPU where there is one; else, where the processor has bf16, OpenVINO if it is installed and can read
    the network; else torch. Raises TesujiError for a device or back-end that is not there.
    """
    if config.precision == "int8":
        return make_quantised(network, config, rows, calibration)
    from engine.search.torch_backend import CudaBackend, TorchBackend

    device = device_for(config)
    precision = config.precision
    if precision == "auto":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else hardware_bf16()
        precision = "bf16" if bf16 else "fp32"
    if device == "cuda":
        return CudaBackend(network, precision, rows)
    installed = openvino_installed()
    if config.backend == "openvino" and not installed:
        raise TesujiError("evaluator.backend: openvino is not installed; run: pip install 'tesuji[openvino]'")
    # A custom network may hold what OpenVINO does not know: only asked for by name.
    suits = precision == "bf16" and isinstance(network, Network)
    if config.backend == "openvino" or (config.backend == "auto" and installed and suits):
        from engine.search.openvino_backend import OpenvinoBackend

        return OpenvinoBackend(network, precision, rows)
    return TorchBackend(network, precision, rows)


def make_quantised(network: nn.Module, config: EvaluatorConfig, rows: int, calibration: Calibration | None) -> Backend:
    """`make_evaluator` for int8."""
    if config.device == "cuda":
        raise TesujiError("evaluator.precision: int8 runs on the CPU only; set evaluator.device to cpu or use bf16")
    if config.backend == "torch":
        raise TesujiError("evaluator.precision: int8 needs OpenVINO; set evaluator.backend to openvino or use bf16")
    if not openvino_installed() or not nncf_installed():
        raise TesujiError("evaluator.precision: int8 needs OpenVINO and NNCF; run: pip install 'tesuji[int8]'")
    if calibration is None:
        raise TesujiError("evaluator.precision: int8 needs positions to calibrate on, and was given none")
    from engine.search.quantised_backend import QuantisedBackend

    return QuantisedBackend(network, config, rows, calibration)


def openvino_installed() -> bool:
    """The extra ``openvino`` can be imported."""
    return importlib.util.find_spec("openvino") is not None


def nncf_installed() -> bool:
    """NNCF, of the extra ``int8``, can be imported."""
    return importlib.util.find_spec("nncf") is not None


def native_evaluator(
    evaluator: Evaluator, game: pyspiel.Game, encoder: str, workers: int, rows: int, cache_entries: int
) -> "_core.NetworkEvaluator":
    """`evaluator` for the native core: `workers` sessions of `rows` rows, a cache of `cache_entries` answers each.

    Searches from other threads meanwhile get sessions of their own.
    After `evaluator.update`, hand the new version on with ``version = ...``.
    """
    from engine.native import core

    more = partial(evaluator.session, rows)
    sessions = [more() for _ in range(workers)]
    native = core.NetworkEvaluator(
        game, encoder, sessions, facts(game).value_scale, cache_entries, f"network {evaluator.network_name}", more
    )
    native.version = evaluator.version
    return native
