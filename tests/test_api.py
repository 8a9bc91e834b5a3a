"""The public API: names or objects in, results out; and a game written in Python from end to end."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyspiel
import pytest

import engine.api
from engine.agents.bots import RandomAgent
from engine.api import evaluate, load, match, resume, search, train
from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game
from engine.network import build, save_checkpoint

SMALL = {
    "network.channels": 8,
    "network.blocks": 1,
    "network.hidden": 32,
    "network.layers": 1,
    "search.simulations": 4,
    "selfplay.workers": 1,
    "selfplay.games_per_worker": 4,
    "selfplay.positions": 60,
    "learner.batch_size": 32,
    "replay.ratio": 1.0,
    "evaluator.backend": "torch",
    "guard.every": 0,
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained network for tic_tac_toe."""
    folder = tmp_path_factory.mktemp("api") / "untrained"
    game = load_game("tic_tac_toe")
    config = NetworkConfig(channels=8, blocks=1)
    network = build(config, facts(game), encoder_shape(game))
    save_checkpoint(folder, network, config, "tic_tac_toe", "none", {}, {}, "An untrained network.")
    return str(folder)


def test_the_package_alone_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import engine; print(sorted(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "['engine']\n"


def test_every_function_says_what_it_does() -> None:
    for name in engine.api.__all__:
        assert inspect.getdoc(getattr(engine.api, name))


def test_an_agent_answers_one_state_or_many(checkpoint: str, tic_tac_toe: pyspiel.Game) -> None:
    agent = load(checkpoint)
    state = tic_tac_toe.new_initial_state()
    one, many = agent.policy(state), agent.policy([state, state])
    assert isinstance(many, list) and len(many) == 2
    # Batches of other sizes may round differently, by the processor.
    assert one.probabilities.tolist() == pytest.approx(many[0].probabilities.tolist(), abs=1e-6)
    assert one.probabilities.sum() == pytest.approx(1)
    assert one.values.shape == (2,)


def test_search_finds_what_wins(checkpoint: str, tic_tac_toe: pyspiel.Game) -> None:
    state = tic_tac_toe.new_initial_state()
    for action in (0, 3, 1, 4):
        state.apply_action(action)
    for agent in (checkpoint, load(checkpoint), "mcts:10"):
        decision = search(state, agent, simulations=200, seed=1)
        assert decision.action == 2
        assert decision.values.tolist() == pytest.approx([1, -1], abs=0.25)
    statistics = search(state, checkpoint, simulations=200).statistics
    moves = statistics["moves"]
    assert sum(move.visits for move in moves) == statistics["simulations"] < 200  # proven early
    assert (moves[0].q, moves[0].proven, moves[0].variation) == (1.0, True, (2,))


def test_train_starts_from_an_agent_and_resumes(checkpoint: str, tmp_path: Path) -> None:
    reports = []
    result = train(tmp_path / "run", start=checkpoint, iterations=2, seed=3, settings=SMALL, on_progress=reports.append)
    assert (result.iterations, result.interrupted) == (2, False)
    assert load(result.checkpoint).game.get_type().short_name == "tic_tac_toe"
    assert load(result.folder).checkpoint.lineage["parent"] == load(checkpoint).checkpoint.hash
    assert reports[-1].phase == "done"
    assert resume(tmp_path / "run").iterations == 2


def test_train_lays_settings_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('game = "tic_tac_toe"\niterations = 5\n[learner]\nbatch_size = 16\nema_decay = 0.5\n')
    result = train(tmp_path / "run", config=file, iterations=1, settings=SMALL)
    assert result.iterations == 1
    saved = (tmp_path / "run" / "config.toml").read_text()
    assert "batch_size = 32" in saved and "ema_decay = 0.5" in saved


def test_train_takes_truth_values(tmp_path: Path) -> None:
    train(tmp_path / "run", game="tic_tac_toe", iterations=1, settings=SMALL | {"search.reuse_tree": True})
    assert "reuse_tree = true" in (tmp_path / "run" / "config.toml").read_text()


def test_train_does_not_choose_between_two_games(checkpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('game = "connect_four"\niterations = 1\n')
    with pytest.raises(TesujiError, match=r"^[^\n]* plays tic_tac_toe\(\), not connect_four$"):
        train(tmp_path / "run", start=checkpoint, config=file)
    with pytest.raises(TesujiError, match=r"plays tic_tac_toe\(\), not connect_four$"):
        train(tmp_path / "run", start=checkpoint, iterations=1, settings={"game": "connect_four"})
    assert not (tmp_path / "run").exists()
    file.write_text('game = "tic_tac_toe"\niterations = 1\n')  # the same by another name
    assert train(tmp_path / "run", start=checkpoint, config=file, settings=SMALL).iterations == 1


def test_train_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TesujiError, match="say what to train"):
        train(tmp_path / "run", iterations=1)
    with pytest.raises(TesujiError, match=r"^iterations: -1 is out of range"):
        train(tmp_path / "run", game="tic_tac_toe", iterations=-1)
    with pytest.raises(TesujiError, match="no training budget"):
        train(tmp_path / "run", game="tic_tac_toe")
    assert not (tmp_path / "run").exists()


def test_match_takes_names_and_objects(checkpoint: str) -> None:
    named = match(f"{checkpoint}:simulations=16", "random", games=10, seed=2)
    given = match(load(f"{checkpoint}:simulations=16"), RandomAgent(), games=10, seed=2)
    assert named.games == given.games
    assert named.elo is not None
    assert match("random", "mcts:10", "tic_tac_toe", games=2).game == "tic_tac_toe()"
    with pytest.raises(TesujiError, match="say which game is played"):
        match("random", "mcts:10")


def test_a_path_is_as_good_as_a_name(checkpoint: str, tic_tac_toe: pyspiel.Game, tmp_path: Path) -> None:
    path = Path(checkpoint)
    assert match(path, "random", games=4).games == match(checkpoint, "random", games=4).games
    assert match("random", path, games=2).game == "tic_tac_toe()"
    assert evaluate(path, path, games=2, simulations=[0]).match is not None
    state = tic_tac_toe.new_initial_state()
    found, named = search(state, path, simulations=8), search(state, checkpoint, simulations=8)
    assert found.probabilities.tolist() == named.probabilities.tolist()
    assert load(path).policy(state).action == load(checkpoint).policy(state).action
    result = train(tmp_path / "run", start=path, iterations=1, settings=SMALL)
    assert match(result.checkpoint, result.folder, games=2).score == 0.5


def test_evaluate_judges_and_compares(checkpoint: str) -> None:
    result = evaluate(checkpoint, "random", games=4, simulations=(0, 8))
    assert result.match is not None and len(result.match.games) == 4
    assert result.positions == 0  # tic_tac_toe has no perfect player here


@pytest.mark.slow
def test_a_game_written_in_python_is_learnt_from_end_to_end(tmp_path: Path) -> None:
    take_away = pytest.importorskip("examples.take_away")
    result = train(
        tmp_path / "run",
        game="take_away",
        iterations=8,
        seed=1,
        settings=SMALL
        | {
            "search.simulations": 24,
            "selfplay.games_per_worker": 16,
            "selfplay.positions": 300,
            "replay.ratio": 12,
            "learner.warmup_steps": 10,
            "learner.ema_decay": 0.95,
            "learner.learning_rate": 0.01,
        },
    )
    agent = load(result.checkpoint)
    game = load_game("take_away")
    state = game.new_initial_state()
    right = []
    # Every heap that can be won: the winner leaves a multiple of four.
    for taken in range(take_away.STONES):
        state = game.new_initial_state()
        for _ in range(taken):
            state.apply_action(0)
        heap = take_away.STONES - taken
        if heap % 4:
            decision = agent.policy(state)
            right.append(decision.action == heap % 4 - 1 and decision.values[state.current_player()] > 0)
    assert len(right) == 9
    assert np.mean(right) > 0.85
