"""Types of the native core (csrc/bind_*.cc). Import it through `engine.native`.

B batch, D encoder size, A num_distinct_actions, P num_players, N decisions, G games, n legal actions, R rows of a half.
Values are normalised (utility / value_scale); "observer-first": column k belongs to player (observer + k) mod P.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypedDict

import numpy as np
import numpy.typing as npt
import pyspiel

open_spiel_version: str
pybind11_internals_id: str
node_bytes: int
edge_bytes: int

class Session(Protocol):
    """One worker's buffers and its copy of the network; see engine/search/evaluator.py."""

    @property
    def inputs(self) -> npt.NDArray[np.float32]: ...
    @property
    def legal_mask(self) -> npt.NDArray[np.uint8]: ...
    @property
    def prior_logits(self) -> npt.NDArray[np.float32]: ...
    @property
    def values(self) -> npt.NDArray[np.float32]: ...
    def launch(self, half: int, rows: int) -> None: ...
    def wait(self, half: int) -> None: ...

class Records(TypedDict):
    """Finished games in order of id, as arrays."""

    inputs: npt.NDArray[np.float32]  # [N, D] encoder output for the player to move
    legal_mask: npt.NDArray[np.uint8]  # [N, A]
    policy: npt.NDArray[np.float32]  # [N, A] the search's target
    root_values: npt.NDArray[np.float32]  # [N, P] the search's values, observer-first
    returns: npt.NDArray[np.float32]  # [N, P] how the game ended, observer-first
    action: npt.NDArray[np.int64]  # [N] -1 where the player resigned
    player: npt.NDArray[np.int8]  # [N] who decided: the observer of the row
    game_offsets: npt.NDArray[np.int64]  # [G + 1] decisions of game g are rows game_offsets[g] to game_offsets[g + 1]
    game_ids: npt.NDArray[np.int64]  # [G]
    game_returns: npt.NDArray[np.float32]  # [G, P] how each game ended, by player
    resigned: npt.NDArray[np.bool_]  # [G] ended by resignation: returns are a loss of -1 and a win of 1
    histories: list[list[int]]  # [G] all actions, chance outcomes included

class PlaythroughStep(TypedDict):
    """One step as the core sees it; tensors of the player to move, empty where the game has none."""

    player: int
    action: int
    legal_actions: list[int]
    chance_outcomes: list[tuple[int, float]]
    observation: npt.NDArray[np.float32]
    information_state: npt.NDArray[np.float32]

class Playthrough(TypedDict):
    """A random game; returns are those of the last state."""

    steps: list[PlaythroughStep]
    returns: list[float]
    terminal: bool

class SearchParams:
    """How one decision is searched; csrc/params.h explains every field."""

    def __init__(
        self,
        *,
        simulations: int = ...,
        selection: str = ...,
        c_puct: float = ...,
        c_puct_base: float = ...,
        fpu_reduction: float = ...,
        root_policy_temperature: float = ...,
        dirichlet_alpha: float = ...,
        dirichlet_fraction: float = ...,
        dirichlet_total: float = ...,
        forced_playouts: float = ...,
        max_considered_actions: int = ...,
        gumbel_scale: float = ...,
        c_visit: float = ...,
        c_scale: float = ...,
        value_range: str = ...,
        proofs: bool = ...,
        expected_chance: bool = ...,
        chance_widening: float = ...,
        chance_samples: int = ...,
        joint_exploration: float = ...,
        leaves_in_flight: int = ...,
        max_cached_states: int = ...,
        max_bytes: int = ...,
        reuse_tree: bool = ...,
    ) -> None: ...
    @property
    def simulations(self) -> int: ...

class PlayerParams:
    """How one contestant thinks and moves."""

    def __init__(
        self,
        evaluator: int,
        search: SearchParams,
        *,
        temperature: float = ...,
        temperature_plies: int = ...,
        final_temperature: float = ...,
    ) -> None: ...

class SelfPlayParams:
    """What is special about games a learner learns from."""

    def __init__(
        self,
        *,
        random_opening_share: float = ...,
        random_opening_plies: int = ...,
        past_share: float = ...,
        fast_share: float = ...,
        fast_simulations: int = ...,
        resign_threshold: float = ...,
        resign_plies: int = ...,
        resign_check_share: float = ...,
    ) -> None: ...

