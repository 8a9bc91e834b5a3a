"""Inference with torch: on CPUs one thread a worker, on a GPU with captured CUDA graphs."""

import copy
from typing import ClassVar

import torch
from torch import nn

from engine.network.inference import Answers
from engine.network.network import Network, Sizes
from engine.search.backend import HALVES, Backend, BatchSession

__all__ = ["CudaBackend", "TorchBackend"]

# A CUDA graph has fixed shapes: batches are padded up to the next power of two, from this one on.
SMALLEST_GRAPH = 8
KERNEL_RANK = 4  # [outputs, inputs, rows, columns]: what has a channels-last layout
WARMUP_RUNS = 3  # before a capture, as torch's documentation asks


def in_precision(network: nn.Module, precision: str, device: str) -> nn.Module:
    """`Answers` of a copy of a folded network on `device`.

    Built-in networks are converted to bf16 as a whole, in channels-last layout. A custom network may create tensors of
    its own in float32, so it runs under autocast.
    """
    network = copy.deepcopy(network)
    if precision == "fp32":
        return Answers(network).to(device)
    if isinstance(network, Network):
        network = network.to(device, torch.bfloat16)
        for weights in network.parameters():
            if weights.dim() == KERNEL_RANK:
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        return Answers(network, torch.bfloat16)
    return Autocast(Answers(network).to(device), device)


class Autocast(nn.Module):
    """A module run under bf16 autocast."""

    def __init__(self, module: nn.Module, device: str) -> None:
        """Run `module`, which lies on `device`."""
        super().__init__()
        self.module = module
        self.device = device

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As the module's."""
        # Without the cache of cast weights: it would keep a graph's capture from being replayed with new weights.
        with torch.autocast(self.device, torch.bfloat16, cache_enabled=False):
            logits, values = self.module(inputs)
        return logits, values


class TorchSession(BatchSession):
    """One worker's network on the CPU; `launch` computes in the calling thread and releases the GIL within torch.

    It sets torch's number of threads to 1 *for the calling thread*, and for threads that first use torch later: whoever
    learns in several threads sets its own number (`torch.set_num_threads`) before it does.
    """

    def __init__(self, sizes: Sizes, rows: int, precision: str) -> None:
        """Compute in "fp32" or "bf16"."""
        super().__init__(sizes, rows)
        self._precision = precision
        self._answers: nn.Module | None = None
        self._inputs = torch.from_numpy(self.inputs)
        self._prior_logits = torch.from_numpy(self.prior_logits)
        self._values = torch.from_numpy(self.values)

    def load(self, network: nn.Module) -> None:
        """See BatchSession."""
        self._answers = in_precision(network, self._precision, "cpu")

    def launch(self, half: int, rows: int) -> None:
        """See BatchSession."""
        if rows == 0:
            return
        assert self._answers is not None
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        with torch.inference_mode():
            logits, values = self._answers(self._inputs[half, :rows])
            self._prior_logits[half, :rows].copy_(logits)
            self._values[half, :rows].copy_(values)

    def wait(self, half: int) -> None:
        """Nothing to wait for: `launch` has computed."""


class TorchBackend(Backend):
    """torch on the CPU."""

    name: ClassVar[str] = "torch"

    def open(self, rows: int) -> TorchSession:
        """See Backend."""
        return TorchSession(self.sizes, rows, self.precision)


class CudaSession(BatchSession):
    """One worker's stream, weights and captured graphs on a GPU; `launch` returns at once.

    The numpy buffers are views of pinned memory, so that copies run on the stream too.
    """

    def __init__(self, sizes: Sizes, rows: int, precision: str) -> None:
        """Compute in "fp32" or "bf16" on the current GPU."""
        super().__init__(sizes, rows)
        self._precision = precision
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._done = [torch.cuda.Event() for _ in range(HALVES)]  # type: ignore[no-untyped-call]
        self._answers: nn.Module | None = None
        self._graphs: dict[tuple[int, int], torch.cuda.CUDAGraph] = {}
        # One memory for all graphs: they run one after the other, and none leaves anything in it.
        self._pool = torch.cuda.graph_pool_handle()
        self._inputs = torch.zeros(self.inputs.shape, pin_memory=True)
        self._prior_logits = torch.zeros(self.prior_logits.shape, pin_memory=True)
        self._values = torch.zeros(self.values.shape, pin_memory=True)
        self.inputs = self._inputs.numpy()
        self.prior_logits = self._prior_logits.numpy()
        self.values = self._values.numpy()
        self._device_inputs = torch.zeros(self.inputs.shape, device="cuda")

    def load(self, network: nn.Module) -> None:
        """See BatchSession. Weights are copied in place, so graphs captured before serve the new ones."""
        fresh = in_precision(network, self._precision, "cuda")
        self._stream.wait_stream(torch.cuda.current_stream())  # that built `fresh`
        with torch.no_grad(), torch.cuda.stream(self._stream):
            if self._answers is None:
                self._answers = fresh
            else:
                self._answers.load_state_dict(fresh.state_dict())
            if not self._graphs:
                # All at once and here: a capture must not meet another worker's launches.
                self._graphs = {
                    (half, rows): self._capture(half, rows) for half in range(HALVES) for rows in graph_rows(self.rows)
                }
        self._stream.synchronize()

    def launch(self, half: int, rows: int) -> None:
        """See BatchSession."""
        if rows == 0:
            return
        step = next(step for step in graph_rows(self.rows) if step >= rows)
        with torch.cuda.stream(self._stream):
            self._graphs[half, step].replay()
            self._done[half].record(self._stream)

    def wait(self, half: int) -> None:
        """See BatchSession; releases the GIL while it waits."""
        self._done[half].synchronize()

    def _capture(self, half: int, rows: int) -> torch.cuda.CUDAGraph:
        """Copy in, compute, copy out, as one graph."""
        graph = torch.cuda.CUDAGraph()
        # TF32 keeps 10 bits of a number; "fp32" promises all.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for _ in range(WARMUP_RUNS):
                self._compute(half, rows)
            self._stream.synchronize()
            with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                self._compute(half, rows)
        return graph

    def _compute(self, half: int, rows: int) -> None:
        assert self._answers is not None
        self._device_inputs[half, :rows].copy_(self._inputs[half, :rows], non_blocking=True)
        logits, values = self._answers(self._device_inputs[half, :rows])
        self._prior_logits[half, :rows].copy_(logits, non_blocking=True)
        self._values[half, :rows].copy_(values, non_blocking=True)


def graph_rows(rows: int) -> list[int]:
    """Batch sizes with a graph, for batches of up to `rows`: powers of two below it, then `rows`."""
    sizes = []
    size = SMALLEST_GRAPH
    while size < rows:
        sizes.append(size)
        size *= 2
    return [*sizes, rows]


class CudaBackend(Backend):
    """torch on a GPU."""

    name: ClassVar[str] = "cuda"

    def open(self, rows: int) -> CudaSession:
        """See Backend."""
        return CudaSession(self.sizes, rows, self.precision)
