"""The guard: judges the current agent against the best one so far, by a match or by how it can be exploited."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import numpy as np
import pyspiel
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.config import RunConfig
from engine.errors import TesujiError
from engine.evaluate.exploitability import exploitability
from engine.evaluate.match import MatchGame, difference_of, draw_rows, play_in_pool, rate, rotations
from engine.evaluate.ratings import ROUNDING, Rating
from engine.finetune.learner import Learner
from engine.finetune.rollout import NetworkAnswers
from engine.game import facts, is_zero_sum, require_self_play
from engine.native import core
from engine.search.calibration import Calibration
from engine.search.search import search_params
from engine.selfplay.actor import Contestant

__all__ = [
    "Comparison",
    "ExploitabilityGuard",
    "Guard",
    "Judgement",
    "MatchFigures",
    "MatchGuard",
    "Verdict",
    "guard_match",
    "verdict",
]

ELO_LIMIT = 800.0
"""Elo differences are written within this; beyond it a match of a few hundred games says nothing."""
FEWEST_GAMES = 10
"""Of a match, unless all openings have fewer: with less time there is none."""
CAREFUL = 0.8
"""Of the time that is left is planned for: a few games side by side take longer each than many."""


@dataclass(frozen=True)
class Verdict:
    """What a match means for the run."""

    promote: bool
    """The candidate is the new best."""
    roll_back: bool
    """The candidate is clearly worse: training goes on from the best."""


@dataclass(frozen=True)
class Judgement(Verdict):
    """What a guard found."""

    line: Mapping[str, Any]
    """For the guard's own record."""
    standing: Mapping[str, float]
    """What the candidate is worth now, by the name under which the best one's checkpoint tells it."""
    kept: Mapping[str, float]
    """The same of the best one, where it stays."""
    planned: float = 1.0
    """As much as there would have been to do with more time, over what was done."""


@dataclass(frozen=True)
class Comparison:
    """A match of the best agent against the start, played after the last judgement: the choice of the best has not
    touched it, as it has the judgements, so that equals come out equal on average. Intervals are 95 %.
    """

    games: int
    elo: float | None
    """None, as its bounds are, where games are not just won, drawn or lost."""
    elo_low: float | None
    elo_high: float | None
    difference: float
    """Return of the best less the others' mean, in utilities."""
    difference_low: float
    difference_high: float

    def __str__(self) -> str:
        """`+85 Elo [+50, +121] over the start (200 games)`."""
        return f"{self.strength} over the start ({self.games} games)"

    @property
    def strength(self) -> str:
        """`+85 Elo [+50, +121]`, or the difference of returns."""
        if self.elo is not None:
            return f"{self.elo:+.0f} Elo [{self.elo_low:+.0f}, {self.elo_high:+.0f}]"
        return f"{self.difference:+.3g} [{self.difference_low:+.3g}, {self.difference_high:+.3g}] in returns"

    @property
    def worse(self) -> bool:
        """The interval leaves no doubt that it is the weaker one."""
        high = self.difference_high if self.elo_high is None else self.elo_high
        return high < 0.0

    def figures(self, opponent: str = "start") -> dict[str, float]:
        """The finite numbers by name: what the best agent's checkpoint tells of it, and TensorBoard."""
        by_returns = self.elo is None
        return {
            name: value
            for name, value in (
                (f"elo_over_{opponent}", self.elo),
                (f"elo_over_{opponent}_low", self.elo_low),
                (f"elo_over_{opponent}_high", self.elo_high),
                (f"difference_to_{opponent}", self.difference if by_returns else None),
                (f"difference_to_{opponent}_low", self.difference_low if by_returns else None),
                (f"difference_to_{opponent}_high", self.difference_high if by_returns else None),
                (f"games_against_{opponent}", self.games),
            )
            if value is not None and math.isfinite(value)
        }


class Guard(Protocol):
    """Compares the learner's averaged weights with the best ones."""

    record: str
    """The file of its judgements in the run's folder, one JSON object a line."""
    closing: int
    """How many matches it plays at the end of a run."""

    def judge(
        self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int, seconds: float = math.inf
    ) -> Judgement | None:
        """`best`: the best weights so far; `standing`: what was found of them, empty for those of the start.

        None where there was nothing to be found in so many `seconds`.
        """
        ...

    def compare(
        self, best: Mapping[str, Tensor], start: Mapping[str, Tensor], seed: int, seconds: float = math.inf
    ) -> Comparison | None:
        """A match between weights; None where there was no time for one, or the guard plays none."""
        ...

    def expected(self, decisions_per_game: float, seconds_per_decision: float) -> float:
        """Seconds that the first judgement will take, by what games have taken so far."""
        ...