class Evaluator:
    """Who answers leaves. Setting `version` drops answers cached for another one."""

    version: int
    @property
    def max_rows(self) -> int: ...
    @property
    def max_workers(self) -> int: ...
    @property
    def value_scale(self) -> float: ...

class NetworkEvaluator(Evaluator):
    """Answers by Python sessions, one a worker; searches at the same time get sessions that `more` makes."""

    def __init__(
        self,
        game: pyspiel.Game,
        encoder: str,
        sessions: Sequence[Session],
        value_scale: float = ...,
        cache_entries: int = ...,
        name: str = ...,
        more: Callable[[], Session] | None = ...,
    ) -> None: ...

def FakeEvaluator(game: pyspiel.Game, encoder: str = ..., seed: int = ..., cache_entries: int = ...) -> Evaluator: ...
def RolloutEvaluator(game: pyspiel.Game, rollouts: int = ..., seed: int = ...) -> Evaluator: ...

class SearchResult:
    """A finished search: see `engine.search.search.SearchResult`. n actions, q for their owners; values by player."""

    @property
    def actions(self) -> npt.NDArray[np.int64]: ...
    @property
    def owners(self) -> npt.NDArray[np.int32]: ...
    @property
    def visits(self) -> npt.NDArray[np.int32]: ...
    @property
    def prior(self) -> npt.NDArray[np.float32]: ...
    @property
    def q(self) -> npt.NDArray[np.float64]: ...
    @property
    def proven(self) -> npt.NDArray[np.bool_]: ...
    @property
    def target(self) -> npt.NDArray[np.float64]: ...
    @property
    def values(self) -> npt.NDArray[np.float64]: ...
    @property
    def raw_values(self) -> npt.NDArray[np.float64]: ...
    @property
    def principal_variation(self) -> list[int]: ...
    @property
    def variations(self) -> list[list[int]]: ...
    @property
    def best(self) -> int: ...
    @property
    def root_proven(self) -> bool: ...
    @property
    def full(self) -> bool: ...
    @property
    def bytes(self) -> int: ...
    @property
    def player(self) -> int: ...
    @property
    def simulations(self) -> int: ...
    @property
    def terminal_hits(self) -> int: ...
    @property
    def nodes(self) -> int: ...
    @property
    def edges(self) -> int: ...
    @property
    def max_depth(self) -> int: ...
    def policy(self, temperature: float = ...) -> npt.NDArray[np.float64]: ...

class Analysis:
    """One position on all cores: see `engine.search.analysis.Analysis`."""

    def __init__(
        self,
        state: pyspiel.State,
        evaluator: Evaluator,
        params: SearchParams,
        seed: int = ...,
        workers: int = ...,
    ) -> None: ...
    def begin(self, *, simulations: int | None = ..., seconds: float | None = ...) -> None: ...
    def run(self) -> None: ...
    def stop(self) -> None: ...
    def result(self) -> SearchResult: ...

class Solution:
    """An exact solution, in utilities by player. values, lower, upper: [P]; actions: [n]; move_values: [n, P]."""

    @property
    def proven(self) -> bool: ...
    @property
    def player(self) -> int: ...
    @property
    def values(self) -> npt.NDArray[np.float64]: ...
    @property
    def lower(self) -> npt.NDArray[np.float64]: ...
    @property
    def upper(self) -> npt.NDArray[np.float64]: ...
    @property
    def actions(self) -> npt.NDArray[np.int64]: ...
    @property
    def move_values(self) -> npt.NDArray[np.float64]: ...
    @property
    def best_actions(self) -> npt.NDArray[np.int64]: ...
    @property
    def nodes(self) -> int: ...

class InterruptibleRollouts:
    """OpenSpiel's RandomRolloutEvaluator with the same answers, for its MCTSBot, whose search Ctrl-C then ends."""

    def __init__(self, rollouts: int, seed: int) -> None: ...

