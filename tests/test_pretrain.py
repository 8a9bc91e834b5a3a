from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyspiel
import pytest

from engine.cli import main
from engine.config import RunConfig, load_config
from engine.errors import TesujiError
from engine.evaluate.agreement import labelled_positions
from engine.finetune.learner import Learner
from engine.game import room
from engine.native import core
from engine.network.checkpoint import load_checkpoint
from engine.training.pretrain import Pretraining, command, pretrain, training_positions
from engine.training.teacher import (
    CHUNK_GAMES,
    TeacherConfig,
    TeacherGame,
    play_game,
    teacher_games,
)

TEACHER = TeacherConfig(simulations=20)


def small(game: str) -> RunConfig:
    overrides = {
        "game": game,
        "network.channels": "8",
        "network.blocks": "1",
        "network.hidden": "32",
        "network.layers": "1",
        "learner.batch_size": "64",
        "learner.threads": "1",
        "learner.warmup_steps": "5",
        "learner.precision": "fp32",
    }
    return load_config(overrides=overrides)


def imitate(game: str, folder: Path, cache: Path, workers: int = 1, **options: Any) -> Pretraining:
    made = {"games": 40, "simulations": 20, "epochs": 3, "seed": 5, "config": small(game)}
    return pretrain(game, folder, workers=workers, cache=cache, **made, **options)


# The teacher's games


def test_a_game_is_its_seed_and_number() -> None:
    game = pyspiel.load_game("tic_tac_toe")
    first = play_game(game, TEACHER, 1, 7)
    assert first == play_game(game, TEACHER, 1, 7)
    assert first != play_game(game, TEACHER, 2, 7)
    assert first != play_game(game, TEACHER, 1, 8)


def test_games_are_legal_and_say_what_the_search_found() -> None:
    game = pyspiel.load_game("tic_tac_toe")
    teacher = TeacherConfig(simulations=20, solve=False)
    for number in range(20):
        played = play_game(game, teacher, 0, number)
        state = game.new_initial_state()
        decisions = dict(zip(played.plies, zip(played.visits, played.root_values, strict=True), strict=True))
        for ply, action in enumerate(played.history):
            if ply in decisions:
                visits, value = decisions[ply]
                assert set(visits) <= set(state.legal_actions())
                # One simulation reaches only the root; a forced move ends the search.
                assert sum(visits.values()) == (teacher.simulations - 1 if len(state.legal_actions()) > 1 else 1)
                assert -1.0 <= value <= 1.0
            state.apply_action(action)
        assert state.is_terminal() and state.returns() == played.returns
        assert played.plies == list(range(len(played.history)))[len(played.history) - len(played.plies) :]


def test_root_value_is_the_movers() -> None:
    """Whoever can win at once is told so, whichever player it is."""
    teacher = TeacherConfig(simulations=200, random_opening_plies=5, random_move_share=0.0)
    game = pyspiel.load_game("tic_tac_toe")
    seen = set()
    for number in range(60):
        played = play_game(game, teacher, 3, number)
        if played.returns[0] != 0.0 and played.plies:
            winner = int(np.argmax(played.returns))
            last = len(played.history) - 1
            assert last % 2 == winner
            assert played.root_values[-1] > 0.25
            seen.add(winner)
    assert seen == {0, 1}


@pytest.mark.parametrize("name", ["connect_four", "einstein_wurfelt_nicht"])
def test_a_win_at_once_is_all_that_is_taught(name: str) -> None:
    teacher = TeacherConfig(simulations=50, random_opening_plies=0, random_move_share=0.0)
    game = pyspiel.load_game(name)
    wins = 0
    for number in range(10):
        played = play_game(game, teacher, 0, number)
        state = game.new_initial_state()
        for action in played.history:
            if len(state.history()) in played.plies:
                decision = played.plies.index(len(state.history()))
                winning = [move for move in state.legal_actions() if state.child(move).is_terminal()]
                if winning:
                    assert set(played.visits[decision]) <= set(winning)
                    assert set(played.visits[decision].values()) == {1}
                    assert played.root_values[decision] == 1.0
                    assert action in winning
                    wins += 1
            state.apply_action(action)
    assert wins > 5


