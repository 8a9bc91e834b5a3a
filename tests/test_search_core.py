"""The search of the native core: exact where it can be, reproducible everywhere, and clear about what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyspiel
import pytest
import regenerate_golden as golden
from positions import Failing, Session, answering, assert_same, played, search_one

from engine.errors import TesujiError
from engine.native import core


def positions(game: pyspiel.Game) -> list[pyspiel.State]:
    """Positions of Connect Four, none of them decided."""
    return [played(game, actions) for actions in ([], [3], [3, 3, 2], [0, 1, 2, 3, 4], [6, 6, 5, 1], [2, 4, 2, 4, 3])]


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four", "breakthrough(rows=6,columns=6)", "pig", "kuhn_poker"])
def test_the_visits_sum_to_the_simulations(name: str) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.chance_outcomes()[0][0])
    result = search_one(state, core.FakeEvaluator(game), simulations=77, proofs=False, expected_chance=False)
    assert result.visits.sum() == 77 == result.simulations
    assert result.owners.tolist() == [state.current_player()] * len(result.actions)
    np.testing.assert_array_equal(result.target, result.visits / 77)
    assert result.actions.tolist() == state.legal_actions()
    assert result.prior.sum() == pytest.approx(1.0, abs=1e-6)
    assert result.player == state.current_player()
    best = int(np.argmax(result.visits))
    assert result.policy(0.0)[best] == 1.0
    np.testing.assert_allclose(result.policy(1.0), result.visits / 77)
    root_value = float(result.visits @ result.q) / 77
    assert result.values[result.player] == pytest.approx(root_value, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "history", "wins"),
    [
        ("tic_tac_toe", [0, 3, 1, 4], {2}),
        ("tic_tac_toe", [0, 3, 1, 4, 8], {5}),
        ("connect_four", [3, 0, 3, 0, 3, 0], {3}),
        ("connect_four", [2, 2, 3, 3, 4, 6], {1, 5}),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_win_in_one_is_found_and_is_worth_exactly_one(
    name: str, history: list[int], wins: set[int], seed: int
) -> None:
    game = pyspiel.load_game(name)
    evaluator = core.FakeEvaluator(game, seed=seed)
    plain = search_one(played(game, history), evaluator, simulations=400, proofs=False)
    proven = search_one(played(game, history), evaluator, simulations=400)
    assert int(plain.actions[plain.best]) in wins
    assert plain.principal_variation == [int(plain.actions[plain.best])]
    assert not plain.proven.any() and not plain.root_proven
    assert plain.terminal_hits > 0
    assert proven.root_proven and proven.simulations < 400
    assert proven.values[proven.player] == 1.0
    for result in (plain, proven):  # a longer win may be proven first
        assert result.q[result.best] == 1.0
        assert result.actions[result.best] in wins or result.proven[result.best]


def test_a_decided_game_is_known_exactly(tic_tac_toe: pyspiel.Game) -> None:
    """One empty square: all simulations are the same terminal state."""
    state = played(tic_tac_toe, [0, 1, 2, 4, 3, 5, 7, 6])
    assert state.legal_actions() == [8]
    plain = search_one(state, core.FakeEvaluator(tic_tac_toe), simulations=9, proofs=False)
    proven = search_one(state, core.FakeEvaluator(tic_tac_toe), simulations=9)
    state.apply_action(8)
    assert plain.values.tolist() == proven.values.tolist() == state.returns()
    assert (plain.terminal_hits, plain.nodes, plain.max_depth) == (9, 2, 1)
    assert (proven.terminal_hits, proven.nodes, proven.max_depth) == (1, 2, 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_no_simulations_give_the_prior(connect_four: pyspiel.Game, temperature: float) -> None:
    logits = np.linspace(-1.0, 2.0, 7)
    evaluator = answering(connect_four, logits=logits, values=[0.25, -0.25])
    result = search_one(played(connect_four, [3]), evaluator, simulations=0)
    prior = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(result.prior, prior, rtol=1e-6)
    sharpened = prior ** (1.0 / temperature)
    np.testing.assert_allclose(result.policy(temperature), sharpened / sharpened.sum(), rtol=1e-5)
    assert result.policy(0.0).tolist() == [0.0] * 6 + [1.0]
    assert result.visits.sum() == 0 == result.simulations
    assert result.values.tolist() == result.raw_values.tolist() == [-0.25, 0.25]
    assert result.principal_variation == []


NOISE: dict[str, Any] = {"dirichlet_alpha": 0.5, "dirichlet_fraction": 0.5}


def test_the_seed_decides_the_result(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four)
    state = played(connect_four, [3])
    first, again, other = (search_one(state, evaluator, seed, simulations=100, **NOISE) for seed in (5, 5, 6))
    assert_same(first, again)
    assert first.visits.tolist() != other.visits.tolist()
    # The prior in the result is the network's, without the noise.
    np.testing.assert_array_equal(first.prior, other.prior)


@pytest.mark.parametrize("cache_entries", [0, 64, 100_000])
def test_results_do_not_depend_on_the_batch_or_the_workers(connect_four: pyspiel.Game, cache_entries: int) -> None:
    states = positions(connect_four)
    seeds = list(range(len(states)))
    params = core.SearchParams(simulations=60, **NOISE)
    plain = core.FakeEvaluator(connect_four)
    alone = [core.search([state], plain, params, [seed])[0] for state, seed in zip(states, seeds, strict=True)]
    for workers in (1, 2, 9):
        evaluator = core.FakeEvaluator(connect_four, cache_entries=cache_entries)
        for one, together in zip(alone, core.search(states, evaluator, params, seeds, workers), strict=True):
            assert_same(one, together)


@pytest.mark.parametrize("name", ["connect_four", "pig", "breakthrough(rows=6,columns=6)"])
@pytest.mark.parametrize("bound", [1, 5])
def test_a_bound_on_kept_states_changes_nothing_but_memory(name: str, bound: int) -> None:
    game = pyspiel.load_game(name)
    evaluator = core.FakeEvaluator(game)
    all_kept = search_one(game.new_initial_state(), evaluator, simulations=300)
    assert_same(all_kept, search_one(game.new_initial_state(), evaluator, simulations=300, max_cached_states=bound))
    assert all_kept.max_depth > 2


def test_leaves_in_flight(connect_four: pyspiel.Game) -> None:
    evaluator = answering(connect_four, rows=8)
    state = played(connect_four, [3])
    for network in (evaluator, core.FakeEvaluator(connect_four)):
        result = search_one(state, network, simulations=101, leaves_in_flight=8)
        assert result.visits.sum() == 101 == result.simulations
        assert np.all(np.abs(result.q) <= 1.0)
    with pytest.raises(TesujiError, match="alone"):
        core.search([state, state], evaluator, core.SearchParams(leaves_in_flight=8), [0, 1])
    with pytest.raises(TesujiError, match="8 rows"):
        search_one(state, evaluator, leaves_in_flight=9)


def test_a_win_is_found_with_leaves_in_flight_too(connect_four: pyspiel.Game) -> None:
    state = played(connect_four, [3, 0, 3, 0, 3, 0])
    for proofs in (False, True):
        result = search_one(state, core.FakeEvaluator(connect_four), simulations=400, leaves_in_flight=8, proofs=proofs)
        assert (int(result.actions[result.best]), result.q[result.best]) == (3, 1.0)
        assert result.root_proven == proofs


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe", "breakthrough", "pig", "kuhn_poker"])
def test_the_principal_variation_is_legal(name: str) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.legal_actions()[-1])
    result = search_one(state, core.FakeEvaluator(game, seed=3), simulations=200)
    line = result.principal_variation
    assert line and line[0] == result.actions[result.best]
    assert len(line) <= result.max_depth
    for action in line:
        assert action in state.legal_actions()
        state.apply_action(action)


def test_values_are_in_the_order_of_the_players() -> None:
    """An evaluator answers observer first; a result is by player, here the second of three."""
    game = pyspiel.load_game("pig(players=3)")
    state = game.new_initial_state()
    while state.current_player() != 1:
        state.apply_action(state.legal_actions()[-1])
    evaluator = answering(game, values=[0.5, -0.25, 0.125])
    result = search_one(state, evaluator, simulations=0)
    assert result.player == 1
    assert result.raw_values.tolist() == [0.125, 0.5, -0.25]
    # "Stop" passes the turn to player 2, whose leaf is answered from there.
    after = state.clone()
    after.apply_action(1)
    assert after.current_player() == 2
    result = search_one(after, evaluator, simulations=0)
    assert result.raw_values.tolist() == [-0.25, 0.125, 0.5]
    result = search_one(state, evaluator, simulations=1)
    assert result.values.tolist() in ([0.125, 0.5, -0.25], [-0.25, 0.125, 0.5])


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe", "breakthrough"])
def test_observation_pair_is_this_observation_and_the_last(name: str) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    size = game.observation_tensor_size()
    states, expected = [], []
    previous: pyspiel.State | None = None
    for _ in range(5):
        player = state.current_player()
        earlier = np.zeros(size) if previous is None else previous.observation_tensor(player)
        expected.append(np.concatenate([state.observation_tensor(player), earlier]))
        states.append(state.clone())
        previous = state.clone()
        state.apply_action(state.legal_actions()[1])
    np.testing.assert_array_equal(core.encode(states, "observation_pair"), np.array(expected, np.float32))
    shape = game.observation_tensor_shape()
    assert list(core.encoder_shape(game, "observation_pair")) == [2 * shape[0], *shape[1:]]
    assert core.encoder_size(game, "observation_pair") == 2 * size


def pair(state: pyspiel.State, previous: pyspiel.State) -> np.ndarray:
    """What `observation_pair` says of a state and the one before it."""
    player = state.current_player()
    return np.concatenate([state.observation_tensor(player), previous.observation_tensor(player)]).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("chess", "6k1/5ppp/8/8/8/8/8/R6K w - - 0 1"),
        ("crazyhouse", "6k1/5ppp/8/8/8/8/8/R6K w - - 0 1"),
        ("tic_tac_toe", '{"board": ["x", ".", ".", ".", ".", ".", ".", ".", "."], "current_player": "o"}'),
    ],
)
def test_earlier_positions_are_those_of_the_position_set_up(name: str, start: str) -> None:
    game = pyspiel.load_game(name)
    previous = game.new_initial_state(start)
    for _ in range(3):
        state = previous.child(previous.legal_actions()[0])
        np.testing.assert_array_equal(core.encode([state], "observation_pair")[0], pair(state, previous))
        previous = state


def test_a_position_whose_game_forgets_its_start_has_no_earlier_ones() -> None:
    """OpenSpiel keeps clobber's board, but not that the moves began there."""
    state = pyspiel.load_game("clobber(rows=2,columns=3)").new_initial_state("0ox.oxo")
    assert core.encode([state], "observation_pair").shape == (1, 36)  # no move yet: nothing is before it
    for action in state.legal_actions():
        with pytest.raises(TesujiError, match=f"leads to another position.*begin from the game's start.*{action}"):
            core.encode([state.child(action)], "observation_pair")


