"""Agreement with a perfect player on labelled positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyspiel

from engine.agents.agent import Agent, Decision
from engine.errors import TesujiError
from engine.evaluate import Progress
from engine.evaluate.ratings import wilson_interval
from engine.game import LabelledPosition, load_game, room

TOGETHER = 256  # positions asked about between two reports of progress


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
    on_progress: Progress | None = None,
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
    states = [position.state(game) for position in positions]
    decisions: list[Decision] = []
    for start in range(0, len(states), TOGETHER):
        decisions += agent.policy(states[start : start + TOGETHER], simulations, seed)
        if on_progress is not None:
            on_progress("positions", len(decisions), len(states))
    by_ply: dict[int, tuple[int, int]] = {}
    optimal = decided = wrong_sign = 0
    for position, state, decision in zip(positions, states, decisions, strict=True):
        action = int(np.argmax(decision.probabilities))
        if action not in position.scores:
            raise TesujiError(f"{agent.name} chose action {action}, which is illegal after {list(position.history)}")
        right = position.scores[action] == position.best
        optimal += right
        count, hits = by_ply.get(len(position.history), (0, 0))
        by_ply[len(position.history)] = (count + 1, hits + right)
        if position.best != 0:
            decided += 1
            # "Not (right sign)" rather than "wrong sign", so that NaN counts too.
            wrong_sign += not decision.values[state.current_player()] * position.best > 0
    has_values = any(not np.isnan(decision.values).all() for decision in decisions)
    return Agreement(len(positions), optimal, decided, wrong_sign if has_values else None, dict(sorted(by_ply.items())))


def labelled_positions(game: pyspiel.Game | str) -> list[LabelledPosition]:
    """The held-out positions of the game's room; empty where it has none, or none of this variant of the game."""
    loaded = load_game(game)
    return room(loaded.get_type().short_name).positions(loaded)
