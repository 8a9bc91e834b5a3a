"""Many games stepped at once: each is step by step the game that pyspiel plays, however many are played and by whom.

What is threads' and C++'s own is tested in csrc/tests/batch_env_test.cc.
"""

from __future__ import annotations

import gc
import itertools
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyspiel
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from positions import NOT_BY_DEFAULT, TRANSFORMED, played

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.errors import TesujiError
from engine.native import core

STEPS = 40
SLOTS = 3

SIMULTANEOUS = pyspiel.GameType.Dynamics.SIMULTANEOUS
SAMPLED = pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC
KINDS = {kind.short_name: kind for kind in pyspiel.registered_games() if kind.short_name not in NOT_BY_DEFAULT}
# What an environment says to those that it refuses.
REFUSED = (
    {
        name: "no observation or information-state tensor"
        for name, kind in KINDS.items()
        if not kind.provides_observation_tensor and not kind.provides_information_state_tensor
    }
    | {name: "mean-field game" for name, kind in KINDS.items() if kind.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD}
    | {
        "chat_game": r"legal_actions returned \[0, 1, 2, 3, 4, 5, 6, 7\], but actions are different numbers",
        "crossword": "ObservationTensorShape unimplemented",
        "morpion_solitaire": "cannot be copied safely",
    }
)
# These solve deals, which takes a second.
SMALLER = {
    "bridge": "bridge(use_double_dummy_result=false)",
    "bridge_uncontested_bidding": "bridge_uncontested_bidding(num_redeals=1,rng_seed=5)",
}
FEW_STEPS = {"bridge_uncontested_bidding": 4}
# Its tensor keeps what earlier states wrote there.
FICKLE = ["python_dynamic_routing"]
MOST_ENDINGS = 1000
GAMES = [
    *(SMALLER.get(name, name) for name in sorted(KINDS.keys() - REFUSED.keys())),
    *TRANSFORMED,
    "normal_form_extensive_game(game=kuhn_poker())",
    "repeated_game(stage_game=matrix_mp(),num_repetitions=3)",
]


class Played:
    """An environment with its caller's arrays, and a caller who moves at random."""

    def __init__(self, game: str | pyspiel.Game, size: int, encoder: str = "auto", **options: Any) -> None:
        self.env = core.BatchEnv(pyspiel.load_game(game) if isinstance(game, str) else game, size, encoder, **options)
        self.inputs = np.full((size, self.env.input_size), np.nan, np.float32)
        self.legal_mask = np.full((size, self.env.num_actions), 7, np.uint8)
        self.players = np.full(size, -7, np.int32)
        self.rewards = np.full((size, self.env.num_players), np.nan, np.float32)
        self.done = np.full(size, 7, np.uint8)
        self.actions = np.zeros(size, np.int64)
        self.generator = np.random.default_rng(1)
        self.observe()

    def observe(self) -> None:
        self.env.observe(self.inputs, self.legal_mask, self.players)

    def choose(self) -> None:
        self.actions[:] = [self.generator.choice(np.flatnonzero(row)) for row in self.legal_mask]

    def apply(self) -> None:
        self.env.step(self.actions, self.rewards, self.done, self.inputs, self.legal_mask, self.players)

    def step(self) -> None:
        self.choose()
        self.apply()

    def histories(self) -> list[list[int]]:
        return [list(self.env.state(index).history()) for index in range(self.env.size)]

    def arrays(self) -> list[np.ndarray]:
        return [self.inputs, self.legal_mask, self.players, self.rewards, self.done]


def assert_equal(one: Played, other: Played) -> None:
    for mine, theirs in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_observed(run: Played, index: int, state: pyspiel.State, tensor: bool = True) -> None:
    """The arrays show this state, from the seat of its player to move."""
    player = state.current_player()
    at = f"game {index}: {state.history()}"
    assert run.players[index] == player >= 0, at
    assert np.flatnonzero(run.legal_mask[index]).tolist() == state.legal_actions(), at
    assert run.legal_mask[index].max() == 1
    if tensor:
        by_name = {"observation": state.observation_tensor, "information_state": state.information_state_tensor}
        expected = np.array(by_name[run.env.encoder](player), np.float32)
        np.testing.assert_array_equal(run.inputs[index], expected, err_msg=at)


