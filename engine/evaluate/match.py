"""Matches: two agents, many games at once, from shared openings with seats swapped.

Every opening is played once with agent `a` in each seat (for two players: both colours), so that an unbalanced opening
favours nobody, and the interval is taken over openings, not games. Two networks play inside the native pool; any other
agents are asked for all running games in one `policy` call.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyspiel

from engine.agents.agent import Agent, FloatArray, state_seed, stream
from engine.agents.network_agent import ROWS, NetworkAgent
from engine.errors import TesujiError
from engine.evaluate.ratings import NORMAL_QUANTILE, elo_interval
from engine.files import atomic_write
from engine.game import is_zero_sum, require_searchable
from engine.native import core

OPENING_PLIES = 4
OPENING_TRIES = 20  # random openings drawn per one needed before the search for new ones ends

Progress = Callable[[int, int], None]
"""Called with (games finished, games in all)."""


@dataclass(frozen=True)
class MatchGame:
    """One game. seats[i] is 0 where agent `a` sits, 1 where `b` does; returns are in utilities, by seat."""

    opening: tuple[int, ...]
    seats: tuple[int, ...]
    history: tuple[int, ...]
    returns: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Return of `a` minus the mean return of b's seats; in a one-player game only a's or minus b's."""
        own = [value for seat, value in zip(self.seats, self.returns, strict=True) if seat == 0]
        other = [value for seat, value in zip(self.seats, self.returns, strict=True) if seat == 1]
        return (sum(own) / len(own) if own else 0.0) - (sum(other) / len(other) if other else 0.0)


@dataclass(frozen=True)
class MatchResult:
    """What a match says about agent `a`; all intervals are 95 %, over openings.

    wins, draws, losses: games of `a` by the sign of its return against the others' mean.
    elo, elo_low, elo_high: only for two-player zero-sum games, else None.
    difference, difference_low, difference_high: a's return less the others' mean, in utilities.
    """

    a: str
    b: str
    game: str
    seed: int
    opening_plies: int
    distinct_openings: int
    wins: int
    draws: int
    losses: int
    elo: float | None
    elo_low: float | None
    elo_high: float | None
    difference: float
    difference_low: float
    difference_high: float
    mean_length: float
    seconds: float
    games: tuple[MatchGame, ...]

    @property
    def score(self) -> float:
        """Share of points of `a`, a draw counting half."""
        return (self.wins + self.draws / 2) / max(1, self.wins + self.draws + self.losses)

    def to_json(self) -> dict[str, Any]:
        """All but the games, as plain values; infinite Elo bounds become None."""
        names = [name for name in self.__dataclass_fields__ if name != "games"]
        values = {name: getattr(self, name) for name in names} | {"score": self.score}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }

    def save_games(self, path: Path) -> None:
        """One JSON object a line: opening, seats, history, returns; and the agents' names."""
        lines = [
            json.dumps(
                {
                    "game": self.game,
                    "agents": [self.a, self.b],
                    "seats": game.seats,
                    "opening": game.opening,
                    "history": game.history,
                    "returns": game.returns,
                }
            )
            for game in self.games
        ]
        atomic_write(path, ("\n".join(lines) + "\n").encode())


@dataclass(frozen=True)
class Opening:
    """A shared start: actions (chance outcomes included) and the seed that its games share for all later chance."""

    actions: tuple[int, ...]
    chance_seed: int