class Pool:
    """Many games at once. players[0] learns, players[1], if any, is the past opponent."""

    def __init__(
        self,
        game: pyspiel.Game,
        evaluators: Sequence[Evaluator],
        players: Sequence[PlayerParams],
        selfplay: SelfPlayParams,
        workers: int,
        games_per_worker: int,
        seed: int,
    ) -> None: ...
    def run(self, *, positions: int | None = ..., games: int | None = ..., seconds: float = ...) -> Records:
        """Play until so many positions are recorded, or the first so many games are over; at most so many seconds.

        The games that are not over go on in the next call.
        """
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...
    def set_resign_threshold(self, threshold: float) -> None: ...
    def statistics(self) -> dict[str, float]:
        """Since the pool was made, by name:

        positions, games         recorded decisions and finished games
        simulations              of all decisions, not only of those recorded
        terminal_hits            of them, those that ended in a state of exact value
        evaluations, batches     rows that evaluators answered, and in how many calls
        cache_hits               answers that needed none: from the cache, the tree, or another row of the same batch
        resignations             games ended so
        resignation_checks       checked games (`resign_check_share`) in which a seat would have resigned
        resignation_errors       of them, those that this seat did not lose
        seconds                  of wall clock inside `run`
        seconds_evaluating       spent on evaluators, summed over workers
        """

class BatchEnv:
    """Many games stepped at once, for learning without search: a policy chooses all actions, chance is played inside.

    N games, D input_size, A num_actions, P num_players. All arrays are the caller's: C-contiguous, of exactly this shape
    and type. Game r of slot i depends on seed, i, r and the actions alone, whatever the `workers`.

    game     simultaneous moves become turns, in which nobody sees the others' choices (OpenSpiel's turn-based form);
             `game` is then that form, and so are actions, histories and states
    size     N
    encoder  "auto": the observation where information is perfect, else the information state; the other if there is
             only one. A policy for a game of hidden information that has only observations sees no history
    group    slots k * group to (k + 1) * group - 1 begin their r-th games alike: the same start, the same chance up to
             the first decision
    starts   histories, chance outcomes included, that games begin after, drawn uniformly; none: the game's beginning
    report   called now and then while the first games begin, with how many have of how many
    """

    def __init__(
        self,
        game: pyspiel.Game,
        size: int,
        encoder: str = ...,
        *,
        seed: int = ...,
        workers: int = ...,
        group: int = ...,
        starts: Sequence[Sequence[int]] = ...,
        report: Callable[[int, int], None] | None = ...,
    ) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def num_players(self) -> int: ...
    @property
    def num_actions(self) -> int: ...
    @property
    def input_size(self) -> int: ...
    @property
    def game(self) -> pyspiel.Game: ...
    @property
    def encoder(self) -> str: ...
    def observe(
        self,
        inputs: npt.NDArray[np.float32],  # [N, D]
        legal_mask: npt.NDArray[np.uint8],  # [N, A]
        players: npt.NDArray[np.int32],  # [N]
    ) -> None:
        """Write the decision that each game waits at, as its player to move sees it."""

    def step(
        self,
        actions: npt.NDArray[np.int64],  # [N]
        rewards: npt.NDArray[np.float32],  # [N, P]
        done: npt.NDArray[np.uint8],  # [N]
        inputs: npt.NDArray[np.float32],  # [N, D]
        legal_mask: npt.NDArray[np.uint8],  # [N, A]
        players: npt.NDArray[np.int32],  # [N]
    ) -> None:
        """Play these actions and chance to the next decisions, and write those.

        `rewards` are utilities by player: what the returns have changed by since the decision before; `done` is 1 where the
        game ended: then the observation is the first decision of the slot's next game. If an action is illegal, no game is
        stepped.
        """

    def state(self, index: int) -> pyspiel.State:
        """Return a copy of one game. If it draws chance inside its states: to look at, not to step."""

    def save(self) -> bytes:
        """Return the games in progress and all that later ones depend on."""

    def restore(self, data: bytes) -> None:
        """Go on exactly there; game, size, group and starts must be the same."""

def search(
    states: Sequence[pyspiel.State],
    evaluator: Evaluator,
    params: SearchParams,
    seeds: Sequence[int],
    workers: int = ...,
    variations: bool = ...,
) -> list[SearchResult]: ...
def solve(
    state: pyspiel.State,
    *,
    nodes: int = ...,
    table_bytes: int = ...,
    string_keys: bool = ...,
    every_move: bool = ...,
) -> Solution: ...