def verdict(rating: Rating, rollback_elo: float) -> Verdict:
    """Judge the candidate's `rating` against the best.

    It becomes the best when it scores at least half: of two agents that measure the same the one that has learnt longer
    is kept. It is undone when it is worse by more than `-rollback_elo` and the interval leaves no doubt of that.
    """
    return Verdict(rating.score >= 0.5 - ROUNDING, rating.elo < rollback_elo and rating.high < 0.0)


@dataclass(frozen=True)
class MatchFigures:
    """What a guard's match came to."""

    games: int
    planned: int
    """Games that there would have been with more time."""
    rating: Rating
    difference: float
    """The candidate's return less the others' mean, in utilities."""
    spread: float
    """Half the width of its 95 % interval."""


def guard_match(
    game: pyspiel.Game,
    candidate: Contestant,
    best: Contestant,
    config: RunConfig,
    *,
    games: int,
    seed: int,
    seconds: float = math.inf,
    pace: float = 0.0,
) -> MatchFigures | None:
    """Play `games` games (rounded up to whole openings) of `candidate` against `best`.

    As in every match (`engine.evaluate.match`), each random opening is played with the candidate in each seat, search
    plays its best move, and a raw network by its probabilities. There are fewer where they would only be repeated.

    With a limit of `seconds` there are as many as it has time for; None below `FEWEST_GAMES`. `pace`: seconds a game,
    estimated; 0 if nobody knows.
    """
    search = search_params(config.search, config.guard.simulations, game)
    temperature = 0.0 if config.guard.simulations else 1.0  # a raw network plays by its probabilities
    players = [
        core.PlayerParams(index, search, temperature=temperature, final_temperature=temperature) for index in range(2)
    ]
    rows, distinct = draw_rows(game, games, config.guard.opening_plies, seed)
    turns = rotations(game)
    if facts(game).deterministic and temperature == 0.0:
        rows = rows[: distinct * turns]
    played: list[MatchGame] = []
    begin = monotonic()
    while len(played) < len(rows):
        part = rows[len(played) :]
        left = seconds - (monotonic() - begin)
        if math.isfinite(seconds):
            fitting = int(CAREFUL * left / pace) if pace else FEWEST_GAMES
            part = part[: fitting // turns * turns]
            if len(part) < min(FEWEST_GAMES, len(rows) - len(played)):
                break
        found = play_in_pool(
            game,
            [candidate.native, best.native],
            players,
            part,
            config.selfplay.workers,
            config.selfplay.games_per_worker,
            seconds=left,
        )
        played += found[: len(found) // turns * turns]
        if len(found) < len(part):
            break
        pace = (monotonic() - begin) / len(played)
    if not played:
        return None
    difference, spread = difference_of(game, played)
    return MatchFigures(len(played), len(rows), rate(played, by_points=facts(game).win_draw_loss), difference, spread)


class Calibrated(Protocol):
    """Whoever has the positions that int8 is calibrated on."""

    calibration: Calibration | None


class MatchGuard:
    """By matches of search against search."""

    record = "matches.jsonl"
    closing = 2

    def __init__(
        self,
        game: pyspiel.Game,
        candidate: Contestant,
        best: Contestant,
        config: RunConfig,
        *,
        learner: Learner[Any] | None = None,
        calibrated: Calibrated | None = None,
    ) -> None:
        """Before a match `best` gets the best weights, and `candidate` the learner's; None: it has them already.

        `calibrated` knows the positions that int8 is calibrated on.
        """
        self.game = game
        self.candidate, self.best = candidate, best
        self.config = config
        self.learner = learner
        self.calibrated = calibrated
        self.pace = 0.0
        """Seconds a game; 0 before anything is known."""

    def judge(
        self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int, seconds: float = math.inf
    ) -> Judgement | None:
        """Play the match."""
        self.best.update(best, self._calibration())
        if self.learner is not None:
            self.candidate.update(self.learner.weights())
        match = self._match(seed, seconds)
        if match is None:
            return None
        rating, guard = match.rating, self.config.guard
        found = verdict(rating, guard.rollback_elo)
        line = {
            "games": match.games,
            "simulations": guard.simulations,
            "score": rating.score,
            "elo": clipped(rating.elo),
            "elo_low": clipped(rating.low),
            "elo_high": clipped(rating.high),
            "difference": match.difference,
            "difference_spread": match.spread if math.isfinite(match.spread) else None,
        }
        return Judgement(found.promote, found.roll_back, line, {}, {}, match.planned / match.games)

    def compare(
        self, best: Mapping[str, Tensor], start: Mapping[str, Tensor], seed: int, seconds: float = math.inf
    ) -> Comparison | None:
        """Play the match; the candidate's weights are then the best ones."""
        self.best.update(start, self._calibration())
        self.candidate.update(best, self._calibration())
        match = self._match(seed, seconds)
        if match is None:
            return None
        rating, points = match.rating, facts(self.game).win_draw_loss
        elo, low, high = (clipped(value) if points else None for value in (rating.elo, rating.low, rating.high))
        centre, spread = match.difference, match.spread
        return Comparison(match.games, elo, low, high, centre, centre - spread, centre + spread)

    def _match(self, seed: int, seconds: float) -> MatchFigures | None:
        games, begin = self.config.guard.games, monotonic()
        match = guard_match(
            self.game,
            self.candidate,
            self.best,
            self.config,
            games=games,
            seed=seed,
            seconds=seconds,
            pace=self.pace,
        )
        if match is not None:
            self.pace = (monotonic() - begin) / match.games
        return match

    def _calibration(self) -> Calibration | None:
        return self.calibrated.calibration if self.calibrated else None

    def expected(self, decisions_per_game: float, seconds_per_decision: float) -> float:
        """As long as the decisions of so many games take in self-play, at its own number of simulations."""
        guard = self.config.guard
        # Where games are played without search (`learner` is given), a decision has cost one evaluation.
        depth = max(1, guard.simulations) / (self.config.search.simulations if self.learner is None else 1)
        self.pace = decisions_per_game * seconds_per_decision * depth
        return guard.games * self.pace


class ExploitabilityGuard:
    """By exact exploitability, where the game is small enough to be enumerated: the lower one is the better one."""

    record = "exploitability.jsonl"
    closing = 1

    def __init__(self, tree: core.InformationTree, encoder: str, learner: Learner[Any]) -> None:
        self.tree = tree
        self.inputs, self.legal_mask = tree.encode(0, tree.num_information_states, encoder)
        self.learner = learner

    def judge(
        self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int, seconds: float = math.inf
    ) -> Judgement:
        """Evaluate the averaged weights at every information state; those of the start, too, the first time."""
        found = self.exploitability(self.learner.average)
        known = standing.get("exploitability")
        if known is None:
            start = copy.deepcopy(self.learner.average)
            start.load_state_dict(best)
            known = self.exploitability(start)
        promote = found <= known
        return Judgement(
            promote, False, {"exploitability": found}, {"exploitability": found}, {"exploitability": known}
        )

    def compare(
        self, best: Mapping[str, Tensor], start: Mapping[str, Tensor], seed: int, seconds: float = math.inf
    ) -> None:
        """Its figures are exact, those of the best as well."""

    def exploitability(self, network: nn.Module) -> float:
        """NashConv / players of a network's raw policy, in utilities."""
        policy = NetworkAnswers(network)(self.inputs, self.legal_mask)
        table: NDArray[np.float64] = np.exp(policy[self.legal_mask != 0].astype(np.float64))
        sums = np.add.reduceat(table, self.tree.offsets[:-1])
        table /= np.repeat(sums, np.diff(self.tree.offsets))
        return exploitability(table, self.tree).exploitability

    def expected(self, decisions_per_game: float, seconds_per_decision: float) -> float:
        """One pass over all information states, and one over the histories, which takes about as long."""
        return 2.0 * self.tree.num_information_states * seconds_per_decision


def information_tree(game: pyspiel.Game, config: RunConfig) -> core.InformationTree | None:
    """The game enumerated, if it hides information, is zero-sum (elsewhere a poor equilibrium would beat a good agent)
    and has at most `guard.max_histories` histories; else None.
    """
    hidden = game.get_type().information == pyspiel.GameType.Information.IMPERFECT_INFORMATION
    if not hidden or not is_zero_sum(game) or config.guard.max_histories == 0:
        return None
    try:
        return core.InformationTree(game, max_histories=config.guard.max_histories)
    except TesujiError:
        return None


def plays_matches(game: pyspiel.Game) -> bool:
    """Search against search is sound there."""
    try:
        require_self_play(game)
    except TesujiError:
        return False
    return True


def clipped(elo: float) -> float:
    """An Elo difference within the limit; no games count as equal."""
    return 0.0 if np.isnan(elo) else max(-ELO_LIMIT, min(ELO_LIMIT, elo))
