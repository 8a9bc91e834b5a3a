"""The learner: steps against a plain loop, averages, schedule, reference, exact resume."""

import copy
import math

import pytest
import torch
from torch import nn

from engine.config import LearnerConfig
from engine.errors import TesujiError
from engine.finetune.learner import Learner, decays, learning_rate
from engine.finetune.methods import ExpertIteration
from engine.finetune.methods.method import Output, Searched
from engine.finetune.retention import Reference

D, A, P = 12, 5, 2


class Flat(nn.Module):
    """Without batch statistics: training and evaluation mode agree."""

    value_kind = "wdl"

    def __init__(self, dropout=0.0):
        super().__init__()
        self.torso = nn.Linear(D, 16)
        self.norm = nn.LayerNorm(16)
        self.dropout = nn.Dropout(dropout)
        self.policy = nn.Linear(16, A)
        self.value = nn.Linear(16, 3)

    def forward(self, inputs):
        features = self.dropout(torch.relu(self.norm(self.torso(inputs))))
        return self.policy(features), self.value(features)


class Board(nn.Module):
    """With batch normalisation, and an integer buffer (its count of batches)."""

    value_kind = "scalar"

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.policy = nn.Linear(32, A)
        self.value = nn.Linear(32, P)

    def forward(self, inputs):
        features = torch.relu(self.norm(self.stem(inputs.view(-1, 3, 2, 2)))).flatten(1)
        return self.policy(features), torch.tanh(self.value(features))


def make(kind, seed=0, **options):
    torch.manual_seed(seed)
    return kind(**options)


def make_batch(rows, seed=1):
    generator = torch.Generator().manual_seed(seed)
    legal = torch.rand(rows, A, generator=generator) < 0.8
    legal[:, 0] = True
    weights = torch.rand(rows, A, generator=generator) * legal
    value = torch.rand(rows, 1, generator=generator) * 2 - 1
    outcome = torch.randint(-1, 2, (rows, 1), generator=generator).float()
    return Searched(
        torch.randn(rows, D, generator=generator),
        legal,
        weights / weights.sum(1, keepdim=True),
        torch.cat((value, -value), 1),
        torch.cat((outcome, -outcome), 1),
    )


def settings(**values):
    return LearnerConfig(**({"precision": "fp32", "batch_size": 64, "warmup_steps": 0, "threads": 1} | values))


def run(learner, steps, first=0):
    for step in range(first, first + steps):
        learner.step(make_batch(64, seed=step), step / 10)


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


