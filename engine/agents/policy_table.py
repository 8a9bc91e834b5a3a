"""An agent's whole policy as a table: what it plays in every information state of a game."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.agents.agent import Agent, FloatArray
from engine.agents.network_agent import NetworkAgent
from engine.agents.pyspiel_bots import BotAgent
from engine.errors import TesujiError
from engine.native import core

TOGETHER = 256  # states asked about between two reports
ROWS = 4096  # the same for networks that need no states


def policy_table(
    agent: Agent,
    tree: core.InformationTree,
    budget: int | None = None,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> FloatArray:
    """float64[T], as `tree` orders it. Every information state is asked about once, at one of its histories.

    budget, seed: as `Agent.policy` takes them. The raw policy of a network is asked without a pyspiel state.
    """
    if isinstance(agent, BotAgent) and not agent.gives_policy:
        raise TesujiError(f"{agent.name} does not say what it plays: it needs provides_policy and step_with_policy")
    agent.reset()
    raw = agent if isinstance(agent, NetworkAgent) and agent.plays_raw(budget) else None
    together = TOGETHER if raw is None else ROWS
    total = tree.num_information_states
    offsets = tree.offsets
    table = np.empty(len(tree.actions))
    for first in range(0, total, together):
        last = min(first + together, total)
        if raw is not None:
            probabilities = _prior(raw, tree, first, last - first)
        else:
            decisions = agent.policy(tree.states(first, last - first), budget, seed)
            probabilities = np.stack([decision.probabilities for decision in decisions])
        rows = np.repeat(np.arange(last - first), np.diff(offsets[first : last + 1]))
        part = slice(offsets[first], offsets[last])
        table[part] = probabilities[rows, tree.actions[part]]
        if on_progress is not None:
            on_progress("information states", last, total)
    return table


def _prior(agent: NetworkAgent, tree: core.InformationTree, first: int, count: int) -> FloatArray:
    """float64[count, A]: the softmax of the network's prior over the legal actions."""
    if str(agent.game) != str(tree.game):
        raise TesujiError(f"{agent.name} plays {agent.game}, not {tree.game}")
    inputs, mask = tree.encode(first, count, agent.checkpoint.encoder)
    logits, _ = agent.evaluator().evaluate(inputs, mask)
    masked = np.where(mask, logits.astype(np.float64), -np.inf)
    weights = np.exp(masked - masked.max(axis=1, keepdims=True))
    shares: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return shares
