"""A checkpoint as an agent: the network's raw policy, or search over it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent, Decision, FloatArray, MoveStatistics, sharpen
from engine.config import EvaluatorConfig, SearchConfig
from engine.errors import Refusal, TesujiError
from engine.game import GameFacts, facts, load_game, require_searchable, searchable
from engine.native import core
from engine.search.analysis import Analysis
from engine.search.search import SearchResult, search, search_params

if TYPE_CHECKING:
    from engine import _core
    from engine.network.checkpoint import Checkpoint
    from engine.search.evaluator import Evaluator

ROWS = 128  # states of one network batch; beyond 32 a CPU gains little
CACHE_ENTRIES = 50_000  # evaluations kept a worker: the games of a match share their openings
LEAVES = 8  # in flight in each worker while it thinks about one state, unless the search says otherwise
WORKERS = 2  # search threads; results depend on their number through batch shapes only


class NetworkAgent(BatchAgent):
    """Plays a checkpoint's network: with 0 simulations the raw policy, else search, a new tree per state.

    search: everything about the search but its simulations, also for a budget given to `policy`.
    temperature: what the probabilities are made from, prior^(1/t) or the search's target^(1/t); 0 plays the best move
        only. None means 1 for the raw policy (the network as it is) and 0 with search (the strongest play).
    seconds: above 0, think so long about each state, one after the other and all workers in one tree, at most
        `simulations` if that is above 0 too. Answers then depend on timing.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        simulations: int = 0,
        search: SearchConfig | None = None,
        temperature: float | None = None,
        evaluator: EvaluatorConfig | None = None,
        name: str = "",
        workers: int = WORKERS,
        seconds: float = 0.0,
    ) -> None:
        """Wrap a loaded checkpoint. Raise TesujiError when search is asked for in a game it is not sound for."""
        if temperature is not None and temperature < 0:
            raise TesujiError(f"temperature {temperature}: must be 0 or more")
        self.checkpoint = checkpoint
        self.game = load_game(checkpoint.game)
        self.facts = facts(self.game)
        self.simulations = simulations
        self.temperature = temperature
        self.workers = workers
        self.seconds = seconds
        self.name = name or checkpoint.path.name
        self._search = search or SearchConfig()
        self._evaluator_config = evaluator or EvaluatorConfig()
        self._evaluator: Evaluator | None = None
        self._native: _core.NetworkEvaluator | None = None
        self._making = threading.RLock()
        """Each of the two is made once, whichever threads ask first."""
        if self.searches:
            self._require_search()

    @property
    def searches(self) -> bool:
        """It has simulations or seconds."""
        return self.simulations > 0 or self.seconds > 0.0

    @property
    def search(self) -> SearchConfig | None:
        """How it searches; None for the raw policy."""
        return replace(self._search, simulations=self.simulations) if self.searches else None

    @property
    def leaves_in_flight(self) -> int:
        """Leaves of one tree that are evaluated together; above 1 it searches every state alone."""
        return self._search.leaves_in_flight

    @property
    def alone(self) -> bool:
        """It searches every state alone: its games are not batched with others."""
        return self.leaves_in_flight > 1 or self.seconds > 0.0

    def takes(self, budget: int) -> bool:
        """0 is the raw policy; searches where they are sound."""
        return budget == 0 or searchable(self.game)

    def plays_raw(self, budget: int | None = None) -> bool:
        """With such a budget it plays the network's prior as it is, without search or temperature."""
        searches = self.searches if budget is None else budget > 0
        return not searches and self._temperature(False) == 1.0

    def draws(self, budget: int | None = None) -> bool:
        """With such a budget its moves are drawn: it does not always play the best one."""
        return self._temperature(self.searches if budget is None else budget > 0) > 0.0

    def with_simulations(self, simulations: int) -> NetworkAgent:
        """The same agent (sharing network and evaluator) with another number of simulations, at most so many where it
        thinks for seconds; 0 for the raw policy.
        """
        other = NetworkAgent(
            self.checkpoint,
            simulations,
            self._search,
            self.temperature,
            self._evaluator_config,
            self.name,
            self.workers,
            self.seconds if simulations else 0.0,
        )
        other._evaluator, other._native = self.evaluator(), self._native
        return other

    def evaluator(self) -> Evaluator:
        """The network on its back-end, made at the first use."""
        with self._making:
            if self._evaluator is None:
                from engine.search.calibration import calibration_for
                from engine.search.evaluator import make_evaluator

                config = self._evaluator_config
                calibration = calibration_for(config, self.game, self.checkpoint.encoder)
                self._evaluator = make_evaluator(self.checkpoint.network, config, ROWS, calibration)
            return self._evaluator

    def native_evaluator(self) -> _core.NetworkEvaluator:
        """The same for the native core, made at the first use."""
        with self._making:
            if self._native is None:
                from engine.search.evaluator import native_evaluator

                rows = max(ROWS, self.leaves_in_flight)
                self._native = native_evaluator(
                    self.evaluator(), self.game, self.checkpoint.encoder, self.workers, rows, CACHE_ENTRIES
                )
            return self._native

    def player_params(self, evaluator: int, simulations: int | None = None) -> _core.PlayerParams:
        """How the core's match pool plays this agent; `evaluator` is its index there."""
        budget = self.simulations if simulations is None else simulations
        temperature = self._temperature(budget > 0)
        return core.PlayerParams(
            evaluator,
            search_params(self._search, budget, self.game),
            temperature=temperature,
            final_temperature=temperature,
        )

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """Raw policy or search for all states at once."""
        for state in states:
            game = state.get_game()
            if str(game) != str(self.game):
                raise TesujiError(f"{self.name} plays {self.game}, not {game}")
        simulations = self.simulations if budget is None else budget
        if budget is None and self.seconds > 0.0:
            return [self._decision(self._think(state, seed)) for state in states]
        if simulations == 0:
            return self._decide_raw(states)
        self._require_search()
        return self._decide_searched(states, simulations, seed)

    def _require_search(self) -> None:
        try:
            require_searchable(self.game)
        except TesujiError as error:
            reason = f"{error}; ask {self.name} without simulations"
            raise Refusal(reason, flags={"--simulations": None}) from error

    def _think(self, state: pyspiel.State, seed: int) -> SearchResult:
        config = self._search
        if config.leaves_in_flight == 1:
            config = replace(config, leaves_in_flight=LEAVES)
        analysis = Analysis(state, self.native_evaluator(), config, seed=seed, workers=self.workers)
        return analysis.run(self.simulations or None, self.seconds)

    def _decide_raw(self, states: Sequence[pyspiel.State]) -> list[Decision]:
        decisions = []
        for start in range(0, len(states), ROWS):
            batch = states[start : start + ROWS]
            mask = core.legal_mask(batch)
            logits, values = self.evaluator().evaluate(core.encode(batch, self.checkpoint.encoder), mask)
            for state, legal, row, observed in zip(batch, mask, logits, values, strict=True):
                prior = _softmax(row, legal)
                # Column k of the network's values belongs to player (mover + k) mod P.
                utilities = np.roll(observed, state.current_player()).astype(np.float64) * self.facts.value_scale
                if self.facts.pays_on_the_way:
                    utilities += state.returns()
                moves = [MoveStatistics(int(a), 0, float(prior[a]), np.nan, (int(a),)) for a in np.flatnonzero(legal)]
                moves.sort(key=lambda move: (-move.prior, move.action))
                statistics = {"moves": moves, "simulations": 0, "nodes": 1}
                decisions.append(Decision(sharpen(prior, self._temperature(False)), utilities, statistics))
        return decisions

    def _decide_searched(self, states: Sequence[pyspiel.State], simulations: int, seed: int) -> list[Decision]:
        results = search(
            states,
            self.native_evaluator(),
            self._search,
            simulations=simulations,
            seed=seed,
            workers=self.workers,
            variations=True,
        )
        return [self._decision(result) for result in results]

    def _decision(self, result: SearchResult) -> Decision:
        return decision_of(result, self.facts, self._temperature(True))

    def _temperature(self, searched: bool) -> float:
        if self.temperature is not None:
            return self.temperature
        return 0.0 if searched else 1.0


