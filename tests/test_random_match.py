"""Matches against random play: who plays where, what is counted, and what a run tells of them."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from engine.cli.train import against_random
from engine.config import load_config, values
from engine.evaluate.agreement import labelled_positions
from engine.game import load_game
from engine.metrics import COMPARED, JsonLines
from engine.network import Sizes
from engine.training import run as run_module
from engine.training.guard import Comparison
from engine.training.oracle import MOST, OracleCheck
from engine.training.random_match import play_random
from engine.training.run import resume, train

CONFIG = Path(__file__).parent / "data" / "tiny_run.toml"
GAMES = ("tic_tac_toe", "kuhn_poker", "kuhn_poker(players=3)", "pig", "2048", "goofspiel(num_cards=3)")


class Constant(torch.nn.Module):
    """Prefers low actions by so much, whatever it sees."""

    def __init__(self, sizes, slope):
        super().__init__()
        self.sizes = sizes
        self.logits = torch.nn.Parameter(-slope * torch.arange(float(sizes.num_actions)))

    def forward(self, inputs):
        return self.logits.expand(len(inputs), -1), torch.zeros(len(inputs), self.sizes.value_width)


def sizes_of(game):
    return Sizes((1,), game.num_distinct_actions(), game.num_players(), "scalar")


def constant(game, slope):
    return Constant(sizes_of(game), slope)


def test_the_one_who_always_passes_at_kuhn_poker():
    """Exact: passing, and folding to every bet, loses 1 to a bet and wins or loses 1 at showdown.

    First to move it passes: half of the time random play bets and wins 1, else the higher card wins. Second it passes
    after a pass, and folds to a bet: the same. Its mean return is -1/2, the difference to the other's return -1.
    """
    game = load_game("kuhn_poker")
    found = play_random(game, constant(game, 1000.0), "auto", games=4000, seed=3)
    assert found.games == 4000
    assert found.difference_low < -1.0 < found.difference_high
    assert found.difference_high - found.difference_low < 0.1
    assert found.worse and found.elo_high is None


@pytest.mark.parametrize("name", GAMES)
def test_equals_are_equal_in_every_kind_of_game(name):
    """A flat network plays as its opponent does."""
    game = load_game(name)
    found = play_random(game, constant(game, 0.0), "auto", games=120, seed=1)
    assert found.games == 120
    assert found.difference_low < 0.0 < found.difference_high
    assert not found.worse
    assert found == play_random(game, constant(game, 0.0), "auto", games=120, seed=1, workers=2)
    assert found != play_random(game, constant(game, 0.0), "auto", games=120, seed=2)


def test_a_part_without_time_is_no_match():
    game = load_game("chess")
    begin = time.monotonic()
    assert play_random(game, constant(game, 0.0), "auto", games=200, seed=1, seconds=0.0) is None
    assert play_random(game, constant(game, 0.0), "auto", games=200, seed=1, seconds=0.05) is None
    assert time.monotonic() - begin < 60.0


def test_the_oracle_agrees_with_a_perfect_player_alone():
    game = load_game("connect_four")
    check = OracleCheck(game, "auto")
    assert 100 < len(check.positions) <= MOST
    assert len(labelled_positions(game)) >= len(check.positions)

    class Perfect(torch.nn.Module):
        """Answers the positions in their order."""

        def __init__(self, sign):
            super().__init__()
            self.sizes = sizes_of(game)
            self.sign = torch.nn.Parameter(torch.tensor(sign))

        def forward(self, inputs):
            logits = torch.full((len(inputs), 7), -1e3)
            for row, position in enumerate(check.positions):
                for action, score in position.scores.items():
                    logits[row, action] = float(score)
            return self.sign * logits, torch.zeros(len(inputs), self.sizes.value_width)

    assert check.agreement(Perfect(1.0)) == 1.0
    alike = np.mean([len(set(position.scores.values())) == 1 for position in check.positions])
    assert check.agreement(Perfect(-1.0)) == alike < 0.5
    unlabelled = load_game("pig")
    assert OracleCheck(unlabelled, "auto").agreement(constant(unlabelled, 0.0)) is None


def tiny(**sections):
    config = load_config(CONFIG)
    return replace(
        config,
        **{
            name: replace(getattr(config, name), **value) if isinstance(value, dict) else value
            for name, value in sections.items()
        },
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A run of connect_four from scratch, and its events."""
    config = tiny(game="connect_four", iterations=2, guard={"every": 1, "games": 20})
    result = train(config, tmp_path_factory.mktemp("runs") / "run")
    events = EventAccumulator(str(result.folder / "tensorboard"))
    events.Reload()
    return config, result, events


def test_a_run_from_scratch_meets_random_play_twice(scratch):
    _, result, events = scratch
    assert set(result.random) == {"start", "end"}
    assert json.loads((result.folder / "random.json").read_bytes()) == {
        moment: asdict(each) for moment, each in result.random.items()
    }
    told = [(event.step, event.value) for event in events.Scalars("eval/elo_over_random")]
    expected = [(0, result.random["start"].elo), (2, result.random["end"].elo)]
    assert [step for step, _ in told] == [step for step, _ in expected]
    assert [value for _, value in told] == pytest.approx([value for _, value in expected], rel=1e-6)
    assert resume(result.folder).random == result.random


