"""Agreement with a perfect player on labelled positions."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyspiel

from engine.agents.agent import Agent
from engine.errors import TesujiError
from engine.evaluate.ratings import wilson_interval
from engine.game import load_game


@dataclass(frozen=True)
class LabelledPosition:
    """A position of a two-player zero-sum game in which the choice of move matters, and the verdict on each move."""

    history: tuple[int, ...]
    """Actions from the initial state."""
    scores: dict[int, int]
    """Every legal action -> -1, 0 or 1: the mover's result under perfect play after it."""

    @property
    def best(self) -> int:
        """The game-theoretic value for the mover: -1, 0 or 1."""
        return max(self.scores.values())

    def state(self, game: pyspiel.Game) -> pyspiel.State:
        """The position itself, reached by its history."""
        state = game.new_initial_state()
        for action in self.history:
            state.apply_action(action)
        return state


@dataclass(frozen=True)
class Agreement:
    """How often an agent's move keeps the game-theoretic value, and how often its value has the wrong sign."""

    positions: int
    optimal: int
    """Positions whose most probable move (the lowest action of equals) keeps the value."""
    decided: int
    """Positions that are a win or a loss under perfect play."""
    wrong_sign: int | None
    """Decided positions whose value for the mover is zero or of the wrong sign; None if the agent gives no values."""
    by_ply: dict[int, tuple[int, int]]
    """Length of the history -> (positions, optimal)."""

    @property
    def optimal_share(self) -> float:
        """The share of positions with an optimal move; NaN without positions."""
        return self.optimal / self.positions if self.positions else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `optimal_share`, from the positions as independent draws."""
        return wilson_interval(self.optimal, self.positions)

    @property
    def value_sign_error(self) -> float:
        """wrong_sign / decided; NaN if the agent gives no values or nothing is decided."""
        return math.nan if self.wrong_sign is None or not self.decided else self.wrong_sign / self.decided


def agreement(
    agent: Agent,
    game: pyspiel.Game | str,
    positions: Sequence[LabelledPosition] | None = None,
    *,
    simulations: int | None = None,
    seed: int = 0,
) -> Agreement:
    """Ask `agent` for its move in every position and compare with the labels.

    positions: None takes the held-out set of the game's room (`labelled_positions`).
    simulations: the agent's budget a move; 0 is its raw policy, None its own setting.
    """
    game = load_game(game)
    if positions is None:
        positions = labelled_positions(game)
        if not positions:
            raise TesujiError(f"{game} has no labelled positions to compare with a perfect player")
    decisions = agent.policy([position.state(game) for position in positions], simulations, seed)
    by_ply: dict[int, tuple[int, int]] = {}
    optimal = decided = wrong_sign = 0
    for position, decision in zip(positions, decisions, strict=True):
        action = int(np.argmax(decision.probabilities))
        if action not in position.scores:
            raise TesujiError(f"{agent.name} chose action {action}, which is illegal after {list(position.history)}")
        right = position.scores[action] == position.best
        optimal += right
        count, hits = by_ply.get(len(position.history), (0, 0))
        by_ply[len(position.history)] = (count + 1, hits + right)
        if position.best != 0:
            decided += 1
            mover = position.state(game).current_player()
            # "Not (right sign)" rather than "wrong sign", so that NaN counts too.
            wrong_sign += not decision.values[mover] * position.best > 0
    has_values = any(not np.isnan(decision.values).all() for decision in decisions)
    return Agreement(len(positions), optimal, decided, wrong_sign if has_values else None, dict(sorted(by_ply.items())))


def labelled_positions(game: pyspiel.Game | str) -> list[LabelledPosition]:
    """The held-out positions of a game, from `load()` of `games.<short name>.positions`; empty without that module."""
    module = f"games.{load_game(game).get_type().short_name}.positions"
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise  # the module is there, but something it imports is not
        return []
    positions: list[LabelledPosition] = found.load()
    return positions
