"""The methods of fine-tuning by name, one file each."""

from __future__ import annotations

from engine.config import POLICY_GRADIENTS, RunConfig
from engine.finetune.methods.expert_iteration import ExpertIteration
from engine.finetune.methods.grpo import GroupRelativePolicyOptimisation
from engine.finetune.methods.method import Batch, Context, Method, Output, PolicyGradient, SearchMethod
from engine.finetune.methods.mmd import MagneticMirrorDescent
from engine.finetune.methods.ppo import ProximalPolicyOptimisation
from engine.finetune.methods.sft import SupervisedFinetuning

__all__ = [
    "POLICY_GRADIENTS",
    "Batch",
    "Context",
    "ExpertIteration",
    "GroupRelativePolicyOptimisation",
    "MagneticMirrorDescent",
    "Method",
    "Output",
    "PolicyGradient",
    "ProximalPolicyOptimisation",
    "SearchMethod",
    "SupervisedFinetuning",
    "make_policy_gradient",
    "make_search_method",
]


def make_search_method(config: RunConfig) -> SearchMethod:
    """The method named in the configuration, if it learns from searches."""
    value_weight = config.learner.value_weight
    if config.method.name == "sft":
        return SupervisedFinetuning(value_weight)
    return ExpertIteration(config.method.outcome_weight, value_weight)


def make_policy_gradient(config: RunConfig) -> PolicyGradient:
    """The method named in the configuration, if it is one of `POLICY_GRADIENTS`."""
    value_weight = config.learner.value_weight
    if config.method.name == "ppo":
        return ProximalPolicyOptimisation(config.ppo, value_weight)
    if config.method.name == "mmd":
        return MagneticMirrorDescent(config.mmd, value_weight)
    return GroupRelativePolicyOptimisation(config.grpo)
