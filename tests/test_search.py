"""The search facade: one state or many, results by player, the same whatever is searched beside them."""

from __future__ import annotations

import numpy as np
import pyspiel
import pytest
from positions import Session, assert_same, played

from engine.config import SearchConfig, SelfPlayConfig
from engine.errors import TesujiError
from engine.native import core
from engine.search.search import search, search_params

FLYING = SearchConfig(leaves_in_flight=8)


@pytest.mark.parametrize("mover", [0, 1])
def test_a_win_is_seen_from_both_seats(connect_four: pyspiel.Game, mover: int) -> None:
    """Three in column 3: q is the mover's, values stand in the order of the players."""
    state = played(connect_four, [3, 0, 3, 0, 3, 1] if mover == 0 else [0, 3, 0, 3, 1, 3, 6])
    found = search(state, core.FakeEvaluator(connect_four), SearchConfig(proofs=False), simulations=200, seed=1)
    assert found.player == mover == state.current_player()
    assert found.actions.tolist() == state.legal_actions()
    assert found.visits.sum() == found.simulations == 200
    assert found.prior.sum() == pytest.approx(1)
    assert found.q[3] == 1.0 == found.q.max()
    assert found.principal_variation == [3]
    assert found.values[mover] > 0.5
    assert found.values[mover] == -found.values[1 - mover] == pytest.approx((found.q * found.visits).sum() / 200)


def test_many_states_are_answered_as_each_alone(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four, seed=4)
    states = [played(connect_four, actions) for actions in ([], [3], [3, 3, 2], [0, 1, 2, 3])]
    together = search(states, evaluator, simulations=50, seed=9, workers=2)
    for state, found in zip(states, together, strict=True):
        assert_same(found, search(state, evaluator, simulations=50, seed=9))
    assert search([], evaluator, simulations=50) == []


def test_the_configuration_says_how(connect_four: pyspiel.Game) -> None:
    state, evaluator = connect_four.new_initial_state(), core.FakeEvaluator(connect_four)
    wide = search(state, evaluator, SearchConfig(simulations=40, c_puct=50.0))
    narrow = search(state, evaluator, SearchConfig(simulations=40, c_puct=0.1))
    assert wide.simulations == narrow.simulations == 40
    assert np.count_nonzero(wide.visits) > np.count_nonzero(narrow.visits)
    assert np.all(narrow.q[narrow.visits == 0] == narrow.values[0])
    alone = search(state, evaluator, simulations=0)
    assert (alone.simulations, alone.visits.sum()) == (0, 0)
    assert alone.policy(1.0).tolist() == pytest.approx(alone.prior.tolist())
    assert alone.values.tolist() == alone.raw_values.tolist()


def test_leaves_in_flight_are_evaluated_together(connect_four: pyspiel.Game) -> None:
    batches = {}
    for config in (SearchConfig(), FLYING):
        session = Session(connect_four)
        evaluator = core.NetworkEvaluator(connect_four, "observation", [session])
        search(played(connect_four, [3]), evaluator, config, simulations=100)
        batches[config.leaves_in_flight] = session.batches
    assert max(batches[1]) == 1
    assert max(batches[8]) == 8
    assert len(batches[8]) < len(batches[1]) / 2


def test_with_leaves_in_flight_every_state_is_searched_alone(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four, seed=2)
    states = [played(connect_four, actions) for actions in ([], [3], [3, 3, 2])]
    together = search(states, evaluator, FLYING, simulations=60, seed=3, workers=2)
    for state, found in zip(states, together, strict=True):
        assert_same(found, search(state, evaluator, FLYING, simulations=60, seed=3))
    one_by_one = search(states, evaluator, simulations=60, seed=3)
    assert [found.visits.tolist() for found in together] != [found.visits.tolist() for found in one_by_one]


def test_root_noise_is_for_self_play_only(connect_four: pyspiel.Game) -> None:
    evaluator, states = core.FakeEvaluator(connect_four), [played(connect_four)]
    quiet = search_params(SearchConfig(), 30, connect_four)
    noisy = search_params(SearchConfig(), 30, connect_four, SelfPlayConfig(dirichlet_alpha=1.0, dirichlet_fraction=0.9))
    assert quiet.simulations == noisy.simulations == 30
    one, other = (core.search(states, evaluator, quiet, [seed])[0] for seed in (1, 2))
    assert_same(one, other)
    one, other = (core.search(states, evaluator, noisy, [seed])[0] for seed in (1, 2))
    assert one.visits.tolist() != other.visits.tolist()


def test_what_cannot_be_searched_is_one_line(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four)
    start = connect_four.new_initial_state()
    poker = pyspiel.load_game("kuhn_poker")
    with pytest.raises(TesujiError, match="kuhn_poker hides information"):
        search(played(poker, [0, 1]), core.FakeEvaluator(poker))
    with pytest.raises(TesujiError, match="terminal"):
        search(played(connect_four, [0, 1, 0, 1, 0, 1, 0]), evaluator)
    with pytest.raises(TesujiError, match=r"belongs to 'connect_four\(rows=7\)'"):
        search(pyspiel.load_game("connect_four(rows=7)").new_initial_state(), evaluator)
    with pytest.raises(TesujiError, match="simulations: -1 is out of range"):
        search(start, evaluator, simulations=-1)
    with pytest.raises(TesujiError, match="leaves_in_flight is 4000"):
        search(start, evaluator, SearchConfig(leaves_in_flight=4000))
