"""A network as an ONNX file, its answers compared with torch's before the file is written (extra ``export``)."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.errors import TesujiError
from engine.files import atomic_write
from engine.network.inference import Answers, folded
from engine.network.network import sizes_of

__all__ = ["Export", "export_onnx"]

OPSET = 17  # understood by every ONNX Runtime since 1.13
INPUTS = "inputs"
OUTPUTS = ("prior_logits", "values")
TOLERANCE = 1e-4  # largest absolute difference; both sides compute in float32
TRACE_ROWS = 2
CHECK_ROWS = 16  # another batch size than the traced one, so that a batch taken for a constant is found


@dataclass(frozen=True)
class Export:
    """A written ONNX file: inputs f32[batch, D] -> prior_logits f32[batch, A], values f32[batch, P].

    Values are normalised and observer-first, as an evaluator's.
    """

    path: Path
    differences: dict[str, float]
    """Largest absolute difference from torch by output, on a batch of random planes."""


def export_onnx(network: nn.Module, path: Path) -> Export:
    """Write `network`, folded for inference, to `path`.

    Raises TesujiError where ONNX or ONNX Runtime are not installed, where the network cannot be expressed, and where
    the answers differ by more than 1e-4; nothing is written then.
    """
    try:
        import onnx  # noqa: F401  (torch's exporter needs it)
        import onnxruntime
    except ImportError as error:
        raise TesujiError(f"export needs {error.name}; run: pip install 'tesuji[export]'") from error
    answers = Answers(folded(network))
    data = to_onnx(answers, sizes_of(network).inputs)
    inputs = (
        torch.rand(CHECK_ROWS, sizes_of(network).inputs, generator=torch.Generator().manual_seed(0)) < 0.5
    ).float()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {INPUTS: inputs.numpy()})
    with torch.no_grad():
        wanted = answers(inputs)
    differences = {
        name: float((torch.from_numpy(array) - tensor).abs().max())
        for name, array, tensor in zip(OUTPUTS, found, wanted, strict=True)
    }
    for name, difference in differences.items():
        if not difference <= TOLERANCE:
            raise TesujiError(f"export to {path}: {name} differs from torch by {difference:.2g}; nothing is written")
    atomic_write(path, data)
    return Export(path, differences)


def to_onnx(answers: Answers, inputs: int) -> bytes:
    """The traced module as ONNX, with a dynamic batch."""
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # The tracing exporter is deprecated; its successor needs packages that are not otherwise used here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                answers,
                (torch.zeros(TRACE_ROWS, inputs),),
                buffer,  # type: ignore[arg-type]  # the tracing exporter takes a file
                input_names=[INPUTS],
                output_names=list(OUTPUTS),
                dynamic_axes={name: {0: "batch"} for name in (INPUTS, *OUTPUTS)},
                opset_version=OPSET,
                dynamo=False,
            )
    except RuntimeError as error:
        name = type(answers.network).__name__
        raise TesujiError(f"network {name} cannot be exported to ONNX: {str(error).splitlines()[0]}") from error
    return buffer.getvalue()