def test_a_proven_draw_is_shared_by_the_moves_that_keep_it() -> None:
    game = pyspiel.load_game("tic_tac_toe")
    teacher = TeacherConfig(simulations=3000, random_opening_plies=4, random_move_share=0.0)
    kept = 0
    for number in range(10):
        played = play_game(game, teacher, 2, number)
        for ply, visits, value in zip(played.plies, played.visits, played.root_values, strict=True):
            state = game.new_initial_state()
            for action in played.history[:ply]:
                state.apply_action(action)
            if len(state.legal_actions()) > 5:
                continue
            scores = {action: minimax(state.child(action), state.current_player()) for action in state.legal_actions()}
            assert value == max(scores.values())
            good = {action for action, score in scores.items() if score == value}
            # A win found ends the proof; a draw or a loss is known only when every move is.
            assert set(visits) <= good if value == 1 else set(visits) == good
            kept += value == 0 and len(good) < len(scores)
    assert kept > 3


def minimax(state: pyspiel.State, player: int) -> float:
    if state.is_terminal():
        return float(state.returns()[player])
    values = [minimax(state.child(action), player) for action in state.legal_actions()]
    return max(values) if state.current_player() == player else min(values)


def test_chance_is_played_but_not_recorded() -> None:
    game = pyspiel.load_game("pig(players=2,winscore=20)")
    played = play_game(game, TEACHER, 0, 0)
    state = game.new_initial_state()
    for ply, action in enumerate(played.history):
        assert not (ply in played.plies and state.is_chance_node())
        state.apply_action(action)
    assert state.is_terminal()


def read(cache: Path, games: int, workers: int = 1, seed: int = 0) -> list[TeacherGame]:
    return list(teacher_games("tic_tac_toe", TEACHER, games=games, seed=seed, workers=workers, cache=cache))


def test_cache_and_number_of_workers_change_nothing(tmp_path: Path) -> None:
    games = read(tmp_path / "one", CHUNK_GAMES + 3)
    assert len(games) == CHUNK_GAMES + 3
    assert games == read(tmp_path / "two", CHUNK_GAMES + 3, workers=2)
    assert games == [play_game(pyspiel.load_game("tic_tac_toe"), TEACHER, 0, number) for number in range(len(games))]
    (folder,) = (tmp_path / "one").iterdir()
    files = {file: file.stat().st_mtime_ns for file in folder.glob("*.npz")}
    assert len(files) == 2
    assert read(tmp_path / "one", CHUNK_GAMES) == games[:CHUNK_GAMES]
    assert files == {file: file.stat().st_mtime_ns for file in folder.glob("*.npz")}


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(TesujiError, match=r"cannot write .*cache.*: Not a directory"):
        read(tmp_path / "cache", 3)


def test_an_interrupted_cache_is_completed(tmp_path: Path) -> None:
    games = read(tmp_path, 2 * CHUNK_GAMES)
    (folder,) = tmp_path.iterdir()
    sorted(folder.glob("*.npz"))[0].unlink()
    assert read(tmp_path, 2 * CHUNK_GAMES) == games


def test_another_seed_has_another_cache(tmp_path: Path) -> None:
    assert read(tmp_path, 3) != read(tmp_path, 3, seed=1)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:200] + b"!!" + data[202:]])
def test_a_damaged_cache_file_is_named(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    read(tmp_path, 3)
    (file,) = tmp_path.glob("*/*.npz")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(TesujiError, match=r"games-0000000\.npz: damaged teacher games"):
        read(tmp_path, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulations": 1}, r"teacher\.simulations is 1"),
        ({"random_opening_plies": -1}, r"teacher\.random_opening_plies is -1"),
        ({"random_move_share": 1.0}, r"teacher\.random_move_share is 1\.0"),
    ],
)
def test_bad_teachers_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(TesujiError, match=message):
        TeacherConfig(**changes)  # type: ignore[arg-type]


# Positions to learn from


def test_positions_are_seen_from_the_mover() -> None:
    game = pyspiel.load_game("tic_tac_toe")
    played = TeacherGame([0, 3, 1, 4, 2], [1, 2], [{4: 3, 5: 1}, {1: 8, 7: 2}], [-0.25, 0.5], [1.0, -1.0])
    positions, held_out = training_positions(game, "observation", [played])
    assert held_out == 0
    states = [game.new_initial_state() for _ in range(2)]
    for state, history in zip(states, ([0], [0, 3]), strict=True):
        for action in history:
            state.apply_action(action)
    np.testing.assert_array_equal(positions.inputs, core.encode(states, "observation"))
    np.testing.assert_array_equal(positions.legal_mask, core.legal_mask(states))
    np.testing.assert_array_equal(positions.returns, [[-1, 1], [1, -1]])
    np.testing.assert_array_equal(positions.root_values, np.float32([[-0.25, 0.25], [0.5, -0.5]]))
    np.testing.assert_allclose(positions.policy[0, [4, 5]], [0.75, 0.25])
    np.testing.assert_allclose(positions.policy[1, [1, 7]], [0.8, 0.2])
    sharp, _ = training_positions(game, "observation", [played], policy_temperature=0.5)
    np.testing.assert_allclose(sharp.policy[0, [4, 5]], [0.9, 0.1])
    np.testing.assert_allclose(sharp.policy.sum(1), 1.0, rtol=1e-6)


