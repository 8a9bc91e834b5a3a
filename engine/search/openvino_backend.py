"""Inference with OpenVINO on the CPU (extra ``openvino``): the fastest measured there.

The torch network goes through OpenVINO's PyTorch front end directly, not through `openvino.convert_model`, which
reports each use to its makers. So does importing the package, unless its reporter cannot be imported (`load_openvino`).
"""

import importlib
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from torch import nn

from engine.errors import TesujiError
from engine.network.inference import Answers
from engine.network.network import Sizes, sizes_of
from engine.search.backend import HALVES, Backend, BatchSession, first_line

__all__ = ["OpenvinoBackend"]

# What OpenVINO computes in where a model does not say; int8 models say it for all but a few small operations.
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}

# From this many on, batches are padded to a multiple of it: OpenVINO makes a plan for each shape that occurs.
ROW_STEP = 8
TRACE_ROWS = 2  # 1 would let a tracer take the batch for a constant


@dataclass(frozen=True)
class Prepared:
    """What a session compiles."""

    model: Any
    """An `openvino.Model`."""
    precision: str
    """What it is to be computed in."""


class OpenvinoSession(BatchSession):
    """One worker's compiled network; `launch` computes in the calling thread and releases the GIL."""

    def __init__(self, sizes: Sizes, rows: int) -> None:
        """Make the buffers."""
        super().__init__(sizes, padded(rows))
        self._requests: list[Any] = []
        self._bound = [0] * HALVES

    def load(self, network: Prepared) -> None:
        """See BatchSession."""
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[network.precision],
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            # Every session would pin its thread to the first core.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = runtime().compile_model(network.model, "CPU", options)
        self._requests = [compiled.create_infer_request() for _ in range(HALVES)]
        self._bound = [0] * HALVES

    def launch(self, half: int, rows: int) -> None:
        """See BatchSession."""
        if rows == 0:
            return
        if self._bound[half] != padded(rows):
            self._bind(half, padded(rows))
        self._requests[half].infer()

    def wait(self, half: int) -> None:
        """Nothing to wait for: `launch` has computed."""

    def _bind(self, half: int, rows: int) -> None:
        """Let a half's request read from and write to the first `rows` rows of its buffers."""
        tensor = load_openvino().Tensor
        request = self._requests[half]
        request.set_input_tensor(tensor(self.inputs[half, :rows], shared_memory=True))
        request.set_output_tensor(0, tensor(self.prior_logits[half, :rows], shared_memory=True))
        request.set_output_tensor(1, tensor(self.values[half, :rows], shared_memory=True))
        self._bound[half] = rows


class OpenvinoBackend(Backend):
    """OpenVINO on the CPU."""

    name: ClassVar[str] = "openvino"

    def open(self, rows: int) -> OpenvinoSession:
        """See Backend."""
        return OpenvinoSession(self.sizes, rows)

    def prepare(self, network: nn.Module) -> Prepared:
        """See Backend."""
        return Prepared(convert(network), self.precision)


def load_openvino() -> Any:
    """The package `openvino`, imported so that it sends nothing: without its reporter it uses an empty stand-in."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes imports fail
    return importlib.import_module("openvino")


@cache
def runtime() -> Any:
    """The one `openvino.Core` of this process, which lasts as long as it.

    Its CPU plugin gives the calling thread an alternate signal stack, and when it ends gives back the one before; with
    several of them ending in another order than they began, what is given back has been freed, and the next signal that
    Python catches (Ctrl-C) is a segmentation fault. Seen with OpenVINO 2026.4.
    """
    return load_openvino().Core()


def padded(rows: int) -> int:
    """The batch size computed for `rows` rows."""
    return rows if rows < ROW_STEP else -(-rows // ROW_STEP) * ROW_STEP


def convert(network: nn.Module) -> Any:
    """An `openvino.Model` of a folded network: f32[batch, D] -> prior_logits, normalised values; the batch is dynamic.

    Raises TesujiError where OpenVINO cannot read the network.
    """
    openvino = load_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    inputs = sizes_of(network).inputs
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # torch deprecates TorchScript; it is what OpenVINO's front end reads.
            warnings.simplefilter("ignore")
            example = torch.zeros(TRACE_ROWS, inputs)
            traced = torch.jit.trace(Answers(network), example, check_trace=False)  # type: ignore[no-untyped-call]
            front_end = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(traced)  # named, because the front end does not keep it alive
            model = front_end.convert(front_end.load(decoder))
    except RuntimeError as error:
        raise TesujiError(f"OpenVINO cannot read network {type(network).__name__}: {first_line(error)}") from error
    model.reshape(openvino.PartialShape([-1, inputs]))
    return model
