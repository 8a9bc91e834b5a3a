"""Roll-outs: the raw network plays all seats of many games side by side, and what it played becomes trajectories."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import numpy as np
import pyspiel
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import nn

from engine.config import RolloutConfig
from engine.errors import TesujiError
from engine.files import read_file
from engine.finetune.learner import exact_convolutions
from engine.finetune.methods.method import Trajectories, legal_log_probabilities
from engine.native import core
from engine.network.network import values_of

__all__ = ["GroupRollout", "NetworkAnswers", "Opponent", "Rollout", "read_starts"]

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]

CHUNK = 4096
"""Rows of one call of a network, so that large batches need no large memory."""
STEPS = 8
"""Decisions between two looks at whether a round is over."""
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
        before = torch.get_num_threads()
        torch.set_num_threads(1)  # torch keeps this number per thread
        try:
            return self._answer_alone(inputs, legal_mask)
        finally:
            torch.set_num_threads(before)

    def _answer_alone(self, inputs: Floats, legal_mask: Mask) -> tuple[Floats, Floats]:
        with torch.no_grad(), exact_convolutions(self.device):
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
    """Games in progress: those that end are handed out, the others are kept."""

    group = 1
    """Games that begin alike (see `core.BatchEnv`)."""

    def __init__(
        self,
        game: pyspiel.Game,
        encoder: str,
        config: RolloutConfig,
        *,
        seed: int = 0,
        value_scale: float = 1.0,
        opponent: Opponent | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        """`seed` decides all chance and every action drawn. `report` is called as `core.BatchEnv` does.

        Against an `opponent` the network has one seat of every game, each seat in equally many games; else all of them.
        Raises TesujiError for games that cannot be stepped and illegal starts.
        """
        self.game, self.encoder, self.config = game, encoder, config
        self.starts = read_starts(Path(config.starts), config.held_out) if config.starts else []
        self.steps = -(-config.positions // config.games)
        self.seed = seed
        self.value_scale = value_scale
        self.opponent = opponent
        self.seats = np.arange(config.games) % game.num_players()
        """Of the network against an opponent."""
        self.calls = 0
        """Decisions drawn so far, a slot; with the seed they number the random draws."""
        self._begin(seed, report)

    def _begin(self, seed: int, report: Callable[[int, int], None] | None = None) -> None:
        """Begin all games anew."""
        config = self.config
        try:
            self.env = core.BatchEnv(
                self.game,
                config.games,
                self.encoder,
                seed=seed,
                workers=config.workers,
                group=self.group,
                starts=self.starts,
                report=report,
            )
        except TesujiError as error:
            raise TesujiError(f"{config.starts}: {error}" if config.starts else str(error)) from error
        self.round = np.zeros(config.games, np.int64)
        """Games that each slot has ended."""
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
            "log_policy": np.zeros((steps, slots, actions), np.float32),
            "values": np.zeros((steps, slots, players), np.float32),
            "rewards": np.empty((steps, slots, players), np.float32),
            "rounds": np.empty((steps, slots), np.int64),
            "learnt": np.ones((steps, slots), np.bool_),
        }

    def play(self, answers: NetworkAnswers, seconds: float = math.inf) -> Trajectories:
        """Play on, about `config.positions` decisions; until some games have ended, or so many seconds have gone."""
        begin = monotonic()
        while True:
            self._step(answers, self.steps)
            rounds = self.kept["rounds"]
            ended = (rounds >= 0) & (rounds < self.round)  # those below 0 were handed out before
            if ended.any() or monotonic() - begin >= seconds:
                break
        games = self._taken(ended)
        goes_on = (rounds >= self.round).any(1)
        first = int(np.argmax(goes_on)) if goes_on.any() else len(rounds)
        self.kept = {name: array[first:].copy() for name, array in self.kept.items()}
        self.kept["rounds"] -= self.round  # of those that go on 0 again
        self.round[:] = 0
        return games

    def _step(self, answers: NetworkAnswers, steps: int, games: int | None = None) -> None:
        """So many decisions of every slot, behind those kept. Slots that have ended so many `games` only wait, with the
        first legal action.
        """
        from engine.finetune.sampling import sample  # here, because it brings numba

        before = len(self.kept["actions"])
        data = self._empty(before + steps)
        for name, array in self.kept.items():
            data[name][: len(array)] = array
        done = np.empty(self.env.size, np.uint8)
        for step in range(before, before + steps):
            inputs, legal_mask, players = (data[name][step] for name in ("inputs", "legal_mask", "players"))
            waits = np.zeros(self.env.size, np.bool_) if games is None else self.round >= games
            own = ~waits if self.opponent is None else ~waits & (players == self.seats)
            data["learnt"][step] = own
            everyone = own.all()
            rows = slice(None) if everyone else np.flatnonzero(own)
            if everyone or own.any():
                policy, values = answers.both(inputs[rows], legal_mask[rows])
                data["log_policy"][step][rows], data["values"][step][rows] = policy, values
            if self.opponent is not None and (theirs := np.flatnonzero(~own & ~waits)).size:
                policy = self.opponent.answer(self.env, theirs, inputs[theirs], legal_mask[theirs])
                data["log_policy"][step][theirs] = policy
            draw = np.random.default_rng([self.seed, self.calls]).random(self.env.size)
            sample(data["log_policy"][step], legal_mask, draw, data["actions"][step])
            data["rounds"][step] = self.round
            following = data["inputs"][step + 1], data["legal_mask"][step + 1], data["players"][step + 1]
            self.env.step(data["actions"][step], data["rewards"][step], done, *following)
            self.round += done
            self.calls += 1
        data["rewards"][before:] /= self.value_scale
        self.kept = data

    def _taken(self, chosen: NDArray[np.bool_]) -> Trajectories:
        """The chosen decisions [steps, slots], which make whole games, slot after slot."""
        data = self.kept
        slots, steps = np.nonzero(chosen.T)
        numbers = data["rounds"][steps, slots]
        begins = np.flatnonzero(np.diff(slots, prepend=-1) | np.diff(numbers, prepend=-1))
        taken = {name: np.ascontiguousarray(data[name][steps, slots]) for name in data if name != "rounds"}
        offsets = np.append(begins, len(slots)).astype(np.int64)
        return Trajectories(**taken, offsets=offsets, groups=np.arange(len(begins), dtype=np.int64))

    def state(self) -> bytes:
        """Everything that `restore` goes on from."""
        env = np.frombuffer(self.env.save(), np.uint8)
        counts = {"round": self.round, "calls": np.array([self.calls]), "env": env}
        return safetensors.numpy.save({**self.kept, **counts})

    def restore(self, data: bytes) -> None:
        """Go back to a `state` of a roll-out made alike."""
        state: Mapping[str, NDArray[Any]] = safetensors.numpy.load(data)
        self.env.restore(state["env"].tobytes())
        self.round = state["round"].copy()
        self.calls = int(state["calls"][0])
        self.kept = {name: state[name].copy() for name in self.kept}


class GroupRollout(Rollout):
    """Games that begin alike, `group` at a time: same start, same chance before the first decision.

    They are played in rounds of one game a slot, so that all of them are by the same network and nothing is in progress
    between two calls.
    """

    def __init__(self, game: pyspiel.Game, encoder: str, config: RolloutConfig, *, group: int, **options: Any) -> None:
        """`config.games` must be a multiple of `group`; options as a `Rollout` takes them."""
        self.group = group
        super().__init__(game, encoder, config, **options)

    def play(self, answers: NetworkAnswers, seconds: float = math.inf) -> Trajectories:
        """Whole rounds, until they have `config.positions` decisions, or those that end within so many seconds."""
        begin = monotonic()
        rounds: list[Trajectories] = []
        while sum(map(len, rounds)) < self.config.positions:
            self._begin(int(np.random.SeedSequence([self.seed, self.calls]).generate_state(1, np.uint64)[0]))
            while (self.round == 0).any() and monotonic() - begin < seconds:
                self._step(answers, STEPS, games=1)
            if (self.round == 0).any():
                break
            rounds.append(self._taken(self.kept["rounds"] == 0))
        return joined(rounds, self.group) if rounds else self._taken(np.zeros_like(self.kept["rounds"], np.bool_))

    def state(self) -> bytes:
        """The number of decisions drawn: no game is in progress."""
        return safetensors.numpy.save({"calls": np.array([self.calls])})

    def restore(self, data: bytes) -> None:
        """Go on with the next round."""
        self.calls = int(safetensors.numpy.load(data)["calls"][0])


def joined(rounds: Sequence[Trajectories], group: int) -> Trajectories:
    """The games of rounds in which every slot has one, slots in order; `group` of them in a row began alike."""
    lengths = np.concatenate([np.diff(each.offsets) for each in rounds])
    names = [each.name for each in fields(Trajectories) if each.name not in ("offsets", "groups")]
    return Trajectories(
        **{name: np.concatenate([getattr(each, name) for each in rounds]) for name in names},
        offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        groups=np.arange(len(lengths), dtype=np.int64) // group,
    )


def read_starts(path: Path, held_out: str = "refuse") -> list[list[int]]:
    """Histories that games begin from: one a line, as [3, 3, 2] or as an object with a field "history" (saved games,
    probes).

    held_out: what to do with probes that are marked as held out from training: "refuse" the file, "skip" or "use" them.
    Raises TesujiError naming file and line; whether histories are legal is for the game to say.
    """
    try:
        lines = read_file(path).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TesujiError(f"rollout.starts: cannot read {path}: {reason}") from error
    starts = []
    marked = []
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
        if isinstance(content, dict) and content.get("fen"):
            raise TesujiError(f"{path}, line {number}: begins at a FEN; games can begin from histories only")
        if isinstance(content, dict) and content.get("held_out") is True:
            marked.append(number)
            if held_out == "skip":
                continue
        starts.append(history)
    if marked and held_out == "refuse":
        raise TesujiError(
            f"rollout.starts: {path} has {len(marked)} lines marked as held out from training, the first is line "
            f"{marked[0]}: leave them out with rollout.held_out=skip, or train on them with rollout.held_out=use"
        )
    if not starts and marked:
        raise TesujiError(f"rollout.starts: all lines of {path} are marked as held out from training")
    if not starts:
        raise TesujiError(f"rollout.starts: {path} holds no histories")
    return starts
