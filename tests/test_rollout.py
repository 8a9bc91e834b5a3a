"""Roll-outs against the games that they claim to have played."""

import json
from functools import partial

import numpy as np
import pyspiel
import pytest

from engine.config import NetworkConfig, RolloutConfig
from engine.errors import TesujiError
from engine.finetune.rollout import GroupRollout, NetworkAnswers, Rollout, read_starts
from engine.finetune.sampling import sample
from engine.game import encoder_shape, facts, load_game, require_rollouts, room
from engine.native import core
from engine.network import build


def network_for(game, seed=0):
    return build(
        NetworkConfig(channels=4, blocks=1, hidden=16, layers=1), facts(game), encoder_shape(game), seed
    ).eval()


def make(name, games=8, positions=64, group=1, seed=3, **options):
    game = require_rollouts(load_game(name))
    config = RolloutConfig(games=games, positions=positions, **options.pop("config", {}))
    scale = facts(game).value_scale
    kind = partial(GroupRollout, group=group) if group > 1 else Rollout
    rollout = kind(game, "auto", config, seed=seed, value_scale=scale, **options)
    return game, rollout, NetworkAnswers(network_for(game))


def games_of(found):
    for first, end in zip(found.offsets[:-1], found.offsets[1:], strict=True):
        yield slice(int(first), int(end))


def test_trajectories_are_the_games_played():
    game, rollout, answers = make("tic_tac_toe")
    seen = 0
    for _ in range(3):
        found = rollout.play(answers)
        assert found.learnt.all() and found.offsets[-1] == len(found)
        for rows in games_of(found):
            state = game.new_initial_state()
            for row in range(rows.start, rows.stop):
                assert state.current_player() == found.players[row]
                np.testing.assert_array_equal(core.encode([state], core.default_encoder(game))[0], found.inputs[row])
                np.testing.assert_array_equal(core.legal_mask([state])[0], found.legal_mask[row])
                policy, values = answers.both(found.inputs[row : row + 1], found.legal_mask[row : row + 1])
                np.testing.assert_allclose(found.log_policy[row], policy[0], atol=1e-4)
                np.testing.assert_allclose(found.values[row], values[0], atol=1e-5)
                state.apply_action(int(found.actions[row]))
                np.testing.assert_array_equal(found.rewards[row], state.rewards())
            assert state.is_terminal()
            seen += 1
    assert seen > 10


def test_rewards_are_normalised_and_belong_to_the_seats():
    game, rollout, answers = make("leduc_poker", games=16, positions=512)
    found = rollout.play(answers)
    totals = [found.rewards[rows].sum(0) * facts(game).value_scale for rows in games_of(found)]
    assert facts(game).value_scale == 13.0
    for total in totals:
        assert total.sum() == pytest.approx(0.0, abs=1e-5)
        assert (abs(total[0] - round(float(total[0]))) < 1e-5 and 1 <= abs(total[0]) <= 13) or total[0] == 0


def test_games_that_begin_alike_are_handed_out_together():
    _, rollout, answers = make("kuhn_poker", games=12, positions=96, group=4)
    for _ in range(4):
        found = rollout.play(answers)
        numbers, counts = np.unique(found.groups, return_counts=True)
        assert (counts == 4).all() and len(numbers) > 0
        first = found.inputs[found.offsets[:-1]]
        for number in numbers:  # the first player has the same card; the network sees it in the first decision
            alike = first[found.groups == number]
            assert (alike == alike[0]).all()


def test_a_restored_rollout_goes_on_as_if_nothing_had_happened():
    _, rollout, answers = make("leduc_poker", games=8, positions=40, group=2)
    rollout.play(answers)
    saved = rollout.state()
    wanted = [rollout.play(answers) for _ in range(3)]
    _, other, _ = make("leduc_poker", games=8, positions=40, group=2)
    other.restore(saved)
    for each in wanted:
        found = other.play(answers)
        for name, array in vars(each).items():
            np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)


@pytest.mark.parametrize("workers", [2, 3])
def test_threads_change_nothing(workers):
    _, one, answers = make("leduc_poker")
    _, many, _ = make("leduc_poker", config={"workers": workers})
    a, b = one.play(answers), many.play(answers)
    np.testing.assert_array_equal(a.actions, b.actions)
    np.testing.assert_array_equal(a.rewards, b.rewards)


def test_seeds_decide_the_games():
    games = [make("kuhn_poker", seed=seed)[1:] for seed in (1, 1, 2)]
    a, b, c = (rollout.play(answers).actions for rollout, answers in games)
    np.testing.assert_array_equal(a, b)
    assert len(a) != len(c) or (a != c).any()


class Passing:
    """Plays the lowest legal action."""

    def answer(self, env, rows, inputs, legal_mask):
        for row, mask in zip(rows, legal_mask, strict=True):
            assert list(np.flatnonzero(mask)) == env.state(int(row)).legal_actions()
        policy = np.full(legal_mask.shape, -1e9, np.float32)
        policy[np.arange(len(rows)), legal_mask.argmax(1)] = 0.0
        return policy