def match(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    games: int = 400,
    opening_plies: int = OPENING_PLIES,
    seed: int = 0,
    workers: int = 2,
    simulations: int | None = None,
    on_progress: Progress | None = None,
) -> MatchResult:
    """Play `games` games (rounded up to whole openings) of `a` against `b`.

    opening_plies: random decisions before the agents take over; each pair of games gets an opening of its own while the
        game has enough (see `MatchResult.distinct_openings`).
    simulations: searches per move for both agents, overriding their own.
    Raises TesujiError for agents of another game, simultaneous games and numbers out of range.
    """
    if games < 1:
        raise TesujiError(f"games {games}: play at least 1")
    if opening_plies < 0:
        raise TesujiError(f"opening plies {opening_plies}: cannot be negative")
    if workers < 1:
        raise TesujiError(f"workers {workers}: must be at least 1")
    if simulations is not None and simulations < 0:
        raise TesujiError(f"simulations {simulations}: cannot be negative")
    if game.get_type().dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL:
        raise TesujiError(f"{game} moves simultaneously: use turn_based_simultaneous_game(game={game})")
    for agent in (a, b):
        if isinstance(agent, NetworkAgent) and str(agent.game) != str(game):
            raise TesujiError(f"agent '{agent.name}' plays {agent.game}, not {game}")
    players = game.num_players()
    rotations = max(2, players)
    start = perf_counter()
    openings, distinct = draw_openings(game, -(-games // rotations), opening_plies, seed)
    rows = [(opening, _seats(players, turn)) for opening in openings for turn in range(rotations)]
    if isinstance(a, NetworkAgent) and isinstance(b, NetworkAgent) and _pool_plays(game):
        played = _play_in_pool(a, b, game, rows, workers, simulations)
        if on_progress is not None:
            on_progress(len(rows), len(rows))
    else:
        played = _play_batched(a, b, game, rows, seed, simulations, on_progress)
    return _result(a, b, game, played, rotations, seed, opening_plies, distinct, perf_counter() - start)


def draw_openings(game: pyspiel.Game, count: int, plies: int, seed: int) -> tuple[list[Opening], int]:
    """`count` random openings of `plies` decisions that end in an undecided state, and how many of them are distinct.

    Distinct means leading to different states. When the game has fewer than `count`, they repeat in order (with other
    chance); when no game lasts that long, the openings are shorter.
    """
    for length in range(plies, -1, -1):
        rng = np.random.default_rng([seed, length])
        found: dict[str, tuple[int, ...]] = {}
        for _ in range(count * OPENING_TRIES if length else 1):
            state = _random_state(game, length, rng)
            if state is not None:
                found.setdefault(_state_key(state), tuple(state.history()))
            if len(found) == count:
                break
        if found:
            unique = list(found.values())
            chance = [stream(seed, "chance", index) for index in range(count)]
            return [Opening(unique[i % len(unique)], chance[i]) for i in range(count)], len(unique)
    raise TesujiError(f"{game}: the initial state is terminal, there is nothing to play")


def _random_state(game: pyspiel.Game, decisions: int, rng: np.random.Generator) -> pyspiel.State | None:
    """A state after so many random decisions; None if the game ended before its players can move again."""
    state = game.new_initial_state()
    while not state.is_terminal():
        if state.is_chance_node():
            if decisions == 0:
                return state
            state.apply_action(_chance_action(state, rng.random()))
        elif decisions == 0:
            return state
        else:
            state.apply_action(int(rng.choice(state.legal_actions())))
            decisions -= 1
    return None


def _state_key(state: pyspiel.State) -> str:
    """Equal for states that play the same from here on (as far as the game's own text shows it)."""
    if state.get_game().get_type().information == pyspiel.GameType.Information.PERFECT_INFORMATION:
        return f"{state.current_player()} {state}"
    return str(state.history())


def _chance_action(state: pyspiel.State, quantile: float) -> int:
    """The chance outcome at a quantile in [0, 1) of its distribution."""
    outcomes = state.chance_outcomes()
    for action, probability in outcomes:
        quantile -= probability
        if quantile < 0:
            return int(action)
    return int(outcomes[-1][0])


def _seats(players: int, turn: int) -> tuple[int, ...]:
    """`a` (0) in seat `turn`, `b` (1) in all the others; a one-player game is played by `a`, then by `b`."""
    return tuple(0 if seat == turn else 1 for seat in range(players))


def _pool_plays(game: pyspiel.Game) -> bool:
    """The native pool plays the games that search is sound in."""
    try:
        require_searchable(game)
    except TesujiError:
        return False
    return True


Row = tuple[Opening, tuple[int, ...]]


def _play_in_pool(
    a: NetworkAgent, b: NetworkAgent, game: pyspiel.Game, rows: Sequence[Row], workers: int, simulations: int | None
) -> list[MatchGame]:
    evaluators = [a.native_evaluator()]
    if b.native_evaluator() is not evaluators[0]:
        evaluators.append(b.native_evaluator())
    players = [a.player_params(0, simulations), b.player_params(len(evaluators) - 1, simulations)]
    threads = min(workers, a.workers, b.workers)
    results = core.play_match(
        game,
        evaluators,
        players,
        [list(opening.actions) for opening, _ in rows],
        [list(seats) for _, seats in rows],
        seeds=[opening.chance_seed for opening, _ in rows],
        workers=threads,
        games_per_worker=min(2 * ROWS, -(-len(rows) // threads)),  # a worker's two half-batches
    )
    scale = a.facts.value_scale
    return [
        MatchGame(opening.actions, seats, tuple(history), tuple(value * scale for value in returns))
        for (opening, seats), (history, returns) in zip(rows, results, strict=True)
    ]


def _play_batched(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    rows: Sequence[Row],
    seed: int,
    simulations: int | None,
    on_progress: Progress | None,
) -> list[MatchGame]:
    """All games side by side: one `policy` call per agent and round."""
    agents = (a, b)
    for agent in agents:
        agent.reset()
    states = []
    for opening, _ in rows:
        state = game.new_initial_state()
        for action in opening.actions:
            state.apply_action(action)
        states.append(state)
    running = list(range(len(rows)))
    while running:
        for index in running:
            _advance_chance(states[index], rows[index][0].chance_seed)
        running = [index for index in running if not states[index].is_terminal()]
        turns: tuple[list[int], list[int]] = ([], [])
        for index in running:
            turns[rows[index][1][states[index].current_player()]].append(index)
        for agent, turn in zip(agents, turns, strict=True):
            decisions = agent.policy([states[index] for index in turn], simulations, seed) if turn else []
            for index, decision in zip(turn, decisions, strict=True):
                state = states[index]
                action = decision.sample(state_seed(stream(seed, "action", index), state))
                for observer in agents:
                    observer.observe(state, action)
                state.apply_action(action)
        if on_progress is not None:
            on_progress(len(rows) - len(running), len(rows))
    return [
        MatchGame(opening.actions, seats, tuple(state.history()), tuple(state.returns()))
        for (opening, seats), state in zip(rows, states, strict=True)
    ]


def _advance_chance(state: pyspiel.State, seed: int) -> None:
    """Play chance to the next decision: both games of a pair meet the same luck in the same order."""
    while state.is_chance_node():
        state.apply_action(_chance_action(state, stream(seed, "ply", state.move_number()) / 2**63))


def _result(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    played: Sequence[MatchGame],
    rotations: int,
    seed: int,
    plies: int,
    distinct: int,
    seconds: float,
) -> MatchResult:
    differences = np.array([each.difference for each in played]).reshape(-1, rotations)
    players = game.num_players()
    # In a one-player game the two "seats" are two games; their sum over the pair is a's return less b's.
    means: FloatArray = differences.sum(axis=1) if players == 1 else differences.mean(axis=1)
    outcomes = means if players == 1 else differences
    mean = float(means.mean())
    spread = NORMAL_QUANTILE * float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.inf
    elo = None
    if players == 2 and is_zero_sum(game):
        elo = elo_interval([float(points) for points in ((np.sign(differences) + 1) / 2).sum(axis=1)])
    return MatchResult(
        a=a.name,
        b=b.name,
        game=str(game),
        seed=seed,
        opening_plies=plies,
        distinct_openings=distinct,
        wins=int((outcomes > 0).sum()),
        draws=int((outcomes == 0).sum()),
        losses=int((outcomes < 0).sum()),
        elo=elo.elo if elo else None,
        elo_low=elo.low if elo else None,
        elo_high=elo.high if elo else None,
        difference=mean,
        difference_low=mean - spread,
        difference_high=mean + spread,
        mean_length=float(np.mean([len(each.history) for each in played])),
        seconds=seconds,
        games=tuple(played),
    )
