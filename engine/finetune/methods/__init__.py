"""The methods of fine-tuning by name, one file each."""

from __future__ import annotations

from engine.config import MethodConfig
from engine.errors import ConfigError, nearest
from engine.finetune.methods.expert_iteration import ExpertIteration
from engine.finetune.methods.method import Batch, Context, Method, Output
from engine.finetune.methods.sft import SupervisedFinetuning

__all__ = ["Batch", "Context", "ExpertIteration", "Method", "Output", "SupervisedFinetuning", "make_method"]


def make_method(config: MethodConfig, value_weight: float) -> Method:
    """The method named in the configuration; `value_weight` scales the value loss beside the policy loss."""
    if config.name == "expert_iteration":
        return ExpertIteration(config.outcome_weight, value_weight)
    if config.name == "sft":
        return SupervisedFinetuning(value_weight)
    known = ("expert_iteration", "sft")
    raise ConfigError(f"method.name: {config.name!r} is not one of {', '.join(known)}{nearest(config.name, known)}")
