"""The pool of the native core: the same games whatever the threads, whole records, and snapshots that continue."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyspiel
import pytest
from positions import Failing, Session, played

from engine.errors import TesujiError
from engine.native import core

NOISE: dict[str, Any] = {"dirichlet_alpha": 0.5, "dirichlet_fraction": 0.25}
SLOTS = 8  # games in progress: the same in every pool that is compared with another


def make_pool(
    game: pyspiel.Game,
    *,
    workers: int = 1,
    seed: int = 3,
    simulations: int = 16,
    cache_entries: int = 0,
    encoder: str = "auto",
    past: bool = False,
    temperature_plies: int = 100,
    slots: int = SLOTS,
    max_cached_states: int = 0,
    reuse_tree: bool = False,
    proofs: bool = True,
    **selfplay: Any,
) -> core.Pool:
    search = core.SearchParams(
        simulations=simulations,
        max_cached_states=max_cached_states,
        reuse_tree=reuse_tree,
        proofs=proofs,
        **NOISE,
    )
    evaluators = [core.FakeEvaluator(game, encoder, seed=1, cache_entries=cache_entries)]
    players = [core.PlayerParams(0, search, temperature=1.0, temperature_plies=temperature_plies)]
    if past:
        evaluators.append(core.FakeEvaluator(game, encoder, seed=2, cache_entries=cache_entries))
        players.append(core.PlayerParams(1, search, temperature=1.0, temperature_plies=temperature_plies))
    return core.Pool(game, evaluators, players, core.SelfPlayParams(**selfplay), workers, slots // workers, seed)


def assert_same(a: core.Records, b: core.Records) -> None:
    assert a.keys() == b.keys()
    for name in a:
        if name == "histories":
            assert a["histories"] == b["histories"]
        else:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)  # type: ignore[literal-required]


VARIED: dict[str, Any] = {"random_opening_share": 0.5, "random_opening_plies": 4, "past_share": 0.5}


@pytest.mark.parametrize("reuse_tree", [False, True])
@pytest.mark.parametrize("name", ["connect_four", "pig(winscore=15,horizon=60)", "kuhn_poker"])
def test_the_games_do_not_depend_on_workers_or_cache(name: str, reuse_tree: bool) -> None:
    game = pyspiel.load_game(name)
    varied = VARIED | {"reuse_tree": reuse_tree, "past": True}
    reference = make_pool(game, **varied).run(games=40)
    assert reference["game_ids"].tolist() == list(range(40))
    for workers in (1, 2, 8):
        for cache_entries in (0, 16, 4096):
            pool = make_pool(game, workers=workers, cache_entries=cache_entries, **varied)
            assert_same(reference, pool.run(games=40))
    # Nor on how many are in progress at once.
    assert_same(reference, make_pool(game, slots=5, **varied).run(games=40))


@pytest.mark.parametrize("name", ["connect_four", "pig(winscore=15,horizon=60)"])
def test_the_games_do_not_depend_on_where_runs_end(name: str) -> None:
    """A search that the end of a run cuts short begins anew in the next, with the draws it had."""
    game = pyspiel.load_game(name)
    reference = make_pool(game, **VARIED).run(games=60)
    played = {id_: history for id_, history in zip(reference["game_ids"], reference["histories"], strict=True)}
    for workers in (1, 2, 8):
        pool = make_pool(game, workers=workers, **VARIED)
        for positions in (10, 37, 90):
            records = pool.run(positions=positions)
            for id_, history in zip(records["game_ids"], records["histories"], strict=True):
                assert played[id_] == history


def test_a_reused_tree_begins_with_the_visits_it_kept(connect_four: pyspiel.Game) -> None:
    """A tree made anew has 16 visits to share out; a reused one has those below the move played as well."""
    for reuse_tree in (False, True):
        records = make_pool(connect_four, reuse_tree=reuse_tree, proofs=False).run(games=8)
        shares = records["policy"] * 16
        whole = np.isclose(shares, np.round(shares), atol=1e-4).all(axis=1)
        first = records["game_offsets"][:-1]
        assert whole[first].all()
        assert whole.all() != reuse_tree


def test_the_cache_saves_evaluations(tic_tac_toe: pyspiel.Game) -> None:
    plain, cached = (make_pool(tic_tac_toe, cache_entries=entries) for entries in (0, 4096))
    plain.run(games=20)
    cached.run(games=20)
    before, after = plain.statistics(), cached.statistics()
    assert after["simulations"] == before["simulations"]
    assert after["cache_hits"] > before["cache_hits"]
    assert after["evaluations"] < before["evaluations"]


def test_a_new_version_empties_the_cache(tic_tac_toe: pyspiel.Game) -> None:
    """The answers do not change here, so neither do the games."""
    search = core.SearchParams(simulations=16)
    evaluator = core.FakeEvaluator(tic_tac_toe, cache_entries=4096)
    pool = core.Pool(tic_tac_toe, [evaluator], [core.PlayerParams(0, search)], core.SelfPlayParams(), 1, 4, 0)
    first = pool.run(games=4)
    evaluator.version = 9
    assert evaluator.version == 9
    second = pool.run(games=8)
    np.testing.assert_array_equal(first["policy"], second["policy"])


@pytest.mark.parametrize("name", ["connect_four", "pig(winscore=15,horizon=60)"])
def test_a_bound_on_kept_states_changes_no_game(name: str) -> None:
    """Also where a move makes a node the root whose state was not kept."""
    game = pyspiel.load_game(name)
    reference = make_pool(game, simulations=40, reuse_tree=True).run(games=12)
    for bound in (1, 5):
        bounded = make_pool(game, simulations=40, reuse_tree=True, max_cached_states=bound)
        assert_same(reference, bounded.run(games=12))


def test_the_seed_decides_the_games(connect_four: pyspiel.Game) -> None:
    one, two = (make_pool(connect_four, seed=seed).run(games=8)["histories"] for seed in (1, 2))
    assert one != two
    assert len({tuple(history) for history in one}) > 1


@pytest.mark.parametrize("encoder", ["auto", "observation_pair"])
@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe", "pig(players=3,winscore=15,horizon=60)"])
def test_records_are_consistent(name: str, encoder: str) -> None:
    game = pyspiel.load_game(name)
    records = make_pool(
        game, encoder=encoder, workers=2, proofs=False, random_opening_share=0.5, random_opening_plies=3
    ).run(games=12)
    players = game.num_players()
    offsets = records["game_offsets"]
    rows = len(records["action"])
    assert offsets[0] == 0 and offsets[-1] == rows and len(offsets) == 13 and np.all(np.diff(offsets) > 0)
    for field in ("inputs", "legal_mask", "policy", "root_values", "returns", "player"):
        assert len(records[field]) == rows
    np.testing.assert_allclose(records["policy"].sum(axis=1), 1.0, atol=1e-6)
    assert not np.any(records["policy"][records["legal_mask"] == 0])
    assert not records["resigned"].any()
    shares = records["policy"] * 16
    scale = core.FakeEvaluator(game).value_scale
    for index, history in enumerate(records["histories"]):
        state = game.new_initial_state()
        expected: list[tuple[int, int, list[int], np.ndarray]] = []  # of all decisions
        for action in history:
            assert action in state.legal_actions()
            if not state.is_chance_node():
                inputs = core.encode([state], encoder)[0]
                expected.append((state.current_player(), action, state.legal_actions(), inputs))
            state.apply_action(action)
        assert state.is_terminal()
        np.testing.assert_allclose(records["game_returns"][index], np.array(state.returns()) / scale, rtol=1e-6)
        first, end = offsets[index], offsets[index + 1]
        # The opening's random moves are the decisions that are not recorded.
        recorded = expected[len(expected) - (end - first) :]
        assert len(expected) - len(recorded) <= 3
        for row, (player, action, legal, inputs) in zip(range(first, end), recorded, strict=True):
            assert (records["player"][row], records["action"][row]) == (player, action)
            assert np.flatnonzero(records["legal_mask"][row]).tolist() == legal
            np.testing.assert_array_equal(records["inputs"][row], inputs)
            assert records["policy"][row, action] > 0
            observed = np.roll(records["game_returns"][index], -player)
            np.testing.assert_array_equal(records["returns"][row], observed)
        assert np.abs(records["root_values"][first:end]).max() <= 1.0
    assert records["root_values"].shape == (rows, players)
    np.testing.assert_allclose(shares, np.round(shares), atol=1e-4)


def test_statistics_count_what_was_recorded(connect_four: pyspiel.Game) -> None:
    pool = make_pool(connect_four, workers=2, proofs=False)
    records = pool.run(games=16)
    statistics = pool.statistics()
    assert statistics["games"] == 16
    assert statistics["positions"] == len(records["action"])
    assert statistics["simulations"] == 16 * len(records["action"])
    assert 0 < statistics["evaluations"] <= statistics["simulations"] + statistics["positions"]
    assert statistics["batches"] > 0 and statistics["terminal_hits"] > 0
    assert statistics["resignations"] == statistics["resignation_checks"] == 0


def test_random_openings_are_not_recorded_and_leave_something_to_play(tic_tac_toe: pyspiel.Game) -> None:
    records = make_pool(tic_tac_toe, random_opening_share=1.0, random_opening_plies=8).run(games=30)
    decisions = np.diff(records["game_offsets"])
    moves = np.array([len(history) for history in records["histories"]])
    assert np.all(decisions >= 1)
    assert set((moves - decisions).tolist()) > {1, 2, 3}
    # Beginnings differ from game to game.
    assert len({history[0] for history in records["histories"]}) > 3


@pytest.mark.parametrize("name", ["connect_four", "pig(winscore=15,horizon=60)"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_snapshot_continues_the_games(name: str, workers: int) -> None:
    game = pyspiel.load_game(name)
    arguments: dict[str, Any] = {"workers": workers, "past": True, "encoder": "observation_pair", **VARIED}
    pool = make_pool(game, **arguments)
    pool.run(positions=50)
    snapshot = pool.snapshot()
    assert pool.snapshot() == snapshot
    restored = make_pool(game, **arguments)
    restored.restore(snapshot)
    for _ in range(2):
        continued = pool.run(positions=60)
        assert len(continued["action"]) > 0
        assert_same(continued, restored.run(positions=60))
    # A pool goes back to its own snapshot as well.
    pool.restore(snapshot)
    fresh = make_pool(game, **arguments)
    fresh.restore(snapshot)
    assert_same(pool.run(games=24), fresh.run(games=24))


def test_a_damaged_snapshot_is_refused_or_plays_on(tic_tac_toe: pyspiel.Game) -> None:
    pool = make_pool(tic_tac_toe)
    pool.run(positions=10)
    snapshot = pool.snapshot()
    said: set[str] = set()
    for place in range(0, len(snapshot), 3):
        target = make_pool(tic_tac_toe)
        try:
            target.restore(snapshot[:place] + bytes([snapshot[place] ^ 0x41]) + snapshot[place + 1 :])
        except TesujiError as error:
            said.add(str(error))
            # Nothing was changed.
            assert target.snapshot() == make_pool(tic_tac_toe).snapshot()
        else:
            target.run(positions=1)
    assert any("plays the illegal action" in text for text in said)
    for what in ("list of seats", "list of decisions", "player at a decision", "number of a game"):
        assert any(f"damaged: its {what} cannot be" in text for text in said), what


def test_running_on_plays_every_game_once(connect_four: pyspiel.Game) -> None:
    pool = make_pool(connect_four, workers=2)
    ids: list[int] = []
    positions = 0
    for _ in range(4):
        records = pool.run(positions=80)
        ids += records["game_ids"].tolist()
        positions += len(records["action"])
        assert pool.statistics()["positions"] >= positions
    rest = pool.run(games=max(ids) + 1)
    ids += rest["game_ids"].tolist()
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(range(max(ids) + 1 - SLOTS))


def test_a_snapshot_that_does_not_fit_is_refused(connect_four: pyspiel.Game) -> None:
    pool = make_pool(connect_four)
    pool.run(positions=30)
    snapshot = pool.snapshot()
    target = make_pool(connect_four)
    for length in (0, 5, 20, len(snapshot) // 2, len(snapshot) - 1):
        with pytest.raises(TesujiError, match="truncated"):
            target.restore(snapshot[:length])
    with pytest.raises(TesujiError, match="too long"):
        target.restore(snapshot + b"\0")
    with pytest.raises(TesujiError, match="another version"):
        target.restore(b"X" + snapshot[1:])
    with pytest.raises(TesujiError, match="another"):
        make_pool(connect_four, slots=4).restore(snapshot)
    with pytest.raises(TesujiError, match="another game, encoder"):
        make_pool(pyspiel.load_game("tic_tac_toe")).restore(snapshot)
    # A refused snapshot changed nothing.
    assert_same(make_pool(connect_four).run(games=8), target.run(games=8))


def test_everybody_resigns_where_nobody_checks(connect_four: pyspiel.Game) -> None:
    pool = make_pool(connect_four, resign_threshold=1e-6, resign_plies=1, resign_check_share=0.0)
    records = pool.run(games=20)
    resigned = records["resigned"]
    statistics = pool.statistics()
    assert resigned.any()
    assert statistics["resignations"] == resigned.sum()
    assert statistics["resignation_checks"] == statistics["resignation_errors"] == 0
    for index in np.flatnonzero(resigned):
        last = records["game_offsets"][index + 1] - 1
        player = records["player"][last]
        assert records["action"][last] == -1  # decided, but not played
        assert records["root_values"][last, 0] < 0
        assert records["returns"][last].tolist() == [-1.0, 1.0]
        assert records["game_returns"][index].tolist() == [1.0 if seat != player else -1.0 for seat in (0, 1)]
        state = played(connect_four, records["histories"][index])
        assert not state.is_terminal() and state.current_player() == player


def test_resignations_are_counted_in_checked_games(connect_four: pyspiel.Game) -> None:
    """Every game is checked: each is played out as if there were no threshold."""
    pool = make_pool(connect_four, resign_threshold=1e-6, resign_plies=1, resign_check_share=1.0)
    records = pool.run(games=20)
    assert_same(records, make_pool(connect_four, resign_check_share=1.0).run(games=20))
    checks = errors = 0
    for first, end in zip(records["game_offsets"][:-1], records["game_offsets"][1:], strict=True):
        hopeless = np.flatnonzero(records["root_values"][first:end, 0] < -1e-6)
        if hopeless.size:
            checks += 1
            errors += bool(records["returns"][first + hopeless[0], 0] >= 0.0)
    statistics = pool.statistics()
    assert 0 < checks == statistics["resignation_checks"]
    assert 0 < errors == statistics["resignation_errors"]
    assert statistics["resignations"] == 0 and not records["resigned"].any()


def test_the_threshold_can_be_set_and_needs_repetition(connect_four: pyspiel.Game) -> None:
    pool = make_pool(connect_four, resign_plies=3, resign_check_share=0.0)
    assert not pool.run(games=8)["resigned"].any()
    pool.set_resign_threshold(1e-6)
    records = pool.run(games=40)
    assert records["resigned"].any()
    for index in np.flatnonzero(records["resigned"]):
        rows = slice(records["game_offsets"][index], records["game_offsets"][index + 1])
        own = records["player"][rows] == records["player"][rows][-1]
        assert np.all(records["root_values"][rows, 0][own][-3:] < 0)


def test_the_past_players_decisions_are_not_recorded(connect_four: pyspiel.Game) -> None:
    records = make_pool(connect_four, past=True, past_share=1.0).run(games=24)
    learner_seats = []
    for first, end, history in zip(
        records["game_offsets"][:-1], records["game_offsets"][1:], records["histories"], strict=True
    ):
        (seat,) = set(records["player"][first:end].tolist())
        assert records["action"][first:end].tolist() == history[seat::2]
        learner_seats.append(seat)
    assert set(learner_seats) == {0, 1}
    half = make_pool(connect_four, past=True, past_share=0.5).run(games=24)
    alone = [
        len(set(half["player"][first:end].tolist())) == 1
        for first, end in zip(half["game_offsets"][:-1], half["game_offsets"][1:], strict=True)
    ]
    assert set(alone) == {True, False}


def match_players(game: pyspiel.Game) -> tuple[list[core.Evaluator], list[core.PlayerParams]]:
    """A weak player, the network alone, and a strong one."""
    weak = core.PlayerParams(0, core.SearchParams(simulations=0))
    strong = core.PlayerParams(1, core.SearchParams(simulations=200))
    return [core.FakeEvaluator(game, seed=5), core.RolloutEvaluator(game, 4, seed=6)], [weak, strong]


def test_matches_keep_the_order_and_the_seats(connect_four: pyspiel.Game) -> None:
    evaluators, players = match_players(connect_four)
    openings = [[column] for column in range(7) for _ in range(2)]
    seats = [[0, 1], [1, 0]] * 7
    seeds = list(range(14))
    results = core.play_match(connect_four, evaluators, players, openings, seats, seeds)
    assert len(results) == 14
    points: Counter[int] = Counter()
    for (history, returns), opening, seated in zip(results, openings, seats, strict=True):
        state = connect_four.new_initial_state()
        for action in history:
            assert action in state.legal_actions()
            state.apply_action(action)
        assert history[: len(opening)] == opening
        assert state.is_terminal() and state.returns() == list(returns)
        for player, contestant in enumerate(seated):
            points[contestant] += int(returns[player])
    assert points[1] >= 10  # of 14, from whichever seat
    for workers, games_per_worker in ((2, 3), (8, 64)):
        again = core.play_match(
            connect_four,
            evaluators,
            players,
            openings,
            seats,
            seeds,
            workers=workers,
            games_per_worker=games_per_worker,
        )
        assert again == results
    # Each game stands for itself.
    assert core.play_match(connect_four, evaluators, players, openings[5:6], seats[5:6], seeds[5:6]) == results[5:6]
    assert core.play_match(connect_four, evaluators, players, [], [], []) == []


def test_matches_with_the_same_seed_share_their_chance() -> None:
    game = pyspiel.load_game("pig(winscore=15,horizon=60)")
    evaluators, players = match_players(game)
    played = core.play_match(game, evaluators, players, [[]] * 6, [[0, 1]] * 6, [1, 1, 2, 3, 4, 5])
    assert played[0] == played[1]
    assert len({tuple(history) for history, _ in played}) > 2


def test_what_a_match_refuses(connect_four: pyspiel.Game) -> None:
    evaluators, players = match_players(connect_four)
    for openings, seats, seeds, message in (
        ([[]], [[0, 1]], [0, 1], "one entry a game"),
        ([[]], [[0]], [0], "1 seats"),
        ([[]], [[0, 2]], [0], "seats player 2"),
        ([[9]], [[0, 1]], [0], "illegal action 9"),
        ([[3] * 7], [[0, 1]], [0], "illegal action 3"),
    ):
        with pytest.raises(TesujiError, match=message):
            core.play_match(connect_four, evaluators, players, openings, seats, seeds)


def test_what_a_pool_refuses(connect_four: pyspiel.Game, tic_tac_toe: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four)
    player = core.PlayerParams(0, core.SearchParams(simulations=2))
    rules = core.SelfPlayParams()
    goofspiel = pyspiel.load_game("goofspiel(num_cards=3,points_order=descending)")
    flying = core.PlayerParams(0, core.SearchParams(leaves_in_flight=2))
    for game, evaluators, players, workers, slots, message in (
        (tic_tac_toe, [evaluator], [player], 1, 1, "the pool plays"),
        (goofspiel, [core.FakeEvaluator(goofspiel)], [player], 1, 1, "simultaneous"),
        (connect_four, [], [player], 1, 1, "at least one"),
        (connect_four, [evaluator], [], 1, 1, "at least one"),
        (connect_four, [evaluator], [core.PlayerParams(1, core.SearchParams())], 1, 1, r"player\.evaluator is 1"),
        (connect_four, [evaluator], [flying], 1, 1, "leaves_in_flight"),
        (connect_four, [evaluator], [player], 0, 1, "at least 1"),
        (connect_four, [evaluator], [player], 1, 0, "at least 1"),
    ):
        with pytest.raises(TesujiError, match=message):
            core.Pool(game, evaluators, players, rules, workers, slots, 0)
    pool = core.Pool(connect_four, [evaluator], [player], rules, 1, 1, 0)
    for wrong in ({}, {"games": 1, "positions": 1}, {"games": 0}, {"positions": -1}):
        with pytest.raises(TesujiError, match="either positions or games"):
            pool.run(**wrong)


@pytest.mark.filterwarnings("default")  # of the games' own Python code
@pytest.mark.parametrize("workers", [1, 2])
def test_a_game_written_in_python(workers: int) -> None:
    pyspiel.load_game("tic_tac_toe")
    from open_spiel.python.games import tic_tac_toe  # noqa: F401

    game = pyspiel.load_game("python_tic_tac_toe")
    pool = make_pool(game, workers=workers, simulations=8)
    records = pool.run(games=6)
    assert_same(records, make_pool(game, simulations=8).run(games=6))
    for history, returns in zip(records["histories"], records["game_returns"], strict=True):
        state = played(game, history)
        assert state.is_terminal() and state.returns() == returns.tolist()
    restored = make_pool(game, workers=workers, simulations=8)
    restored.restore(pool.snapshot())
    assert_same(pool.run(games=10), restored.run(games=10))


@pytest.mark.parametrize("encoder", ["auto", "observation_pair"])
def test_a_decision_is_that_of_its_position_searched_alone(connect_four: pyspiel.Game, encoder: str) -> None:
    """What a tree keeps from one move to the next saves evaluations and changes nothing."""
    evaluator = core.FakeEvaluator(connect_four, encoder, seed=1)
    params = core.SearchParams(simulations=40)
    player = core.PlayerParams(0, params, temperature=1.0, temperature_plies=100)
    pool = core.Pool(connect_four, [evaluator], [player], core.SelfPlayParams(), 1, 4, 5)
    records = pool.run(games=6)
    states = []
    for history in records["histories"]:
        state = connect_four.new_initial_state()
        for action in history:
            states.append(state.clone())
            state.apply_action(action)
    alone = core.search(states, evaluator, params, [0] * len(states))
    for policy, values, result in zip(records["policy"], records["root_values"], alone, strict=True):
        np.testing.assert_array_equal(policy[result.actions], result.target.astype(np.float32))
        np.testing.assert_allclose(values, np.roll(result.values, -result.player), atol=1e-6)
    statistics = pool.statistics()
    assert statistics["evaluations"] < 0.8 * statistics["simulations"] and statistics["cache_hits"] > 0


def test_a_proven_decision_is_learnt_as_it_is() -> None:
    """Nim solved at every move: records hold the game's own values, and games end as they must."""
    game = pyspiel.load_game("nim(pile_sizes=1;2;3)")  # misere, and lost for the first player: 1 ^ 2 ^ 3 = 0
    records = make_pool(game, simulations=5000, slots=4).run(games=8)
    assert np.all(records["root_values"][:, 0] == np.where(records["player"] == 0, -1.0, 1.0))
    assert np.all(records["game_returns"] == [-1.0, 1.0])
    wins = records["player"] == 1
    assert np.all(records["policy"][wins, records["action"][wins]] > 0)


