"""Agents that need no network: uniformly random moves, and OpenSpiel's own MCTS as the outside yardstick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent, Decision, MoveStatistics, one_hot, sharpen
from engine.errors import TesujiError
from engine.game import require_self_play
from engine.native import core
from engine.search.seeds import state_seed

MCTS_MEMORY_MB = 1000  # the bot prunes its tree beyond this; far above what a few thousand simulations need


class RandomAgent(BatchAgent):
    """Every legal action with the same probability."""

    name = "random"

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """Uniform probabilities; values unknown."""
        decisions = []
        for state in states:
            mask = np.asarray(state.legal_actions_mask(), dtype=np.float64)
            decisions.append(Decision(mask / mask.sum(), np.full(state.num_players(), np.nan)))
        return decisions


class MctsAgent(BatchAgent):
    """OpenSpiel's MCTSBot (UCT, random rollouts, exact solving of finished lines), a new tree for every state.

    temperature 0 plays the bot's own choice; above it, visits^(1/temperature).
    """

    def __init__(
        self,
        game: pyspiel.Game,
        simulations: int = 1000,
        c: float = 2.0,
        rollouts: int = 1,
        temperature: float = 0.0,
    ) -> None:
        """Raise TesujiError for games whose states MCTS cannot search soundly."""
        require_self_play(game)
        if game.get_type().reward_model != pyspiel.GameType.RewardModel.TERMINAL:
            raise TesujiError(
                f"{game.get_type().short_name} pays rewards on the way: OpenSpiel's MCTS does not play it"
            )
        self.name = f"mcts:{simulations}"
        self._game = game
        self._simulations = simulations
        self._c = c
        self._rollouts = rollouts
        self._temperature = temperature

    @property
    def searches(self) -> bool:
        """Always."""
        return True

    def takes(self, budget: int) -> bool:
        """Any number of simulations."""
        return budget > 0

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """One search per state; values from the root's mean (two-player zero-sum) or NaN for the other players."""
        simulations = self._simulations if budget is None else budget
        if simulations < 1:
            raise TesujiError(f"mcts needs at least 1 simulation, got {simulations}")
        return [self._decide(state, simulations, state_seed(seed, state) % 2**31) for state in states]

    def _decide(self, state: pyspiel.State, simulations: int, seed: int) -> Decision:
        evaluator = core.InterruptibleRollouts(self._rollouts, seed)  # pyspiel.RandomRolloutEvaluator that hears Ctrl-C
        bot = pyspiel.MCTSBot(self._game, evaluator, self._c, simulations, MCTS_MEMORY_MB, True, seed, False)
        root = bot.mcts_search(state)
        player = state.current_player()
        moves = []
        for child in root.children:
            if child.outcome:  # solved: the exact return of each player
                q = child.outcome[player]
            else:
                q = child.total_reward / child.explore_count if child.explore_count else np.nan
            moves.append(MoveStatistics(child.action, child.explore_count, child.prior, q, (child.action,)))
        best = root.best_child()
        size = self._game.num_distinct_actions()
        visits = np.zeros(size)
        for move in moves:
            visits[move.action] = move.visits
        if self._temperature == 0 or visits.sum() == 0:
            probabilities = one_hot(best.action, size)
        else:
            probabilities = sharpen(visits, self._temperature)
        values = np.full(self._game.num_players(), np.nan)
        values[player] = next(move.q for move in moves if move.action == best.action)
        if self._game.num_players() == 2 and self._game.get_type().utility == pyspiel.GameType.Utility.ZERO_SUM:
            values[1 - player] = -values[player]
        moves.sort(key=lambda move: (move.action != best.action, -move.visits, move.action))
        return Decision(probabilities, values, {"moves": moves, "simulations": simulations})
