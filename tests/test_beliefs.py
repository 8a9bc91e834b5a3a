"""Beliefs: against enumerations of the whole game tree written here, and by what the player has seen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyspiel
import pytest
from numpy.typing import NDArray
from positions import Session, played, random_state

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the games' own Python code
    import open_spiel.python.games  # noqa: F401

from engine.errors import TesujiError
from engine.native import core
from engine.search.beliefs import Belief, belief, tabular_policy

History = tuple[int, ...]
Table = dict[str, list[float]]

SMALL_GAMES = [
    "kuhn_poker",
    "kuhn_poker(players=3)",
    "leduc_poker",
    "leduc_poker(suit_isomorphism=true)",
    "liars_dice(dice_sides=3)",
    "dark_hex(num_rows=2,num_cols=2)",
    "tiny_bridge_2p",
    "tiny_hanabi",
    "lewis_signaling",
    "universal_poker(betting=nolimit,numPlayers=2,numRounds=2,blind=1 1,firstPlayer=1 1,numSuits=2,numRanks=3,"
    "numHoleCards=1,numBoardCards=0 1,stack=3 3)",
    "turn_based_simultaneous_game(game=goofspiel(num_cards=3,points_order=descending,imp_info=true))",
    "python_kuhn_poker",
]
DARK_HEX = "dark_hex(num_rows=3,num_cols=3)"
SMALL_HANABI = "hanabi(players=2,colors=2,ranks=3,hand_size=2)"
SMALL_GIN = "gin_rummy(num_ranks=4,num_suits=2,hand_size=2)"

# Player 1 does not see whether chance took l or r, nor what player 2, who sees it, did after that; then it moves again.
EFG = """EFG 2 R "Blind" { "One" "Two" } ""
p "" 1 1 "first" { "up" "down" } 0
c "" 1 "" { "l" 1/4 "r" 3/4 } 0
p "" 2 1 "left" { "a" "b" } 0
p "" 1 2 "again" { "c" "d" } 0
t "" 1 "" { 1, -1 }
t "" 2 "" { -1, 1 }
p "" 1 2 "again" { "c" "d" } 0
t "" 3 "" { 1, -1 }
t "" 4 "" { -1, 1 }
p "" 2 2 "right" { "a" "b" } 0
p "" 1 2 "again" { "c" "d" } 0
t "" 5 "" { -1, 1 }
t "" 6 "" { 1, -1 }
p "" 1 2 "again" { "c" "d" } 0
t "" 7 "" { 1, -1 }
t "" 8 "" { -1, 1 }
t "" 9 "" { 0, 0 }
"""


def seen(state: pyspiel.State, player: int) -> list[str | tuple[str, int]]:
    """What the player saw on its way: information states where it moved, else all observations; and its own actions."""
    recall = state.get_game().get_type().provides_information_state_string
    now = state.get_game().new_initial_state()
    history = state.history()
    sights: list[str | tuple[str, int]] = []
    for step in range(len(history) + 1):
        own = now.current_player() == player
        if recall and own:
            sights.append(now.information_state_string(player))
        elif not recall:
            sights.append(now.observation_string(player))
        if step < len(history):
            if own:
                sights.append(("own", history[step]))
            now.apply_action(history[step])
    return sights


def random_table(game: pyspiel.Game, seed: int) -> Table:
    """Random probabilities for every information state, some of them 0."""
    generator = np.random.default_rng(seed)
    table: Table = {}

    def visit(state: pyspiel.State) -> None:
        if state.is_terminal():
            return
        if not state.is_chance_node() and state.information_state_string() not in table:
            legal = state.legal_actions()
            weights = generator.dirichlet(np.full(len(legal), 0.7))
            row = np.zeros(game.num_distinct_actions())
            row[legal] = weights
            table[state.information_state_string()] = list(row)
        for action in state.legal_actions():
            visit(state.child(action))

    visit(game.new_initial_state())
    return table


def enumerated(state: pyspiel.State, table: Mapping[str, Sequence[float]] | None) -> dict[History, float]:
    """The belief from a walk of the whole game: all states with the same information state where the player moves."""
    player = state.current_player()
    target = seen(state, player)

    def visit(now: pyspiel.State, weight: float, sights: list[Any]) -> Iterator[tuple[History, float]]:
        if now.is_terminal() or weight == 0.0:
            return
        if now.is_chance_node():
            for action, probability in now.chance_outcomes():
                yield from visit(now.child(action), weight * probability, sights)
        elif now.current_player() == player:
            sights = [*sights, now.information_state_string(player)]
            if sights == target:
                yield tuple(now.history()), weight
            elif sights == target[: len(sights)]:
                action = target[len(sights)][1]
                yield from visit(now.child(action), weight, [*sights, ("own", action)])
        else:
            legal = now.legal_actions()
            row = table[now.information_state_string()] if table is not None else None
            for action in legal:
                probability = 1.0 / len(legal) if row is None else row[action]
                yield from visit(now.child(action), weight * probability, sights)

    found = dict(visit(state.get_game().new_initial_state(), 1.0, []))
    total = sum(found.values())
    return {history: weight / total for history, weight in found.items()}


def by_history(found: Belief) -> dict[History, float]:
    histories = [tuple(state.history()) for state in found.states]
    assert len(set(histories)) == len(histories) == found.survivors
    return dict(zip(histories, found.weights.tolist(), strict=True))


def distance(a: Mapping[History, float], b: Mapping[History, float]) -> float:
    """Total variation."""
    return 0.5 * sum(abs(a.get(history, 0.0) - b.get(history, 0.0)) for history in a.keys() | b.keys())


@pytest.mark.parametrize("name", SMALL_GAMES)
@pytest.mark.parametrize("decisions", [1, 2, 3])
def test_exact_beliefs_are_those_of_an_enumeration(name: str, decisions: int) -> None:
    state = random_state(name, decisions, seed=decisions)
    expected = enumerated(state, None)
    found = belief(state, method="exact")
    assert by_history(found) == pytest.approx(expected, abs=1e-12)
    assert (found.method, found.player) == ("exact", state.current_player())
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.effective_sample_size == pytest.approx(1.0 / (found.weights**2).sum())


@pytest.mark.parametrize("name", ["kuhn_poker", "kuhn_poker(players=3)", "leduc_poker", "python_kuhn_poker"])
@pytest.mark.parametrize("seed", range(5))
def test_opponents_are_weighed_by_their_policy(name: str, seed: int) -> None:
    game = pyspiel.load_game(name)
    table = random_table(game, seed)
    state = random_state(name, 2 + seed, seed)
    expected = enumerated(state, table)
    assert by_history(belief(state, table, method="exact")) == pytest.approx(expected, abs=1e-12)
    assert by_history(belief(state, tabular_policy(table))) == pytest.approx(expected, abs=1e-12)
    assert distance(expected, enumerated(state, None)) > 0.01 or len(expected) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["kuhn_poker", "kuhn_poker(players=3)", "leduc_poker"])
def test_resampled_particles_are_reweighted(name: str, seed: int) -> None:
    table = random_table(pyspiel.load_game(name), seed)
    state = random_state(name, 3, seed)
    found = belief(state, table, method="resampling", particles=20_000, seed=seed)
    assert found.method == "resampling"
    assert distance(by_history(found), enumerated(state, table)) < 0.05
    assert 1.0 <= found.effective_sample_size <= 20_000
    evenly = belief(state, method="resampling", particles=20_000, seed=seed)
    assert distance(by_history(evenly), enumerated(state, None)) < 0.05
    assert evenly.effective_sample_size == pytest.approx(20_000)


def test_resampling_in_bargaining() -> None:
    """Its chance has a thousand outcomes, of which the player sees a part."""
    state = random_state("bargaining", 3, seed=2)
    found = belief(state, method="resampling", particles=20_000)
    assert distance(by_history(found), by_history(belief(state, method="exact"))) < 0.05


@pytest.mark.parametrize(("name", "decisions"), [("phantom_ttt", 4), (DARK_HEX, 5), ("liars_dice(numdice=2)", 2)])
def test_replayed_particles_are_unbiased(name: str, decisions: int) -> None:
    """20,000 of them in many runs, each with far fewer than an enumeration needs."""
    state = random_state(name, decisions, seed=2)

    def policy(states: list[pyspiel.State]) -> NDArray[np.float64]:
        rows = np.zeros((len(states), states[0].num_distinct_actions()))
        for row, each in zip(rows, states, strict=True):
            row[each.legal_actions()] = np.arange(len(each.legal_actions())) + 1.0
        return rows / rows.sum(axis=1, keepdims=True)

    exact = by_history(belief(state, policy, method="exact"))
    size = max(12, len(exact) // 8)
    mean: dict[History, float] = {}
    for seed in range(20_000 // size):
        found = belief(state, policy, method="replay", particles=size, seed=seed)
        assert found.method == "replay"
        assert found.survivors <= size
        for history, weight in by_history(found).items():
            mean[history] = mean.get(history, 0.0) + weight
    total = sum(mean.values())
    assert distance(exact, {history: weight / total for history, weight in mean.items()}) < 0.05


PARTICLE_GAMES = [
    ("leduc_poker", 4),
    ("liars_dice(numdice=2)", 3),
    ("phantom_ttt", 6),
    ("dark_hex(num_rows=2,num_cols=2)", 3),
    (DARK_HEX, 6),
    ("kriegspiel(board_size=4)", 4),
    ("phantom_go(board_size=3)", 4),
    ("tiny_bridge_2p", 2),
    ("battleship(board_width=2,board_height=2,ship_sizes=[1],ship_values=[1],num_shots=2)", 4),
    (SMALL_GIN, 3),
    (SMALL_HANABI, 2),
    (SMALL_HANABI, 6),
    (SMALL_HANABI, 9),
]


@pytest.mark.parametrize(("name", "decisions"), PARTICLE_GAMES)
@pytest.mark.parametrize("method", ["auto", "replay"])
def test_particles_agree_with_all_that_was_seen(name: str, decisions: int, method: Any) -> None:
    state = random_state(name, decisions, seed=decisions)
    player = state.current_player()
    expected = seen(state, player)
    found = belief(state, method=method, particles=60, max_nodes=2000, seed=3)
    assert 0 < found.survivors == len(found.states) == len(found.weights)
    assert found.method == "exact" or found.survivors <= 60
    assert found.weights.sum() == pytest.approx(1.0) and found.weights.min() > 0.0
    for each in found.states[:: max(1, found.survivors // 60)]:
        assert each.current_player() == player
        assert each.legal_actions() == state.legal_actions()
        assert seen(each, player) == expected
    if found.method == "exact":
        assert tuple(state.history()) in by_history(found)


def test_bridge_is_resampled() -> None:
    state = random_state("bridge(use_double_dummy_result=false)", 3, seed=1)
    found = belief(state, particles=50, max_nodes=500)
    assert (found.method, found.survivors) == ("resampling", 50)
    player = state.current_player()
    assert {each.information_state_string(player) for each in found.states} == {state.information_state_string(player)}


def test_a_player_of_an_efg_game_knows_only_its_own_information_sets() -> None:
    """OpenSpiel gives the other player's information set to whoever asks: at such states nothing is read."""
    game = pyspiel.load_efg_game(EFG)
    first = game.new_initial_state()
    up = first.legal_actions()[0]
    after = first.child(up)
    after = after.child(after.legal_actions()[0])
    state = after.child(after.legal_actions()[1])
    assert state.current_player() == 0 and state.history()[0] == up
    expected = enumerated(state, None)
    assert sorted(expected.values()) == pytest.approx([1 / 8, 1 / 8, 3 / 8, 3 / 8])
    assert by_history(belief(state)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "decisions", "options"),
    [
        ("leduc_poker", 3, {"method": "exact"}),
        ("leduc_poker", 3, {"method": "resampling", "particles": 5}),
        ("phantom_ttt", 5, {"method": "replay", "particles": 20}),
        (SMALL_HANABI, 5, {"method": "replay", "particles": 20}),
    ],
)
def test_the_hidden_state_does_not_matter_but_the_seed_does(name: str, decisions: int, options: Any) -> None:
    state = random_state(name, decisions, seed=6)
    one = belief(state, seed=4, **options)
    others = belief(state, method="exact").states
    assert len(others) > 2
    for other in others[::5]:
        again = belief(other, seed=4, **options)
        assert by_history(again) == by_history(one)
        assert [each.history() for each in again.states] == [each.history() for each in one.states]
        assert again.effective_sample_size == one.effective_sample_size
    if options["method"] != "exact":
        assert by_history(belief(state, seed=5, **options)) != by_history(one)


