"""Inference with OpenVINO on the CPU (extra ``openvino``): the fastest measured there.

The torch network goes through OpenVINO's PyTorch front end directly, not through `openvino.convert_model`, which
reports each use to its makers. So does importing the package, unless its reporter cannot be imported (`load_openvino`).
"""

import copy
import importlib
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

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
ONE_CORE = threading.Lock()
TRACING = threading.Lock()
"""Neither tracing nor catching warnings is for several threads at once."""


@dataclass(frozen=True)
class Prepared:
    """What a session compiles."""

    model: Any
    """An `openvino.Model`."""
    precision: str
    """What it is to be computed in."""


@dataclass
class Half:
    """What computes one half of a session."""

    request: Any
    """An `openvino.InferRequest`."""
    rows: int = 0
    """Of the buffers, which it is bound to."""


class OpenvinoSession(BatchSession):
    """One worker's compiled network; `launch` computes in the calling thread and releases the GIL."""

    def __init__(self, sizes: Sizes, rows: int) -> None:
        """Make the buffers."""
        super().__init__(sizes, padded(rows))
        self._halves: list[Half] = []

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
        self._halves = [Half(compiled.create_infer_request()) for _ in range(HALVES)]

    def launch(self, half: int, rows: int) -> None:
        """See BatchSession."""
        if rows == 0:
            return
        launched = self._halves[half]  # another thread's update may put another in its place
        if launched.rows != padded(rows):
            self._bind(launched, half, padded(rows))
        launched.request.infer()

    def wait(self, half: int) -> None:
        """Nothing to wait for: `launch` has computed."""

    def _bind(self, bound: Half, half: int, rows: int) -> None:
        """Let a half's request read from and write to the first `rows` rows of its buffers."""
        tensor = load_openvino().Tensor
        request = bound.request
        request.set_input_tensor(tensor(self.inputs[half, :rows], shared_memory=True))
        request.set_output_tensor(0, tensor(self.prior_logits[half, :rows], shared_memory=True))
        request.set_output_tensor(1, tensor(self.values[half, :rows], shared_memory=True))
        bound.rows = rows


class OpenvinoBackend(Backend):
    """OpenVINO on the CPU."""

    name: ClassVar[str] = "openvino"
    _graph: "Graph | None" = None

    def open(self, rows: int) -> OpenvinoSession:
        """See Backend."""
        return OpenvinoSession(self.sizes, rows)

    def prepare(self, network: nn.Module) -> Prepared:
        """See Backend."""
        if self._graph is None:
            self._graph = Graph(network)
        return Prepared(self._graph.model(network), self.precision)


class Graph:
    """What a network computes, as OpenVINO reads it, once and for all weights.

    torch keeps some memory of everything that it traces, as does OpenVINO's front end of everything that it reads, so
    neither may be done at each update. Python code of a custom network that looks at its weights (`if`, `item()`) keeps
    seeing those that it was traced with.
    """

    def __init__(self, network: nn.Module) -> None:
        """Trace a folded network. Raises TesujiError where OpenVINO cannot read it."""
        openvino = load_openvino()
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        answers = Answers(copy.deepcopy(network))
        weights = answers.state_dict()
        inputs = sizes_of(network).inputs

        def traced_function(rows: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
            for name, tensor in zip(weights, tensors, strict=True):
                owner, _, leaf = name.rpartition(".")
                module = answers.get_submodule(owner)
                delattr(module, leaf)  # a parameter can only be replaced by another
                setattr(module, leaf, tensor)
            logits, values = answers(rows)
            return logits, values

        try:
            with TRACING, warnings.catch_warnings(), torch.no_grad():
                # torch deprecates TorchScript; it is what OpenVINO's front end reads.
                warnings.simplefilter("ignore")
                example = (torch.zeros(TRACE_ROWS, inputs), *weights.values())
                traced = torch.jit.trace(traced_function, example, check_trace=False)  # type: ignore[no-untyped-call]
                front_end = FrontEndManager().load_by_framework("pytorch")
                decoder = TorchScriptPythonDecoder(traced)  # named, because the front end does not keep it alive
                self._model = front_end.convert(front_end.load(decoder))
        except RuntimeError as error:
            raise TesujiError(f"OpenVINO cannot read network {type(network).__name__}: {first_line(error)}") from error
        rows, *others = (value.debugName() for value in traced.graph.inputs())
        self._names = dict(zip(others, weights, strict=True))
        """Of the weights, by the model's parameter."""
        shapes = {rows: openvino.PartialShape([-1, inputs])}
        shapes |= {name: openvino.PartialShape(list(weights[of].shape)) for name, of in self._names.items()}
        self._model.reshape({each: shapes[each.get_node().friendly_name] for each in self._model.inputs})

    def model(self, network: nn.Module) -> Any:
        """An `openvino.Model` with the weights of `network`: f32[batch, D] -> prior_logits, normalised values.

        The batch is dynamic.
        """
        constant = importlib.import_module("openvino.opset13").constant
        weights = Answers(network).state_dict()
        model = self._model.clone()
        for parameter in model.get_parameters():
            if (name := self._names.get(parameter.friendly_name)) is not None:
                parameter.output(0).replace(constant(weights[name].numpy()).output(0))
                model.remove_parameter(parameter)
        passes = importlib.import_module("openvino.passes")
        manager = passes.Manager()
        manager.register_pass(passes.ConstantFolding())  # what is computed from weights alone
        manager.run_passes(model)
        return model


def load_openvino() -> Any:
    """The package `openvino`, imported so that it sends nothing: without its reporter it uses an empty stand-in."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes imports fail
    return importlib.import_module("openvino")


def runtime() -> Any:
    """The one `openvino.Core` of this process, which lasts as long as it.

    Its CPU plugin gives the calling thread an alternate signal stack, and when it ends gives back the one before; with
    several of them ending in another order than they began, what is given back has been freed, and the next signal that
    Python catches (Ctrl-C) is a segmentation fault. Seen with OpenVINO 2026.4.
    """
    with ONE_CORE:
        return make_core()


@cache
def make_core() -> Any:
    """Called once."""
    return load_openvino().Core()


def padded(rows: int) -> int:
    """The batch size computed for `rows` rows."""
    return rows if rows < ROW_STEP else -(-rows // ROW_STEP) * ROW_STEP
