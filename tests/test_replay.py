"""Records on disk and in the window."""

import errno
import json
import os
from dataclasses import fields

import numpy as np
import pytest

from engine.errors import TesujiError
from engine.game import Symmetry
from engine.selfplay.records import Positions, Records, read_shard, write_shard
from engine.selfplay.replay import Replay, Window

D, A, P = 6, 3, 2


def make_records(lengths, first=0, fractions=False):
    """Games of these lengths; the first input of each position is its number."""
    n, g = sum(lengths), len(lengths)
    numbers = np.arange(first, first + n, dtype=np.float32)
    inputs = np.zeros((n, D), np.float32)
    inputs[:, 0] = numbers
    inputs[:, 1:4] = [10, 20, 30]
    if fractions:
        inputs[:, 5] = 0.3
    policy = np.tile(np.array([0.5, 0.375, 0.125], np.float32), (n, 1))
    return Records(
        inputs=inputs,
        legal_mask=np.tile(np.array([1, 1, 0], np.uint8), (n, 1)),
        policy=policy,
        root_values=np.stack([numbers / 1000, -numbers / 1000], 1).astype(np.float32),
        returns=np.tile(np.array([1, -1], np.float32), (n, 1)),
        action=np.arange(n, dtype=np.int64),
        player=(np.arange(n) % 2).astype(np.int8),
        game_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        game_ids=np.arange(g, dtype=np.int64),
        game_returns=np.tile(np.array([1, -1], np.float32), (g, 1)),
        histories=[list(range(length)) for length in lengths],
    )


def assert_same(a, b):
    for each in fields(Records):
        left, right = getattr(a, each.name), getattr(b, each.name)
        if each.name == "histories":
            assert left == right
        else:
            assert left.dtype == right.dtype, each.name
            np.testing.assert_array_equal(left, right, err_msg=each.name)


@pytest.mark.parametrize("fractions", [False, True])
def test_shards_give_back_what_was_written(tmp_path, fractions):
    records = make_records([3, 0, 5], fractions=fractions)
    shard = write_shard(tmp_path, "000000.safetensors", records)
    assert (shard.positions, shard.games) == (8, 3)
    assert_same(read_shard(tmp_path, shard), records)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_shard_is_named(tmp_path, damage):
    replay = Replay(tmp_path, 100)
    replay.append(make_records([4]))
    replay.append(make_records([4]))
    state = replay.state()
    path = tmp_path / "000001.safetensors"
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "flip":
        data[-7] ^= 16
        path.write_bytes(data)
    else:
        path.unlink()
    with pytest.raises(TesujiError, match=r"000001\.safetensors") as error:
        Replay(tmp_path, 100).restore(state)
    assert "\n" not in str(error.value)


def test_records_split_at_games():
    records = make_records([3, 4, 5, 1])
    first, second = records.split(7)
    assert_same(first, records.slice(0, 2))
    assert second.inputs[:, 0].tolist() == [7, 8, 9, 10, 11, 12]
    assert second.game_offsets.tolist() == [0, 5, 6]
    assert second.game_ids.tolist() == [2, 3] and second.histories == records.histories[2:]
    assert [len(part) for part in records.split(2)] == [3, 4, 5, 1]
    for part in (first, second, *records.split(2)):
        part.validate()


def test_records_that_do_not_fit_are_refused():
    pool = {each.name: getattr(make_records([2, 2]), each.name) for each in fields(Records)}
    Records.from_pool(pool)
    with pytest.raises(ValueError, match="policy has shape"):
        Records.from_pool(pool | {"policy": np.zeros((3, A), np.float32)})
    with pytest.raises(ValueError, match="game_offsets"):
        Records.from_pool(pool | {"game_offsets": np.array([0, 3, 2], np.int64)})
    with pytest.raises(ValueError, match="histories"):
        Records.from_pool(pool | {"histories": [[1]]})


def test_the_window_holds_the_newest_positions():
    window = Window(10)
    window.append(make_records([4]))
    assert len(window) == 4
    window.append(make_records([9], first=4))
    assert len(window) == 10
    drawn = window.sample(2000)
    assert sorted(set(drawn.inputs[:, 0].astype(int))) == list(range(3, 13))
    # Each row keeps its own target.
    np.testing.assert_allclose(drawn.root_values[:, 0], drawn.inputs[:, 0] / 1000, rtol=1e-6)
    window.append(make_records([25], first=100))
    assert sorted(set(window.sample(2000).inputs[:, 0].astype(int))) == list(range(115, 125))


def test_samples_are_what_the_learner_takes():
    window = Window(100)
    window.append(make_records([8]))
    drawn = window.sample(5)
    assert isinstance(drawn, Positions)
    assert {each.name: getattr(drawn, each.name).dtype.name for each in fields(Positions)} == {
        "inputs": "float32",
        "legal_mask": "uint8",
        "policy": "float32",
        "root_values": "float32",
        "returns": "float32",
    }
    assert drawn.policy.shape == (5, A) and drawn.legal_mask.tolist() == [[1, 1, 0]] * 5
    assert all(getattr(drawn, each.name).flags.c_contiguous for each in fields(Positions))