def test_values_are_normalised_by_the_games_scale() -> None:
    game = pyspiel.load_game("backgammon(scoring_type=full_scoring)")
    assert game.max_utility() == 3.0
    history = play_game(game, TeacherConfig(simulations=2), 0, 0).history
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(history[len(state.history())])
    ply = len(state.history())
    played = TeacherGame(history, [ply], [dict.fromkeys(state.legal_actions(), 1)], [1.5], [-3.0, 3.0])
    positions, _ = training_positions(game, "observation", [played])
    mover = state.current_player()
    np.testing.assert_allclose(positions.returns, [[-1.0, 1.0] if mover == 0 else [1.0, -1.0]])
    np.testing.assert_allclose(positions.root_values, [[0.5, -0.5]])


def test_held_out_positions_and_their_mirrors_are_never_learnt() -> None:
    game = pyspiel.load_game("connect_four")
    labelled = next(position for position in labelled_positions(game) if len(position.history) == 9)
    played = []
    for history in (labelled.history, tuple(6 - action for action in labelled.history)):
        state = game.new_initial_state()
        for action in history:
            state.apply_action(action)
        uniform = dict.fromkeys(state.legal_actions(), 10)
        state.apply_action(state.legal_actions()[0])
        visits = [uniform, dict.fromkeys(state.legal_actions(), 10)]
        while not state.is_terminal():
            state.apply_action(state.legal_actions()[0])
        played.append(TeacherGame(list(state.history()), [9, 10], visits, [0.0, 0.0], list(state.returns())))
    positions, held_out = training_positions(game, "connect_four", played)
    assert held_out >= 2
    inputs = core.encode([labelled.state(game)], "connect_four")
    (mirror,) = room("connect_four").symmetries(game, "connect_four")
    for image in (inputs, inputs[:, mirror.inputs]):
        assert not (positions.inputs == image).all(1).any()


# The whole way


def test_imitation_learns_its_teacher(tmp_path: Path) -> None:
    stages: dict[str, list[tuple[int, int]]] = {}
    result = pretrain(
        "tic_tac_toe",
        tmp_path / "agent",
        games=120,
        simulations=100,
        epochs=30,
        seed=1,
        workers=1,
        config=small("tic_tac_toe"),
        cache=tmp_path / "cache",
        progress=lambda stage, done, total: stages.setdefault(stage, []).append((done, total)),
    )
    assert {stage: counts[-1] for stage, counts in stages.items()} == {
        "games": (120, 120),
        "positions": (120, 120),
        "steps": (result.steps, result.steps),
    }
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.hash == result.hash
    assert checkpoint.method == "imitation"
    assert checkpoint.lineage["pretraining"]["teacher"]["simulations"] == 100
    counts = {"positions": result.positions, "held_out": 0, "steps": result.steps}
    assert checkpoint.metrics.items() >= (counts | result.metrics).items()
    assert result.metrics["policy_accuracy"] > 0.6
    assert result.metrics["policy_loss"] < 0.75 * np.log(9)
    card = (result.checkpoint / "README.md").read_text()
    assert "100 rollouts a move" in card and f"{result.positions:,} positions" in card


def test_a_game_written_in_python(tmp_path: Path) -> None:
    """The processes that play have not imported the module that registers it."""
    take_away = pytest.importorskip("examples.take_away")
    result = imitate("take_away", tmp_path / "agent", tmp_path / "cache", workers=2)
    assert load_checkpoint(result.checkpoint).game == "take_away()"
    played = list(teacher_games("take_away", TEACHER, games=40, seed=5, workers=2, cache=tmp_path / "cache"))
    assert len(played) == 40
    assert all(sum(action + 1 for action in one.history) == take_away.STONES for one in played)
    card = (result.checkpoint / "README.md").read_text()
    assert "    tesuji --import examples.take_away pretrain --game take_away " in card


def test_a_game_around_one_written_in_python(tmp_path: Path) -> None:
    pytest.importorskip("examples.take_away")
    game = "misere(game=take_away())"
    played = list(teacher_games(game, TEACHER, games=3, seed=5, workers=2, cache=tmp_path / "cache"))
    assert len(played) == 3
    about = {"games": 3, "epochs": 1.0, "seed": 5, "teacher": {"simulations": 20, "solve": True}}
    assert command(pyspiel.load_game(game), about, small(game)).startswith(
        "tesuji --import examples.take_away pretrain"
    )


