"""How fast this machine runs an agent's network and search: a quick look, without the controls of benchmarks/."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pyspiel

from engine.agents.network_agent import ROWS, NetworkAgent
from engine.errors import TesujiError
from engine.evaluate.match import draw_openings
from engine.game import require_self_play
from engine.native import core

POSITIONS = 256
OPENING_PLIES = 4


@dataclass(frozen=True)
class Speed:
    """One measurement: `rate` things a second."""

    name: str
    rate: float
    unit: str


def measure(agent: NetworkAgent, simulations: int = 64, seconds: float = 2.0, seed: int = 0) -> list[Speed]:
    """Network and search rates from random positions, about `seconds` each. Search rates only where search is sound."""
    if not 0.0 < seconds < math.inf:
        raise TesujiError(f"seconds {seconds:g}: must be a number above 0")
    states = _positions(agent.game, seed)
    inputs, mask = core.encode(states, agent.checkpoint.encoder), core.legal_mask(states)
    evaluator = agent.evaluator()
    found = []
    for rows in (1, ROWS):
        calls = _rate(lambda rows=rows: evaluator.evaluate(inputs[:rows], mask[:rows]), seconds)  # type: ignore[misc]
        found.append(Speed(f"network, batches of {rows}", rows * calls, "evaluations/s"))
    try:
        require_self_play(agent.game)
    except TesujiError:
        return found
    for count in (1, POSITIONS):
        # Repetition does not flatter: every call begins with an empty cache.
        calls = _rate(lambda count=count: agent.policy(states[:count], simulations, seed), seconds)  # type: ignore[misc]
        name = "search, one position" if count == 1 else f"search, {count} positions at once"
        found.append(Speed(f"{name}, {simulations} simulations", simulations * count * calls, "simulations/s"))
    return found


def _positions(game: pyspiel.Game, seed: int) -> list[pyspiel.State]:
    """POSITIONS undecided states after a few random moves, at a player's decision."""
    rng = np.random.default_rng(seed)
    states = []
    for opening in draw_openings(game, POSITIONS, OPENING_PLIES, seed)[0]:
        state = game.new_initial_state()
        for action in opening.actions:
            state.apply_action(action)
        while state.is_chance_node():
            state.apply_action(int(rng.choice([action for action, _ in state.chance_outcomes()])))
        states.append(state)
    return [state for state in states if not state.is_terminal()]


def _rate(call: Callable[[], object], seconds: float) -> float:
    """Calls a second, after one to warm up."""
    call()
    start = perf_counter()
    calls = 0
    while perf_counter() - start < seconds or calls == 0:
        call()
        calls += 1
    return calls / (perf_counter() - start)
