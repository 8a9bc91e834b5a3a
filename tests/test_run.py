"""Whole runs: what they leave behind, what they refuse, how they judge."""

import errno
import fcntl
import itertools
import json
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import files
from engine.cli import main
from engine.config import load_config
from engine.errors import CheckpointError, TesujiError
from engine.evaluate.ratings import Rating, elo_interval
from engine.game import encoder_shape, facts, load_game
from engine.metrics import JsonLines
from engine.network import Sizes, build, load_checkpoint
from engine.selfplay.actor import Contestant, Resignation
from engine.training import budget, guard, snapshot
from engine.training import run as run_module
from engine.training.curve import draw_curve
from engine.training.folder import create, locked
from engine.training.guard import MatchFigures, guard_match, verdict
from engine.training.interruption import Interrupted, Interruption
from engine.training.run import Run, resume, train

CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"


def tiny(**sections):
    config = load_config(CONFIG)
    changes = {
        name: replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return replace(config, **changes)


@pytest.fixture
def clock(monkeypatch):
    """A clock that each look moves on by a tenth of a second."""
    looks = itertools.count()
    for module in (budget, run_module):
        monkeypatch.setattr(module, "monotonic", lambda: next(looks) / 10)


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
    for line in lines:
        hits, evaluations = line["pool"]["cache_hits"], line["pool"]["evaluations"]
        assert 0.0 < line["cache_hit_rate"] < 1.0 and line["cache_hit_rate"] == hits / (hits + evaluations)
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


def test_checkpoints_tell_their_figures(finished, capsys):
    result, _ = finished
    lines = {line["iteration"]: line for line in JsonLines(result.folder / "metrics.jsonl").read()}
    names = ["iteration", "positions", "games", "samples", "policy_loss", "value_loss", "loss"]
    for name in ("best", "latest", "past-000005"):
        checkpoint = load_checkpoint(result.folder / "checkpoints" / name)
        metrics = dict(checkpoint.metrics)
        told = result.comparison.figures() if result.comparison and name == "best" else {}
        assert {each: metrics.pop(each) for each in told} == told
        line = lines.get(checkpoint.lineage["iteration"], {})
        assert metrics == {each: line[each] for each in names if line}
    assert main(["describe", str(result.folder)]) == 0
    assert result.comparison is not None and result.elo == result.comparison.elo
    told = capsys.readouterr().out
    assert f"elo_over_start {result.elo:.4g}" in told
    assert json.loads((result.folder / "comparison.json").read_bytes()) == asdict(result.comparison)
    assert all(f"{each} " in told for each in load_checkpoint(result.checkpoint).metrics)


def test_only_what_is_needed_stays_on_disk(finished):
    result, _ = finished
    kept = sorted(path.name for path in (result.folder / "snapshots").iterdir())
    assert len(kept) <= snapshot.KEPT and kept[-1] == "000006"
    state = snapshot.read(result.folder / "snapshots" / kept[0]).state
    shards = sorted(path.stem for path in (result.folder / "replay").glob("*.safetensors"))
    assert int(shards[0]) == state["experience"]["replay"]["oldest"]
    assert not list(result.folder.rglob("*.tmp"))


def test_progress_is_told(finished):
    _, reports = finished
    phases = [report.phase for report in reports]
    assert {phase: phases.count(phase) for phase in ("self-play", "match", "match against random", "done")} == {
        "self-play": 6,
        "match": 4,  # the last against the start
        "match against random": 2,
        "done": 1,
    }
    assert phases.count("learning") >= 1
    assert (reports[0].phase, reports[0].iteration) == ("match against random", 0)
    assert reports[1].iteration == 1 and reports[1].left is None
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
    # What is everybody's default is no wish, and a residual network of 8 channels is what the checkpoint has.
    network = {"kind": "residual", "channels": 8, "blocks": 4}
    result = train(tiny(iterations=1, network=network), tmp_path / "run", start=start)
    reference = load_checkpoint(result.folder / "checkpoints" / "reference")
    assert reference.hash == load_checkpoint(start).hash
    assert (reference.network_config.channels, reference.network_config.blocks) == (8, 1)
    assert load_checkpoint(result.checkpoint).lineage["parent"] == reference.hash


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"channels": 99}, "network.channels is 99, but .*best has a network with 8: leave it out"),
        ({"kind": "mlp"}, "network.kind is 'mlp', but .*best has a network with 'residual'"),
        ({"encoder": "other"}, "network.encoder is 'other', but .*best has a network with 'observation'"),
    ],
)
def test_a_network_unlike_the_checkpoints_is_refused(finished, tmp_path, field, message):
    with pytest.raises(TesujiError, match=message) as error:
        train(tiny(network=field), tmp_path / "run", start=finished[0].checkpoint)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


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


