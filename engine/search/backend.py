"""What the inference back-ends share: sessions with caller-owned buffers, weights in, answers out.

A back-end keeps the network in training form, folds it at each update, and hands the folded copy to its sessions. A
session is used by one thread at a time and shares nothing with the others, so workers depend on no timing. Any thread
may call the back-end: `evaluate` answers with one version of the weights, a session's batch likewise. A search has
several batches; whoever updates while it runs has it go on with the new weights.
"""

import logging
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import TesujiError
from engine.network.inference import Answers, folded
from engine.network.network import Sizes, sizes_of
from engine.search.calibration import Calibration

__all__ = ["HALVES", "Backend", "BatchSession", "Float32", "Quantisation", "UInt8", "hardware_bf16"]

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

logger = logging.getLogger(__name__)

HALVES = 2
"""A session's batches: search fills one while the device answers the other."""

# bf16 against fp32 on the check batch: largest mean absolute difference of probabilities and of normalised values.
# bf16 keeps 8 bits of a number (0.4 %); working kernels stay near 0.003, broken ones are far off.
BF16_TOLERANCE = 0.02
CHECK_ROWS = 32
CHECK_SEED = 1


@dataclass(frozen=True)
class Quantisation:
    """How the last conversion to int8 went."""

    precision: str
    """What serves: "int8", or what took its place because an error was above its bound or the conversion failed."""
    policy_kl: float
    """Mean KL(fp32 || int8) of the policies over legal actions on the held-out positions, in nats; NaN if it failed."""
    value_error: float
    """Mean absolute difference of normalised values there; NaN if it failed."""
    seconds: float
    """What it took, with calibration and judgement."""


class BatchSession(ABC):
    """One worker's buffers and network. Rows from `rows` on are garbage; what is computed for them is never read."""

    def __init__(self, sizes: Sizes, rows: int) -> None:
        """Make buffers of `rows` rows a half."""
        self.rows = rows
        self.inputs: Float32 = np.zeros((HALVES, rows, sizes.inputs), np.float32)
        self.legal_mask: UInt8 = np.zeros((HALVES, rows, sizes.num_actions), np.uint8)
        self.prior_logits: Float32 = np.zeros((HALVES, rows, sizes.num_actions), np.float32)
        self.values: Float32 = np.zeros((HALVES, rows, sizes.num_players), np.float32)

    @abstractmethod
    def load(self, network: Any) -> None:
        """Take the weights of what `Backend.prepare` made of a folded fp32 network."""

    @abstractmethod
    def launch(self, half: int, rows: int) -> None:
        """Start answering the first `rows` rows of a half."""

    @abstractmethod
    def wait(self, half: int) -> None:
        """Return when the answers of the half's last launch stand in its buffers."""