def dealt(state: pyspiel.State, outcomes: Sequence[int]) -> None:
    """Play these outcomes of chance."""
    for outcome in outcomes:
        assert state.is_chance_node()
        assert outcome in [each for each, _ in state.chance_outcomes()]
        state.apply_action(outcome)


def earned(state: pyspiel.State) -> np.ndarray:
    """The returns so far: before the end only in games that pay on the way."""
    on_the_way = state.get_game().get_type().reward_model == pyspiel.GameType.RewardModel.REWARDS
    return np.array(state.returns()) if on_the_way or state.is_terminal() else np.zeros(state.num_players())


def endings(state: pyspiel.State) -> Iterator[np.ndarray]:
    """The returns of all ways in which chance may end the game from here."""
    if state.is_terminal():
        yield np.array(state.returns())
    elif state.is_chance_node():
        for outcome, _ in state.chance_outcomes():
            yield from endings(state.child(outcome))


def assert_conforms(text: str, steps: int) -> int:
    """Random games, each beside a state of pyspiel's that is played in step; how many of them ended."""
    game = pyspiel.load_game(text)
    kind = game.get_type()
    run = Played(game, SLOTS, workers=2, seed=3)
    assert (run.env.size, run.env.num_players) == (SLOTS, game.num_players())
    assert run.env.num_actions == game.num_distinct_actions()
    simultaneous = kind.dynamics == SIMULTANEOUS
    assert str(run.env.game) == str(pyspiel.convert_to_turn_based(game) if simultaneous else game)
    assert run.env.input_size == core.encoder_size(run.env.game, run.env.encoder)
    replayed = kind.chance_mode != SAMPLED and kind.short_name not in FICKLE

    def begun(index: int) -> pyspiel.State:
        found = run.env.state(index)
        if not replayed:
            return found
        state = run.env.game.new_initial_state()
        dealt(state, found.history())
        assert str(state) == str(found)
        return state

    states = [begun(index) for index in range(SLOTS)]
    ended = 0
    for index, state in enumerate(states):
        assert_observed(run, index, state, tensor=kind.short_name not in FICKLE)
    for _ in range(steps):
        run.step()
        for index, state in enumerate(states):
            found = run.env.state(index)
            known = [*state.history(), int(run.actions[index])]
            before = earned(state)
            if run.done[index]:
                ended += 1
                if replayed:
                    state.apply_action(known[-1])
                    expected = list(itertools.islice(endings(state), MOST_ENDINGS))
                    if len(expected) < MOST_ENDINGS:
                        assert run.rewards[index].tolist() in [
                            (ending - before).astype(np.float32).tolist() for ending in expected
                        ]
                states[index] = begun(index)
            elif replayed:
                assert found.history()[: len(known)] == known
                state.apply_action(known[-1])
                dealt(state, found.history()[len(known) :])
                rewards = earned(state) - before
                np.testing.assert_array_equal(run.rewards[index], rewards.astype(np.float32), err_msg=str(known))
            else:
                assert found.history()[: len(known)] == known
                states[index] = found
            assert_observed(run, index, states[index], tensor=kind.short_name not in FICKLE)
        assert set(run.done.tolist()) <= {0, 1}
    assert np.all(np.isfinite(run.rewards))
    return ended


@pytest.mark.parametrize("text", GAMES)
def test_a_step_is_the_same_as_in_pyspiel(text: str) -> None:
    assert_conforms(text, FEW_STEPS.get(text.partition("(")[0], STEPS))


@pytest.mark.parametrize("text", ["python_tic_tac_toe", "backgammon", "oshi_zumo", "2048(max_tile=32)", "connect_four"])
def test_whole_games_are_the_same_as_in_pyspiel(text: str) -> None:
    assert assert_conforms(text, 250) > 0


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_what_cannot_be_played_says_why(name: str, message: str) -> None:
    with pytest.raises(TesujiError, match=message) as refused:
        core.BatchEnv(pyspiel.load_game(name), 2)
    assert "\n" not in str(refused.value)


def test_every_game_is_played_or_refused() -> None:
    named = {text.partition("(")[0] for text in GAMES} | REFUSED.keys()
    assert named >= KINDS.keys()


