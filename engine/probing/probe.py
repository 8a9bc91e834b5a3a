"""A probe: a position, who is to move, what is expected, and how that is known; as an object and as a line of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyspiel

from engine.errors import TesujiError, nearest
from engine.game import load_game, quiet_stderr
from engine.probing.expectations import Expectation, Moves, PlayOut, Probability, Twin, Value

__all__ = ["TRUTHS", "Probe", "reach", "read_probe", "require_decision", "to_line", "whole_numbers"]

TRUTHS = ("exact", "published", "engine-judged")
"""How an answer is known: proven (solver, enumeration, construction), told by a source, or an engine's opinion. Figures
never mix them."""


@dataclass(frozen=True)
class Probe:
    """A position with known truth."""

    id: str
    """FAMILY/GAME/NUMBER in the shipped suite; unique in a file."""
    family: str
    game: str
    """Full OpenSpiel game string."""
    history: tuple[int, ...]
    """Actions, chance's included, from the initial state, or from `fen`."""
    expectations: tuple[Expectation, ...]
    """All of them have to be met."""
    truth: str
    """One of TRUTHS."""
    oracle: str
    """Who says so; a name of `engine.probing.oracles`, empty if the source has to be believed."""
    why: str
    """What is true here and why, in a sentence or two, for a report."""
    fen: str = ""
    """A start position, in games whose `new_initial_state` takes one."""
    source: str = ""
    """Citation of what is published; engine, version and budget of what is engine-judged."""
    difficulty: int = 0
    """On the family's dial."""
    tags: tuple[str, ...] = ()
    held_out: bool = field(default=False, compare=False)
    """Not to be trained on: a mark on a probe, no part of it."""
    player: int = field(default=-1, compare=False)
    """Whose turn it is; -1: read from the position."""

    @property
    def short_name(self) -> str:
        """The game without its parameters, which is also the name of its room."""
        return self.game.split("(", 1)[0]

    def state(self) -> pyspiel.State:
        """The position. Raises TesujiError naming the field (game, fen or history) and the first illegal action."""
        return reach(self.game, self.fen, self.history)

    def to_json(self) -> dict[str, Any]:
        """One line of a file; fields at their default are left out."""
        line: dict[str, Any] = {
            "id": self.id,
            "family": self.family,
            "game": self.game,
            "history": list(self.history),
            "player": self.player if self.player >= 0 else require_decision(self.state()),
            "expect": [expectation_to_json(each) for each in self.expectations],
            "truth": self.truth,
            "oracle": self.oracle,
            "why": self.why,
        }
        extra = {"fen": self.fen, "source": self.source, "difficulty": self.difficulty, "tags": list(self.tags)}
        line |= {name: value for name, value in extra.items() if value}
        return line | ({"held_out": True} if self.held_out else {})


def reach(game: str | pyspiel.Game, fen: str, history: tuple[int, ...]) -> pyspiel.State:
    """The position after `history`. Raises TesujiError naming the field and the first action that is illegal."""
    try:
        loaded = load_game(game)
    except TesujiError as error:
        raise TesujiError(f"game: {error}") from error
    try:
        with quiet_stderr():
            state = loaded.new_initial_state(fen) if fen else loaded.new_initial_state()
    except (pyspiel.SpielError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()) or "not a start position of this game"
        raise TesujiError(f"fen: {fen!r}: {reason}") from error
    for number, action in enumerate(history):
        if state.is_terminal():
            raise TesujiError(f"history: the game is over before action {number + 1} ({action})")
        if action not in state.legal_actions():
            raise TesujiError(f"history: action {number + 1} ({action}) is illegal")
        state.apply_action(action)
    return state


