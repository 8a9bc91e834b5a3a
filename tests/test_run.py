"""Whole runs: what they leave behind, what they refuse, how they judge."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config import load_config
from engine.errors import CheckpointError, TesujiError
from engine.evaluate.ratings import Rating
from engine.game import load_game
from engine.metrics import JsonLines
from engine.network import load_checkpoint
from engine.selfplay.actor import Contestant, Resignation
from engine.training import run as run_module
from engine.training import snapshot
from engine.training.guard import guard_match, margin, verdict
from engine.training.run import resume, train

CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"


def tiny(**sections):
    config = load_config(CONFIG)
    changes = {
        name: replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return replace(config, **changes)


def weights(path):
    return load_checkpoint(path).network.state_dict()


def differ(a, b):
    return any(not torch.equal(tensor, b[name]) for name, tensor in a.items())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: (result, progress reports)."""
    reports = []
    result = train(tiny(), tmp_path_factory.mktemp("runs") / "run", on_progress=reports.append)
    return result, reports


def test_a_run_leaves_its_record(finished):
    result, _ = finished
    assert (result.iterations, result.interrupted) == (6, False)
    assert result.checkpoint == result.folder / "checkpoints" / "best"
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5, 6]
    for before, line in zip([{"positions": 0, "samples": 0}, *lines], lines, strict=False):
        assert line["positions"] - before["positions"] == line["new_positions"]
        assert line["samples"] - before["samples"] == 64 * line["steps"]
    # The replay ratio holds learning to the data: 2 samples a position, to within one batch.
    assert abs(lines[-1]["samples"] - 2.0 * lines[-1]["positions"]) <= 64
    assert lines[-1]["window"] == 300
    rates = [line["learning_rate"] for line in lines]
    assert rates == sorted(rates, reverse=True) and rates[0] > 10 * rates[-1]
    matches = JsonLines(result.folder / "matches.jsonl").read()
    assert [match["iteration"] for match in matches] == [2, 4, 6]
    assert matches[0]["against"] == 0
    png = (result.folder / "learning_curve.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 10_000
    assert list((result.folder / "tensorboard").iterdir())
    assert load_config(result.folder / "config.toml") == tiny(network={"encoder": "auto"})
    assert json.loads((result.folder / "environment.json").read_bytes())[0]["from_iteration"] == 0


def test_checkpoints_name_their_parent(finished):
    result, _ = finished
    reference = load_checkpoint(result.folder / "checkpoints" / "reference")
    best = load_checkpoint(result.checkpoint)
    assert best.lineage["parent"] == reference.hash
    assert best.game == "tic_tac_toe()" and best.method == "expert_iteration"
    assert differ(weights(result.folder / "checkpoints" / "latest"), reference.network.state_dict())
    assert (result.folder / "checkpoints" / "past-000005").is_dir()


def test_only_what_is_needed_stays_on_disk(finished):
    result, _ = finished
    kept = sorted(path.name for path in (result.folder / "snapshots").iterdir())
    assert len(kept) <= snapshot.KEPT and kept[-1] == "000006"
    state = snapshot.read(result.folder / "snapshots" / kept[0]).state
    shards = sorted(path.stem for path in (result.folder / "replay").glob("*.safetensors"))
    assert int(shards[0]) == state["replay"]["oldest"]
    assert not list(result.folder.rglob("*.tmp"))


def test_progress_is_told(finished):
    _, reports = finished
    phases = [report.phase for report in reports]
    assert {phase: phases.count(phase) for phase in ("self-play", "match", "done")} == {
        "self-play": 6,
        "match": 3,
        "done": 1,
    }
    assert phases.count("learning") >= 1
    assert reports[0].iteration == 1 and reports[0].left is None
    assert reports[-1].share == 1.0 and reports[-1].iteration == 6 and reports[-1].left == 0.0
    shares = [report.share for report in reports]
    assert shares == sorted(shares)


def test_resuming_a_finished_run_changes_nothing(finished):
    result, _ = finished
    before = (result.folder / "metrics.jsonl").read_bytes(), weights(result.checkpoint)
    again = resume(result.folder)
    assert (again.iterations, again.interrupted, again.elo) == (6, False, result.elo)
    assert (result.folder / "metrics.jsonl").read_bytes() == before[0]
    assert not differ(weights(result.checkpoint), before[1])


def test_fine_tuning_starts_from_the_checkpoint(finished, tmp_path):
    start = finished[0].checkpoint
    result = train(tiny(iterations=1, network={"channels": 99}), tmp_path / "run", start=start)
    reference = load_checkpoint(result.folder / "checkpoints" / "reference")
    assert reference.hash == load_checkpoint(start).hash
    assert reference.network_config.channels == 8
    assert load_checkpoint(result.checkpoint).lineage["parent"] == reference.hash


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"game": "kuhn_poker"}, "hides information"),
        ({"game": "matrix_rps"}, "simultaneous"),
        ({"game": "tic_tac_to"}, "did you mean 'tic_tac_toe'"),
        ({"iterations": 0}, "no training budget"),
        ({"method": {"name": "expert_iterator"}}, "did you mean 'expert_iteration'"),
        ({"network": {"kind": "custom", "custom": "nowhere:Class"}}, "cannot import nowhere"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(TesujiError, match=message) as error:
        train(tiny(**change), tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_game_is_refused(finished, tmp_path):
    with pytest.raises(CheckpointError, match="tic_tac_toe"):
        train(tiny(game="breakthrough(rows=4,columns=4)"), tmp_path / "run", start=finished[0].checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_not_overwritten(finished, tmp_path):
    folder = finished[0].folder
    with pytest.raises(TesujiError, match="already holds a run: go on with --resume"):
        train(tiny(), folder)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(TesujiError, match="is not empty"):
        train(tiny(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    with pytest.raises(TesujiError, match=r"holds no run to resume: there is no run\.json"):
        resume(tmp_path)


def test_two_processes_do_not_train_one_run(tmp_path):
    messages = []

    def again(progress):
        if progress.phase == "learning" and not messages:
            with pytest.raises(TesujiError, match="another process is training this run") as error:
                resume(tmp_path / "run")
            messages.append(str(error.value))

    train(tiny(iterations=1), tmp_path / "run", on_progress=again)
    assert messages


def test_a_changed_reference_is_noticed(finished, tmp_path):
    result = train(tiny(iterations=1), tmp_path / "run")
    other = finished[0].checkpoint
    for file in other.iterdir():
        (result.folder / "checkpoints" / "reference" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(TesujiError, match=r"reference is not the agent this run started from"):
        resume(result.folder)


@pytest.mark.parametrize("part", ["learner.safetensors", "games.bin", "state.json"])
def test_a_damaged_snapshot_is_named_and_the_one_before_serves(tmp_path, part):
    result = train(tiny(iterations=3), tmp_path / "run")
    path = result.folder / "snapshots" / "000003" / part
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TesujiError, match=rf"000003/{part} is damaged; remove the folder") as error:
        resume(result.folder)
    assert "\n" not in str(error.value)


@pytest.mark.signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", ["self-play", "learning", "match"])
def test_a_signal_saves_and_returns(tmp_path, number, phase):
    sent = []

    def interrupt(progress):
        if progress.phase == phase and progress.iteration >= 2 and not sent:
            sent.append(progress.iteration)
            signal.raise_signal(number)

    handler = signal.getsignal(number)
    result = train(tiny(iterations=3), tmp_path / "run", on_progress=interrupt)
    assert signal.getsignal(number) is handler
    assert (result.interrupted, result.iterations) == (True, 1)
    assert load_checkpoint(result.checkpoint)
    assert len(JsonLines(result.folder / "metrics.jsonl").read()) >= 1
    rest = resume(result.folder)
    assert (rest.interrupted, rest.iterations) == (False, 3)


def test_a_time_budget_ends_with_the_rate_at_its_end(tmp_path):
    result = train(tiny(iterations=0, minutes=0.04, learner={"schedule": "cosine"}), tmp_path / "run")
    assert not result.interrupted and result.iterations >= 2
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert lines[-1]["learning_rate"] < lines[0]["learning_rate"]
    assert resume(result.folder).iterations == result.iterations


@pytest.mark.parametrize("game", ["catch(rows=4,columns=3)", "pig(winscore=15)"])
def test_other_kinds_of_games_train(tmp_path, game):
    result = train(
        tiny(game=game, iterations=2, search={"simulations": 4}, guard={"every": 1, "games": 4}), tmp_path / "run"
    )
    assert result.iterations == 2
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert lines[-1]["samples"] > 0
    reference, latest = (weights(result.folder / "checkpoints" / name) for name in ("reference", "latest"))
    assert differ(latest, reference)


def test_a_network_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, input_shape, num_actions, num_players):\n"
        "        super().__init__()\n"
        "        self.policy = torch.nn.Linear(27, num_actions)\n"
        "        self.value = torch.nn.Linear(27, num_players)\n"
        "    def forward(self, inputs):\n"
        "        return self.policy(inputs), torch.tanh(self.value(inputs))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    result = train(tiny(iterations=1), tmp_path / "run", network_class="mine:Net")
    assert load_checkpoint(result.checkpoint, "mine:Net").network.policy.weight.shape == (9, 27)
    with pytest.raises(CheckpointError, match="--network"):
        resume(result.folder)
    assert resume(result.folder, network_class="mine:Net").iterations == 1


def test_a_network_that_turns_to_nan_stops_the_run_in_one_line(tmp_path, monkeypatch):
    step = run_module.Learner.step

    def diverge(self, batch, progress):
        metrics = step(self, batch, progress)
        return metrics | {"loss": metrics["loss"] * float("nan")}

    monkeypatch.setattr(run_module.Learner, "step", diverge)
    with pytest.raises(TesujiError, match=r"not finite in iteration 1: lower learner\.learning_rate") as error:
        train(tiny(), tmp_path / "run")
    assert "\n" not in str(error.value)
    monkeypatch.undo()
    assert resume(tmp_path / "run").iterations == 6


def test_verdicts():
    assert verdict(Rating(10.0, -20.0, 40.0, 0.51, 50), -50.0) == verdict(Rating(0.0, -20.0, 20.0, 0.5, 50), -50.0)
    better = verdict(Rating(10.0, -20.0, 40.0, 0.51, 50), -50.0)
    assert better.promote and not better.roll_back
    a_little_worse = verdict(Rating(-40.0, -70.0, -10.0, 0.45, 50), -50.0)
    assert not a_little_worse.promote and not a_little_worse.roll_back
    unsure = verdict(Rating(-80.0, -200.0, 40.0, 0.4, 5), -50.0)
    assert not unsure.promote and not unsure.roll_back
    clearly_worse = verdict(Rating(-80.0, -120.0, -40.0, 0.4, 50), -50.0)
    assert not clearly_worse.promote and clearly_worse.roll_back


def test_margins():
    assert margin([0, 1], [1.0, -1.0]) == 2.0
    assert margin([1, 0, 1], [0.5, 0.25, -0.5]) == 0.25
    assert margin([0], [3.0]) == 3.0 and margin([1], [3.0]) == -3.0


def test_equal_weights_measure_equal(finished):
    config = tiny()
    game = load_game("tic_tac_toe")
    checkpoint = load_checkpoint(finished[0].checkpoint)
    a, b = (Contestant(checkpoint.network, game, checkpoint.encoder, config) for _ in range(2))
    rating = guard_match(game, a, b, config, games=20, seed=3)
    assert (rating.score, rating.pairs) == (0.5, 10)


def test_the_better_network_wins(finished):
    class Blind(torch.nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.sizes, self.value_kind = sizes, sizes.value_kind
            self.level = torch.nn.Parameter(torch.zeros(1))

        def forward(self, inputs):
            rows = len(inputs)
            return self.level.expand(rows, 9) + torch.arange(9.0), self.level.expand(rows, 3)

    config = tiny(guard={"simulations": 0})
    game = load_game("tic_tac_toe")
    checkpoint = load_checkpoint(finished[0].checkpoint)
    a = Contestant(checkpoint.network, game, checkpoint.encoder, config)
    b = Contestant(Blind(checkpoint.network.sizes), game, checkpoint.encoder, config)
    strong = replace(config, guard=replace(config.guard, simulations=200))
    assert guard_match(game, a, b, strong, games=40, seed=3).score + guard_match(
        game, b, a, strong, games=40, seed=3
    ).score == pytest.approx(1.0)


@pytest.mark.parametrize("elo", [-100.0, 100.0])
def test_a_clearly_worse_candidate_is_undone(tmp_path, monkeypatch, elo):
    score = 1.0 / (1.0 + 10 ** (-elo / 400.0))
    monkeypatch.setattr(run_module, "guard_match", lambda *a, **k: Rating(elo, elo - 10, elo + 10, score, 100))
    result = train(tiny(iterations=2, guard={"every": 2}), tmp_path / "run")
    reference, best, latest = (weights(result.folder / "checkpoints" / n) for n in ("reference", "best", "latest"))
    assert differ(best, reference) == (elo > 0)
    assert not differ(best, latest)
    (match,) = JsonLines(result.folder / "matches.jsonl").read()
    assert match["promoted"] == (elo > 0) and match["rolled_back"] == (elo < 0)
    assert result.elo == max(0.0, elo)


def test_without_guard_the_last_weights_are_the_best(tmp_path):
    result = train(tiny(iterations=2, guard={"every": 0}, selfplay={"past_share": 0.0}), tmp_path / "run")
    best, latest = (weights(result.folder / "checkpoints" / name) for name in ("best", "latest"))
    assert not differ(best, latest)
    assert not (result.folder / "matches.jsonl").exists()


def test_resignation_grows_careful_when_it_errs():
    control = Resignation(0.9, 0.05)
    for _ in range(3):
        control.observe(5, 5)
    assert control.threshold == 0.9  # fewer than 20 games say nothing
    control.observe(5, 0)
    assert control.threshold == pytest.approx(0.95) and not control.counts
    for _ in range(30):
        control.observe(100, 5)
    assert control.threshold == pytest.approx(0.95)  # at the limit, not above
    assert control.share == pytest.approx(0.05)
    for _ in range(20):
        control.observe(100, 50)
    assert 0.95 < control.threshold <= 1.0


def test_random_streams_of_a_run_differ():
    seeds = {
        int(np.random.SeedSequence([7, stream, iteration]).generate_state(1)[0])
        for stream in range(4)
        for iteration in range(50)
    }
    assert len(seeds) == 200
