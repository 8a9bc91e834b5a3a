"""Losses and their gradients against numbers worked out by hand."""

import math

import pytest
import torch

from engine.config import LearnerConfig, MethodConfig, RunConfig
from engine.errors import ConfigError
from engine.finetune.methods import ExpertIteration, SupervisedFinetuning, make_search_method
from engine.finetune.methods.expert_iteration import win_draw_loss_target
from engine.finetune.methods.method import Output, Searched, expected_values, legal_log_probabilities
from engine.finetune.methods.sft import outcome_classes


def one(policy, legal, returns, root_values):
    return Searched(
        torch.zeros(1, 4),
        torch.tensor([legal], dtype=torch.bool),
        torch.tensor([policy]),
        torch.tensor([root_values]),
        torch.tensor([returns]),
    )


LOGITS = [math.log(1.0), math.log(3.0), 5.0]
"""Over the first two (legal) actions: probabilities 1/4 and 3/4."""


def test_illegal_actions_have_no_probability_and_no_gradient():
    logits = torch.tensor([LOGITS], requires_grad=True)
    log_probabilities = legal_log_probabilities(logits, torch.tensor([[True, True, False]]))
    assert log_probabilities.exp()[0].tolist() == pytest.approx([0.25, 0.75, 0.0])
    log_probabilities[0, 0].backward()
    assert logits.grad[0].tolist() == pytest.approx([0.75, -0.75, 0.0])


def test_sft_with_win_draw_loss_head():
    batch = one([0.5, 0.5, 0.0], [1, 1, 0], [-1.0, 1.0], [0.0, 0.0])
    logits = torch.tensor([LOGITS], requires_grad=True)
    value = torch.tensor([[math.log(2.0), 0.0, 0.0]], requires_grad=True)  # 1/2, 1/4, 1/4
    loss, metrics = SupervisedFinetuning(value_weight=0.5).loss(Output(logits, value, "wdl"), batch)
    policy = -0.5 * math.log(0.25) - 0.5 * math.log(0.75)
    assert loss.item() == pytest.approx(policy + 0.5 * math.log(4.0))
    assert metrics["policy_loss"].item() == pytest.approx(policy)
    assert metrics["policy_target_entropy"].item() == pytest.approx(math.log(2.0))
    assert metrics["value_loss"].item() == pytest.approx(math.log(4.0))
    loss.backward()
    assert logits.grad[0].tolist() == pytest.approx([-0.25, 0.25, 0.0])  # prediction - target
    assert value.grad[0].tolist() == pytest.approx([0.25, 0.125, -0.375])


def test_sft_with_scalar_head():
    batch = one([1.0, 0.0, 0.0], [1, 1, 0], [0.5, -1.0, 0.25], [9.0, 9.0, 9.0])
    value = torch.tensor([[0.5, 0.0, 0.0]], requires_grad=True)
    loss, metrics = SupervisedFinetuning().loss(Output(torch.tensor([LOGITS]), value, "scalar"), batch)
    assert metrics["value_loss"].item() == pytest.approx((0.0 + 1.0 + 0.0625) / 3)
    loss.backward()
    assert value.grad[0].tolist() == pytest.approx([0.0, 2 / 3, -0.5 / 3])


def test_outcomes_are_counted_from_the_observer():
    assert outcome_classes(torch.tensor([[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]])).tolist() == [0, 1, 2]


def test_expert_iteration_mixes_outcome_and_search_for_scalar_heads():
    batch = one([0.0, 1.0, 0.0], [1, 1, 0], [1.0, -1.0], [0.5, -0.5])
    value = torch.tensor([[0.0, 0.0]], requires_grad=True)
    loss, metrics = ExpertIteration(outcome_weight=0.6).loss(Output(torch.tensor([LOGITS]), value, "scalar"), batch)
    assert metrics["value_loss"].item() == pytest.approx(0.8**2)  # 0.6 * 1 + 0.4 * 0.5
    assert metrics["value_error"].item() == pytest.approx(0.8**2)
    assert loss.item() == pytest.approx(-math.log(0.75) + 0.64)
    loss.backward()
    assert value.grad[0].tolist() == pytest.approx([-0.8, 0.8])


