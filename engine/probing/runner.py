"""Asks an agent about probes: raw first, then at rising budgets, many probes in one call; what is answered is kept."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyspiel

from engine.agents.agent import BatchAgent, Decision, MoveStatistics
from engine.agents.parser import parse_agent
from engine.errors import TesujiError
from engine.evaluate import Progress
from engine.files import atomic_write, clear_leftovers, read_json, write_errors
from engine.metrics import JsonLines
from engine.probing.expectations import Moves, PlayOut, Probability, Twin, meets, moved
from engine.probing.play_out import expected_returns
from engine.probing.probe import Probe, reach, to_line
from engine.probing.results import Answer, Budget, Judged, MoveLine, Probing, budget_name

__all__ = ["Answers", "run_probes"]

TOGETHER = 64
"""Probes that are asked about in one call, and written down after it."""
MOVES_KEPT = 12
"""Lines of an answer's table: the best ones, and those that the probe names."""
HEAD, ANSWERS = "probing.json", "answers.jsonl"

FindAgent = Callable[[str], BatchAgent]
"""The agent for a game string. Raises TesujiError where the agent does not play that game."""


class Answers:
    """The answers given so far, in a folder if there is one: an interrupted run goes on from them."""

    def __init__(self, folder: Path | None, identity: Mapping[str, Any]) -> None:
        """identity: what an answer depends on besides the probe and the budget: the agent and the seed.

        Raises TesujiError if the folder holds answers of another agent, or cannot be written.
        """
        self.lines: JsonLines | None = None
        self.known: dict[tuple[str, Budget], Answer] = {}
        if folder is None:
            return
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        head = folder / HEAD
        clear_leftovers(head)
        if not head.exists():
            if any(folder.iterdir()):
                raise TesujiError(f"{folder} is not empty and holds no answers to probes: name another folder")
            atomic_write(head, json.dumps(identity, indent=2).encode() + b"\n")
        elif (found := read_json(head)) != identity:
            differs = [name for name in identity if not isinstance(found, dict) or found.get(name) != identity[name]]
            raise TesujiError(f"{folder} holds answers of another {' and '.join(differs)}: name another folder")
        self.lines = JsonLines(folder / ANSWERS)
        drop_torn_line(self.lines.path)
        for number, line in enumerate(self.lines.read(), 1):
            try:
                answer = answer_from_json(line["answer"])
                self.known[str(line["probe"]), answer.budget] = answer
            except (KeyError, TypeError) as error:
                raise TesujiError(f"{self.lines.path}: line {number} is damaged: it is no answer to a probe") from error

    def add(self, probe: Probe, answer: Answer) -> None:
        """Remember an answer."""
        self.known[digest(probe), answer.budget] = answer
        if self.lines is not None:
            self.lines.append({"id": probe.id, "probe": digest(probe), "answer": asdict(answer)})

    def get(self, probe: Probe, budget: Budget) -> Answer | None:
        """The answer to this very probe."""
        return self.known.get((digest(probe), budget))


def run_probes(
    name: str,
    find_agent: FindAgent,
    probes: Sequence[Probe],
    budgets: Sequence[int] = (0,),
    *,
    seed: int = 0,
    answers: Answers | None = None,
    on_progress: Progress | None = None,
) -> Probing:
    """Ask the agent called `name` about every probe at every budget that means something to it.

    An agent that takes none of the budgets is asked once, as it is. A probe that cannot be answered fails with an error
    and stops nothing.
    """
    start = perf_counter()
    kept = answers if answers is not None else Answers(None, {})
    agents, left_out = find_agents(find_agent, probes)
    asked = [probe for probe in probes if probe.game in agents]
    plan: dict[Budget, dict[str, list[Probe]]] = {}
    for probe in asked:
        for level in agent_budgets(agents[probe.game], budgets):
            plan.setdefault(level, {}).setdefault(probe.game, []).append(probe)
    levels = sorted(plan, key=lambda level: -1 if level is None else level)
    for level in levels:
        total = sum(map(len, plan[level].values()))
        done = 0
        for game, members in plan[level].items():
            for first in range(0, len(members), TOGETHER):
                batch = members[first : first + TOGETHER]
                new = [probe for probe in batch if kept.get(probe, level) is None]
                for probe, answer in zip(new, ask(agents[game], new, level, seed), strict=True):
                    kept.add(probe, answer)
                done += len(batch)
                if on_progress is not None:
                    on_progress(f"probes, {budget_name(level)}", done, total)
    judged = tuple(
        Judged(probe, tuple(found for level in levels if (found := kept.get(probe, level)) is not None))
        for probe in asked
    )
    return Probing(name, tuple(levels), judged, perf_counter() - start, left_out=tuple(left_out))


def find_agents(find_agent: FindAgent, probes: Sequence[Probe]) -> tuple[dict[str, BatchAgent], list[str]]:
    """The agent of every game that it plays, and what stood in the way in the others, in a line a game."""
    agents = {}
    refused: dict[str, tuple[int, str]] = {}
    for game, count in Counter(probe.game for probe in probes).items():
        try:
            agents[game] = find_agent(game)
        except TesujiError as error:
            short = game.split("(", 1)[0]
            others, reason = refused.get(short, (0, str(error)))
            refused[short] = others + count, reason
    return agents, [f"{short}: {count} probes not asked: {reason}" for short, (count, reason) in refused.items()]


