"""Information-set search: PUCT where nothing is hidden, blind to what is, and right where the right move is known."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pyspiel
import pytest
import regenerate_golden as golden
from positions import Session, answering, assert_same, played, random_state

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.native import core
from engine.search.beliefs import belief
from engine.search.ismcts import ismcts
from engine.search.search import search

SMALL_HANABI = "hanabi(players=2,colors=2,ranks=3,hand_size=2)"
DARK_HEX = "dark_hex(num_rows=3,num_cols=3)"

# Player 1 is dealt an ace or not and bets or folds; player 2 does not see the card.
EFG = """EFG 2 R "Bet" { "One" "Two" } ""
c "" 1 "" { "ace" 1/3 "deuce" 2/3 } 0
p "" 1 1 "ace" { "bet" "fold" } 0
p "" 2 1 "faces a bet" { "call" "pass" } 0
t "" 1 "" { 2, -2 }
t "" 2 "" { 1, -1 }
t "" 3 "" { -1, 1 }
p "" 1 2 "deuce" { "bet" "fold" } 0
p "" 2 1 "faces a bet" { "call" "pass" } 0
t "" 4 "" { -2, 2 }
t "" 5 "" { 1, -1 }
t "" 6 "" { -1, 1 }
"""


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four", "breakthrough(rows=6,columns=6)"])
@pytest.mark.parametrize("decisions", [0, 3])
def test_where_nothing_is_hidden_it_is_puct(name: str, decisions: int) -> None:
    state = random_state(name, decisions, seed=1)
    evaluator = core.FakeEvaluator(state.get_game(), seed=2)
    blind = ismcts(state, evaluator, simulations=300, seed=3)
    seeing = search(state, evaluator, SearchConfig(proofs=False), simulations=300, seed=3)
    for field in ("actions", "visits", "prior", "raw_values", "principal_variation"):
        np.testing.assert_array_equal(getattr(blind, field), getattr(seeing, field), err_msg=field)
    np.testing.assert_allclose(blind.q, seeing.q, atol=1e-6)
    np.testing.assert_allclose(blind.values, seeing.values, atol=1e-6)
    assert (blind.player, blind.terminal_hits, blind.max_depth) == (
        seeing.player,
        seeing.terminal_hits,
        seeing.max_depth,
    )


GAMES = [
    ("kuhn_poker", 1),
    ("kuhn_poker(players=3)", 2),
    ("leduc_poker", 2),
    ("liars_dice", 2),
    ("phantom_ttt", 4),
    ("phantom_go(board_size=3)", 3),
    (DARK_HEX, 3),
    ("tiny_bridge_2p", 1),
    ("gin_rummy(num_ranks=4,num_suits=2,hand_size=2)", 2),
    (SMALL_HANABI, 4),
    ("universal_poker", 1),
    ("pig", 3),
    ("python_kuhn_poker", 1),
]


@pytest.mark.parametrize(("name", "decisions"), GAMES)
def test_what_a_result_holds(name: str, decisions: int) -> None:
    state = random_state(name, decisions, seed=3)
    game, player = state.get_game(), state.current_player()
    evaluator = core.RolloutEvaluator(game, rollouts=1, seed=1)
    found = ismcts(state, evaluator, simulations=150, particles=30, seed=2)
    assert found.visits.sum() == found.simulations == 150
    assert found.player == player
    assert found.actions.tolist() == state.legal_actions()
    np.testing.assert_allclose(found.prior, 1.0 / len(found.actions), rtol=1e-6)
    low, high = (utility / evaluator.value_scale for utility in (game.min_utility(), game.max_utility()))
    assert low - 1e-9 <= found.q.min() and found.q.max() <= high + 1e-9
    assert found.values[player] == pytest.approx(found.visits @ found.q / 150)
    if game.get_type().utility == pyspiel.GameType.Utility.ZERO_SUM:
        assert found.values.sum() == pytest.approx(0.0, abs=1e-6)
    assert found.principal_variation[0] == found.actions[np.argmax(found.visits)]
    assert_same(found, ismcts(state, evaluator, simulations=150, particles=30, seed=2))
    alone = ismcts(state, evaluator, simulations=0, particles=30)
    assert alone.visits.sum() == 0 and alone.values.tolist() == alone.raw_values.tolist()


@pytest.mark.parametrize(("name", "decisions"), [("kuhn_poker", 1), ("leduc_poker", 3), ("phantom_ttt", 4)])
def test_the_principal_variation_is_legal_in_the_likeliest_state(name: str, decisions: int) -> None:
    state = random_state(name, decisions, seed=5)
    reckoned = belief(state)
    found = ismcts(reckoned, core.FakeEvaluator(state.get_game()), simulations=300)
    likeliest = reckoned.states[int(np.argmax(reckoned.weights))]
    for action in found.principal_variation:
        assert action in likeliest.legal_actions()
        likeliest.apply_action(action)


JACK, QUEEN, KING = range(3)
PASS, BET = range(2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("own", "moves", "best"),
    [
        (KING, [PASS], BET),
        (KING, [BET], BET),
        (JACK, [BET], PASS),
        (KING, [PASS, BET], BET),
        (JACK, [PASS, BET], PASS),
    ],
)
def test_dominated_moves_in_kuhn_poker(seed: int, own: int, moves: list[int], best: int) -> None:
    """With the king to call and to bet, with the jack never to call, whatever the opponent holds and believes."""
    game = pyspiel.load_game("kuhn_poker")
    for other in {JACK, QUEEN, KING} - {own}:
        for deal in ([other, own], [own, other]):
            state = played(game, deal + moves)
            if state.information_state_string()[0] != str(own):
                continue
            for evaluator in (answering(game, "information_state"), core.RolloutEvaluator(game, rollouts=1, seed=seed)):
                found = ismcts(state, evaluator, simulations=2000, seed=seed)
                assert found.actions[np.argmax(found.visits)] == best
                if moves != [PASS]:  # the game ends: values are exact
                    certain = 2.0 if own == KING else -1.0
                    assert found.q[best] * evaluator.value_scale == pytest.approx(certain)
                    assert found.visits.max() > 1900


def test_values_are_expectations_over_the_belief() -> None:
    """The queen facing a bet: calling wins 2 against the jack, loses 2 to the king; passing loses 1."""
    state = played("kuhn_poker", [KING, QUEEN, BET])
    game = state.get_game()
    table = {"0": [0.75, 0.25], "2": [0.25, 0.75]}
    evaluator = answering(game, "information_state")
    reckoned = belief(state, table)
    assert dict(zip([each.history()[0] for each in reckoned.states], reckoned.weights.tolist(), strict=True)) == {
        JACK: pytest.approx(0.25),
        KING: pytest.approx(0.75),
    }
    found = ismcts(reckoned, evaluator, SearchConfig(c_puct=50.0), simulations=8_000, seed=1)
    scale = evaluator.value_scale
    assert found.q[PASS] * scale == pytest.approx(-1.0)
    assert found.q[BET] * scale == pytest.approx(2 * 0.25 - 2 * 0.75, abs=0.05)
    assert found.values[0] == pytest.approx(-found.values[1])


def test_an_efg_game() -> None:
    """Two in three bets are bluffs: calling wins 2/3 a game, passing loses 1."""
    game = pyspiel.load_efg_game(EFG)
    state = game.new_initial_state()
    for pick in (0, 0):
        state.apply_action(state.legal_actions()[pick])
    assert state.current_player() == 1
    evaluator = core.RolloutEvaluator(game, rollouts=1)
    found = ismcts(state, evaluator, SearchConfig(c_puct=5.0), simulations=6000, seed=1)
    call, fold = found.q * evaluator.value_scale
    assert call == pytest.approx(2 / 3, abs=0.1)
    assert fold == pytest.approx(-1.0)
    assert found.visits[0] > found.visits[1]
    # The player who holds the ace bets it.
    holder = game.new_initial_state()
    holder.apply_action(holder.legal_actions()[0])
    first = ismcts(holder, evaluator, simulations=500, seed=1)
    assert first.visits[0] > 400 and first.visits.sum() == 500


@pytest.mark.parametrize(
    ("name", "decisions"),
    [("kuhn_poker", 1), ("leduc_poker", 4), ("phantom_ttt", 5), (DARK_HEX, 5), (SMALL_HANABI, 5)],
)
def test_statistics_never_see_the_hidden_state(name: str, decisions: int) -> None:
    """All states that the player cannot tell apart give the same result, to the last bit."""
    state = random_state(name, decisions, seed=2)
    game = state.get_game()
    encoder = "observation" if name == SMALL_HANABI else "information_state"
    for evaluator in (core.RolloutEvaluator(game, rollouts=1, seed=4), core.FakeEvaluator(game, encoder, seed=4)):
        expected = ismcts(state, evaluator, simulations=120, seed=9, particles=25)
        others = belief(state).states
        assert len(others) > 1
        for other in others[:: max(1, len(others) // 6)]:
            assert_same(ismcts(other, evaluator, simulations=120, seed=9, particles=25), expected)


def test_the_seed_decides_the_result() -> None:
    state = random_state("leduc_poker", 2, seed=1)
    evaluator = core.FakeEvaluator(state.get_game())
    one, other = (ismcts(state, evaluator, simulations=200, seed=seed) for seed in (1, 2))
    assert one.visits.tolist() != other.visits.tolist() or one.q.tolist() != other.q.tolist()


def test_many_states_are_answered_as_each_alone() -> None:
    game = pyspiel.load_game("leduc_poker")
    states = [random_state("leduc_poker", 1 + seed % 4, seed) for seed in range(9)]
    for cache_entries in (0, 1000):
        evaluator = core.FakeEvaluator(game, seed=3, cache_entries=cache_entries)
        alone = [ismcts(state, evaluator, simulations=60, seed=5) for state in states]
        for workers in (1, 3):
            together = ismcts(states, evaluator, simulations=60, seed=5, workers=workers)
            for one, other in zip(alone, together, strict=True):
                assert_same(one, other)
    assert ismcts([], core.FakeEvaluator(game)) == []
    session = Session(game, "information_state")
    ismcts(states, core.NetworkEvaluator(game, "information_state", [session]), simulations=20)
    assert max(session.batches) > 1


def test_the_policy_shapes_what_is_searched() -> None:
    """A bet that only the king makes is not called by the queen; one that only the jack makes is."""
    state = played("kuhn_poker", [KING, QUEEN, BET])
    evaluator = answering(state.get_game(), "information_state")
    for table, best in (({"0": [1.0, 0.0], "2": [0.0, 1.0]}, PASS), ({"0": [0.0, 1.0], "2": [1.0, 0.0]}, BET)):
        found = ismcts(state, evaluator, simulations=300, policy=table, seed=1)
        assert found.actions[np.argmax(found.visits)] == best


def test_values_are_in_the_order_of_the_players() -> None:
    """An evaluator answers observer first; a result is by player, here the second of three."""
    game = pyspiel.load_game("kuhn_poker(players=3)")
    state = played(game, [0, 1, 2, PASS])
    assert state.current_player() == 1
    evaluator = answering(game, "information_state", values=[0.5, -0.25, 0.125])
    found = ismcts(state, evaluator, simulations=0)
    assert found.raw_values.tolist() == [0.125, 0.5, -0.25]


def test_root_noise() -> None:
    state = random_state("leduc_poker", 2, seed=1)
    evaluator = core.FakeEvaluator(state.get_game())
    noisy = core.SearchParams(simulations=100, dirichlet_alpha=1.0, dirichlet_fraction=0.9)
    plain = core.SearchParams(simulations=100)
    one, other = (core.ismcts([belief(state)], evaluator, params, [1])[0] for params in (noisy, plain))
    np.testing.assert_array_equal(one.prior, other.prior)
    assert one.visits.tolist() != other.visits.tolist()


def test_moves_are_compared_on_the_tree_s_own_scale() -> None:
    """With utilities a fraction of what the game declares (a power of two, so exactly), the search is the same."""
    state = random_state("leduc_poker", 2, seed=1)
    game = state.get_game()
    found = belief(state)

    def visits(value_scale: float, value_range: str) -> list[int]:
        evaluator = core.NetworkEvaluator(game, "information_state", [Session(game, "information_state")], value_scale)
        params = core.SearchParams(simulations=200, value_range=value_range)
        return core.ismcts([found], evaluator, params, [1])[0].visits.tolist()

    assert visits(1.0, "tree") == visits(64.0, "tree")
    assert visits(1.0, "declared") != visits(64.0, "declared")


def test_a_bound_in_bytes_holds() -> None:
    state = random_state("leduc_poker", 2, seed=1)
    evaluator = core.FakeEvaluator(state.get_game())
    free, bounded = (ismcts(state, evaluator, SearchConfig(max_bytes=most), simulations=500) for most in (0, 8_000))
    assert not free.full and free.bytes > 8_000
    assert bounded.full and bounded.bytes <= 8_000
    assert free.simulations == bounded.simulations == 500


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["prior_logit", "value"])
def test_answers_that_are_not_finite(where: str, bad: float) -> None:
    game = pyspiel.load_game("kuhn_poker")
    session = Session(game, "information_state")
    session.answers[f"{where}s"][-1] = bad
    evaluator = core.NetworkEvaluator(game, "information_state", [session])
    with pytest.raises(TesujiError, match=rf"answered a {where} that is not finite; kuhn_poker\(\), history \["):
        ismcts(played(game, [1, 2]), evaluator, simulations=4)


def test_what_is_refused(tic_tac_toe: pyspiel.Game) -> None:
    state = played("kuhn_poker", [1, 2, 1])
    game = state.get_game()
    with pytest.raises(TesujiError, match="leaves_in_flight is 4"):
        ismcts(state, core.FakeEvaluator(game), SearchConfig(leaves_in_flight=4))
    with pytest.raises(TesujiError, match="selection is 'gumbel'"):
        ismcts(state, core.FakeEvaluator(game), SearchConfig(selection="gumbel"))
    with pytest.raises(TesujiError, match="forced_playouts"):
        core.ismcts([belief(state)], core.FakeEvaluator(game), core.SearchParams(forced_playouts=2.0), [1])
    with pytest.raises(TesujiError, match="beliefs holds None"):
        core.ismcts([None], core.FakeEvaluator(game), core.SearchParams(), [1])  # type: ignore[list-item]
    with pytest.raises(TesujiError, match="evaluator plays 'tic_tac_toe"):
        ismcts(state, core.FakeEvaluator(tic_tac_toe))
    with pytest.raises(TesujiError, match="reads earlier positions"):
        ismcts(state, core.FakeEvaluator(game, "observation_pair"))
    with pytest.raises(TesujiError, match="simulations is -1"):
        ismcts(state, core.FakeEvaluator(game), simulations=-1)
    with pytest.raises(TesujiError, match="simultaneous"):
        goofspiel = pyspiel.load_game("goofspiel")
        ismcts(goofspiel.new_initial_state(), core.RolloutEvaluator(goofspiel))
    with pytest.raises(TesujiError, match="nobody is to move"):
        ismcts(played("kuhn_poker", [1]), core.FakeEvaluator(game))
    with pytest.raises(TesujiError, match="give one each"):
        core.ismcts([belief(state)], core.FakeEvaluator(game), core.SearchParams(), [1, 2])


def test_golden_trees() -> None:
    """The trees of the fake evaluator are those of every earlier build; tests/regenerate_golden.py makes them anew."""
    stored, cases = json.loads(golden.ISMCTS_PATH.read_text()), golden.ismcts_cases()
    assert len(stored) == len(cases) > 0
    for expected, case in zip(stored, cases, strict=True):
        found = golden.ismcts_tree(case)
        for name in ("q", "values"):
            np.testing.assert_allclose(found.pop(name), expected.pop(name), atol=1e-6)
        assert found == expected