class Network(Session):
    """Prefers later actions, and depends on the input, as a network's answers do."""

    def wait(self, half: int) -> None:
        self.prior_logits[half] = self.inputs[half].sum(axis=1, keepdims=True) * np.arange(self.prior_logits.shape[2])


@pytest.mark.parametrize("cache_entries", [0, 100])
def test_an_evaluator_can_be_the_policy(cache_entries: int) -> None:
    game = pyspiel.load_game("phantom_ttt")
    session = Network(game, "observation", rows=7)
    evaluator = core.NetworkEvaluator(game, "observation", [session], 1.0, cache_entries)
    state = random_state("phantom_ttt", 4, seed=2)

    def same(states: list[pyspiel.State]) -> NDArray[np.float64]:
        logits = np.array([np.sum(each.observation_tensor()) * np.arange(9) for each in states])
        logits[core.legal_mask(states) == 0] = -np.inf
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    expected = by_history(belief(state, same, method="exact"))
    assert by_history(belief(state, evaluator, method="exact")) == pytest.approx(expected, abs=1e-6)
    assert max(session.batches) == 7


def test_a_policy_is_asked_in_batches() -> None:
    asked: list[int] = []

    def uniform(states: list[pyspiel.State]) -> NDArray[np.float64]:
        asked.append(len(states))
        mask = core.legal_mask(states).astype(np.float64)
        return np.asarray(mask / mask.sum(axis=1, keepdims=True))

    state = random_state("phantom_ttt", 5, seed=2)
    found = belief(state, uniform)
    assert by_history(found) == pytest.approx(by_history(belief(state)))
    assert len(asked) < 20 < max(asked) < found.survivors