def test_only_a_checkpoint_is_replaced(tmp_path: Path) -> None:
    """Refused before the first game is played."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    for output, message in ((folder, "other than a checkpoint"), (folder / "thesis.txt", "Not a directory")):
        with pytest.raises(TesujiError, match=message):
            imitate("tic_tac_toe", output, tmp_path / "cache")
    assert (folder / "thesis.txt").read_text() == "years"
    assert not (tmp_path / "cache").exists()
    first = imitate("tic_tac_toe", tmp_path / "agent", tmp_path / "cache")
    second = imitate("breakthrough(rows=5,columns=4)", tmp_path / "agent", tmp_path / "cache")
    assert load_checkpoint(tmp_path / "agent").hash == second.hash != first.hash


def test_training_that_diverges_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Learner.step

    def diverge(self: Learner, *arguments: Any) -> dict[str, Any]:
        metrics = step(self, *arguments)
        return metrics | {"loss": metrics["loss"] * float("nan")}

    monkeypatch.setattr(Learner, "step", diverge)
    with pytest.raises(TesujiError, match=r"not finite after \d+ steps: lower learner\.learning_rate") as caught:
        imitate("tic_tac_toe", tmp_path / "agent", tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_the_card_says_what_to_type_for_the_same_weights(tmp_path: Path) -> None:
    game = "breakthrough(rows=5,columns=4)"
    first = pretrain(
        game, tmp_path / "first", games=3, simulations=5, epochs=0.7, seed=2, config=small(game), cache=tmp_path
    )
    card = (first.checkpoint / "README.md").read_text()
    typed = shlex.split(card.partition("Made by\n")[2].replace("\\\n", ""))
    assert typed[:2] == ["tesuji", "pretrain"]
    assert "learner.batch_size=64" in typed
    typed[typed.index("FOLDER")] = str(tmp_path / "second")
    assert main([*typed[1:], "--cache", str(tmp_path)]) == 0
    assert load_checkpoint(tmp_path / "second").hash == first.hash


def test_equal_arguments_give_equal_weights(tmp_path: Path) -> None:
    first = imitate("tic_tac_toe", tmp_path / "first", tmp_path / "cache")
    second = imitate("tic_tac_toe", tmp_path / "second", tmp_path / "other", workers=2)
    assert first.hash == second.hash


def test_agreement_goes_into_the_card_where_the_room_has_positions(tmp_path: Path) -> None:
    stages: dict[str, tuple[int, int]] = {}
    result = imitate(
        "connect_four",
        tmp_path / "agent",
        tmp_path / "cache",
        progress=lambda stage, done, total: stages.update({stage: (done, total)}),
    )
    count = len(labelled_positions("connect_four"))
    assert stages["judging, 0 simulations"] == stages["judging, 64 simulations"] == (count, count)
    content = json.loads((result.checkpoint / "config.json").read_text())
    assert 0.0 < content["metrics"]["optimal_share_0"] < content["metrics"]["optimal_share_64"] < 1.0
    card = (result.checkpoint / "README.md").read_text()
    assert f"{content['metrics']['optimal_share_64']:.1%} at 64 simulations" in card


@pytest.mark.parametrize("game", ["pig(players=2,winscore=20)", "catch", "breakthrough(rows=5,columns=4)"])
def test_other_games(game: str, tmp_path: Path) -> None:
    result = pretrain(
        game, tmp_path / "agent", games=3, simulations=5, epochs=1, workers=1, config=small(game), cache=tmp_path
    )
    assert load_checkpoint(result.checkpoint).game == str(pyspiel.load_game(game))
    assert result.held_out == 0


@pytest.mark.parametrize("game", ["kuhn_poker", "matrix_rps"])
def test_games_where_search_is_not_sound_are_refused(game: str, tmp_path: Path) -> None:
    with pytest.raises(TesujiError, match=rf"{game} .*(not sound|simultaneous)"):
        pretrain(game, tmp_path / "agent", config=RunConfig(game=game), cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"games": 0}, "games is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"epochs": 0.0}, "epochs is 0"),
        ({"epochs": float("inf")}, r"epochs is inf; give a number above 0 and at most 1e\+06"),
        ({"epochs": 1e308}, r"epochs is 1e\+308"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"simulations": 0}, "simulations is 0"),
        ({"policy_temperature": 0.0}, "policy_temperature is 0"),
    ],
)
def test_bad_numbers_are_refused(arguments: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(TesujiError, match=message):
        pretrain("tic_tac_toe", tmp_path / "agent", config=small("tic_tac_toe"), cache=tmp_path / "cache", **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
