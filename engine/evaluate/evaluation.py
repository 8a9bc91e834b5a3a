"""Before and after: one agent judged by the game's outside referee and by a match against another agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent
from engine.agents.network_agent import NetworkAgent
from engine.errors import TesujiError
from engine.evaluate import Progress
from engine.evaluate.agreement import Agreement, agreement, labelled_positions
from engine.evaluate.match import MatchResult, match
from engine.game import LabelledPosition, searchable

SIMULATIONS = (0, 64)


@dataclass(frozen=True)
class Judgement:
    """One agent against the referee: agreement by simulations a move (0 = raw policy; None = the agent's own way)."""

    agent: str
    agreements: dict[int | None, Agreement]


@dataclass(frozen=True)
class Evaluation:
    """`after` is the agent in question, `before` the one it is compared with; `match` is seen from `after`."""

    game: str
    after: Judgement
    before: Judgement | None
    match: MatchResult | None
    match_simulations: int | None
    """Searches per move of both networks in the match; None where a contestant plays in its own way."""

    @property
    def positions(self) -> int:
        """Labelled positions that the agents were asked about."""
        return max((found.positions for found in self.after.agreements.values()), default=0)

    def table(self) -> list[list[str]]:
        """Rows of text: a header, then one row per measure; `before` comes first where there is one."""
        columns = [judgement for judgement in (self.before, self.after) if judgement is not None]
        rows = [["", *(judgement.agent for judgement in columns)]]
        keys = list(dict.fromkeys(key for judgement in columns for key in judgement.agreements))
        for measure, text in (("optimal moves", _share), ("value-sign error", _error)):
            for key in keys:
                found = [judgement.agreements.get(key) for judgement in columns]
                cells = [text(each) if each else "" for each in found]
                if any(cells):
                    rows.append([measure + _label(key), *cells])
        if self.match is not None:
            rows.append([_match_label(self.match, self.match_simulations), "0", match_text(self.match)])
        return rows

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "game": self.game,
            "after": _judgement_json(self.after),
            "before": _judgement_json(self.before) if self.before else None,
            "match": self.match.to_json() if self.match else None,
            "match_simulations": self.match_simulations,
        }


def evaluate(
    agent: BatchAgent,
    game: pyspiel.Game,
    against: BatchAgent | None = None,
    games: int = 400,
    simulations: Sequence[int] | None = None,
    opening_plies: int | None = None,
    seed: int = 0,
    positions: Sequence[LabelledPosition] | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Judge `agent` (and `against`, if given, beside it and in a match of `games` games; 0 games: no match).

    simulations: budgets at which networks meet the referee; the largest is also that of the match for networks without
        a search of their own. Other agents keep their own way. None: `SIMULATIONS`, or 0 alone where search is not
        sound.
    positions: labelled positions; None takes the room's held-out set. Without any the referee is left out.
    """
    if games < 0:
        raise TesujiError(f"games {games}: play at least 1, or 0 for no match")
    if simulations is None:
        simulations = SIMULATIONS if searchable(game) else (0,)
    if not simulations or min(simulations) < 0:
        raise TesujiError(f"simulations {list(simulations)}: give one or more numbers of 0 or more")
    if positions is None:
        positions = labelled_positions(game)
    result = common = None
    if against is not None and games > 0:
        a, b = (_searching(each, max(simulations)) for each in (agent, against))
        result = match(a, b, game, games, opening_plies, seed, on_progress=on_progress)
        budgets = {_simulations(each) for each in (a, b)}
        common = budgets.pop() if len(budgets) == 1 else None
    return Evaluation(
        game=str(game),
        after=_judge(agent, game, positions, simulations, seed, on_progress),
        before=_judge(against, game, positions, simulations, seed, on_progress) if against is not None else None,
        match=result,
        match_simulations=common,
    )


def match_text(result: MatchResult) -> str:
    """`+286 [+249, +331]`: Elo where the game has it, else the mean difference of returns."""
    if result.elo is not None and result.elo_low is not None and result.elo_high is not None:
        return f"{result.elo:+.0f} [{result.elo_low:+.0f}, {result.elo_high:+.0f}]"
    return f"{result.difference:+.3g} [{result.difference_low:+.3g}, {result.difference_high:+.3g}]"


def _searching(agent: BatchAgent, simulations: int) -> BatchAgent:
    if isinstance(agent, NetworkAgent) and not agent.searches:
        return agent.with_simulations(simulations)
    return agent


def _simulations(agent: BatchAgent) -> int | None:
    """Of a network that counts them; None for agents with another way."""
    return agent.simulations if isinstance(agent, NetworkAgent) and agent.seconds == 0.0 else None


def _judge(
    agent: BatchAgent,
    game: pyspiel.Game,
    positions: Sequence[LabelledPosition],
    simulations: Sequence[int],
    seed: int,
    on_progress: Progress | None,
) -> Judgement:
    budgets: Sequence[int | None] = simulations if isinstance(agent, NetworkAgent) else (None,)
    found = {}
    for budget in budgets if positions else ():
        report = None if on_progress is None else _named(on_progress, f"{agent.name}{_label(budget)}")
        found[budget] = agreement(agent, game, positions, simulations=budget, seed=seed, on_progress=report)
    return Judgement(agent.name, found)


def _named(on_progress: Progress, name: str) -> Progress:
    """Stages under the name of what they belong to."""
    return lambda stage, done, total: on_progress(f"{stage}, {name}", done, total)


def _label(simulations: int | None) -> str:
    if simulations is None:
        return ""
    return ", raw" if simulations == 0 else f", {simulations} simulations"


def _share(found: Agreement) -> str:
    low, high = found.interval
    return f"{found.optimal_share:.1%} [{low:.1%}, {high:.1%}]"


def _error(found: Agreement) -> str:
    return "" if np.isnan(found.value_sign_error) else f"{found.value_sign_error:.1%}"


def _match_label(result: MatchResult, simulations: int | None) -> str:
    what = "Elo" if result.elo is not None else "mean difference of returns"
    return f"{what}{_label(simulations)} ({len(result.games)} games)"


def _judgement_json(judgement: Judgement) -> dict[str, Any]:
    return {
        "agent": judgement.agent,
        "agreement": [
            {
                "simulations": simulations,
                "positions": found.positions,
                "optimal_share": found.optimal_share,
                "interval": list(found.interval),
                "value_sign_error": None if np.isnan(found.value_sign_error) else found.value_sign_error,
                "by_ply": {str(ply): list(counts) for ply, counts in found.by_ply.items()},
            }
            for simulations, found in judgement.agreements.items()
        ],
    }
