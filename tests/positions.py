"""What the tests of searches share: games and positions to search, sessions that answer, results compared."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyspiel
from numpy.typing import ArrayLike

from engine.native import core
from engine.search.search import SearchResult

# These need another game, a file or a parameter that has no default.
NOT_BY_DEFAULT = {
    "add_noise",
    "cached_tree",
    "efg_game",
    "misere",
    "nfg_game",
    "normal_form_extensive_game",
    "repeated_game",
    "repeated_poker",
    "restricted_nash_response",
    "start_at",
    "turn_based_simultaneous_game",
    "zerosum",
}
# Some of those games, all sequential, and two with parameters of their own.
TRANSFORMED = [
    "add_noise(epsilon=0.5,game=tic_tac_toe(),seed=1)",
    "cached_tree(game=tic_tac_toe())",
    "misere(game=tic_tac_toe())",
    "restricted_nash_response(game=kuhn_poker(),fixed_player=0,p=0.5)",
    "start_at(game=tic_tac_toe(),history=4;0)",
    "turn_based_simultaneous_game(game=goofspiel(num_cards=4,points_order=descending))",
    "zerosum(game=tic_tac_toe())",
    "connect_four(rows=5,columns=4,x_in_row=3)",
    "pig(players=3)",
]


def played(game: str | pyspiel.Game, actions: Iterable[int] = ()) -> pyspiel.State:
    """The state after these actions, chance's included."""
    state = (pyspiel.load_game(game) if isinstance(game, str) else game).new_initial_state()
    for action in actions:
        state.apply_action(action)
    return state


def decisions(game: str | pyspiel.Game, generator: random.Random) -> Iterator[pyspiel.State]:
    """Every state of a random game in which somebody is to move."""
    state = played(game)
    while not state.is_terminal():
        if state.is_chance_node():
            outcomes, weights = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(generator.choices(outcomes, weights)[0])
            continue
        yield state.clone()
        if state.is_simultaneous_node():
            legal = [state.legal_actions(player) or [0] for player in range(state.num_players())]
            state.apply_actions([generator.choice(actions) for actions in legal])
        else:
            state.apply_action(generator.choice(state.legal_actions()))


def random_state(game: str | pyspiel.Game, count: int, seed: int) -> pyspiel.State:
    """The decision of a random game that so many others precede, or its last one."""
    *_, state = itertools.islice(decisions(game, random.Random(seed)), count + 1)
    return state


class Session:
    """A network written in Python: the same answer to every leaf, and a note of what was asked."""

    def __init__(
        self,
        game: pyspiel.Game,
        encoder: str = "observation",
        rows: int = 8,
        logits: ArrayLike = 0.0,
        values: ArrayLike = 0.0,
    ) -> None:
        actions, players = game.num_distinct_actions(), game.num_players()
        self.inputs = np.zeros((2, rows, core.encoder_size(game, encoder)), np.float32)
        self.legal_mask = np.zeros((2, rows, actions), np.uint8)
        self.prior_logits = np.zeros((2, rows, actions), np.float32)
        self.values = np.zeros((2, rows, players), np.float32)
        self.answers = {
            "prior_logits": np.full(actions, logits, np.float32),
            "values": np.full(players, values, np.float32),
        }
        self.launched: list[int] = []
        self.batches: list[int] = []
        self.asked: list[np.ndarray] = []
        self.masks: list[np.ndarray] = []

    def launch(self, half: int, rows: int) -> None:
        self.launched.append(half)
        self.batches.append(rows)
        self.asked.extend(self.inputs[half, :rows].copy())
        self.masks.extend(self.legal_mask[half, :rows].copy())

    def wait(self, half: int) -> None:
        assert self.launched.pop(0) == half
        for name, answer in self.answers.items():
            getattr(self, name)[half] = answer


class Failing(Session):
    """Answers so many batches, and then fails."""

    def __init__(self, game: pyspiel.Game, good: int = 0) -> None:
        super().__init__(game)
        self.good = good

    def wait(self, half: int) -> None:
        super().wait(half)
        self.good -= 1
        if self.good < 0:
            raise ValueError("no device")


def answering(game: pyspiel.Game, encoder: str = "observation", **answer: Any) -> core.Evaluator:
    """An evaluator with one `Session`."""
    return core.NetworkEvaluator(game, encoder, [Session(game, encoder, **answer)])


def search_one(state: pyspiel.State, evaluator: core.Evaluator, seed: int = 0, **params: Any) -> core.SearchResult:
    (result,) = core.search([state], evaluator, core.SearchParams(**params), [seed])
    return result


def assert_same(one: core.SearchResult | SearchResult, other: core.SearchResult | SearchResult) -> None:
    """Two searches came to the same result, to the last bit, and by trees of one size."""
    for name in ("actions", "visits", "prior", "q", "values", "raw_values", "principal_variation"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("simulations", "nodes", "edges", "max_depth"):
        assert getattr(one, name) == getattr(other, name), name