def read_probe(line: Mapping[str, Any]) -> Probe:
    """The probe of one line of a file, checked in all that needs no oracle. Raises TesujiError naming the field."""
    if not isinstance(line, Mapping):
        raise TesujiError("a probe is a JSON object")
    known = {"id", "family", "game", "history", "player", "expect", "truth", "oracle", "why"}
    optional = {"fen", "source", "difficulty", "tags", "held_out"}
    for name in line:
        if name not in known | optional:
            raise TesujiError(f"{name}: unknown field{nearest(name, known | optional)}")
    for name in sorted(known - line.keys() - {"player"}):
        raise TesujiError(f"{name}: missing")
    texts = {name: text(line, name) for name in ("id", "family", "game", "truth", "oracle", "why", "fen", "source")}
    history = whole_numbers(line["history"], "history")
    state = reach(texts["game"], texts["fen"], history)
    player = require_decision(state)
    if line.get("player", player) != player:
        raise TesujiError(f"player: {line['player']} is not to move after this history, {player} is")
    entries = line["expect"]
    if not isinstance(entries, list) or not entries:
        raise TesujiError("expect: a list with at least one expectation")
    expectations = tuple(read_expectation(entry, state, texts) for entry in entries)
    require_consistency(expectations)
    if texts["truth"] not in TRUTHS:
        raise TesujiError(f"truth: {texts['truth']!r}{nearest(texts['truth'], TRUTHS)}; one of {', '.join(TRUTHS)}")
    if texts["truth"] == "exact" and not texts["oracle"]:
        raise TesujiError("oracle: missing; what is exact can be asked for again")
    if texts["truth"] != "exact" and not texts["source"]:
        raise TesujiError(f"source: missing; say where this {texts['truth']} answer comes from")
    difficulty = line.get("difficulty", 0)
    if type(difficulty) is not int:
        raise TesujiError(f"difficulty: {difficulty!r} is not a whole number")
    tags = line.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise TesujiError("tags: a list of texts")
    held_out = line.get("held_out", False)
    if type(held_out) is not bool:
        raise TesujiError(f"held_out: {held_out!r} is neither true nor false")
    return Probe(
        **texts,
        history=history,
        expectations=expectations,
        difficulty=difficulty,
        tags=tuple(tags),
        held_out=held_out,
        player=player,
    )


def text(line: Mapping[str, Any], name: str) -> str:
    """A text field; empty if it is missing."""
    value = line.get(name, "")
    if not isinstance(value, str):
        raise TesujiError(f"{name}: {value!r} is not a text")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise TesujiError(f"{name}: half a character, which no file can hold")
    if name in ("id", "family", "game", "why") and not value:
        raise TesujiError(f"{name}: empty")
    return value


def whole_numbers(value: Any, name: str) -> tuple[int, ...]:
    """A list of actions."""
    if not isinstance(value, list) or not all(type(each) is int for each in value):
        raise TesujiError(f"{name}: a list of whole numbers")
    return tuple(value)


def number(entry: Mapping[str, Any], name: str, field_name: str) -> float:
    """A finite number of an expectation."""
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise TesujiError(f"{field_name}.{name}: {value!r} is not a number")
    return float(value)


def require_decision(state: pyspiel.State) -> int:
    """The player to move. Raises TesujiError where there is none."""
    if state.is_terminal():
        raise TesujiError("history: the game is over after it")
    if state.is_chance_node():
        raise TesujiError("history: chance is to move after it")
    if state.is_simultaneous_node():
        raise TesujiError("history: several players move at once after it; use the game's turn-based form")
    return int(state.current_player())


LARGEST = 1e300
"""Numbers beyond this are mistakes."""
KEYS = {
    "moves": ("accepted", "forbidden"),
    "value": ("low", "high"),
    "probability": ("actions", "low", "high"),
    "twin": ("history", "actions", "tolerance"),
    "play_out": ("opponent", "low", "high"),
}
"""Kinds of expectations, and what each holds in a file."""


def read_expectation(entry: Any, state: pyspiel.State, texts: Mapping[str, str]) -> Expectation:
    """One expectation of a file. Raises TesujiError naming `expect.KIND.FIELD`."""
    if not isinstance(entry, Mapping):
        raise TesujiError("expect: an expectation is a JSON object")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KEYS:
        raise TesujiError(f"expect.kind: {kind!r}{nearest(str(kind), KEYS)}; one of {', '.join(KEYS)}")
    where = f"expect.{kind}"
    for name in entry:
        if name != "kind" and name not in KEYS[kind]:
            raise TesujiError(f"{where}.{name}: unknown field{nearest(name, KEYS[kind])}")
    legal = state.legal_actions()

    def actions(name: str) -> tuple[int, ...]:
        found = whole_numbers(entry.get(name, []), f"{where}.{name}")
        for action in found:
            if action not in legal:
                raise TesujiError(f"{where}.{name}: action {action} is illegal after this history")
        return found

    if kind == "twin":
        return read_twin(entry, legal, texts)
    if kind == "moves":
        moves = Moves(actions("accepted"), actions("forbidden"))
        if not moves.accepted and not moves.forbidden:
            raise TesujiError(f"{where}: name actions that are accepted or forbidden")
        if both := set(moves.accepted) & set(moves.forbidden):
            raise TesujiError(f"{where}: action {min(both)} is accepted and forbidden")
        if set(moves.forbidden) >= set(legal):
            raise TesujiError(f"{where}.forbidden: leaves no legal action")
        return moves
    low, high = number(entry, "low", where), number(entry, "high", where)
    if low > high:
        raise TesujiError(f"{where}: low {low:g} is above high {high:g}")
    if kind == "probability":
        chosen = actions("actions")
        if not chosen:
            raise TesujiError(f"{where}.actions: name at least one action")
        if high < 0.0 or low > 1.0:
            raise TesujiError(f"{where}: [{low:g}, {high:g}] holds no probability")
        return Probability(chosen, low, high)
    if kind == "value":
        return Value(low, high)
    opponent = entry.get("opponent")
    if not isinstance(opponent, str) or not opponent:
        raise TesujiError(f"{where}.opponent: name an agent, or 'self'")
    return PlayOut(opponent, low, high)