def decision_of(result: SearchResult, about: GameFacts, temperature: float) -> Decision:
    """What a search of a state of the game `about` found, as its player's decision."""
    scale = about.value_scale
    probabilities = np.zeros(about.num_actions)
    probabilities[result.actions] = result.policy(temperature)
    lines = result.variations or [[action] for action in result.actions]
    moves = [
        MoveStatistics(
            int(action),
            int(count),
            float(prior),
            float(q) * scale if count else np.nan,
            tuple(map(int, line)),
            bool(proven),
        )
        for action, count, prior, q, line, proven in zip(
            result.actions, result.visits, result.prior, result.q, lines, result.proven, strict=True
        )
    ]
    best = moves.pop(result.best)
    moves.sort(key=lambda move: (move.visits, move.q if move.visits else 0.0, move.prior), reverse=True)
    moves.insert(0, best)
    statistics = {
        "moves": moves,
        "simulations": result.simulations,
        "nodes": result.nodes,
        "proven": result.root_proven,
        "full": result.full,
    }
    return Decision(probabilities, np.asarray(result.values, dtype=np.float64) * scale, statistics)


def _softmax(logits: FloatArray, legal: FloatArray) -> FloatArray:
    """float64[A] over the legal actions; zero elsewhere."""
    actions = np.flatnonzero(legal)
    chosen = logits[actions].astype(np.float64)
    weights = np.exp(chosen - chosen.max())
    prior = np.zeros(len(logits))
    prior[actions] = weights / weights.sum()
    return prior