def agent_budgets(agent: BatchAgent, budgets: Sequence[int]) -> list[Budget]:
    """Those that mean something to the agent; its own setting if none does."""
    taken: list[Budget] = [budget for budget in sorted(set(budgets)) if agent.takes(budget)]
    return taken or [None]


def ask(agent: BatchAgent, probes: Sequence[Probe], budget: Budget, seed: int) -> list[Answer]:
    """An answer to each of these probes of one game, in one call if nothing goes wrong, else one by one."""
    if not probes:
        return []
    try:
        return decide(agent, probes, budget, seed)
    except Exception as error:  # whatever an agent does wrong is told beside the probe, and the others go on
        if len(probes) > 1:
            return [answer for probe in probes for answer in ask(agent, [probe], budget, seed)]
        reason = " ".join(str(error).split()) or "no reason given"
        return [
            Answer(
                budget, False, error=reason if isinstance(error, TesujiError) else f"{type(error).__name__}: {reason}"
            )
        ]


def decide(agent: BatchAgent, probes: Sequence[Probe], budget: Budget, seed: int) -> list[Answer]:
    """`ask` without a net: the positions and their twins in one call."""
    states = [probe.state() for probe in probes]
    twins = [
        (index, reach(probe.game, probe.fen, expectation.history))
        for index, probe in enumerate(probes)
        for expectation in probe.expectations
        if isinstance(expectation, Twin)
    ]
    decisions = agent.policy([*states, *(twin for _, twin in twins)], budget, seed)
    others: dict[int, list[Decision]] = {}
    for (index, _), decision in zip(twins, decisions[len(states) :], strict=True):
        others.setdefault(index, []).append(decision)
    answers = []
    for index, (probe, state, decision) in enumerate(zip(probes, states, decisions, strict=False)):
        there = iter(others.get(index, []))
        met = []
        distance = returns = math.nan
        twin_moves: tuple[MoveLine, ...] = ()
        for expectation in probe.expectations:
            twin = None
            if isinstance(expectation, Twin):
                twin = next(there)
                twin_moves = move_lines(twin)
                distance = moved(decision.probabilities, twin.probabilities, dict(expectation.actions))
            if isinstance(expectation, PlayOut):
                returns = play_out(agent, expectation, probe, state, budget, seed)
            met.append(meets(expectation, decision, probe.player, twin, returns))
        value = float(decision.values[probe.player])
        moves = move_lines(decision, named_moves(probe))
        answers.append(Answer(budget, all(met), tuple(met), moves, value, distance, twin_moves, returns))
    return answers


def play_out(
    agent: BatchAgent,
    expectation: PlayOut,
    probe: Probe,
    state: pyspiel.State,
    budget: Budget,
    seed: int,
) -> float:
    """The expected return of the player to move."""
    own = (agent, budget)
    if expectation.opponent == "self":
        others: tuple[BatchAgent, Budget] = own
    else:
        others = parse_agent(expectation.opponent, probe.game), None
    seats = [own if player == probe.player else others for player in range(state.num_players())]
    return float(expected_returns(state, seats, seed)[probe.player])


def named_moves(probe: Probe) -> set[int]:
    """The actions that the probe's expectations name."""
    named: set[int] = set()
    for expectation in probe.expectations:
        if isinstance(expectation, Moves):
            named |= {*expectation.accepted, *expectation.forbidden}
        elif isinstance(expectation, Probability):
            named |= set(expectation.actions)
    return named


def move_lines(decision: Decision, named: Collection[int] = ()) -> tuple[MoveLine, ...]:
    """The best lines of the table behind a decision, and those of the actions named; probabilities alone where there is
    no table.
    """
    told: dict[int, MoveStatistics] = {move.action: move for move in decision.statistics.get("moves", ())}
    lines = []
    for action in {*told, *named, *(int(a) for a in np.flatnonzero(decision.probabilities))}:
        move = told.get(action)
        probability = float(decision.probabilities[action])
        if move is None:
            lines.append(MoveLine(action, probability, math.nan, 0, math.nan))
        else:
            lines.append(MoveLine(action, probability, move.prior, move.visits, move.q))
    lines.sort(key=lambda line: (-line.probability, -line.visits, -line.prior, line.action))
    return tuple(line for rank, line in enumerate(lines) if rank < MOVES_KEPT or line.action in named)


def digest(probe: Probe) -> str:
    """What tells this probe from one that was changed."""
    return hashlib.sha256(to_line(probe).encode()).hexdigest()[:24]


def answer_from_json(value: Mapping[str, Any]) -> Answer:
    """The answer that was written; null is NaN."""
    return Answer(
        value["budget"],
        value["passed"],
        tuple(value["met"]),
        lines_from_json(value["moves"]),
        known(value["value"]),
        known(value["moved"]),
        lines_from_json(value["twin_moves"]),
        known(value["returns"]),
        value["error"],
    )


def lines_from_json(lines: Sequence[Mapping[str, Any]]) -> tuple[MoveLine, ...]:
    """The moves of an answer that was written."""
    return tuple(
        MoveLine(line["action"], line["probability"], known(line["prior"]), line["visits"], known(line["q"]))
        for line in lines
    )


def known(number: float | None) -> float:
    """NaN for null."""
    return math.nan if number is None else number


def drop_torn_line(path: Path) -> None:
    """Cut off a last line that a killed process did not finish."""
    if path.exists():
        with write_errors(path):
            content = path.read_bytes()
            if not content.endswith(b"\n"):
                JsonLines(path).truncate(content.rfind(b"\n") + 1)
