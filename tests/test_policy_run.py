"""Whole runs without search: what they learn, write and resume from."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from engine.agents.bots import RandomAgent
from engine.agents.parser import parse_agent, resolve_checkpoint
from engine.config import load_config
from engine.errors import TesujiError
from engine.evaluate.exploitability import exploitability
from engine.game import load_game
from engine.metrics import JsonLines
from engine.training.exploiter import approximate_exploitability
from engine.training.run import resume, train

TINY = {
    "iterations": "6",
    "seed": "5",
    "rollout.games": "32",
    "rollout.positions": "256",
    "network.hidden": "16",
    "network.layers": "1",
    "network.channels": "4",
    "network.blocks": "1",
    "learner.batch_size": "64",
    "learner.precision": "fp32",
    "learner.threads": "1",
    "evaluator.backend": "torch",
    "evaluator.precision": "fp32",
    "evaluator.device": "cpu",
    "guard.every": "2",
    "guard.games": "8",
    "guard.simulations": "2",
    "grpo.group": "4",
}


KUHN = load_game("kuhn_poker")


def exact_agent(folder):
    return parse_agent(f"{folder}:backend=torch,precision=fp32")


def tiny(game, method="mmd", **changes):
    settings = {name.replace("__", "."): str(value) for name, value in changes.items()}
    return load_config(None, {"game": game, "method.name": method, **TINY, **settings})


@pytest.mark.parametrize("method", ["ppo", "mmd", "grpo"])
@pytest.mark.parametrize("game", ["kuhn_poker", "tic_tac_toe", "pig(winscore=15)", "leduc_poker"])
def test_every_method_trains_in_every_kind_of_game(tmp_path, game, method):
    result = train(tiny(game, method, iterations=2), tmp_path / "run")
    lines = JsonLines(result.folder / "metrics.jsonl").read()
    assert [line["iteration"] for line in lines] == [1, 2]
    assert lines[-1]["steps"] > 0 and lines[-1]["samples"] > 0 and np.isfinite(lines[-1]["loss"])
    assert lines[-1]["mean_length"] > 1.0 and len(lines[-1]["mean_returns"]) == load_game(game).num_players()
    assert (result.folder / "learning_curve.png").stat().st_size > 1000
    agent = parse_agent(str(result.folder))
    assert agent.checkpoint.method == method
    hidden = game in ("kuhn_poker", "leduc_poker")
    assert (result.exploitability is not None) == hidden
    assert (result.folder / ("exploitability.jsonl" if hidden else "matches.jsonl")).exists()


def test_the_guard_keeps_the_least_exploitable_agent(tmp_path):
    result = train(tiny("kuhn_poker", iterations=12, guard__every=1), tmp_path / "run")
    lines = JsonLines(result.folder / "exploitability.jsonl").read()
    values = [line["exploitability"] for line in lines]
    start = exploitability(exact_agent(result.folder / "checkpoints" / "reference"), KUHN).exploitability
    least = [min([start, *values[: i + 1]]) for i in range(len(values))]
    assert [line["promoted"] for line in lines] == [value == low for value, low in zip(values, least, strict=True)]
    assert result.exploitability == min(values) < start
    agent = exact_agent(result.folder)
    assert agent.checkpoint.metrics["exploitability"] == min(values)
    assert exploitability(agent, KUHN).exploitability == pytest.approx(min(values), abs=1e-5)


def files(folder):
    names = ["latest", "best", "reference"]
    paths = [folder / "checkpoints" / name / "model.safetensors" for name in names]
    last = max((folder / "snapshots").iterdir())
    paths += [last / name for name in ("learner.safetensors", "games.safetensors")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize("method", ["mmd", "grpo"])
def test_an_interrupted_run_ends_as_the_uninterrupted_one(tmp_path, method):
    class Killed(BaseException):
        pass

    config = tiny("leduc_poker", method)
    whole = train(config, tmp_path / "whole")

    def kill(progress):
        if progress.iteration == 4 and progress.phase == "learning":
            raise Killed

    with pytest.raises(Killed):
        train(config, tmp_path / "run", on_progress=kill)
    result = resume(tmp_path / "run")
    assert result.iterations == whole.iterations == 6 and not result.interrupted
    assert files(result.folder) == files(whole.folder)
    for name in ("metrics.jsonl", "exploitability.jsonl"):
        pairs = [JsonLines(run.folder / name).read() for run in (whole, result)]
        for lines in pairs:
            for line in lines:
                line.pop("time", None)
                line.pop("elapsed", None)
        assert pairs[0] == pairs[1]


def test_fine_tuning_starts_from_a_checkpoint_and_is_drawn_to_it(tmp_path):
    first = train(tiny("kuhn_poker"), tmp_path / "first")
    config = tiny("kuhn_poker", mmd__magnet="reference", mmd__magnet_weight=1000.0, mmd__final_magnet_weight=1000.0)
    second = train(config, tmp_path / "second", start=first.checkpoint)
    last = JsonLines(second.folder / "metrics.jsonl").read()[-1]
    assert 0.0 <= last["magnet_kl"] < 0.01
    assert (
        second.checkpoint.parent.joinpath("reference", "model.safetensors").read_bytes()
        == (first.checkpoint / "model.safetensors").read_bytes()
    )


def test_simultaneous_games_train_in_their_turn_based_form(tmp_path):
    result = train(tiny("goofspiel(num_cards=3,imp_info=True)"), tmp_path / "run")
    agent = parse_agent(str(result.folder))
    assert str(agent.game).startswith("turn_based_simultaneous_game(game=goofspiel(")
    assert result.exploitability is not None


def test_a_game_too_large_to_enumerate_is_not_judged(tmp_path):
    result = train(tiny("leduc_poker", iterations=2, guard__max_histories=100), tmp_path / "run")
    assert result.exploitability is None
    assert not (result.folder / "exploitability.jsonl").exists()


def test_search_is_refused_where_information_is_hidden(tmp_path):
    with pytest.raises(TesujiError, match="hides information"):
        train(tiny("kuhn_poker", "expert_iteration"), tmp_path / "run")


def test_mean_field_games_are_refused(tmp_path):
    with pytest.raises(TesujiError, match="mean-field"):
        train(tiny("mfg_crowd_modelling"), tmp_path / "run")


def test_an_exploiter_wins_at_most_what_can_be_won():
    game = load_game("kuhn_poker")
    config = replace(tiny("kuhn_poker", "ppo"), iterations=0)
    found = approximate_exploitability(RandomAgent(), game, decisions=20_000, games=4000, seed=1, config=config)
    exact = exploitability(RandomAgent(), game).exploitability
    assert exact == pytest.approx(0.458333, abs=1e-6)
    assert found.low < exact and found.low <= found.bound <= found.high
    assert found.bound > 0.3
    assert found.decisions >= 20_000 and found.games >= 4000
    assert "lower bound" in found.kind


def test_an_exploiter_needs_one_budget():
    with pytest.raises(TesujiError, match="minutes or decisions above 0"):
        approximate_exploitability(RandomAgent(), load_game("kuhn_poker"))


def test_a_start_that_is_better_stays_the_best(tmp_path):
    start = resolve_checkpoint("kuhn_poker/blueprint")
    settings = {"game": "kuhn_poker", "iterations": "2", "guard.every": "1", "rollout.games": "32"}
    settings |= {"rollout.positions": "256", "learner.batch_size": "64", "learner.learning_rate": "0.1"}
    settings |= {"mmd.magnet_weight": "100", "mmd.final_magnet_weight": "100", "learner.ema_decay": "0"}
    result = train(load_config(None, settings), tmp_path / "run", start=start)
    first = JsonLines(result.folder / "exploitability.jsonl").read()[0]
    assert first["exploitability"] > 0.3 and not first["promoted"]  # drawn to the uniform policy, 0.458
    assert result.exploitability == pytest.approx(0.1253, abs=1e-4)
    assert (result.checkpoint / "model.safetensors").read_bytes() == (start / "model.safetensors").read_bytes()


def test_an_exploiter_may_read_other_inputs_than_the_agent(tmp_path):
    agent = parse_agent(str(train(tiny("tic_tac_toe", "ppo", network__encoder="observation"), tmp_path / "run").folder))
    assert agent.checkpoint.encoder == "observation"
    config = replace(tiny("tic_tac_toe", "ppo"), iterations=0)
    assert config.network.encoder == "seated"
    found = approximate_exploitability(agent, agent.game, decisions=500, games=40, seed=1, config=config)
    assert found.low <= found.bound <= found.high


def test_a_run_keeps_its_starts(tmp_path, monkeypatch):
    (tmp_path / "mine.jsonl").write_text("[4]\n[0, 8]\n")
    monkeypatch.chdir(tmp_path)
    config = tiny("tic_tac_toe", "ppo", iterations=1, rollout__starts="mine.jsonl")
    result = train(config, tmp_path / "run")
    (tmp_path / "mine.jsonl").unlink()
    assert (result.folder / "starts.jsonl").read_text() == "[4]\n[0, 8]\n"
    monkeypatch.chdir("/")
    assert resume(tmp_path / "run").iterations == 1
    with pytest.raises(TesujiError, match="cannot read"):
        train(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_groups_are_whole_before_anything_is_made(tmp_path):
    with pytest.raises(TesujiError, match=r"rollout.games: 30 is no multiple of grpo.group, the 4 games"):
        tiny("kuhn_poker", "grpo", rollout__games=30)