def test_perfect_information_leaves_the_state_itself(tic_tac_toe: pyspiel.Game) -> None:
    state = played(tic_tac_toe, [4, 0])
    found = belief(state)
    assert by_history(found) == {(4, 0): 1.0}
    assert found.effective_sample_size == 1.0


def test_beliefs_are_read_only() -> None:
    found = belief(random_state("leduc_poker", 2, seed=1))
    before = by_history(found)
    for state in found.states:
        state.apply_action(state.legal_actions()[-1])
    found.weights[:] = 0.0
    assert by_history(found) == before
    with pytest.raises(AttributeError):
        found.method = "other"  # type: ignore[misc]


def rows(*row: float) -> Any:
    return lambda states: np.tile(row, (len(states), 1))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (rows(np.nan, 1.0), r"policy gives action 0 the probability nan; kuhn_poker\(\), history \[0, 2\]"),
        (rows(-0.25, 1.25), r"action 0 the probability -0.25.*; kuhn_poker\(\), history"),
        (rows(0.5, 0.25), r"policy gives probabilities that sum to 0.75.*, not 1; kuhn_poker"),
        (rows(0.5, 0.25, 0.25), r"policy must return an array of float64 with shape \[2, 2\]"),
        (lambda states: "nonsense", r"policy must return an array"),
        ({"0": [0.5, 0.5]}, r"policy has no entry for information state '1'; kuhn_poker\(\), history \[1, 2\]"),
        (rows(1.0, 0.0), r"no state is left .* player 1 has seen"),
    ],
)
def test_a_policy_that_is_none(policy: Any, message: str) -> None:
    with pytest.raises(TesujiError, match=message):
        belief(played("kuhn_poker", [1, 2, 1]), policy)