class Belief:
    """States that the player to move may be in; engine/search/beliefs.py explains every field."""

    @property
    def game(self) -> pyspiel.Game: ...
    @property
    def player(self) -> int: ...
    @property
    def states(self) -> list[pyspiel.State]: ...
    @property
    def weights(self) -> npt.NDArray[np.float64]: ...
    @property
    def effective_sample_size(self) -> float: ...
    @property
    def survivors(self) -> int: ...
    @property
    def method(self) -> str: ...

def belief(
    state: pyspiel.State,
    policy: Evaluator | Callable[[list[pyspiel.State]], npt.NDArray[np.float64]] | None = ...,
    method: str = ...,
    particles: int = ...,
    max_nodes: int = ...,
    seed: int = ...,
) -> Belief: ...
def ismcts(
    beliefs: Sequence[Belief],
    evaluator: Evaluator,
    params: SearchParams,
    seeds: Sequence[int],
    workers: int = ...,
) -> list[SearchResult]: ...

class InformationTree:
    """All histories of a game, for exact values of policies; I information states, T legal actions of all of them.

    A policy is a table float64[T]: for information state i, entries offsets[i] to before offsets[i + 1] are the
    probabilities of these `actions`, for player players[i]. The game is enumerated once, in its turn-based form where
    moves are simultaneous: 4 bytes a history, about 50 an information state and 4 a legal action.
    """

    def __init__(
        self,
        game: pyspiel.Game,
        *,
        max_histories: int = ...,
        progress: Callable[[int, float], object] | None = ...,
    ) -> None:
        """Raise TesujiError for games that have more histories, forget what a player knew or did (every history of an
        information state must share the player's own sequence of information states and actions), hide something and
        have no information-state strings, or have chance that cannot be listed. Ctrl-C ends it.

        progress: called some times a second with the histories so far and the share of the game that they are, were
            all children of a history equally large.
        """
    @property
    def game(self) -> pyspiel.Game: ...
    @property
    def num_histories(self) -> int: ...
    @property
    def num_information_states(self) -> int: ...
    @property
    def players(self) -> npt.NDArray[np.int8]: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def actions(self) -> npt.NDArray[np.int32]: ...
    def names(self, first: int, count: int) -> list[str]:
        """The information-state strings (histories, where a game of perfect information has none) of `count` information
        states from `first` on.
        """
    def states(self, first: int, count: int) -> list[pyspiel.State]:
        """A state of each of them, the first that the enumeration met, rebuilt by replay."""
    def encode(
        self, first: int, count: int, encoder: str = ...
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """inputs f32[count, D] and legal_mask u8[count, A] of the same states, for the player to move."""
    def find(self, states: Sequence[pyspiel.State]) -> npt.NDArray[np.int64]:
        """int64[B]: the information states of the players to move."""
    def evaluate(self, probabilities: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """values f64[P] if all follow the policy; best_response_values f64[P] if that player alone leaves it for a best
        response. In utilities. Raise TesujiError naming an information state whose row is no distribution (to 1e-6).
        """
    def best_responses(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """float64[T]: in the rows of each player, its best response to the others, who follow the policy. One action
        has probability 1: the first of the best ones, also where the others never let the information state come (all
        actions are equally good there).
        """

def play_match(
    game: pyspiel.Game,
    evaluators: Sequence[Evaluator],
    players: Sequence[PlayerParams],
    openings: Sequence[Sequence[int]],
    seats: Sequence[Sequence[int]],
    seeds: Sequence[int],
    workers: int = ...,
    games_per_worker: int = ...,
    *,
    seconds: float = ...,
) -> list[tuple[list[int], list[float]] | None]:
    """Play each of the openings to its end; its history and returns by player, normalised by evaluators[0]. None stands
    for games that were not over after so many `seconds`.

    seats[g][p] is the index in `players` of who moves for player p; games of equal seeds share their chance outcomes.
    """

def encoder_names() -> list[str]: ...
def default_encoder(game: pyspiel.Game) -> str: ...
def encoder_size(game: pyspiel.Game, name: str) -> int: ...
def encoder_shape(game: pyspiel.Game, name: str) -> list[int]: ...
def encode(states: Sequence[pyspiel.State], name: str = ...) -> npt.NDArray[np.float32]: ...
def legal_mask(states: Sequence[pyspiel.State]) -> npt.NDArray[np.uint8]: ...
def playthrough(game: pyspiel.Game, seed: int, max_steps: int = ...) -> Playthrough: ...