def read_twin(entry: Mapping[str, Any], legal: list[int], texts: Mapping[str, str]) -> Twin:
    """A `Twin` of a file."""
    history = whole_numbers(entry.get("history"), "expect.twin.history")
    try:
        there = reach(texts["game"], texts["fen"], history)
        require_decision(there)
    except TesujiError as error:
        raise TesujiError(f"expect.twin.{error}") from error
    pairs = entry.get("actions")
    if not isinstance(pairs, list) or not all(is_pair(pair) for pair in pairs):
        raise TesujiError("expect.twin.actions: a list of pairs of actions")
    if sorted(p[0] for p in pairs) != sorted(legal) or sorted(p[1] for p in pairs) != sorted(there.legal_actions()):
        raise TesujiError("expect.twin.actions: pair every legal action here with one there")
    tolerance = number(entry, "tolerance", "expect.twin")
    if not 0.0 <= tolerance < 1.0:
        raise TesujiError(f"expect.twin.tolerance: {tolerance:g} must be from 0 to less than 1")
    return Twin(history, tuple((int(a), int(b)) for a, b in pairs), tolerance)


def is_pair(value: Any) -> bool:
    """Two actions."""
    return isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value)


def require_consistency(expectations: tuple[Expectation, ...]) -> None:
    """Raise TesujiError if no answer can meet all of them."""
    accepted: set[int] | None = None
    forbidden: set[int] = set()
    low, high = -math.inf, math.inf
    for each in expectations:
        if isinstance(each, Moves):
            if each.accepted:
                accepted = set(each.accepted) if accepted is None else accepted & set(each.accepted)
            forbidden |= set(each.forbidden)
        elif isinstance(each, Value):
            low, high = max(low, each.low), min(high, each.high)
    if accepted is not None and not accepted - forbidden:
        raise TesujiError("expect: contradiction: no action is accepted by all expectations")
    if low > high:
        raise TesujiError("expect: contradiction: no value lies in all ranges")
    ranges = {each.actions: each for each in expectations if isinstance(each, Probability)}
    for each in expectations:
        if isinstance(each, Probability) and max(each.low, ranges[each.actions].low) > min(
            each.high, ranges[each.actions].high
        ):
            raise TesujiError("expect: contradiction: no probability lies in all ranges")


def expectation_to_json(expectation: Expectation) -> dict[str, Any]:
    """As `read_expectation` takes it."""
    match expectation:
        case Moves(accepted, forbidden):
            sides = {"accepted": list(accepted), "forbidden": list(forbidden)}
            return {"kind": "moves"} | {name: actions for name, actions in sides.items() if actions}
        case Value(low, high):
            return {"kind": "value", "low": low, "high": high}
        case Probability(actions, low, high):
            return {"kind": "probability", "actions": list(actions), "low": low, "high": high}
        case Twin(history, actions, tolerance):
            pairs = [list(pair) for pair in actions]
            return {"kind": "twin", "history": list(history), "actions": pairs, "tolerance": tolerance}
        case PlayOut(opponent, low, high):
            return {"kind": "play_out", "opponent": opponent, "low": low, "high": high}


def to_line(probe: Probe) -> str:
    """A line of a probes file, without its end."""
    return json.dumps(probe.to_json(), ensure_ascii=False)