def test_earlier_positions_of_players_who_move_at_once() -> None:
    """Their history is one of single actions, to be replayed in pairs."""
    game = pyspiel.load_game("goofspiel(num_cards=4,points_order=descending,imp_info=False)")
    previous = game.new_initial_state()
    previous.apply_actions([3, 1])
    state = previous.clone()
    state.apply_actions([0, 2])
    session = Session(game, "observation_pair")
    search_one(state, core.NetworkEvaluator(game, "observation_pair", [session]), simulations=0)
    seats = [[*state.observation_tensor(seat), *previous.observation_tensor(seat)] for seat in (0, 1)]
    np.testing.assert_array_equal(np.array(session.asked), np.array(seats, np.float32))


@pytest.mark.parametrize(("name", "shape"), [("tic_tac_toe", [5, 3, 3]), ("kuhn_poker(players=3)", [20])])
def test_the_seat_comes_behind_the_tensor(name: str, shape: list[int]) -> None:
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.legal_actions()[0])
    state.apply_action(1)
    assert state.current_player() == 1
    inputs = core.encode([state], "seated")[0]
    assert list(core.encoder_shape(game, "seated")) == shape
    tensor = core.encode([state], core.default_encoder(game))[0]
    seats = inputs[len(tensor) :].reshape(game.num_players(), -1)
    np.testing.assert_array_equal(inputs[: len(tensor)], tensor)
    assert (seats == np.arange(game.num_players())[:, None].__eq__(1)).all()