@given(
    game=st.sampled_from(
        [
            "kuhn_poker",
            "leduc_poker",
            "tic_tac_toe",
            "pig(winscore=9,horizon=30)",
            "goofspiel(num_cards=3)",
            "python_kuhn_poker",
        ]
    ),
    groups=st.integers(1, 4),
    group=st.integers(1, 4),
    workers=st.integers(1, 4),
    seed=st.integers(0, 2**64 - 1),
    before=st.integers(0, 20),
)
def test_games_go_on_the_same_wherever_they_are_played(
    game: str, groups: int, group: int, workers: int, seed: int, before: int
) -> None:
    """In one thread or in many; in one environment to the end or in another one from some moment on."""
    size = groups * group
    one = Played(game, size, seed=seed, group=group)
    many = Played(game, size, seed=seed, group=group, workers=workers)
    assert_equal(one, many)
    for _ in range(before):
        one.step()
        many.step()
        assert_equal(one, many)
    saved = many.env.save()
    later = Played(game, size, seed=seed // 2, group=group, workers=5 - workers)
    later.env.restore(saved)
    assert later.env.save() == saved
    later.observe()
    later.generator = many.generator
    for _ in range(20):
        one.step()
        later.step()
        assert_equal(one, later)
    assert one.histories() == later.histories()


def test_a_slot_does_not_depend_on_how_many_there_are() -> None:
    """Its first games are those that it plays in a larger environment."""
    few, many = (Played("kuhn_poker", size, seed=2) for size in (4, 40))
    assert few.histories() == many.histories()[:4]


def test_the_seed_and_the_slot_decide_chance() -> None:
    deals = Counter(tuple(history) for history in Played("kuhn_poker", 6000, seed=1).histories())
    assert set(deals) == set(itertools.permutations(range(3), 2))
    assert all(abs(count - 1000) < 150 for count in deals.values())  # five standard deviations
    assert Played("kuhn_poker", 6000, seed=1).histories() != Played("kuhn_poker", 6000, seed=2).histories()


@pytest.mark.parametrize("name", ["negotiation", "stones_and_gems"])
def test_games_that_draw_inside_are_the_same_again_by_seed(name: str) -> None:
    one, same, other = (Played(name, 4, seed=seed, workers=workers) for seed, workers in ((1, 1), (1, 3), (2, 1)))
    differs = False
    for _ in range(60):
        assert_equal(one, same)
        differs |= not np.array_equal(one.inputs, other.inputs)
        for run in (one, same, other):
            run.step()
    assert differs or name == "stones_and_gems"  # its own level has nothing that grows at random
    for call in (one.env.save, lambda: one.env.restore(b""), lambda: Played(name, 4, group=2)):
        with pytest.raises(TesujiError, match="draws chance inside"):
            call()


def test_a_group_begins_alike_in_every_game() -> None:
    """The same start and cards for the r-th game of each, and then chance of its own."""
    starts = [[], [0, 1, 1, 1], [3]]
    run = Played("leduc_poker", 12, group=4, seed=5, starts=starts)
    begun: list[list[list[int]]] = [[history] for history in run.histories()]
    apart = False
    while min(map(len, begun)) < 12:
        run.step()
        histories = run.histories()
        for index in np.flatnonzero(run.done):
            begun[index].append(histories[index])
    for index, games in enumerate(begun):
        assert games[:12] == begun[index // 4 * 4][:12]
        assert all(any(game[: len(start)] == start for start in starts) for game in games)
        apart |= games[:12] != begun[0][:12]
    assert apart
    with pytest.raises(TesujiError, match="size is 6, which is not a multiple of group, 4"):
        core.BatchEnv(pyspiel.load_game("leduc_poker"), 6, group=4)


def test_within_a_group_chance_goes_its_own_ways() -> None:
    run = Played("leduc_poker", 64, group=64)
    for _ in range(2):  # both call: the public card is dealt
        run.actions[:] = 1
        run.apply()
    histories = run.histories()
    assert len({tuple(history[:4]) for history in histories}) == 1
    assert {history[4] for history in histories} == set(range(6)) - set(histories[0][:2])


def test_starts_are_drawn_uniformly_and_chance_after_them_is_played() -> None:
    run = Played("kuhn_poker", 3000, starts=[[0], [1, 2], [2, 0, 0]], seed=9)
    histories = Counter(map(tuple, run.histories()))
    assert set(histories) == {(0, 1), (0, 2), (1, 2), (2, 0, 0)}
    assert all(abs(histories[deal] - 500) < 110 for deal in ((0, 1), (0, 2)))
    assert all(abs(histories[deal] - 1000) < 130 for deal in ((1, 2), (2, 0, 0)))
    for index, history in enumerate(run.histories()):
        assert_observed(run, index, played("kuhn_poker", history))
    while not run.done.any():
        run.step()
    later = run.histories()
    assert {tuple(later[index]) for index in np.flatnonzero(run.done)} <= set(histories)


@pytest.mark.parametrize(
    ("name", "starts", "message"),
    [
        ("tic_tac_toe", [[4], [4, 4]], r"starts\[1\] plays 4 at position 1, where legal are 0, 1, 2, 3, 5, 6, 7, 8;"),
        ("tic_tac_toe", [[-1]], r"starts\[0\] plays -1 at position 0, where legal are 0, 1"),
        ("tic_tac_toe", [[0, 3, 1, 4, 2, 5]], r"starts\[0\] plays 5 at position 5, where the game is over; .*\[0, 3"),
        ("tic_tac_toe", [[], [0, 3, 1, 4, 2]], r"starts\[1\] ends where the game is over"),
        ("kuhn_poker", [[0, 0]], r"starts\[0\] plays 0 at position 1, where legal are 1, 2"),
        ("goofspiel(num_cards=3,points_order=descending)", [[0, 1, 0]], r"plays 0 at position 2, where legal are 1, 2"),
        ("stones_and_gems", [[0]], "draws chance inside"),
    ],
)
def test_starts_are_checked(name: str, starts: list[list[int]], message: str) -> None:
    with pytest.raises(TesujiError, match=message) as refused:
        core.BatchEnv(pyspiel.load_game(name), 2, starts=starts)
    assert "\n" not in str(refused.value)


def test_an_illegal_action_changes_nothing() -> None:
    run = Played("tic_tac_toe", 5, workers=2)
    run.step()
    before = run.env.save()
    arrays = [array.copy() for array in run.arrays()]
    run.choose()
    (taken,) = run.env.state(3).history()
    run.actions[3] = taken
    message = rf"actions\[3\] is {taken}, which is illegal in game 3; tic_tac_toe\(\), history \[{taken}\]$"
    with pytest.raises(TesujiError, match=message):
        run.apply()
    assert run.env.save() == before
    for array, kept in zip(run.arrays(), arrays, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_what_moves_at_once_moves_in_turns_that_see_nothing() -> None:
    run = Played("matrix_mp", 4)
    assert run.env.game.get_type().short_name == "turn_based_simultaneous_game"
    assert run.env.encoder == "information_state"
    assert run.players.tolist() == [0] * 4
    run.actions[:] = [0, 1, 0, 1]
    run.apply()
    assert run.players.tolist() == [1] * 4 and not run.done.any() and not run.rewards.any()
    np.testing.assert_array_equal(run.inputs, run.inputs[:1].repeat(4, axis=0))
    run.actions[:] = [0, 0, 1, 1]
    run.apply()
    assert run.done.all() and run.players.tolist() == [0] * 4
    np.testing.assert_array_equal(run.rewards, [[1, -1], [-1, 1], [-1, 1], [1, -1]])


def test_the_default_encoder_is_what_the_game_has() -> None:
    for name, expected in (
        ("connect_four", "observation"),
        ("leduc_poker", "information_state"),
        ("hanabi", "observation"),
        ("goofspiel", "information_state"),
        ("oshi_zumo", "observation"),
    ):
        assert core.BatchEnv(pyspiel.load_game(name), 1).encoder == expected
    assert core.default_encoder(pyspiel.load_game("hanabi")) == "observation"


def test_an_encoder_may_look_back() -> None:
    run = Played("tic_tac_toe", 4, "observation_pair", starts=[[], [4, 0]])
    for _ in range(30):
        states = [run.env.state(index) for index in range(4)]
        np.testing.assert_array_equal(run.inputs, core.encode(states, "observation_pair"))
        run.step()


def test_a_state_is_a_copy() -> None:
    run = Played("tic_tac_toe", 2)
    copy = run.env.state(1)
    copy.apply_action(0)
    assert run.histories() == [[], []]
    del run
    gc.collect()
    copy.apply_action(4)
    assert copy.history() == [0, 4]
    with pytest.raises(TesujiError, match="index is 2, but there are 2 games"):
        Played("tic_tac_toe", 2).env.state(2)


def test_a_state_of_a_game_in_python_outlives_its_environment() -> None:
    copy = core.BatchEnv(pyspiel.load_game("python_tic_tac_toe"), 2).state(0)
    gc.collect()
    copy.apply_action(2)
    assert copy.history() == [2] and copy.get_game().num_players() == 2


SIZE = 4


@pytest.mark.parametrize("name", ["actions", "rewards", "done", "inputs", "legal_mask", "players"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda array: None,
        lambda array: array.tolist(),
        lambda array: torch.from_numpy(array),
        lambda array: array.astype(np.float64),
        lambda array: array[:-1],
        lambda array: array[None],
        lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    ],
)
def test_arrays_are_checked(name: str, wrong: Any) -> None:
    run = Played("tic_tac_toe", SIZE)
    run.choose()
    before = run.env.save()
    setattr(run, name, wrong(getattr(run, name)))
    with pytest.raises(TesujiError, match=rf"^{name} must be a (writeable )?C-contiguous array of .* with shape \[4"):
        run.apply()
    assert run.env.save() == before


def test_numbers_must_be_the_machines_own() -> None:
    run = Played("tic_tac_toe", SIZE)
    for inputs in (
        run.inputs.astype(run.inputs.dtype.newbyteorder()),
        np.zeros(run.inputs.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(run.inputs.shape),
    ):
        with pytest.raises(TesujiError, match=r"^inputs must be a writeable C-contiguous array of float32"):
            run.env.observe(inputs, run.legal_mask, run.players)


def test_what_is_written_must_be_writeable() -> None:
    run = Played("tic_tac_toe", SIZE)
    run.actions.flags.writeable = False
    run.apply()
    run.players.flags.writeable = False
    for call in (run.observe, run.apply):
        with pytest.raises(TesujiError, match=r"^players must be a writeable C-contiguous array of int32 with shape"):
            call()


def test_what_was_saved_must_fit() -> None:
    game = pyspiel.load_game("kuhn_poker")
    saved = core.BatchEnv(game, 4).save()
    for env in (
        core.BatchEnv(pyspiel.load_game("leduc_poker"), 4),
        core.BatchEnv(game, 5),
        core.BatchEnv(game, 4, group=2),
        core.BatchEnv(game, 4, starts=[[0]]),
    ):
        with pytest.raises(TesujiError, match="another game, size, group or list of starts"):
            env.restore(saved)
    env = core.BatchEnv(game, 4, seed=5)
    before = env.save()
    for data, message in ((saved[:-1], "truncated"), (saved + b"x", "too long"), (b"x" * 100, "another version")):
        with pytest.raises(TesujiError, match=message):
            env.restore(data)
    generator = np.random.default_rng(4)
    for _ in range(300):
        damaged = bytearray(saved)
        damaged[generator.integers(len(damaged))] = generator.integers(256)
        try:
            env.restore(bytes(damaged))
        except TesujiError:
            assert env.save() == before
        else:  # other games, but games
            env.restore(before)


def test_numbers_are_checked(connect_four: pyspiel.Game) -> None:
    for options in ({"size": 0}, {"size": 1, "workers": 0}, {"size": 1, "group": 0}):
        with pytest.raises(TesujiError, match="size, workers and group must be at least 1"):
            core.BatchEnv(connect_four, **options)
    with pytest.raises(TesujiError, match="unknown"):
        core.BatchEnv(connect_four, 1, "nonsense")


HANABI = "hanabi(players=2,colors=2,ranks=5,hand_size=2,max_information_tokens=3,max_life_tokens=1)"


@pytest.mark.parametrize("text", [HANABI, "2048(max_tile=32)", "pathfinding", "repeated_leduc_poker"])
def test_rewards_of_a_game_sum_to_its_returns(text: str) -> None:
    game = pyspiel.load_game(text)
    run = Played(game, 6, seed=5)
    totals = np.zeros((6, game.num_players()))
    states = [run.env.state(index) for index in range(6)]
    ended = 0
    for _ in range(300):
        run.step()
        totals += run.rewards
        for index in np.flatnonzero(run.done):
            # Its last state is gone: what it can have been is in its endings.
            last = states[index]
            last.apply_action(int(run.actions[index]))
            found = list(itertools.islice(endings(last), MOST_ENDINGS))
            assert any(np.allclose(totals[index], ending) for ending in found), (totals[index], found[:3])
            totals[index] = 0.0
            ended += 1
        states = [run.env.state(index) for index in range(6)]
    assert ended or text == "2048(max_tile=32)"
