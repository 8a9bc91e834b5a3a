"""Roll-outs: the raw network plays all seats of many games side by side, and what it played becomes trajectories."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyspiel
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import nn

from engine.config import RolloutConfig
from engine.errors import TesujiError
from engine.finetune.methods.method import Trajectories, legal_log_probabilities
from engine.native import core
from engine.network.network import values_of

__all__ = ["NetworkAnswers", "Opponent", "Rollout", "read_starts"]

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]

CHUNK = 4096
"""Rows of one call of a network, so that large batches need no large memory."""
SMALLEST_SHARE = 64
"""Rows below which a share of the batch is not worth a thread."""


class NetworkAnswers:
    """A network in evaluation mode, asked for decisions; it may learn between two calls.

    A batch is shared out over threads, each of which computes alone: for small networks that beats torch's own threads.
    """

    def __init__(self, network: nn.Module, threads: int = 1) -> None:
        self.network = network
        self.device = next(network.parameters()).device
        self.threads = threads if self.device.type == "cpu" else 1
        self.pool = ThreadPoolExecutor(self.threads, "rollout") if self.threads > 1 else None

    def close(self) -> None:
        """Stop the threads."""
        if self.pool is not None:
            self.pool.shutdown()

    def both(self, inputs: Floats, legal_mask: Mask) -> tuple[Floats, Floats]:
        """Log-probabilities [S, A] over legal actions, and values [S, P], normalised, observer first."""
        shares = max(1, min(self.threads, len(inputs) // SMALLEST_SHARE), -(-len(inputs) // CHUNK))
        bounds = [len(inputs) * share // shares for share in range(shares + 1)]
        parts = [slice(low, high) for low, high in pairwise(bounds)]
        one_by_one: Callable[..., Any] = map if self.pool is None else self.pool.map
        answers = list(one_by_one(lambda part: self._answer(inputs[part], legal_mask[part]), parts))
        return np.concatenate([policy for policy, _ in answers]), np.concatenate([values for _, values in answers])

    def __call__(self, inputs: Floats, legal_mask: Mask) -> Floats:
        """Log-probabilities [S, A] over legal actions."""
        return self.both(inputs, legal_mask)[0]

    def _answer(self, inputs: Floats, legal_mask: Mask) -> tuple[Floats, Floats]:
        torch.set_num_threads(1)  # torch keeps this number per thread
        with torch.no_grad():
            logits, value = self.network(torch.from_numpy(inputs).to(self.device))
            legal = torch.from_numpy(legal_mask).to(self.device).bool()
            policy = legal_log_probabilities(logits.float(), legal)
            return policy.cpu().numpy(), values_of(self.network, value.float()).cpu().numpy()


class Opponent(Protocol):
    """Whoever plays seats of a roll-out that are not learnt from."""

    def answer(self, env: core.BatchEnv, rows: NDArray[np.int64], inputs: Floats, legal_mask: Mask) -> Floats:
        """Log-probabilities [R, A] of the decisions that the games `rows` of `env` wait at."""
        ...


class Rollout:
    """Games in progress. A game is handed out when all that began alike with it have ended; the others are kept."""

    def __init__(
        self,
        game: pyspiel.Game,
        encoder: str,
        config: RolloutConfig,
        *,
        group: int = 1,
        seed: int = 0,
        value_scale: float = 1.0,
        opponent: Opponent | None = None,
    ) -> None:
        """`group` games begin alike (see `core.BatchEnv`). `seed` decides all chance and every action drawn.

        Against an `opponent` the network has one seat of every game, each seat in equally many games; else all of them.

        Raises TesujiError for games that cannot be stepped, illegal starts, and games that do not make whole groups.
        """
        if config.games % group:
            raise TesujiError(f"rollout.games: {config.games} is no multiple of the method's group of {group}")
        starts = read_starts(Path(config.starts)) if config.starts else []
        try:
            self.env = core.BatchEnv(
                game, config.games, encoder, seed=seed, workers=config.workers, group=group, starts=starts
            )
        except TesujiError as error:
            raise TesujiError(f"{config.starts}: {error}" if config.starts else str(error)) from error
        self.steps = -(-config.positions // config.games)
        self.seed = seed
        self.value_scale = value_scale
        self.group = group
        self.opponent = opponent
        self.seats = np.arange(config.games) % game.num_players()
        """Of the network against an opponent."""
        slots, groups = config.games, config.games // group
        self.round = np.zeros(slots, np.int64)
        """Games that each slot has ended."""
        self.handed_out = np.zeros(groups, np.int64)
        """Of each group's rounds."""
        self.calls = 0
        """Decisions drawn so far, a slot; with the seed they number the random draws."""
        self.kept = self._empty(0)
        self.env.observe(self.kept["inputs"][0], self.kept["legal_mask"][0], self.kept["players"][0])

    def _empty(self, steps: int) -> dict[str, NDArray[Any]]:
        """Room for so many decisions of every slot, time first, and for the observation after them."""
        slots, players, actions = self.env.size, self.env.num_players, self.env.num_actions
        return {
            "inputs": np.empty((steps + 1, slots, self.env.input_size), np.float32),
            "legal_mask": np.empty((steps + 1, slots, actions), np.uint8),
            "players": np.empty((steps + 1, slots), np.int32),
            "actions": np.empty((steps, slots), np.int64),
            "log_policy": np.empty((steps, slots, actions), np.float32),
            "values": np.empty((steps, slots, players), np.float32),
            "rewards": np.empty((steps, slots, players), np.float32),
            "rounds": np.empty((steps, slots), np.int64),
            "learnt": np.ones((steps, slots), np.bool_),
        }

    def play(self, answers: NetworkAnswers) -> Trajectories:
        """Play on, about `config.positions` decisions; at least until some games can be handed out."""
        while True:
            self._step(answers)
            games = self._finished()
            if len(games):
                return games

    def _step(self, answers: NetworkAnswers) -> None:
        """`steps` decisions of every slot, behind those that were kept."""
        from engine.finetune.sampling import sample  # here, because it brings numba

        before = len(self.kept["actions"])
        data = self._empty(before + self.steps)
        for name, array in self.kept.items():
            data[name][: len(array)] = array
        done = np.empty(self.env.size, np.uint8)
        for step in range(before, before + self.steps):
            inputs, legal_mask = data["inputs"][step], data["legal_mask"][step]
            policy, data["values"][step] = answers.both(inputs, legal_mask)
            if self.opponent is not None:
                data["learnt"][step] = data["players"][step] == self.seats
                rows = np.flatnonzero(~data["learnt"][step])
                if len(rows):
                    policy[rows] = self.opponent.answer(self.env, rows, inputs[rows], legal_mask[rows])
            data["log_policy"][step] = policy
            draw = np.random.default_rng([self.seed, self.calls]).random(self.env.size)
            sample(data["log_policy"][step], legal_mask, draw, data["actions"][step])
            data["rounds"][step] = self.round
            following = data["inputs"][step + 1], data["legal_mask"][step + 1], data["players"][step + 1]
            self.env.step(data["actions"][step], data["rewards"][step], done, *following)
            self.round += done
            self.calls += 1
        data["rewards"][before:] /= self.value_scale
        self.kept = data

    def _finished(self) -> Trajectories:
        """The games of complete rounds, slot after slot; what is needed of the others stays."""
        data = self.kept
        rounds = data["rounds"]
        complete = self.round.reshape(-1, self.group).min(1)
        slot_first, slot_end = (np.repeat(each, self.group) for each in (self.handed_out, complete))
        waiting = rounds >= slot_end
        slots, steps = np.nonzero(((rounds >= slot_first) & ~waiting).T)
        numbers = rounds[steps, slots]
        begins = np.flatnonzero(np.diff(slots, prepend=-1) | np.diff(numbers, prepend=-1))
        offsets = np.append(begins, len(slots)).astype(np.int64)
        groups = (slots[begins] // self.group).astype(np.int64) + numbers[begins] * len(complete)
        first = len(rounds)
        if waiting.any():
            first = int(np.argmax(waiting.any(1)))
        self.handed_out = complete
        taken = {name: np.ascontiguousarray(data[name][steps, slots]) for name in data if name != "rounds"}
        self.kept = {name: array[first:].copy() for name, array in data.items()}
        return Trajectories(**taken, offsets=offsets, groups=groups)

    def state(self) -> bytes:
        """Everything that `restore` goes on from."""
        env = np.frombuffer(self.env.save(), np.uint8)
        counts = {"round": self.round, "handed_out": self.handed_out, "calls": np.array([self.calls]), "env": env}
        return safetensors.numpy.save({**self.kept, **counts})

    def restore(self, data: bytes) -> None:
        """Go back to a `state` of a roll-out made alike."""
        state: Mapping[str, NDArray[Any]] = safetensors.numpy.load(data)
        self.env.restore(state["env"].tobytes())
        self.round, self.handed_out = state["round"].copy(), state["handed_out"].copy()
        self.calls = int(state["calls"][0])
        self.kept = {name: state[name].copy() for name in self.kept}


def read_starts(path: Path) -> list[list[int]]:
    """Histories that games begin from: one a line, as [3, 3, 2] or as an object with a field "history" (saved games,
    probes). Raises TesujiError naming file and line; whether they are legal is for the game to say.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TesujiError(f"rollout.starts: cannot read {path}: {reason}") from error
    starts = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except ValueError as error:
            raise TesujiError(f"{path}, line {number}: not JSON; write a history as [3, 3, 2]") from error
        history = content.get("history") if isinstance(content, dict) else content
        if not isinstance(history, list) or not all(type(action) is int for action in history):
            raise TesujiError(f"{path}, line {number}: not a history; write a list of actions as [3, 3, 2]")
        starts.append(history)
    if not starts:
        raise TesujiError(f"rollout.starts: {path} holds no histories")
    return starts