def test_the_working_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for output in (".", "nothing/..", tmp_path):
        with pytest.raises(TesujiError, match="is the working folder: name a new folder in it"):
            train(tiny(), output)
    assert not list(tmp_path.iterdir())


def test_a_name_that_the_system_refuses_is_one_line(tmp_path):
    with pytest.raises(TesujiError, match=r"cannot write .*: File name too long") as error:
        train(tiny(), tmp_path / ("x" * 300))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": 1, "ref', r"run\.json"),
        (b"[1]", r"run\.json: format None is unknown"),
        (b'{"format": 9, "reference": ""}', r"run\.json: format 9 is unknown; this version of Tesuji reads format 2"),
    ],
)
def test_a_damaged_run_file_is_named(tmp_path, content, message):
    create(tiny(), tmp_path / "run", None, None)
    (tmp_path / "run" / "run.json").write_bytes(content)
    with pytest.raises(TesujiError, match=message) as error:
        resume(tmp_path / "run")
    assert "\n" not in str(error.value)


def test_a_damaged_line_of_the_metrics_is_named(tmp_path):
    result = train(tiny(iterations=2), tmp_path / "run")
    file = result.folder / "metrics.jsonl"
    file.write_bytes(b"#" + file.read_bytes()[1:])
    with pytest.raises(TesujiError, match=r"metrics\.jsonl") as error:
        resume(result.folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("metrics.jsonl", r"metrics\.jsonl: line 1 is damaged: 'iteration' is no number"),
        ("matches.jsonl", r"matches\.jsonl: line 1 is damaged: 'elo' is no number"),
    ],
)
def test_a_curve_names_the_line_that_lacks_something(tmp_path, name, message):
    JsonLines(tmp_path / "metrics.jsonl").append({"iteration": 1, "loss": 1.0})
    (tmp_path / name).write_text('{"loss": 1.0}\n' if name == "metrics.jsonl" else '{"iteration": 1}\n')
    with pytest.raises(TesujiError, match=message):
        draw_curve(tmp_path, "a run")


def test_leftovers_of_killed_writes_are_swept(tmp_path):
    folder = tmp_path / "run"
    create(tiny(iterations=1), folder, None, None)
    (folder / "replay").mkdir()
    files = [".config.toml.1-ab.tmp", "replay/.000003.safetensors.1-ab.tmp"]
    folders = ["checkpoints/.best.1-ab.tmp", "snapshots/.000001.1-ab.tmp"]
    for name in folders:
        (folder / name).mkdir(parents=True)
    for name in [*files, *(f"{name}/model.safetensors" for name in folders)]:
        (folder / name).write_bytes(b"half")
    resume(folder)
    assert not list(folder.rglob("*.tmp"))


def test_a_new_run_clears_what_a_killed_one_left_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "is_running", lambda process: process != 123)
    for process in (123, 124):
        (tmp_path / f".run.{process}-0123abcd.tmp" / "checkpoints").mkdir(parents=True)
    create(tiny(iterations=1), tmp_path / "run", None, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".run.124-0123abcd.tmp", "run"]


def test_two_processes_do_not_train_one_run(tmp_path):
    messages = []

    def again(progress):
        if progress.phase == "learning" and not messages:
            with pytest.raises(TesujiError, match="another process is training this run") as error:
                resume(tmp_path / "run")
            messages.append(str(error.value))

    train(tiny(iterations=1), tmp_path / "run", on_progress=again)
    assert messages