def test_observation_pair_is_what_a_search_asks(connect_four: pyspiel.Game) -> None:
    """The history reaches across the root: leaves are encoded with the state before them."""
    session = Session(connect_four, "observation_pair")
    root = played(connect_four, [3, 3, 2])
    evaluator = core.NetworkEvaluator(connect_four, "observation_pair", [session])
    result = search_one(root, evaluator, simulations=7, c_puct=100.0)
    assert result.visits.tolist() == [1] * 7
    leaves = [root, *(played(connect_four, [3, 3, 2, action]) for action in range(7))]
    np.testing.assert_array_equal(np.array(session.asked), core.encode(leaves, "observation_pair"))
    np.testing.assert_array_equal(np.array(session.masks), core.legal_mask(leaves))
    with pytest.raises(TesujiError, match="max_cached_states"):
        search_one(root, evaluator, simulations=7, max_cached_states=5)


def test_the_planes_of_connect_four(connect_four: pyspiel.Game) -> None:
    """Own discs, the opponent's discs, rows from the bottom."""
    moves = [3, 3, 2, 0, 3]
    for count in range(len(moves) + 1):
        heights = [0] * 7
        discs = np.zeros((2, 6, 7), np.float32)
        for ply, column in enumerate(moves[:count]):
            discs[(ply + count) % 2, heights[column], column] = 1.0
            heights[column] += 1
        encoded = core.encode([played(connect_four, moves[:count])], "connect_four")
        np.testing.assert_array_equal(encoded.reshape(2, 6, 7), discs)
    assert list(core.encoder_shape(connect_four, "connect_four")) == [2, 6, 7]