class Backend(ABC):
    """An evaluator; the subclasses say how a session computes. See `engine.search.evaluator.Evaluator`."""

    name: ClassVar[str]

    def __init__(self, network: nn.Module, precision: str, rows: int) -> None:
        """Serve a copy of `network` in "fp32" or "bf16"; `evaluate` works in batches of `rows`.

        bf16 is checked against fp32; where it strays, a warning is logged and fp32 serves instead.
        """
        self.sizes = sizes_of(network)
        self.precision = precision
        self.quantisation: Quantisation | None = None
        self.version = 0
        self.network_name = type(network).__name__
        self._rows = rows
        self._network = network
        plain = folded(network)
        self._prepared = self.prepare(plain)
        self._sessions: weakref.WeakSet[BatchSession] = weakref.WeakSet()
        self._own: BatchSession | None = None
        self._lock = threading.RLock()
        """Held while the own session answers, and while sessions are opened or take weights."""
        if precision == "bf16" and not self._bf16_agrees(plain):
            self.precision = "fp32"
            self._prepared = self.prepare(plain)

    @abstractmethod
    def open(self, rows: int) -> BatchSession:
        """A session without weights."""

    def prepare(self, network: nn.Module) -> Any:
        """What sessions load of a folded network: work that need not be done for each of them."""
        return network

    def session(self, rows: int) -> BatchSession:
        """A session of its own for one worker, with up to `rows` rows a half."""
        if rows < 1:
            raise TesujiError(f"rows: a batch needs at least 1 row, not {rows}")
        with self._lock:
            session = self.open(rows)
            try:
                session.load(self._prepared)
            except RuntimeError as error:
                raise TesujiError(
                    f"network {self.network_name} does not run on {self.name} in {self.precision} "
                    f"({first_line(error)}): use another evaluator.device or evaluator.precision"
                ) from error
            self._sessions.add(session)
        return session

    def update(self, state_dict: Mapping[str, Tensor], calibration: Calibration | None = None) -> int:
        """Serve these weights from now on, in every session; returns the new version.

        calibration: for int8 alone, its positions from now on; None keeps those it has.
        Raises TesujiError where names or shapes are not the network's. Waits for `evaluate` of other threads.
        """
        network = self._network
        own = {name: tensor.shape for name, tensor in network.state_dict().items()}
        given = {name: tensor.shape for name, tensor in state_dict.items()}
        if own != given:
            name = min(name for name in own.keys() | given.keys() if own.get(name) != given.get(name))
            raise TesujiError(f"update of {self.network_name}: tensor {name} is {given.get(name)}, not {own.get(name)}")
        with self._lock:
            self._prepared = self.prepare(folded(network, state_dict))
            for session in self._sessions:
                session.load(self._prepared)
            self.version += 1
            return self.version

    def evaluate(self, inputs: Float32, legal_mask: UInt8) -> tuple[Float32, Float32]:
        """Answer inputs f32[B, D] with legal_mask u8[B, A], for any B: prior_logits f32[B, A], values f32[B, P].

        Values are normalised and observer-first. Logits of illegal actions mean nothing. Raises TesujiError naming the
        field where the inputs have the wrong shape or an answer is not finite.
        """
        sizes = self.sizes
        require_shape("inputs", inputs, (len(inputs), sizes.inputs))
        require_shape("legal_mask", legal_mask, (len(inputs), sizes.num_actions))
        logits = np.empty((len(inputs), sizes.num_actions), np.float32)
        values = np.empty((len(inputs), sizes.num_players), np.float32)
        threads = torch.get_num_threads()
        try:
            with self._lock:
                if self._own is None:
                    self._own = self.session(self._rows)
                session = self._own
                for start in range(0, len(inputs), self._rows):
                    count = min(self._rows, len(inputs) - start)
                    part = slice(start, start + count)
                    session.inputs[0, :count] = inputs[part]
                    session.legal_mask[0, :count] = legal_mask[part]
                    session.launch(0, count)
                    session.wait(0)
                    logits[part] = session.prior_logits[0, :count]
                    values[part] = session.values[0, :count]
        finally:
            torch.set_num_threads(threads)  # a session's launch sets 1; the caller's thread may go on to learn
        legal = legal_mask.astype(bool)
        for field, array in (("prior_logits", logits[legal]), ("values", values)):
            if not np.isfinite(array).all():
                raise TesujiError(f"network {self.network_name}: {field} has entries that are not finite numbers")
        return logits, values

    def close(self) -> None:
        """Let go of all sessions; those still held elsewhere keep their last weights."""
        with self._lock:
            self._sessions.clear()
            self._own = None

    def _bf16_agrees(self, network: nn.Module) -> bool:
        """Compare a bf16 session with the folded fp32 `network` on a fixed batch of planes."""
        session = self.open(CHECK_ROWS)
        generator = np.random.default_rng(CHECK_SEED)
        session.inputs[0] = generator.random(session.inputs[0].shape) < 0.5
        try:
            session.load(self._prepared)
            session.launch(0, CHECK_ROWS)
            session.wait(0)
        except RuntimeError as error:
            logger.warning(
                "%s does not run in bf16 on %s (%s): using fp32", self.network_name, self.name, first_line(error)
            )
            return False
        with torch.inference_mode():
            logits, values = Answers(network)(torch.from_numpy(session.inputs[0]))
        policy = torch.from_numpy(session.prior_logits[0]).softmax(dim=1)
        means = (
            (policy - logits.softmax(dim=1)).abs().mean(),
            (torch.from_numpy(session.values[0]) - values).abs().mean(),
        )
        difference = float(torch.stack(means).max())  # NaN if either is
        if difference <= BF16_TOLERANCE or not bool(torch.isfinite(logits).all() and torch.isfinite(values).all()):
            return True  # a network that is not finite in fp32 either is `evaluate`'s to report
        logger.warning(
            "%s differs by %.3f between bf16 and fp32 on %s: using fp32", self.network_name, difference, self.name
        )
        return False


def require_shape(field: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    """TesujiError naming the field unless `array` has this shape."""
    if array.shape != shape:
        raise TesujiError(f"{field} has shape {array.shape}; it must be {shape}")


def first_line(error: BaseException) -> str:
    """The first line of an exception's text."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@cache
def hardware_bf16() -> bool:
    """The processor multiplies bf16 in hardware (AVX-512 BF16 or AMX on x86; bf16 on Arm)."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(bool(capabilities.get(flag, False)) for flag in ("avx512_bf16", "amx_bf16", "bf16"))
