"""Inference with OpenVINO in int8 (extra ``int8``): weights and activations rounded to 8 bits by NNCF.

Each update rounds anew: activations get the ranges they have on the calibration's positions, which fp32 answers, too,
on those held out; where int8 strays too far from it, bf16 serves these weights instead (fp32 where the processor has no
bf16). For 32 channels x 4 blocks that takes 0.6 seconds of one core.
"""

import importlib
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partialmethod
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn

from engine.config import EvaluatorConfig
from engine.network.inference import Answers, folded
from engine.search.backend import Quantisation, first_line, hardware_bf16
from engine.search.calibration import Calibration
from engine.search.openvino_backend import OpenvinoBackend, Prepared, load_openvino, runtime

__all__ = ["QuantisedBackend"]

logger = logging.getLogger(__name__)

BATCH = 64  # positions that ranges are measured on at once
NOT_MEASURED = float("nan")
QUANTISING = threading.Lock()
"""NNCF's core is replaced for all threads."""


class QuantisedBackend(OpenvinoBackend):
    """OpenVINO on the CPU in int8, or in bf16 where that is not good enough: `precision` says which serves now."""

    def __init__(self, network: nn.Module, config: EvaluatorConfig, rows: int, calibration: Calibration) -> None:
        """As Backend, within the bounds of `config`; `calibration` holds until an update brings another."""
        self._calibration: Calibration | None = None  # until what serves in place of int8 stands
        super().__init__(network, "bf16" if hardware_bf16() else "fp32", rows)
        self._substitute = self.precision
        self._bounds = (config.int8_policy_kl, config.int8_value_error)
        self._calibration = calibration
        self._prepared = self.prepare(folded(network))

    def update(self, state_dict: Mapping[str, Tensor], calibration: Calibration | None = None) -> int:
        """See Backend."""
        self._calibration = calibration or self._calibration
        return super().update(state_dict)

    def prepare(self, network: nn.Module) -> Prepared:
        """See Backend; decides what serves these weights."""
        calibration = self._calibration
        if calibration is None:
            return super().prepare(network)
        begin = monotonic()
        self.precision = self._substitute
        plain = super().prepare(network)
        policy_kl = value_error = NOT_MEASURED
        try:
            rounded = Prepared(quantised(plain.model, calibration), "int8")
        # NNCF has many kinds of errors, for networks that it was not made for; none of them need stop a run.
        except Exception as error:
            logger.warning(
                "%s cannot be made int8 (%s): using %s", self.network_name, first_line(error), self.precision
            )
        else:
            policy_kl, value_error = self._errors(network, rounded, calibration)
            if policy_kl <= self._bounds[0] and value_error <= self._bounds[1]:
                self.precision = "int8"
            else:
                logger.warning(
                    "%s in int8 is too far from fp32: policy KL %.2g (bound %g), value error %.2g (bound %g): using %s",
                    *(self.network_name, policy_kl, self._bounds[0], value_error, self._bounds[1], self.precision),
                )
        self.quantisation = Quantisation(self.precision, policy_kl, value_error, monotonic() - begin)
        return rounded if self.precision == "int8" else plain

    def _errors(self, network: nn.Module, prepared: Prepared, calibration: Calibration) -> tuple[float, float]:
        """(policy KL, value error) of what is prepared, against the folded fp32 `network`; see Quantisation."""
        rows = len(calibration.held_out)
        session = self.open(rows)
        session.load(prepared)
        session.inputs[0, :rows] = calibration.held_out
        session.launch(0, rows)
        session.wait(0)
        with torch.inference_mode():
            logits, values = Answers(network)(torch.from_numpy(calibration.held_out))
        legal = torch.from_numpy(calibration.legal_mask).bool()
        wanted, found = (
            each.double().masked_fill(~legal, -torch.inf).log_softmax(dim=1)
            for each in (logits, torch.from_numpy(session.prior_logits[0, :rows]))
        )
        kl = (wanted.exp() * (wanted - found)).masked_fill(~legal, 0.0).sum(dim=1)
        return float(kl.mean()), float((torch.from_numpy(session.values[0, :rows]) - values).abs().mean())


def quantised(model: Any, calibration: Calibration) -> Any:
    """A copy of an `openvino.Model` that computes in int8; `model` stays as it is. Raises what NNCF raises."""
    nncf = load_nncf()
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    batches = [calibration.inputs[start : start + BATCH] for start in range(0, len(calibration.inputs), BATCH)]
    with one_core():
        return nncf.quantize(
            model,
            nncf.Dataset(batches),
            subset_size=len(batches),
            # Values from win and loss probabilities: two numbers, nothing to gain, and a range not seen cuts them off.
            ignored_scope=nncf.IgnoredScope(types=["Subtract"], validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # NNCF's default, the mean over positions of the largest activation, cuts off half of what is large:
                # a tuned 32x4 network then errs by 0.006 nats and 0.21 in value, so by 0.0008 and 0.023.
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                disable_bias_correction=True,  # a quarter of the time for no smaller an error there
            ),
        )


@cache
def load_nncf() -> Any:
    """The package `nncf`, imported so that it sends and prints nothing and leaves `logging` as it was."""
    load_openvino()  # keeps their common reporter out
    loggers = logging.getLoggerClass()
    try:
        nncf = importlib.import_module("nncf")
    finally:
        logging.setLoggerClass(loggers)
    nncf.set_log_level(logging.CRITICAL)
    bar = importlib.import_module("nncf.common.logging.track_progress").track
    bar.__init__ = partialmethod(bar.__init__, disable=True)
    return nncf


@contextmanager
def one_core() -> Iterator[None]:
    """`openvino.Core()` means the one of this process (see `runtime`): NNCF makes its own wherever it needs one."""
    openvino = load_openvino()
    core = runtime()
    with QUANTISING:
        maker, openvino.Core = openvino.Core, lambda: core
        try:
            yield
        finally:
            openvino.Core = maker