def test_encoders_by_name(connect_four: pyspiel.Game, tic_tac_toe: pyspiel.Game) -> None:
    assert {"observation", "observation_pair", "information_state", "connect_four"} <= set(core.encoder_names())
    assert core.default_encoder(connect_four) == "observation"
    assert core.default_encoder(pyspiel.load_game("kuhn_poker")) == "information_state"
    with pytest.raises(TesujiError, match="unknown"):
        core.encoder_shape(connect_four, "nonsense")
    with pytest.raises(TesujiError, match="6x7"):
        core.encoder_shape(tic_tac_toe, "connect_four")
    with pytest.raises(TesujiError, match="player moves"):
        core.encode([played(tic_tac_toe, [0, 3, 1, 4, 2])])
    with pytest.raises(TesujiError, match="empty"):
        core.encode([])


def test_what_a_search_refuses(connect_four: pyspiel.Game, tic_tac_toe: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(tic_tac_toe)
    params = core.SearchParams(simulations=4)
    with pytest.raises(TesujiError, match="terminal"):
        core.search([played(tic_tac_toe, [0, 3, 1, 4, 2])], evaluator, params, [0])
    with pytest.raises(TesujiError, match="belongs to"):
        core.search([played(connect_four)], evaluator, params, [0])
    with pytest.raises(TesujiError, match="one each"):
        core.search([played(tic_tac_toe)], evaluator, params, [0, 1])
    assert core.search([], evaluator, params, []) == []
    poker = pyspiel.load_game("kuhn_poker")
    with pytest.raises(TesujiError, match="chance node"):
        core.search([poker.new_initial_state()], core.FakeEvaluator(poker), params, [0])
    crowd = pyspiel.load_game("mfg_crowd_modelling")
    with pytest.raises(TesujiError, match="mean-field"):
        core.search([crowd.new_initial_state()], core.RolloutEvaluator(crowd), params, [0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"simulations": -1},
        {"leaves_in_flight": 0},
        {"max_cached_states": -1},
        {"max_bytes": -1},
        {"selection": "best"},
        {"value_range": "wide"},
        {"max_considered_actions": 0},
        {"chance_samples": 0},
        {"chance_widening": -0.5},
        {"joint_exploration": 0.0},
        {"root_policy_temperature": 0.0},
        {"c_visit": float("nan")},
        {"reuse_tree": True, "selection": "gumbel"},
    ],
)
def test_search_parameters_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(TesujiError, match=next(iter(wrong))):
        core.SearchParams(**wrong)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["prior_logit", "value"])