def test_events_have_groups_and_the_judgements(scratch):
    _, result, events = scratch
    tags = events.Tags()["scalars"]
    assert {tag.split("/")[0] for tag in tags} == {"loss", "selfplay", "time", "eval"}
    assert {"loss/policy_loss", "loss/learning_rate", "selfplay/positions", "time/elapsed"} <= set(tags)
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    losses = [event.value for event in events.Scalars("loss/policy_loss")]
    assert losses == pytest.approx([line["policy_loss"] for line in lines], rel=1e-6)
    matches = JsonLines(result.folder / "matches.jsonl").read()
    for name in ("elo", "elo_low", "elo_high", "oracle_agreement"):
        shown = [(event.step, event.value) for event in events.Scalars(f"eval/{name}")]
        assert [step for step, _ in shown] == [1, 2]
        assert [value for _, value in shown] == pytest.approx([line[name] for line in matches], rel=1e-6)
    if result.comparison is not None:
        (shown,) = (event.value for event in events.Scalars("eval/elo_over_start"))
        assert shown == pytest.approx(result.comparison.elo, rel=1e-6)
    assert 0.0 < matches[0]["oracle_agreement"] < 1.0


def test_hyperparameters_stand_in_the_same_events(scratch):
    config, result, events = scratch
    assert not [path for path in (result.folder / "tensorboard").iterdir() if path.is_dir()]
    told = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    shown = HParamsPluginData.FromString(told).session_start_info.hparams
    assert shown["seed"].number_value == config.seed
    assert shown["learner.learning_rate"].number_value == config.learner.learning_rate
    assert shown["method.name"].string_value == "expert_iteration"
    assert set(shown) == set(values(config))
    told = events.summary_metadata["_hparams_/experiment"].plugin_data.content
    compared = HParamsPluginData.FromString(told).experiment.metric_infos
    assert [metric.name.tag for metric in compared] == list(COMPARED)
    assert set(COMPARED) - {"eval/exploitability", "eval/elo_over_start"} <= set(events.Tags()["scalars"])


def test_exploitability_is_shown_where_it_judges(tmp_path):
    config = load_config(None, {"game": "kuhn_poker", "iterations": "2", "method.name": "mmd", "guard.every": "1"})
    config = replace(config, rollout=replace(config.rollout, games=32, positions=256, workers=1))
    config = replace(config, guard=replace(config.guard, games=20))
    result = train(config, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    lines = JsonLines(result.folder / "exploitability.jsonl").read()
    shown = [event.value for event in events.Scalars("eval/exploitability")]
    assert shown == pytest.approx([line["exploitability"] for line in lines], rel=1e-6) and len(shown) == 2
    (_, last) = (event.value for event in events.Scalars("eval/difference_to_random"))
    assert last == pytest.approx(result.random["end"].difference, rel=1e-6)
    assert "eval/elo_over_random" not in events.Tags()["scalars"]


def test_a_run_from_a_checkpoint_meets_no_random_play(scratch, tmp_path):
    config, result, _ = scratch
    again = train(config, tmp_path / "run", start=result.folder / "checkpoints" / "latest")
    assert again.random == {} and against_random(again) == []
    assert not (tmp_path / "run" / "random.json").exists()


def test_what_is_said_at_the_end(scratch):
    _, result, _ = scratch
    start = Comparison(200, 3.0, -40.0, 46.0, 0.01, -0.1, 0.1)
    good = Comparison(200, 312.4, 250.0, 400.0, 0.7, 0.6, 0.8)
    bad = replace(good, elo=-200.0, elo_low=-300.0, elo_high=-100.0)
    assert against_random(replace(result, random={"start": start, "end": good})) == [
        "against random: +312 Elo [+250, +400] (raw network, 200 games, at the start +3)"
    ]
    line, warning = against_random(replace(result, random={"end": bad}))
    assert line == "against random: -200 Elo [-300, -100] (raw network, 200 games)"
    assert "worse than random" in warning and "--minutes" in warning
    returns = Comparison(50, None, None, None, 812.5, 700.0, 925.0)
    assert against_random(replace(result, random={"start": replace(returns, difference=-3.0), "end": returns})) == [
        "against random: +812 [+700, +925] in returns (raw network, 50 games, at the start -3)"
    ]
    assert against_random(replace(result, interrupted=True, random={"start": start})) == []


def test_the_budget_bounds_the_matches(tmp_path, monkeypatch):
    """A fiftieth of the time each; what the last one needs is set aside."""
    limits = []

    def timed(*arguments, seconds, **options):
        limits.append(seconds)
        return Comparison(20, 0.0, -90.0, 90.0, 0.0, -0.1, 0.1)

    monkeypatch.setattr(run_module, "play_random", timed)
    train(tiny(iterations=0, minutes=0.05, guard={"every": 0}), tmp_path / "run")
    assert limits == pytest.approx([0.06, 0.06])