def test_a_file_system_without_locks_is_one_line(tmp_path, monkeypatch):
    create(tiny(iterations=1), tmp_path / "run", None, None)

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(TesujiError, match=r"cannot lock .*run: No locks available; use a file system") as error:
        resume(tmp_path / "run")
    assert "\n" not in str(error.value)


def test_what_would_block_inside_a_run_is_not_taken_for_its_lock(tmp_path):
    with pytest.raises(BlockingIOError), locked(tmp_path):
        raise BlockingIOError


def test_a_changed_reference_is_noticed(finished, tmp_path):
    result = train(tiny(iterations=1), tmp_path / "run")
    other = finished[0].checkpoint
    for file in other.iterdir():
        (result.folder / "checkpoints" / "reference" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(TesujiError, match=r"reference is not the agent this run started from"):
        resume(result.folder)


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


def test_a_time_budget_ends_with_the_rate_at_its_end(tmp_path, clock):
    result = train(tiny(iterations=0, minutes=0.5, learner={"schedule": "cosine"}), tmp_path / "run")
    assert not result.interrupted and result.iterations >= 4
    assert 29.0 < result.seconds < 32.0
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert lines[-1]["learning_rate"] < lines[0]["learning_rate"] / 20
    assert JsonLines(result.folder / "matches.jsonl").read()[-1]["iteration"] == result.iterations
    assert resume(result.folder).iterations == result.iterations


def test_a_resumed_run_knows_how_long_its_phases_take(tmp_path, clock):
    folder = tmp_path / "run"

    class Killed(BaseException):
        pass

    def kill(progress):
        if progress.phase == "self-play" and progress.iteration == 2:
            raise Killed

    with pytest.raises(Killed):
        train(tiny(iterations=0, minutes=0.5, guard={"every": 1}), folder, on_progress=kill)
    run = Run(folder, None, Interruption(), None, False)
    run.close()
    assert run.iteration == 1
    assert all(seconds > 0.0 for seconds in run.budget.durations.values())


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
    # A share of returns is 0.5 but for rounding.
    assert verdict(Rating(0.0, -20.0, 20.0, 0.5 - 1e-16, 50), -50.0).promote
    assert verdict(Rating(10.0, -20.0, 40.0, 0.51, 50), -50.0) == verdict(Rating(0.0, -20.0, 20.0, 0.5, 50), -50.0)
    better = verdict(Rating(10.0, -20.0, 40.0, 0.51, 50), -50.0)
    assert better.promote and not better.roll_back
    a_little_worse = verdict(Rating(-40.0, -70.0, -10.0, 0.45, 50), -50.0)
    assert not a_little_worse.promote and not a_little_worse.roll_back
    unsure = verdict(Rating(-80.0, -200.0, 40.0, 0.4, 5), -50.0)
    assert not unsure.promote and not unsure.roll_back
    clearly_worse = verdict(Rating(-80.0, -120.0, -40.0, 0.4, 50), -50.0)
    assert not clearly_worse.promote and clearly_worse.roll_back


def test_equal_weights_measure_equal(finished):
    config = tiny()
    game = load_game("tic_tac_toe")
    checkpoint = load_checkpoint(finished[0].checkpoint)
    a, b = (Contestant(checkpoint.network, game, checkpoint.encoder, config) for _ in range(2))
    rating = guard_match(game, a, b, config, games=20, seed=3).rating
    assert (rating.score, rating.pairs) == (0.5, 10)


@pytest.mark.parametrize("name", ["pig(players=3,winscore=20)", "pig(players=1,winscore=20,horizon=60)"])
def test_an_equal_candidate_is_kept_however_many_play(name):
    config = tiny(game=name, guard={"games": 30, "opening_plies": 2})
    game = load_game(name)
    network = build(config.network, facts(game), encoder_shape(game), seed=1)
    a, b = (Contestant(network, game, "auto", config) for _ in range(2))
    rating = guard_match(game, a, b, config, games=30, seed=3).rating
    assert rating.score == 0.5 and rating.low < 0.0 < rating.high
    found = verdict(rating, -50.0)
    assert found.promote and not found.roll_back


def test_a_match_of_best_moves_plays_an_opening_once(finished):
    game = load_game("tic_tac_toe")
    checkpoint = load_checkpoint(finished[0].checkpoint)
    for simulations, pairs in ((4, 9), (0, 40)):  # the raw network draws its moves: each game is another one
        config = tiny(guard={"simulations": simulations, "opening_plies": 1})
        a, b = (Contestant(checkpoint.network, game, checkpoint.encoder, config) for _ in range(2))
        assert guard_match(game, a, b, config, games=80, seed=3).rating.pairs == pairs


class LastSquare(torch.nn.Module):
    """Plays the free square with the highest number."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes, self.value_kind = sizes, sizes.value_kind
        self.level = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs):
        return self.squares(inputs.view(-1, 3, 9)) + self.level, self.level.expand(len(inputs), 3)

    def squares(self, planes):
        return torch.arange(9.0).expand(len(planes), 9)


class ThirdSquare(LastSquare):
    """Completes a line, its own or the opponent's, before anything else."""

    def squares(self, planes):
        lines = torch.eye(3).repeat_interleave(3, 1), torch.eye(3).repeat(1, 3), torch.zeros(2, 9)
        lines[2][0, [0, 4, 8]] = lines[2][1, [2, 4, 6]] = 1.0
        lines = torch.cat(lines)
        pairs = (planes[:, 1:] @ lines.T == 2.0).any(1).float()
        return super().squares(planes) + 100.0 * pairs @ lines


def test_the_better_network_wins():
    config = tiny(guard={"simulations": 0})
    game = load_game("tic_tac_toe")
    sizes = Sizes((3, 3, 3), 9, 2, "wdl")
    better, worse = (Contestant(network(sizes), game, "observation", config) for network in (ThirdSquare, LastSquare))
    rating = guard_match(game, better, worse, config, games=80, seed=3).rating
    assert rating.score > 0.6 and rating.low > 0.0
    other = guard_match(game, worse, better, config, games=80, seed=3).rating
    assert other.score == pytest.approx(1.0 - rating.score)


@pytest.mark.parametrize("elo", [-100.0, 100.0])
def test_a_clearly_worse_candidate_is_undone(tmp_path, monkeypatch, elo):
    score = 1.0 / (1.0 + 10 ** (-elo / 400.0))
    figures = MatchFigures(200, 200, Rating(elo, elo - 10, elo + 10, score, 100), 0.0, 0.1)
    monkeypatch.setattr(guard, "guard_match", lambda *a, **k: figures)
    result = train(tiny(iterations=2, guard={"every": 2}), tmp_path / "run")
    reference, best, latest = (weights(result.folder / "checkpoints" / n) for n in ("reference", "best", "latest"))
    assert differ(best, reference) == (elo > 0)
    assert not differ(best, latest)
    (match,) = JsonLines(result.folder / "matches.jsonl").read()
    assert match["promoted"] == (elo > 0) and match["rolled_back"] == (elo < 0)
    # Where the start is still the best there is nothing to compare.
    assert (result.best, result.elo, result.judged) == ((2, 100.0, True) if elo > 0 else (0, None, True))


def equals(game, candidate, best, config, *, games, seed, **options):
    """The figures of a match between equals, by a generator of this seed."""
    pairs = np.random.default_rng(seed).integers(0, 2, (games // 2, 2)).sum(1).astype(float)
    return MatchFigures(games, games, elo_interval(pairs.tolist()), 0.0, 0.1)


def test_selection_does_not_touch_the_gain(tmp_path, monkeypatch):
    """Equals under 20 judgements: what was promoted sums to far more than 0, the match against the start does not."""
    monkeypatch.setattr(guard, "guard_match", equals)
    summed, compared = [], []
    for seed in range(8):
        config = tiny(iterations=20, seed=seed, guard={"every": 1, "games": 200}, selfplay={"positions": 20})
        result = train(config, tmp_path / str(seed))
        lines = JsonLines(result.folder / "matches.jsonl").read()
        assert len(lines) == 20
        summed.append(sum(line["elo"] for line in lines if line["promoted"]))
        assert result.comparison is not None and result.comparison.games == 200
        assert result.comparison.elo_low < result.comparison.elo < result.comparison.elo_high
        compared.append(result.comparison.elo)
    # A match of 100 pairs has a deviation of 25 Elo, the mean of eight one of 9.
    assert min(summed) > 80.0 and np.mean(summed) > 140.0
    assert abs(np.mean(compared)) < 27.0


def test_a_match_within_a_limit_is_shorter_or_none(finished):
    game = load_game("tic_tac_toe")
    checkpoint = load_checkpoint(finished[0].checkpoint)
    config = tiny(guard={"opening_plies": 4})
    a, b = (Contestant(checkpoint.network, game, checkpoint.encoder, config) for _ in range(2))

    def played(**limits):
        return guard_match(game, a, b, config, games=200, seed=3, **limits)

    assert played(seconds=0.0) is None
    assert played(seconds=1e-9, pace=1e-12) is None  # planned, and cut off
    assert played(seconds=10.0, pace=1.0) is None  # eight games are no match
    whole = played(seconds=1e9)
    assert (whole.games, whole.planned) == (200, 200)
    assert whole.rating.score == played().rating.score


def test_a_run_without_time_for_matches_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "guard_match", lambda *a, **k: None)
    result = train(tiny(iterations=4), tmp_path / "run")
    assert (result.judged, result.comparison, result.elo) == (False, None, None)
    (note,) = result.notes
    assert "after iteration 2 was left out" in note and "--minutes" in note
    # Nobody can say better: the latest is the best.
    best, latest = (weights(result.folder / "checkpoints" / name) for name in ("best", "latest"))
    assert result.best == 4 and not differ(best, latest)
    assert resume(result.folder).notes == result.notes


def test_a_shortened_match_is_said_once(tmp_path, clock, monkeypatch):
    figures = MatchFigures(6, 8, Rating(0.0, -90.0, 90.0, 0.5, 3), 0.0, 0.1)
    monkeypatch.setattr(guard, "guard_match", lambda *a, **k: figures)
    notes = []
    result = train(tiny(iterations=0, minutes=1.0), tmp_path / "run", on_progress=lambda each: notes.append(each.notes))
    assert len(result.notes) == 1 and "shortened to 6 games" in result.notes[0]
    assert notes[0] == () and notes[-1] == result.notes


def test_a_run_that_learns_nothing_fails_and_says_what_to_change(tmp_path, capsys):
    config = ["--set", "selfplay.games_per_worker=64", "--set", "guard.every=0", "--set", "network.channels=8"]
    words = ["train", "--game", "chess", "--minutes", "0.01", "--output", str(tmp_path / "run"), *config]
    assert main(words) == 1
    out, told = capsys.readouterr()
    assert "judge:" not in out and "Elo" not in out
    assert "nothing was learnt: no game ended in" in told and "selfplay.games_per_worker" in told
    assert main(["train", "--resume", str(tmp_path / "run")]) == 1


def test_without_guard_the_newest_is_the_best(tmp_path):
    folder = tmp_path / "run"
    read = {}

    def look(progress):
        if progress.phase == "self-play" and progress.iteration == 2:  # the first iteration has been saved
            read.update({name: weights(folder / "checkpoints" / name) for name in ("reference", "best", "latest")})

    config = tiny(iterations=2, guard={"every": 0}, selfplay={"past_share": 0.0})
    result = train(config, folder, on_progress=look)
    assert differ(read["best"], read["reference"]) and not differ(read["best"], read["latest"])
    best, latest = (load_checkpoint(folder / "checkpoints" / name) for name in ("best", "latest"))
    assert not differ(best.network.state_dict(), latest.network.state_dict())
    assert best.lineage == latest.lineage and best.metrics == latest.metrics
    assert best.metrics["iteration"] == 2 and "elo_over_start" not in best.metrics
    assert (result.elo, result.judged, result.best) == (None, False, 2)
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
        for stream in range(5)
        for iteration in range(50)
    }
    assert len(seeds) == 250


def test_a_signal_just_before_a_native_call_is_not_missed(monkeypatch):
    with Interruption() as interruption:
        check = interruption.check

        def late():
            check()
            interruption._handle(signal.SIGINT, None)

        monkeypatch.setattr(interruption, "check", late)
        with pytest.raises(Interrupted), interruption.abort():
            pytest.fail("the call began")
        assert not interruption.abortable