def test_answers_that_are_not_finite(tic_tac_toe: pyspiel.Game, where: str, bad: float) -> None:
    session = Session(tic_tac_toe)
    session.answers[f"{where}s"][-1] = bad
    evaluator = core.NetworkEvaluator(tic_tac_toe, "observation", [session])
    with pytest.raises(TesujiError, match=rf"answered a {where} that is not finite; tic_tac_toe\(\), history \[4\]$"):
        search_one(played(tic_tac_toe, [4]), evaluator, simulations=4)


def test_illegal_logits_do_not_matter(tic_tac_toe: pyspiel.Game) -> None:
    session = Session(tic_tac_toe)
    session.answers["prior_logits"][4] = np.nan
    evaluator = core.NetworkEvaluator(tic_tac_toe, "observation", [session])
    result = search_one(played(tic_tac_toe, [4]), evaluator, simulations=0)
    np.testing.assert_allclose(result.prior, np.full(8, 1 / 8), rtol=1e-6)


@pytest.mark.parametrize(
    ("buffer", "shape", "dtype"),
    [
        ("inputs", (2, 8, 26), np.float32),
        ("inputs", (8, 27), np.float32),
        ("inputs", (2, 8, 27), np.float64),
        ("legal_mask", (2, 7, 9), np.uint8),
        ("legal_mask", (2, 8, 9), np.float32),
        ("prior_logits", (2, 8, 10), np.float32),
        ("values", (2, 8, 1), np.float32),
        ("values", (1, 8, 2), np.float32),
    ],
)
def test_buffers_of_the_wrong_shape(
    tic_tac_toe: pyspiel.Game, buffer: str, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    session = Session(tic_tac_toe)
    setattr(session, buffer, np.zeros(shape, dtype))
    with pytest.raises(TesujiError, match=r"must be a writeable C-contiguous array"):
        evaluator = core.NetworkEvaluator(tic_tac_toe, "observation", [session])
        search_one(played(tic_tac_toe), evaluator, simulations=1)


def test_buffers_that_cannot_be_written(tic_tac_toe: pyspiel.Game) -> None:
    session = Session(tic_tac_toe)
    session.inputs.flags.writeable = False
    with pytest.raises(TesujiError, match=r"session\.inputs"):
        search_one(played(tic_tac_toe), core.NetworkEvaluator(tic_tac_toe, "observation", [session]), simulations=1)


def test_an_exception_in_a_session_comes_through(tic_tac_toe: pyspiel.Game) -> None:
    evaluator = core.NetworkEvaluator(tic_tac_toe, "observation", [Failing(tic_tac_toe)])
    with pytest.raises(ValueError, match="no device") as caught:
        search_one(played(tic_tac_toe, [4]), evaluator, simulations=1)
    assert caught.value.__notes__ == ["while answering 1 leaves, the first of tic_tac_toe(), history [4]"]


def test_none_is_no_game_and_no_evaluator(tic_tac_toe: pyspiel.Game) -> None:
    with pytest.raises(TypeError):
        core.FakeEvaluator(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        core.search([played(tic_tac_toe)], None, core.SearchParams(), [1])  # type: ignore[arg-type]


def test_games_made_from_games_in_python_are_known() -> None:
    """Their states clone and die under the interpreter's lock alone: worker threads would crash on them."""
    import open_spiel.python.games  # noqa: F401

    game = pyspiel.load_game("misere(game=python_tic_tac_toe())")
    states = [played(game, [action]) for action in range(9)]
    evaluator, params = core.FakeEvaluator(game), core.SearchParams(simulations=30)
    one, three = (core.search(states, evaluator, params, list(range(9)), workers) for workers in (1, 3))
    for alone, together in zip(one, three, strict=True):
        assert_same(alone, together)


def test_rollouts_are_reproducible_and_scaled() -> None:
    game = pyspiel.load_game("connect_four")
    with pytest.raises(TesujiError, match="at least 1"):
        core.RolloutEvaluator(game, rollouts=0)
    first, again = (search_one(played(game), core.RolloutEvaluator(game, 2, seed=1), simulations=50) for _ in range(2))
    assert_same(first, again)
    np.testing.assert_allclose(first.prior, np.full(7, 1 / 7), rtol=1e-6)
    assert np.abs(first.values).max() <= 1.0


def test_golden_trees() -> None:
    """The trees of the fake evaluator are those of every earlier build; tests/regenerate_golden.py makes them anew."""
    stored, cases = json.loads(golden.PATH.read_text()), golden.cases()
    assert len(stored) == len(cases) > 0
    for expected, case in zip(stored, cases, strict=True):
        found = golden.tree(case)
        for name in ("q", "values", "target"):
            # Sums in the same order; libm's last digits differ between machines.
            np.testing.assert_allclose(found.pop(name), expected.pop(name), atol=1e-6)
        assert found == expected


@pytest.mark.parametrize("simulations", [0, 30])
def test_a_low_temperature_leaves_the_best_move(connect_four: pyspiel.Game, simulations: int) -> None:
    result = search_one(connect_four.new_initial_state(), core.FakeEvaluator(connect_four), simulations=simulations)
    policy = result.policy(1e-3)
    weights = result.visits if simulations else result.prior
    assert policy.sum() == pytest.approx(1.0)
    assert policy[np.argmax(weights)] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("workers", [1, 3])
def test_what_a_game_throws_names_game_and_history(
    monkeypatch: pytest.MonkeyPatch, tic_tac_toe: pyspiel.Game, workers: int
) -> None:
    """Once, from searches and from a pool; the history is that of the state whose search came to it."""
    from open_spiel.python.games.tic_tac_toe import TicTacToeState

    game = pyspiel.load_game("python_tic_tac_toe")
    apply = TicTacToeState._apply_action
    broken: list[list[int]] = []

    def fragile(state: Any, action: int) -> None:
        if action == 8:
            broken.append(state.history())
            raise ValueError("square 8 is broken")
        apply(state, action)

    root = played(game, [4])
    monkeypatch.setattr(TicTacToeState, "_apply_action", fragile)
    evaluator = core.FakeEvaluator(game)
    with pytest.raises(TesujiError, match=r"^ValueError: square 8 is broken; python_tic_tac_toe.*, history \[4\]$"):
        core.search([root] * 9, evaluator, core.SearchParams(simulations=50), [0] * 9, workers)
    player = core.PlayerParams(0, core.SearchParams(simulations=1))
    pool = core.Pool(game, [evaluator], [player], core.SelfPlayParams(), workers, 4, 0)
    with pytest.raises(TesujiError, match=r"^ValueError: square 8 is broken; python_tic_tac_toe.*, history") as caught:
        pool.run(games=12)
    searched = json.loads(str(caught.value).rpartition("history ")[2])
    assert len(broken) == 2 and searched == broken[1][: len(searched)]