def test_the_schedule_rises_then_falls():
    config = LearnerConfig(learning_rate=1.0, final_learning_rate=0.1, warmup_steps=4)
    assert [learning_rate(config, step, 0.0) for step in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert learning_rate(config, 9, 0.5) == pytest.approx(0.55)
    assert learning_rate(config, 9, 0.25) == pytest.approx(0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2)
    assert learning_rate(config, 9, 1.0) == pytest.approx(0.1)
    assert learning_rate(config, 9, 1.7) == pytest.approx(0.1)
    constant = LearnerConfig(learning_rate=1.0, schedule="constant", warmup_steps=0)
    assert learning_rate(constant, 0, 0.9) == 1.0


def test_only_matrices_and_kernels_decay():
    network = make(Board)
    decayed = {name for name, parameter in network.named_parameters() if decays(name, parameter)}
    assert decayed == {"stem.weight", "policy.weight", "value.weight"}
    assert not any(decays(name, parameter) for name, parameter in make(Flat).norm.named_parameters())


@pytest.mark.parametrize("kind", [Flat, Board])
def test_a_step_is_adamw_with_clipped_gradients(kind):
    network, method = make(kind), ExpertIteration()
    config = settings(learning_rate=0.01, final_learning_rate=0.01, weight_decay=0.1, gradient_clip=0.05)
    plain = copy.deepcopy(network).train()
    named = list(plain.named_parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for n, p in named if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=0.01,
    )
    learner = Learner(network, method, config)
    for step in range(3):
        batch = make_batch(64, seed=step)
        logits, value = plain(batch.inputs)
        loss, _ = method.loss(Output(logits, value, plain.value_kind), batch)
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(plain.parameters(), 0.05)
        assert norm > 0.05
        optimiser.step()
        metrics = learner.step(batch, 0.0)
        assert metrics["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
        assert metrics["gradient_norm"].item() == pytest.approx(norm.item(), rel=1e-4)
    for (name, own), tensor in zip(learner.network.state_dict().items(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(own, tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_shares_of_a_batch_add_up_to_the_whole():
    results = []
    for threads in (1, 2, 3):
        learner = Learner(make(Flat), ExpertIteration(), settings(threads=threads, batch_size=96))
        learner.step(make_batch(96), 0.0)
        assert learner.shares == threads
        results.append(learner.state())
        learner.close()
    for other in results[1:]:
        for name, tensor in other.items():
            torch.testing.assert_close(tensor, results[0][name], rtol=1e-4, atol=1e-6, msg=name)


def test_batch_statistics_of_the_shares_are_averaged():
    network = make(Board)
    with torch.no_grad():
        planes = make_batch(64).inputs.view(-1, 3, 2, 2)
        convolved = network.stem(planes).clone()
    learner = Learner(network, ExpertIteration(), settings(threads=2))
    learner.step(make_batch(64), 0.0)
    halves = [half.transpose(0, 1).flatten(1) for half in convolved.split(32)]
    mean = torch.stack([half.mean(1) for half in halves]).mean(0)
    variance = torch.stack([half.var(1) for half in halves]).mean(0)
    torch.testing.assert_close(learner.network.norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(learner.network.norm.running_var, 0.9 + 0.1 * variance)
    for replica in learner.replicas:
        assert torch.equal(replica.norm.running_mean, learner.network.norm.running_mean)
        assert replica.norm.num_batches_tracked.item() == 1
    learner.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_steps_give_the_same_bits(threads):
    states = []
    for _ in range(2):
        learner = Learner(make(Board), ExpertIteration(), settings(threads=threads))
        run(learner, 5)
        states.append(learner.state())
        learner.close()
    assert_same(*states)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 0.05)])
def test_a_gpu_resumes_exactly_and_learns_as_a_cpu(precision, tolerance):
    states = []
    for device, stop in (("cuda", 6), ("cuda", 3), ("cpu", 6)):
        learner, other = (
            Learner(make(Board, seed), ExpertIteration(), settings(precision=precision), device=device)
            for seed in (0, 1)
        )
        run(learner, stop)
        other.restore(learner.state())
        run(other, 6 - stop, first=stop)
        states.append(other.state())
    assert_same(states[0], states[1])
    for name, tensor in states[2].items():
        torch.testing.assert_close(states[0][name], tensor, rtol=tolerance, atol=tolerance, msg=name)


def test_a_pretrained_start_keeps_its_weight_in_the_average():
    """From random weights the first average is mostly of the first step, (1 - 1/10) of it; from pretrained ones not."""
    shares = []
    for pretrained in (False, True):
        learner = Learner(make(Board), ExpertIteration(), settings(ema_decay=0.99), pretrained=pretrained)
        start = [parameter.clone() for parameter in learner.average.parameters()]
        learner.step(make_batch(64), 0.0)
        moved = [average - before for average, before in zip(learner.average.parameters(), start, strict=True)]
        gone = [now.detach() - before for now, before in zip(learner.network.parameters(), start, strict=True)]
        shares.append(float(sum(m.sum() for m in moved) / sum(g.sum() for g in gone)))
    assert shares == pytest.approx([0.9, 0.01], rel=1e-3)


def test_averages_follow_weights_and_buffers():
    learner = Learner(make(Board), ExpertIteration(), settings(ema_decay=0.9, learning_rate=0.05))
    expected = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    for step in range(12):
        learner.step(make_batch(64, seed=step), 0.0)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, tensor in learner.network.state_dict().items():
            if tensor.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * tensor
            else:
                expected[name] = tensor.clone()
    for name, tensor in learner.weights().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6, msg=name)
    assert learner.weights()["norm.num_batches_tracked"].item() == 12
    assert not learner.average.training and not any(p.requires_grad for p in learner.average.parameters())


def test_divergence_from_the_reference_by_hand():
    class Fixed(nn.Module):
        def forward(self, inputs):
            return torch.tensor([[0.0, 0.0, 50.0]]).expand(len(inputs), 3), None

    batch = Searched(torch.zeros(2, D), torch.tensor([[True, True, False]] * 2), *(torch.zeros(2, 3),) * 3)
    logits = torch.tensor([[math.log(3.0), 0.0, 9.0]] * 2, requires_grad=True)
    divergence = Reference(Fixed()).divergence(logits, batch)
    assert divergence.item() == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    divergence.backward()
    assert logits.grad.sum(0).tolist() == pytest.approx([0.25, -0.25, 0.0])


def test_the_reference_stays_and_holds_the_network_back():
    start = make(Flat)
    distances = []
    for weight in (1e-6, 30.0):
        network = copy.deepcopy(start)
        reference = Reference(network)
        learner = Learner(network, ExpertIteration(), settings(kl_weight=weight), reference=reference)
        first = learner.step(make_batch(64), 0.0)["reference_kl"].item()
        assert first == pytest.approx(0.0, abs=1e-6)
        run(learner, 40)
        assert_same(dict(reference.network.state_dict()), dict(start.state_dict()))
        distances.append(reference.divergence(learner.network(make_batch(64).inputs)[0], make_batch(64)).item())
    assert 0.0 < distances[1] < distances[0] / 5


def test_without_weight_the_reference_is_not_asked():
    class Broken(nn.Module):
        def forward(self, inputs):
            raise AssertionError

    learner = Learner(make(Flat), ExpertIteration(), settings(kl_weight=0.0), reference=Reference(Broken()))
    assert "reference_kl" not in learner.step(make_batch(64), 0.0)


@pytest.mark.parametrize(("kind", "threads", "options"), [(Flat, 1, {}), (Board, 2, {}), (Flat, 2, {"dropout": 0.5})])
def test_training_goes_on_exactly_from_a_state(kind, threads, options):
    config = settings(threads=threads)
    whole = Learner(make(kind, **options), ExpertIteration(), config, seed=7)
    run(whole, 3)
    state = {name: tensor.clone() for name, tensor in whole.state().items()}
    run(whole, 4, first=3)

    resumed = Learner(make(kind, seed=5, **options), ExpertIteration(), config, seed=7)
    resumed.restore(state)
    assert_same(resumed.state(), state)
    run(resumed, 4, first=3)
    assert_same(resumed.state(), whole.state())

    run(resumed, 2, first=20)
    resumed.restore(state)  # back from a later point, as a rollback does
    run(resumed, 4, first=3)
    assert_same(resumed.state(), whole.state())
    whole.close()
    resumed.close()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_still_network_learns_but_its_batch_statistics_do_not_move(threads):
    """To the bit, also where shares of unequal size are merged."""
    network = make(Board)
    with torch.no_grad():
        network.norm.running_mean.copy_(torch.randn(8))
        network.norm.running_var.copy_(torch.rand(8) + 0.1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    learner = Learner(network, ExpertIteration(), settings(threads=threads, batch_size=96), still=True)
    assert learner.shares == threads
    for step in range(5):
        learner.step(make_batch(97, seed=step), 0.0)
    for replica in (*learner.replicas, learner.average):
        assert not replica.training
        for name, tensor in replica.named_buffers():
            assert torch.equal(tensor, before[name]), name
    assert all(not torch.equal(p, before[name]) for name, p in learner.network.named_parameters())
    learner.close()


@pytest.mark.parametrize("kind", [Flat, Board])
def test_a_still_network_learns_as_it_plays(kind):
    """The first step's loss and gradient are those of the network in evaluation mode, dropout and all."""
    options = {"dropout": 0.5} if kind is Flat else {}
    network, method, batch = make(kind, **options), ExpertIteration(), make_batch(64)
    player = copy.deepcopy(network).eval()
    loss, _ = method.loss(Output(*player(batch.inputs), player.value_kind), batch)
    loss.backward()
    norm = torch.cat([parameter.grad.flatten() for parameter in player.parameters()]).norm()
    learner = Learner(network, method, settings(threads=2, batch_size=64), still=True)
    assert learner.shares == 2  # nothing random is left
    metrics = learner.step(batch, 0.0)
    assert metrics["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert metrics["gradient_norm"].item() == pytest.approx(norm.item(), rel=1e-4)
    learner.close()
    moving = Learner(make(kind, **options), method, settings()).step(batch, 0.0)
    assert moving["loss"].item() != pytest.approx(loss.item(), rel=1e-5)


def test_networks_that_draw_random_numbers_learn_in_one_thread():
    assert Learner(make(Flat, dropout=0.5), ExpertIteration(), settings(threads=2)).shares == 1


def test_dropout_leaves_the_global_stream_alone():
    learner = Learner(make(Flat, dropout=0.5), ExpertIteration(), settings())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    learner.step(make_batch(64), 0.0)
    assert torch.equal(torch.rand(1), expected)


def test_a_state_of_another_network_is_refused():
    learner = Learner(make(Flat), ExpertIteration(), settings())
    with pytest.raises(TesujiError, match="another network"):
        learner.restore(Learner(make(Board), ExpertIteration(), settings()).state())


def test_bfloat16_learns_nearly_the_same():
    losses = {}
    for precision in ("fp32", "bf16"):
        learner = Learner(make(Board), ExpertIteration(), settings(precision=precision, learning_rate=0.01))
        for _ in range(30):
            metrics = learner.step(make_batch(64), 0.0)
        assert all(tensor.dtype == torch.float32 for tensor in learner.network.parameters())
        losses[precision] = metrics["loss"].item()
    start = Learner(make(Board), ExpertIteration(), settings()).step(make_batch(64), 0.0)["loss"].item()
    assert losses["fp32"] < start - 0.1
    assert losses["bf16"] == pytest.approx(losses["fp32"], abs=0.05)


def test_the_number_of_threads_of_torch_is_given_back():
    before = torch.get_num_threads()
    learner = Learner(make(Board), ExpertIteration(), settings(threads=2))
    learner.step(make_batch(64), 0.0)
    learner.close()
    assert torch.get_num_threads() == before
