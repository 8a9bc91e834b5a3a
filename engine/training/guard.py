"""The guard: judges the current agent against the best one so far, by a match or by how it can be exploited."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyspiel
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.config import RunConfig
from engine.errors import TesujiError
from engine.evaluate.exploitability import exploitability
from engine.evaluate.match import draw_rows, play_in_pool, rate, rotations
from engine.evaluate.ratings import ROUNDING, Rating
from engine.finetune.learner import Learner
from engine.finetune.rollout import NetworkAnswers
from engine.game import facts, is_zero_sum, require_self_play
from engine.native import core
from engine.search.calibration import Calibration
from engine.search.search import search_params
from engine.selfplay.actor import Contestant

__all__ = ["ExploitabilityGuard", "Guard", "Judgement", "MatchGuard", "Verdict", "guard_match", "verdict"]

ELO_LIMIT = 800.0
"""Elo differences are written within this; beyond it a match of a few hundred games says nothing."""


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


class Guard(Protocol):
    """Compares the learner's averaged weights with the best ones."""

    record: str
    """The file of its judgements in the run's folder, one JSON object a line."""

    def judge(self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int) -> Judgement:
        """`best`: the best weights so far; `standing`: what was found of them, empty for those of the start."""
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


def guard_match(
    game: pyspiel.Game, candidate: Contestant, best: Contestant, config: RunConfig, *, games: int, seed: int
) -> Rating:
    """Play `games` games (rounded up to whole openings) of `candidate` against `best`.

    As in every match (`engine.evaluate.match`), each random opening is played with the candidate in each seat, search
    plays its best move, and a raw network by its probabilities. There are fewer where they would only be repeated.
    """
    search = search_params(config.search, config.guard.simulations, game)
    temperature = 0.0 if config.guard.simulations else 1.0  # a raw network plays by its probabilities
    rows, distinct = draw_rows(game, games, config.guard.opening_plies, seed)
    if facts(game).deterministic and temperature == 0.0:
        rows = rows[: distinct * rotations(game)]
    played = play_in_pool(
        game,
        [candidate.native, best.native],
        [
            core.PlayerParams(index, search, temperature=temperature, final_temperature=temperature)
            for index in range(2)
        ],
        rows,
        config.selfplay.workers,
        config.selfplay.games_per_worker,
    )
    return rate(played, by_points=facts(game).win_draw_loss)


class Calibrated(Protocol):
    """Whoever has the positions that int8 is calibrated on."""

    calibration: Calibration | None


class MatchGuard:
    """By matches of search against search."""

    record = "matches.jsonl"

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

    def judge(self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int) -> Judgement:
        """Play the match."""
        guard = self.config.guard
        self.best.update(best, self.calibrated.calibration if self.calibrated else None)
        if self.learner is not None:
            self.candidate.update(self.learner.weights())
        rating = guard_match(self.game, self.candidate, self.best, self.config, games=guard.games, seed=seed)
        found = verdict(rating, guard.rollback_elo)
        above = standing.get("elo_above_start", 0.0) + clipped(rating.elo)
        line = {
            "games": guard.games,
            "simulations": guard.simulations,
            "score": rating.score,
            "elo": clipped(rating.elo),
            "elo_low": clipped(rating.low),
            "elo_high": clipped(rating.high),
            "elo_above_start": above,
        }
        return Judgement(found.promote, found.roll_back, line, {"elo_above_start": above}, standing)

    def expected(self, decisions_per_game: float, seconds_per_decision: float) -> float:
        """As long as the decisions of so many games take in self-play, at its own number of simulations."""
        guard = self.config.guard
        # Where games are played without search (`learner` is given), a decision has cost one evaluation.
        depth = max(1, guard.simulations) / (self.config.search.simulations if self.learner is None else 1)
        return guard.games * decisions_per_game * seconds_per_decision * depth


class ExploitabilityGuard:
    """By exact exploitability, where the game is small enough to be enumerated: the lower one is the better one."""

    record = "exploitability.jsonl"

    def __init__(self, tree: core.InformationTree, encoder: str, learner: Learner[Any]) -> None:
        self.tree = tree
        self.inputs, self.legal_mask = tree.encode(0, tree.num_information_states, encoder)
        self.learner = learner

    def judge(self, best: Mapping[str, Tensor], standing: Mapping[str, float], seed: int) -> Judgement:
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
