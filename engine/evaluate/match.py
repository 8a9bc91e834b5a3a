"""Matches: two agents, many games at once, from shared openings with seats swapped.

Every opening is played once with agent `a` in each seat (for two players: both colours), so that an unbalanced opening
favours nobody, and the interval is taken over openings, not games. An opening is played again only where chance or a
mixed policy makes that another game: what repeats itself is no new evidence. Two networks play inside the native pool,
unless one searches with several leaves in flight; any other agents are asked for all running games in one `policy`
call.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyspiel

from engine.agents.agent import Agent, FloatArray
from engine.agents.network_agent import ROWS, NetworkAgent
from engine.agents.pyspiel_bots import BotAgent
from engine.errors import TesujiError
from engine.evaluate import Progress
from engine.evaluate.ratings import Rating, elo_interval, mean_and_spread, share_interval
from engine.files import atomic_write
from engine.game import is_zero_sum, require_self_play, require_sequential
from engine.native import core
from engine.search.seeds import state_seed, stream

if TYPE_CHECKING:
    from engine import _core

OPENING_PLIES = 4
OPENING_TRIES = 20  # random openings drawn per one needed before the search for new ones ends


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
        return margin(self.seats, self.returns)


@dataclass(frozen=True)
class MatchResult:
    """What a match says about agent `a`; all intervals are 95 %, over openings.

    wins, draws, losses: games of `a` by the sign of its return against the others' mean: with more than two players
        they are counts and no verdict, since equals win less than half.
    distinct_openings: as `draw_openings` counts them. Where repeated openings would only repeat games, `games` holds
        each once, however many were asked for.
    elo, elo_low, elo_high: only for two-player zero-sum games, else None.
    difference, difference_low, difference_high: a's return less the others' mean, in utilities.
    mean_return, mean_return_low, mean_return_high: of all seats together, in utilities: what a cooperative game is
        about, and 0 in a zero-sum one.
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
    mean_return: float
    mean_return_low: float
    mean_return_high: float
    mean_length: float
    seconds: float
    games: tuple[MatchGame, ...]

    @property
    def score(self) -> float:
        """0 to 1, and 0.5 between equals: the share of points of `a`, a draw counting half, in a zero-sum game of two;
        else its share of what was gained and lost (`share_interval`).
        """
        return rate(self.games, by_points=self.elo is not None).score

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
    opening_plies: int | None = None,
    seed: int = 0,
    simulations: int | None = None,
    on_progress: Progress | None = None,
) -> MatchResult:
    """Play `games` games (rounded up to whole openings) of `a` against `b`.

    opening_plies: random decisions before the agents take over; each pair of games gets an opening of its own while the
        game has enough (see `MatchResult.distinct_openings`). None: `OPENING_PLIES` where information is perfect, else
        0: chance and mixed strategies vary such games already, and random moves would be read as if they meant
        something.
    simulations: searches per move for both agents, overriding their own.
    Raises TesujiError for agents of another game, simultaneous games and numbers out of range.
    """
    if games < 1:
        raise TesujiError(f"games {games}: play at least 1")
    if opening_plies is None:
        perfect = game.get_type().information == pyspiel.GameType.Information.PERFECT_INFORMATION
        opening_plies = OPENING_PLIES if perfect else 0
    if opening_plies < 0:
        raise TesujiError(f"opening plies {opening_plies}: cannot be negative")
    if simulations is not None and simulations < 0:
        raise TesujiError(f"simulations {simulations}: cannot be negative")
    require_sequential(game)
    for agent in (a, b):
        if isinstance(agent, NetworkAgent) and str(agent.game) != str(game):
            raise TesujiError(f"agent '{agent.name}' plays {agent.game}, not {game}")
    start = perf_counter()
    rows, distinct = draw_rows(game, games, opening_plies, seed)

    def play(first: int, last: int) -> tuple[list[MatchGame], bool]:
        def report(stage: str, done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(stage, first + done, len(rows))

        part, watch = rows[first:last], report if on_progress is not None else None
        if isinstance(a, NetworkAgent) and isinstance(b, NetworkAgent) and _pool_plays(game, a, b):
            return _play_networks(a, b, game, part, simulations, watch)
        if isinstance(a, BotAgent) or isinstance(b, BotAgent):
            return _play_singly(a, b, game, part, first, seed, simulations, watch)
        return _play_batched(a, b, game, part, first, seed, simulations, watch)

    played = _play_new(game, play, len(rows), distinct * rotations(game))
    return _result(a, b, game, played, seed, opening_plies, distinct, perf_counter() - start)


Row = tuple[Opening, tuple[int, ...]]
"""A game to be played: its opening, and for every seat who sits there (0: `a`, 1: `b`)."""


def draw_rows(game: pyspiel.Game, games: int, opening_plies: int, seed: int) -> tuple[list[Row], int]:
    """`games` games, rounded up to whole openings, and how many distinct openings they have.

    Each opening comes with `a` in every seat once, and `b` in all others; in a one-player game once for each of them.
    """
    players, turns = game.num_players(), rotations(game)
    openings, distinct = draw_openings(game, -(-games // turns), opening_plies, seed)
    seats = [tuple(0 if seat == turn else 1 for seat in range(players)) for turn in range(turns)]
    return [(opening, each) for opening in openings for each in seats], distinct


def rotations(game: pyspiel.Game) -> int:
    """Games of one opening."""
    return max(2, int(game.num_players()))


def _play_new(
    game: pyspiel.Game, play: Callable[[int, int], tuple[list[MatchGame], bool]], rows: int, once: int
) -> list[MatchGame]:
    """Play so many rows, of which the first `once` have all distinct openings; without the others if those would only
    repeat the same games. `play` takes the rows first to last - 1 and says whether a move was drawn.
    """
    played, drawn = play(0, min(rows, once))
    if rows > once and not drawn and not any(_meets_chance(game, each) for each in played):
        # Agents may vary by themselves: with time, or with a generator of their own.
        second = min(rows, 2 * once)
        again, drawn = play(once, second)
        if again == played[: len(again)]:
            return played
        played, once = played + again, second
    return played + (play(once, rows)[0] if rows > once else [])


def _meets_chance(game: pyspiel.Game, played: MatchGame) -> bool:
    """Chance moved after the opening."""
    if game.get_type().chance_mode == pyspiel.GameType.ChanceMode.DETERMINISTIC:
        return False
    state = game.new_initial_state()
    for number, action in enumerate(played.history):
        if number >= len(played.opening) and state.is_chance_node():
            return True
        state.apply_action(action)
    return False


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


def _pool_plays(game: pyspiel.Game, *agents: NetworkAgent) -> bool:
    """The native pool plays the games that search is sound in, by agents that do not search every state alone."""
    try:
        require_self_play(game)
    except TesujiError:
        return False
    return not any(agent.alone for agent in agents)


def _play_networks(
    a: NetworkAgent,
    b: NetworkAgent,
    game: pyspiel.Game,
    rows: Sequence[Row],
    simulations: int | None,
    on_progress: Progress | None,
) -> tuple[list[MatchGame], bool]:
    """The games, and whether moves were drawn."""
    evaluators = [a.native_evaluator()]
    if b.native_evaluator() is not evaluators[0]:
        evaluators.append(b.native_evaluator())
    players = [a.player_params(0, simulations), b.player_params(len(evaluators) - 1, simulations)]
    # Two half-batches of `ROWS`; half of that where somebody watches: the reports cost a sixth of the speed.
    games_per_worker = 2 * ROWS if on_progress is None else ROWS
    workers = min(a.workers, b.workers)
    played = play_in_pool(game, evaluators, players, rows, workers, games_per_worker, on_progress)
    return played, a.draws(simulations) or b.draws(simulations)


def play_in_pool(
    game: pyspiel.Game,
    evaluators: Sequence[_core.Evaluator],
    players: Sequence[_core.PlayerParams],
    rows: Sequence[Row],
    workers: int,
    games_per_worker: int,
    on_progress: Progress | None = None,
    seconds: float = math.inf,
) -> list[MatchGame]:
    """Play the rows between two networks in the native pool; `players` says how `a` and `b` do it.

    They are played in parts of `workers` x `games_per_worker`, with a report after each. A game depends on its row
    alone; the parts are the same without reports, so that not even the rounding of other batches comes between.
    After so many `seconds` the parts that are done are returned.
    """
    begin = perf_counter()
    together = workers * games_per_worker
    scale = evaluators[0].value_scale
    played: list[MatchGame] = []
    for start in range(0, len(rows), together):
        part = rows[start : start + together]
        results = core.play_match(
            game,
            evaluators,
            players,
            [list(opening.actions) for opening, _ in part],
            [list(seats) for _, seats in part],
            seeds=[opening.chance_seed for opening, _ in part],
            workers=workers,
            games_per_worker=min(games_per_worker, -(-len(part) // workers)),
            seconds=max(0.0, seconds - (perf_counter() - begin)),
        )
        over = [game for game in results if game is not None]
        if len(over) < len(part):  # those that ended first are no fair sample
            break
        played += [
            MatchGame(opening.actions, seats, tuple(history), tuple(value * scale for value in returns))
            for (opening, seats), (history, returns) in zip(part, over, strict=True)
        ]
        if on_progress is not None:
            on_progress("games", len(played), len(rows))
    return played


def _play_singly(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    rows: Sequence[Row],
    first: int,
    seed: int,
    simulations: int | None,
    on_progress: Progress | None,
) -> tuple[list[MatchGame], bool]:
    """`_play_batched`, one game after the other: a bot of OpenSpiel's keeps one game in mind."""
    played: list[MatchGame] = []
    drawn = False
    for number, row in enumerate(rows):
        game_played, random = _play_batched(a, b, game, [row], first + number, seed, simulations, None)
        played += game_played
        drawn = drawn or random
        if on_progress is not None:
            on_progress("games", len(played), len(rows))
    return played, drawn


def _play_batched(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    rows: Sequence[Row],
    first: int,
    seed: int,
    simulations: int | None,
    on_progress: Progress | None,
) -> tuple[list[MatchGame], bool]:
    """All games side by side: one `policy` call per agent and round. The rows are number `first` and the following.

    Returns the games, and whether a move was drawn.
    """
    drawn = False
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
                drawn = drawn or bool(np.count_nonzero(decision.probabilities) > 1)
                action = decision.sample(state_seed(stream(seed, "action", first + index), state))
                for observer in agents:
                    observer.observe(state, action)
                state.apply_action(action)
        if on_progress is not None:
            on_progress("games", len(rows) - len(running), len(rows))
    played = [
        MatchGame(opening.actions, seats, tuple(state.history()), tuple(state.returns()))
        for (opening, seats), state in zip(rows, states, strict=True)
    ]
    return played, drawn


def _advance_chance(state: pyspiel.State, seed: int) -> None:
    """Play chance to the next decision: both games of a pair meet the same luck in the same order."""
    while state.is_chance_node():
        state.apply_action(_chance_action(state, stream(seed, "ply", state.move_number()) / 2**63))


def _result(
    a: Agent,
    b: Agent,
    game: pyspiel.Game,
    played: Sequence[MatchGame],
    seed: int,
    plies: int,
    distinct: int,
    seconds: float,
) -> MatchResult:
    outcomes = _outcomes(played)
    mean, spread = difference_of(game, played)
    shared, shared_spread = mean_and_spread(_shared(played), _reach(game, played))
    elo = rate(played, by_points=True) if game.num_players() == 2 and is_zero_sum(game) else None
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
        mean_return=shared,
        mean_return_low=shared - shared_spread,
        mean_return_high=shared + shared_spread,
        mean_length=float(np.mean([len(each.history) for each in played])),
        seconds=seconds,
        games=tuple(played),
    )


def rate(played: Sequence[MatchGame], *, by_points: bool) -> Rating:
    """Elo of `a` above `b` from a match's games, in its order; the games of one opening count as one.

    by_points: between two players a game scores 1, 0.5 or 0 as a's return is above, at or below b's. Otherwise
    differences of returns are what counts (`share_interval`).
    """
    outcomes = _outcomes(played)
    if not by_points:
        return share_interval(outcomes)
    points = (np.sign(outcomes) + 1.0) / 2.0
    return elo_interval([float(pair) for pair in 2.0 * points.mean(axis=1)])


def difference_of(game: pyspiel.Game, played: Sequence[MatchGame]) -> tuple[float, float]:
    """Mean return of `a` less the others' mean, in utilities, and half the width of its 95 % interval over openings."""
    return mean_and_spread(_outcomes(played).mean(axis=1), 2.0 * _reach(game, played))


def _reach(game: pyspiel.Game, played: Sequence[MatchGame]) -> float:
    """How far apart returns can lie: as far as they did in these games, or as the game declares if they never did."""
    returns = [value for each in played for value in each.returns]
    return (max(returns) - min(returns)) or float(game.max_utility() - game.min_utility())


def _outcomes(played: Sequence[MatchGame]) -> FloatArray:
    """float64[openings, seats]: a's return less the others' mean; of a one-player game one column, less b's return."""
    players = len(played[0].seats)
    differences = np.array([game.difference for game in played]).reshape(-1, max(2, players))
    # Alone at the board, b's game follows a's and counts against it.
    return differences.sum(axis=1, keepdims=True) if players == 1 else differences


def _shared(played: Sequence[MatchGame]) -> FloatArray:
    """float64[openings]: the mean return of all seats."""
    seats = len(played[0].seats)
    found: FloatArray = np.array([game.returns for game in played]).mean(axis=1).reshape(-1, max(2, seats)).mean(axis=1)
    return found


def margin(seats: Sequence[int], returns: Sequence[float]) -> float:
    """The mean return of the seats with 0 less that of the seats with 1; 0 stands for those that have no seat."""
    own = [value for seat, value in zip(seats, returns, strict=True) if seat == 0]
    others = [value for seat, value in zip(seats, returns, strict=True) if seat == 1]
    return (sum(own) / len(own) if own else 0.0) - (sum(others) / len(others) if others else 0.0)