def test_a_policy_that_plays_illegal_actions() -> None:
    with pytest.raises(TesujiError, match=r"policy gives the illegal action 0 the probability 0.3.*; leduc_poker"):
        belief(played("leduc_poker", [0, 1, 1]), rows(1 / 3, 1 / 3, 1 / 3))


def test_no_particle_may_be_left() -> None:
    """Nothing is observed while these cards are dealt, so that all are drawn in vain."""
    with pytest.raises(TesujiError, match=r"no state is left .* more particles \(5 now\).*; crazy_eights"):
        belief(random_state("crazy_eights", 1, seed=1), method="replay", particles=5)


def test_an_exception_of_the_policy_comes_through() -> None:
    def failing(states: list[pyspiel.State]) -> NDArray[np.float64]:
        raise ValueError("no table")

    with pytest.raises(ValueError, match="no table"):
        belief(played("kuhn_poker", [1, 2, 1]), failing)


def test_what_is_refused(tic_tac_toe: pyspiel.Game) -> None:
    state = played("kuhn_poker", [1, 2, 1])
    with pytest.raises(TesujiError, match="method is 'best'; choose auto, exact"):
        belief(state, method="best")  # type: ignore[arg-type]
    with pytest.raises(TesujiError, match="particles is 0"):
        belief(state, particles=0)
    with pytest.raises(TesujiError, match="max_nodes is 0"):
        belief(state, max_nodes=0)
    with pytest.raises(TesujiError, match=r"max_nodes = 3 states do not suffice.*; kuhn_poker"):
        belief(state, method="exact", max_nodes=3)
    with pytest.raises(TesujiError, match=r"'euchre.*' has no sampler known to be unbiased"):
        belief(random_state("euchre", 1, seed=0), method="resampling")
    with pytest.raises(TesujiError, match=r"nobody is to move; kuhn_poker\(\), history \[1\]"):
        belief(played("kuhn_poker", [1]))
    with pytest.raises(TesujiError, match="nobody is to move"):
        belief(played("kuhn_poker", [1, 2, 0, 0]))
    with pytest.raises(TesujiError, match="simultaneous"):
        belief(pyspiel.load_game("goofspiel").new_initial_state())
    with pytest.raises(TesujiError, match="samples its chance"):
        belief(pyspiel.load_game("negotiation(rng_seed=1)").new_initial_state())
    with pytest.raises(TesujiError, match="evaluator plays 'tic_tac_toe"):
        belief(state, core.FakeEvaluator(tic_tac_toe))
    poker = pyspiel.load_game("kuhn_poker")
    with pytest.raises(TesujiError, match="reads earlier positions"):
        belief(state, core.FakeEvaluator(poker, "observation_pair"))