def test_win_draw_loss_target_has_the_mixed_expectation_and_the_predicted_draws():
    predicted = torch.tensor([[0.5, 0.25, 0.25]])
    target = win_draw_loss_target(predicted, torch.tensor([[-1.0, 1.0]]), torch.tensor([[0.5, -0.5]]), 0.6)
    # Search: draw 0.25, win - loss = 0.5, so 0.625 and 0.125; outcome: a loss.
    assert target[0].tolist() == pytest.approx([0.25, 0.1, 0.65])
    assert (target[0, 0] - target[0, 2]).item() == pytest.approx(0.6 * -1.0 + 0.4 * 0.5)


@pytest.mark.parametrize("value", [-1.0000001, -1.0, -0.9, 0.0, 0.3, 1.0])
def test_win_draw_loss_target_is_a_distribution(value):
    predicted = torch.tensor([[0.1, 0.8, 0.1]])
    target = win_draw_loss_target(predicted, torch.tensor([[0.0, 0.0]]), torch.tensor([[value, -value]]), 0.0)
    assert target.sum().item() == pytest.approx(1.0)
    assert target.min().item() >= 0.0
    assert (target[0, 0] - target[0, 2]).item() == pytest.approx(value, abs=1e-6)
    assert target[0, 1].item() == pytest.approx(min(0.8, 1.0 - abs(value)), abs=1e-6)


def test_expert_iteration_gradient_for_win_draw_loss_heads_is_prediction_less_target():
    batch = one([0.25, 0.75, 0.0], [1, 1, 0], [-1.0, 1.0], [0.5, -0.5])
    logits = torch.tensor([LOGITS], requires_grad=True)
    value = torch.tensor([[math.log(2.0), 0.0, 0.0]], requires_grad=True)
    loss, _ = ExpertIteration(outcome_weight=0.6).loss(Output(logits, value, "wdl"), batch)
    loss.backward()
    assert logits.grad[0].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-7)
    assert value.grad[0].tolist() == pytest.approx([0.5 - 0.25, 0.25 - 0.1, 0.25 - 0.65])


def test_loss_is_the_mean_of_the_losses_of_the_rows():
    torch.manual_seed(1)
    batch = Searched(
        torch.zeros(8, 4),
        torch.ones(8, 3, dtype=torch.bool),
        torch.softmax(torch.randn(8, 3), 1),
        torch.tanh(torch.randn(8, 2)),
        torch.sign(torch.randn(8, 2)),
    )
    logits, value = torch.randn(8, 3), torch.randn(8, 3)
    method = ExpertIteration()
    whole, _ = method.loss(Output(logits, value, "wdl"), batch)
    rows = [method.loss(Output(logits[i : i + 1], value[i : i + 1], "wdl"), batch[i : i + 1])[0] for i in range(8)]
    assert whole.item() == pytest.approx(torch.stack(rows).mean().item())


def test_expected_values_of_both_kinds_of_head():
    logits = torch.tensor([[math.log(2.0), 0.0, 0.0]])
    assert expected_values(Output(logits, logits, "wdl"))[0].tolist() == pytest.approx([0.25, -0.25])
    assert expected_values(Output(logits, logits, "scalar")) is logits


def test_methods_are_found_by_name():
    supervised = RunConfig(method=MethodConfig(name="sft"), learner=LearnerConfig(value_weight=0.25))
    assert make_search_method(supervised).value_weight == 0.25
    assert make_search_method(RunConfig(method=MethodConfig(outcome_weight=0.1))).outcome_weight == 0.1
    with pytest.raises(ConfigError, match=r"name: 'expert_iterations'.*did you mean 'expert_iteration'"):
        MethodConfig(name="expert_iterations")