def test_positions_are_drawn_apart_from_the_samples():
    windows = [Window(10, seed=3) for _ in range(2)]
    for window in windows:
        window.append(make_records([7]))
    inputs, legal_mask = windows[0].draw(5, np.random.default_rng(1))
    assert inputs.dtype == np.float32 and len(set(inputs[:, 0])) == 5
    np.testing.assert_array_equal(legal_mask, np.tile([1, 1, 0], (5, 1)))
    everything, _ = windows[0].draw(100, np.random.default_rng(1))
    assert sorted(everything[:, 0]) == list(range(7))
    np.testing.assert_array_equal(windows[0].sample(20).inputs, windows[1].sample(20).inputs)


def test_inputs_turn_to_float_when_fractions_come():
    window = Window(5000)
    window.append(make_records([8]))
    window.append(make_records([8], first=8, fractions=True))
    drawn = window.sample(400)
    new = drawn.inputs[:, 0] >= 8
    assert new.any() and not new.all()
    np.testing.assert_array_equal(drawn.inputs[:, 5], np.where(new, np.float32(0.3), np.float32(0.0)))


def test_symmetries_are_drawn_uniformly_and_applied_to_all_parts():
    turn = Symmetry("turn", np.array([0, 2, 3, 1, 4, 5]), np.array([2, 0, 1]))
    back = Symmetry("back", np.array([0, 3, 1, 2, 4, 5]), np.array([1, 2, 0]))
    window = Window(100, [turn, back], seed=3)
    window.append(make_records([10]))
    drawn = window.sample(3000)
    expected = {
        (10, 20, 30): ([1, 1, 0], [0.5, 0.375, 0.125]),
        (20, 30, 10): ([0, 1, 1], [0.125, 0.5, 0.375]),
        (30, 10, 20): ([1, 0, 1], [0.375, 0.125, 0.5]),
    }
    counts = dict.fromkeys(expected, 0)
    for row in range(3000):
        seen = tuple(int(value) for value in drawn.inputs[row, 1:4])
        legal, policy = expected[seen]
        assert drawn.legal_mask[row].tolist() == legal
        assert drawn.policy[row].tolist() == policy
        counts[seen] += 1
    assert min(counts.values()) > 900  # binomial(3000, 1/3): mean 1000, deviation 26


def test_a_restored_replay_draws_what_the_uninterrupted_one_draws(tmp_path):
    replay = Replay(tmp_path, 12, seed=5, shard_positions=4)
    for first in range(0, 40, 8):
        replay.append(make_records([3, 5], first=first))
    state = json.loads(json.dumps(replay.state()))
    expected = [replay.sample(6).inputs[:, 0].tolist() for _ in range(3)]
    replay.append(make_records([6, 2], first=500))
    later = replay.sample(6).inputs.tolist()

    again = Replay(tmp_path, 12, seed=99, shard_positions=4)
    again.restore(state)
    assert not (tmp_path / "000010.safetensors").exists()  # what came after the state is gone
    assert [again.sample(6).inputs[:, 0].tolist() for _ in range(3)] == expected
    again.append(make_records([6, 2], first=500))
    assert again.sample(6).inputs.tolist() == later
    assert again.state() == replay.state()


def test_shards_outside_the_window_go_when_nothing_needs_them(tmp_path):
    replay = Replay(tmp_path, 10)
    for first in range(0, 24, 4):
        replay.append(make_records([4], first=first))
    assert len(list(tmp_path.glob("*.safetensors"))) == 6
    assert replay.state()["oldest"] == 3
    replay.prune(2)
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["000002", "000003", "000004", "000005"]
    assert [shard["name"] for shard in replay.state()["shards"]] == [f"00000{i}.safetensors" for i in (3, 4, 5)]
    (tmp_path / "mine.safetensors").write_bytes(b"")  # no shard of ours: not a number
    again = Replay(tmp_path, 10)
    again.restore(replay.state())
    assert len(again) == 10
    assert (tmp_path / "mine.safetensors").exists()


def test_a_refused_deletion_is_one_line(tmp_path, monkeypatch):
    replay = Replay(tmp_path, 4)
    state = replay.state()
    replay.append(make_records([4]))

    def refuse(path, missing_ok=False):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(type(tmp_path), "unlink", refuse)
    for delete in (lambda: replay.prune(1), lambda: replay.restore(state)):
        with pytest.raises(TesujiError, match=r"cannot write .*: Device or resource busy"):
            delete()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "replay").write_bytes(b"")
    with pytest.raises(TesujiError, match=r"cannot write .*replay: File exists"):
        Replay(tmp_path / "replay", 4)


def test_nothing_new_is_nothing_written(tmp_path):
    replay = Replay(tmp_path, 10)
    replay.append(make_records([]))
    assert len(replay) == 0 and not list(tmp_path.glob("*.safetensors"))
    with pytest.raises(ValueError, match="empty"):
        replay.sample(1)