def test_fast_decisions_are_not_recorded(connect_four: pyspiel.Game) -> None:
    """Playout-cap randomisation: a third of the decisions is made with 2 simulations."""
    pool = make_pool(connect_four, proofs=False, fast_share=1 / 3, fast_simulations=2)
    records = pool.run(games=40)
    played = sum(map(len, records["histories"]))
    recorded = len(records["action"])
    assert 0.6 < recorded / played < 0.73
    assert pool.statistics()["simulations"] == 16 * recorded + 2 * (played - recorded)
    everything = make_pool(connect_four, proofs=False, fast_share=0.0, fast_simulations=2).run(games=40)
    assert_same(everything, make_pool(connect_four, proofs=False).run(games=40))


@pytest.mark.parametrize("workers", [1, 2])
def test_gumbel_games(connect_four: pyspiel.Game, workers: int) -> None:
    """The action recorded is the search's choice, and the target an improved policy over all legal moves."""
    search = core.SearchParams(simulations=16, selection="gumbel", max_considered_actions=4, proofs=False)
    evaluator = core.FakeEvaluator(connect_four, seed=1)
    player = core.PlayerParams(0, search, temperature=1.0, temperature_plies=100)
    pool = core.Pool(connect_four, [evaluator], [player], core.SelfPlayParams(), workers, 8 // workers, 3)
    records = pool.run(games=16)
    assert records["game_ids"].tolist() == list(range(16))
    assert np.all((records["policy"] > 0) == (records["legal_mask"] > 0))
    np.testing.assert_allclose(records["policy"].sum(axis=1), 1.0, atol=1e-6)
    assert pool.statistics()["simulations"] == 16 * len(records["action"])
    assert len({tuple(history) for history in records["histories"]}) == 16


def test_gumbel_games_without_noise_are_drawn_by_temperature(connect_four: pyspiel.Game) -> None:
    """As an agent that plays a match is told; its choice alone would be the same in every game."""
    search = core.SearchParams(simulations=16, selection="gumbel", gumbel_scale=0.0, proofs=False)
    for temperature in (0.0, 1.0):
        player = core.PlayerParams(0, search, temperature=temperature, temperature_plies=100)
        evaluator = core.FakeEvaluator(connect_four, seed=1)
        pool = core.Pool(connect_four, [evaluator], [player], core.SelfPlayParams(), 1, 8, 3)
        different = {tuple(history) for history in pool.run(games=16)["histories"]}
        assert (len(different) > 1) == (temperature > 0.0)


class Broken(Session):
    """Knows no value of one position."""

    def wait(self, half: int) -> None:
        super().wait(half)
        (broken,) = core.encode([played("connect_four", [3, 3])])
        self.values[half, np.all(self.inputs[half] == broken, axis=1)] = np.nan


def network_pool(game: pyspiel.Game, sessions: list[Any]) -> core.Pool:
    """A pool with a worker for each session."""
    evaluator = core.NetworkEvaluator(game, "observation", sessions)
    player = core.PlayerParams(0, core.SearchParams(simulations=64))
    return core.Pool(game, [evaluator], [player], core.SelfPlayParams(), len(sessions), 4, 0)


def test_an_answer_that_is_not_finite_is_reported_once_with_its_position(connect_four: pyspiel.Game) -> None:
    """Every worker comes to that position; nothing of the others' errors is left for the next run."""
    pool = network_pool(connect_four, [Broken(connect_four) for _ in range(3)])
    for _ in range(2):
        with pytest.raises(TesujiError) as caught:
            pool.run(games=12)
        assert str(caught.value) == "the evaluator answered a value that is not finite; connect_four(), history [3, 3]"
        assert caught.value.__context__ is None


def test_sessions_that_all_fail_raise_once(connect_four: pyspiel.Game) -> None:
    """And once they work again the pool plays the games it would have played."""
    sessions = [Failing(connect_four, good) for good in (90, 100, 110)]
    pool = network_pool(connect_four, sessions)
    with pytest.raises(ValueError, match="no device") as caught:
        pool.run(games=12)
    assert caught.value.__context__ is None
    for session in sessions:
        session.good = 10**9
    assert_same(pool.run(games=12), network_pool(connect_four, [Session(connect_four)]).run(games=12))


@pytest.mark.parametrize("name", ["oshi_zumo", "stones_and_gems"])
def test_games_that_are_not_played(name: str) -> None:
    game = pyspiel.load_game(name)
    with pytest.raises(TesujiError, match="choose a"):
        core.Pool(
            game,
            [core.RolloutEvaluator(game)],
            [core.PlayerParams(0, core.SearchParams())],
            core.SelfPlayParams(),
            1,
            1,
            0,
        )
