"""OpenSpiel's own neural fictitious self-play in PyTorch, run for a time and judged by exact exploitability.

The settings are those of its example for Leduc poker; it needs the extra `peers` (dm-tree). Source: Heinrich and
Silver, 2016, "Deep reinforcement learning from self-play in imperfect-information games".
"""

from __future__ import annotations

from time import monotonic
from typing import Any

import numpy as np
import torch

from engine.errors import TesujiError
from engine.game import load_game
from engine.native import core

SETTINGS: dict[str, Any] = {
    "hidden_layers_sizes": [128],
    "replay_buffer_capacity": 200_000,
    "reservoir_buffer_capacity": 2_000_000,
    "min_buffer_size_to_learn": 1000,
    "anticipatory_param": 0.1,
    "batch_size": 128,
    "learn_every": 64,
    "rl_learning_rate": 0.01,
    "sl_learning_rate": 0.01,
    "optimizer_str": "sgd",
    "loss_str": "mse",
    "update_target_network_every": 19_200,
    "discount_factor": 1.0,
    "epsilon_decay_duration": 20_000_000,
    "epsilon_start": 0.06,
    "epsilon_end": 0.001,
}
JUDGEMENTS = 20
"""Of a run, evenly over its time."""


def nfsp(name: str, minutes: float, seed: int) -> dict[str, Any]:
    """Exploitability (NashConv / players) of the average policy after so many minutes of self-play, and its curve."""
    try:
        from open_spiel.python import rl_environment
        from open_spiel.python.pytorch.nfsp import NFSP
    except ImportError as error:
        raise TesujiError(f"{error}: install the extra, pip install 'tesuji[peers]'") from error

    environment = rl_environment.Environment(name)
    environment.seed(seed)
    size = environment.observation_spec()["info_state"][0]
    actions = environment.action_spec()["num_actions"]
    agents = [
        NFSP(player_id=player, state_representation_size=size, num_actions=actions, seed=seed + player, **SETTINGS)
        for player in range(environment.num_players)
    ]
    tree = core.InformationTree(load_game(name))
    began = monotonic()
    judging, games = 0.0, 0
    curve: list[list[float]] = []
    while True:
        spent = monotonic() - began - judging
        if spent >= 60.0 * minutes * (len(curve) + 1) / JUDGEMENTS:
            start = monotonic()
            curve.append([games, round(spent, 1), judged(tree, agents)])
            judging += monotonic() - start
            if len(curve) == JUDGEMENTS:
                break
        step = environment.reset()
        while not step.last():
            mover = step.observations["current_player"]
            step = environment.step([agents[mover].step(step).action])
        for agent in agents:
            agent.step(step)
        games += 1
    return {"exploitability": curve[-1][2], "games": games, "minutes": minutes, "curve": curve}


def judged(tree: Any, agents: list[Any]) -> float:
    """Exact exploitability of the agents' average networks."""
    inputs, legal_mask = tree.encode(0, tree.num_information_states, "information_state")
    policy = np.empty(legal_mask.shape)
    players = np.asarray(tree.players)
    for player, agent in enumerate(agents):
        rows = np.flatnonzero(players == player)
        with torch.no_grad():
            logits = agent._avg_network(torch.from_numpy(inputs[rows]))
        legal = torch.from_numpy(legal_mask[rows]).bool()
        policy[rows] = logits.double().masked_fill(~legal, -torch.inf).softmax(1).numpy()
    values, best = tree.evaluate(policy[legal_mask != 0])
    return float(np.mean(np.subtract(best, values)))