def test_an_opponent_plays_the_other_seats():
    _, rollout, answers = make("kuhn_poker", games=10, positions=200, opponent=Passing())
    found = rollout.play(answers)
    theirs = ~found.learnt
    assert theirs.any() and found.learnt.any()
    np.testing.assert_array_equal(found.actions[theirs], found.legal_mask[theirs].argmax(1))
    for rows in games_of(found):  # the network has one seat of every game
        assert len(set(found.players[rows][found.learnt[rows]])) <= 1


def test_held_out_starts_are_refused_skipped_or_used(tmp_path):
    path = tmp_path / "starts.jsonl"
    marked = json.dumps({"history": [0, 8], "held_out": True})
    open_line = json.dumps({"history": [4], "held_out": False})
    path.write_text(f"{open_line}\n{marked}\n[2]\n{marked}\n")
    with pytest.raises(TesujiError, match=r"2 lines marked as held out .* line 2: .*held_out=skip, .*held_out=use"):
        read_starts(path)
    with pytest.raises(TesujiError, match="marked as held out"):
        make("tic_tac_toe", config={"starts": str(path)})
    assert read_starts(path, "skip") == [[4], [2]]
    assert read_starts(path, "use") == [[4], [0, 8], [2], [0, 8]]
    _, rollout, _ = make("tic_tac_toe", config={"starts": str(path), "held_out": "skip"})
    assert rollout.starts == [[4], [2]]
    path.write_text(f"{marked}\n")
    with pytest.raises(TesujiError, match=r"all lines of .* are marked as held out"):
        read_starts(path, "skip")


def test_the_shipped_probes_are_no_starts_unless_asked(tmp_path):
    file = room("nim").folder / "probes.jsonl"
    with pytest.raises(TesujiError, match="marked as held out from training"):
        read_starts(file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert read_starts(file, "skip") == [line["history"] for line in lines if not line.get("held_out")]


def test_starts_begin_at_no_fen(tmp_path):
    path = tmp_path / "starts.jsonl"
    path.write_text(json.dumps({"history": [], "fen": "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"}))
    with pytest.raises(TesujiError, match=r"starts.jsonl, line 1: begins at a FEN"):
        read_starts(path)


def test_starts_are_read_from_a_file(tmp_path):
    path = tmp_path / "starts.jsonl"
    path.write_text('[4]\n\n{"history": [0, 8], "more": 1}\n')
    assert read_starts(path) == [[4], [0, 8]]
    _, rollout, answers = make("tic_tac_toe", config={"starts": str(path)})
    found = rollout.play(answers)
    empty = {int(9 - found.legal_mask[first].sum()) for first in found.offsets[:-1]}
    assert empty == {1, 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[4", r"starts.jsonl, line 1: not JSON; write a history as \[3, 3, 2\]"),
        ("[4]\n7", r"starts.jsonl, line 2: not a history"),
        ("[4]\n[true]", r"starts.jsonl, line 2: not a history"),
        ("[4]\n" + json.dumps({"moves": [1]}), r"starts.jsonl, line 2: not a history"),
        ("\n", "holds no histories"),
        ("[4]\n[4, 4]", r"starts.jsonl: .*1.*4"),
    ],
)
def test_bad_starts_are_one_line(tmp_path, text, message):
    path = tmp_path / "starts.jsonl"
    path.write_text(text)
    with pytest.raises(TesujiError, match=message) as caught:
        make("tic_tac_toe", config={"starts": str(path)})
    assert "\n" not in str(caught.value)


def test_a_missing_file_of_starts_is_one_line(tmp_path):
    with pytest.raises(TesujiError, match=r"rollout.starts: cannot read .*none: No such file"):
        make("tic_tac_toe", config={"starts": str(tmp_path / "none")})


def test_groups_hold_one_game_a_slot_by_one_network():
    _, rollout, answers = make("leduc_poker", games=12, positions=200, group=4)
    for _ in range(3):
        found = rollout.play(answers)
        assert len(found) >= 200 and len(found.groups) % 12 == 0
        np.testing.assert_array_equal(found.groups, np.repeat(np.arange(len(found.groups) // 4), 4))
        policy = answers(found.inputs, found.legal_mask)
        np.testing.assert_allclose(found.log_policy, policy, atol=1e-4)


@pytest.mark.parametrize("name", ["matrix_rps", "goofspiel(num_cards=3)"])
def test_simultaneous_games_are_played_turn_by_turn(name):
    game, rollout, answers = make(name, games=6, positions=60)
    assert str(game).startswith("turn_based_simultaneous_game")
    found = rollout.play(answers)
    assert {0, 1} == set(found.players.tolist())
    assert game.get_type().dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL


def test_sampling_follows_the_policy_and_never_leaves_the_legal_actions():
    rows = 40_000
    policy = np.array([0.0, 0.5, 0.2, 0.3])
    with np.errstate(divide="ignore"):
        log_policy = np.tile(np.maximum(np.log(policy), -1e9), (rows, 1)).astype(np.float32)
    mask = np.tile(np.array([0, 1, 1, 1], np.uint8), (rows, 1))
    actions = np.empty(rows, np.int64)
    sample(log_policy, mask, np.random.default_rng(1).random(rows), actions)
    assert np.bincount(actions, minlength=4) / rows == pytest.approx(policy, abs=0.01)
    sample(log_policy[:2], mask[:2], np.array([0.0, np.nextafter(1.0, 0.0)]), actions[:2])
    assert actions[:2].tolist() == [1, 3]
