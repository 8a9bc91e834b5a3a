"""A probe from a position of the user's: the oracle is asked what is true there, where one can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspiel

from engine.errors import TesujiError
from engine.game import load_game, quiet_stderr
from engine.metrics import JsonLines
from engine.probing.expectations import Expectation, Moves, Probability
from engine.probing.oracles import Oracle, Verdict, disagreement, find_oracle, known_oracles
from engine.probing.probe import Probe, reach, read_probe, require_decision, text, whole_numbers

__all__ = ["Played", "file_and_line", "last_mistake", "make_probe", "read_played"]

TOLERANCE = 0.05
"""Probabilities may leave what equilibria play by so much: agents are only nearly in equilibrium."""
WIDEST = 0.6
"""Ranges of probability that are wider exclude too little to be asked for."""


@dataclass(frozen=True)
class Played:
    """A game that was played."""

    game: str
    history: tuple[int, ...]
    fen: str = ""
    """Where it began, in games that read one."""


def file_and_line(text: str) -> tuple[Path, int | None]:
    """The file and the number in `FILE:N`; None in `FILE`."""
    path, _, number = text.rpartition(":")
    return (Path(path), int(number)) if path and number.isdecimal() else (Path(text), None)


def read_played(file: Path, line: int | None = None) -> Played:
    """A game of a file that `tesuji match --save-games` or `tesuji play --save-game` wrote; `line` counts from 1, None
    is the last.

    Raises TesujiError naming file, line and field.
    """
    if not file.is_file():
        raise TesujiError(f"cannot read {file}: there is no such file")
    lines = JsonLines(file).read()
    line = len(lines) if line is None else line
    if not 1 <= line <= len(lines):
        raise TesujiError(f"{file}: has {len(lines)} games, there is no line {line}")
    found = lines[line - 1]
    game = found.get("game")
    if not isinstance(game, str):
        raise TesujiError(f"{file}:{line}: game: missing")
    try:
        history = whole_numbers(found.get("history"), "history")
        fen = text(found, "fen")
        reach(game, fen, history)
        return Played(game, history, fen)
    except TesujiError as error:
        raise TesujiError(f"{file}:{line}: {error}") from error


def make_probe(
    name: str,
    game: str,
    history: Sequence[int],
    *,
    fen: str = "",
    family: str = "own",
    accepted: Sequence[str] = (),
    forbidden: Sequence[str] = (),
    oracle: str = "",
    truth: str = "exact",
    source: str = "",
    why: str = "",
    held_out: bool = False,
) -> Probe:
    """A probe called `name` of the position after `history`; moves as numbers or as the game names them.

    Without `accepted` and `forbidden` an oracle says what is true: the one named, else the first that can tell. With
    them it is asked, too, and has to agree. Without an oracle that can tell, `truth` and `source` say how it is known.
    Raises TesujiError naming what to change.
    """
    load = str(load_game(game))
    state = reach(game, fen, tuple(history))
    require_decision(state)
    require_sense(state, fen)
    told = Moves(read_moves(state, accepted, "accepted"), read_moves(state, forbidden, "forbidden"))
    given = bool(told.accepted or told.forbidden)
    reason = ""
    for judge, verdict in judgements(state, game, oracle, truth if given or source else None):
        try:
            expectations = borne_out(told, state, judge, verdict) if given else expected(state, verdict)
        except Unknown as error:
            reason = reason or str(error)
            continue
        break
    else:
        if not given:
            no_oracle = "no oracle can tell what is true here: name accepted or forbidden moves, and the source"
            raise TesujiError(reason or no_oracle)
        if truth == "exact":
            raise TesujiError("no oracle bears this out: say how it is known, as published or engine-judged, and where")
        judge, expectations = None, [told]
    exact = judge is not None and judge.truth == "exact"
    line: dict[str, Any] = Probe(
        id=name,
        family=family,
        game=game if "filename=" in game else load,
        history=tuple(history),
        expectations=tuple(expectations),
        truth=judge.truth if judge else truth,
        oracle=judge.name if judge else "",
        why=why or explanation(state, expectations, judge),
        fen=fen,
        source=source or (f"the oracle {judge.name}, when the probe was added" if judge and not exact else ""),
        held_out=held_out,
        player=require_decision(state),
    ).to_json()
    return read_probe(line)


def last_mistake(game: str, history: Sequence[int], oracle: str = "", fen: str = "") -> int:
    """The number of actions before the last move of a game that an oracle knows to be worse than another.

    Raises TesujiError if there is none, or no oracle can tell.
    """
    states = [(number, reach(game, fen, tuple(history[:number]))) for number in range(len(history) - 1, -1, -1)]
    asked = False
    for number, state in states:
        if state.is_chance_node() or state.is_simultaneous_node():
            continue
        judged = next(judgements(state, game, oracle, None), None)
        if judged is None:
            continue
        verdict = judged[1]
        asked = True
        if history[number] in verdict.values and history[number] not in verdict.best:
            return number
    if not asked:
        raise TesujiError("no oracle can judge this game: say where to stop with --plies")
    raise TesujiError("no move of this game is known to be a mistake: say where to stop with --plies")


class Unknown(TesujiError):
    """An oracle does not know enough for a probe: another may."""


def judgements(
    state: pyspiel.State, game: str, name: str, truth: str | None
) -> Iterator[tuple[Oracle | None, Verdict]]:
    """What the oracle of this name says; without a name, what all say that can tell, exact ones first.

    truth: what an unnamed oracle's word has to be worth; None: anything. A named oracle that cannot tell is an error;
    one that cannot run here is passed over, unless it is named.
    """
    if name:
        judge = find_oracle(name, game)
        verdict = judge.judge(state)
        if verdict is None:
            raise TesujiError(f"oracle {name}: it cannot tell what is true in this position")
        yield judge, verdict
        return
    for judge in sorted(known_oracles(game).values(), key=lambda each: each.truth != "exact"):
        if truth is not None and judge.truth != truth:
            continue
        try:
            verdict = judge.judge(state)
        except TesujiError:  # such as a library that is not installed, or a game it is not for
            continue
        if verdict is not None:
            yield judge, verdict


def require_sense(state: pyspiel.State, fen: str) -> None:
    """Raise TesujiError for a start position that no game leads to, such as one whose mover could take the king: games
    read it, and then fail to name or play a move.
    """
    if not fen:
        return
    try:
        with quiet_stderr():
            for action in state.legal_actions():
                state.action_to_string(state.current_player(), action)
                state.child(action)
    except (pyspiel.SpielError, RuntimeError, ValueError) as error:
        raise TesujiError(f"fen: {fen!r}: no game leads to this position, its moves cannot be played") from error


def wins_at_once(state: pyspiel.State, verdict: Verdict) -> tuple[int, ...]:
    """Moves that end the game with no less than the position is worth, and more than a draw."""
    player = state.current_player()
    ends = ((action, state.child(action)) for action in verdict.best)
    return tuple(a for a, end in ends if end.is_terminal() and end.returns()[player] > 0.0)


def borne_out(told: Moves, state: pyspiel.State, judge: Oracle | None, verdict: Verdict) -> list[Expectation]:
    """The moves as they are told, if an oracle bears them out. Raises Unknown if it does not reach so far: what else is
    right can be told only by one that knows all moves. Raises TesujiError if it contradicts.
    """
    legal = len(state.legal_actions())
    name = judge.name if judge else ""
    at_once = wins_at_once(state, verdict)
    if told.accepted and len(verdict.values) < legal and (not at_once or set(told.accepted) != set(at_once)):
        raise Unknown(f"oracle {name}: it does not know all moves")
    try:
        said = disagreement(told, verdict, legal)
    except TesujiError as error:
        raise Unknown(str(error)) from error
    if said:
        raise TesujiError(f"oracle {name}: {said}")
    return [told]


def expected(state: pyspiel.State, verdict: Verdict) -> list[Expectation]:
    """What a verdict lets a probe expect. Raises Unknown if it knows of nothing to get wrong."""
    legal = state.legal_actions()
    if verdict.ranges:
        asked = {
            action: (max(0.0, low - TOLERANCE), min(1.0, high + TOLERANCE))
            for action, (low, high) in verdict.ranges.items()
        }
        narrow = [Probability((action,), *each) for action, each in asked.items() if each[1] - each[0] <= WIDEST]
        if not narrow:
            raise Unknown(f"what is right cannot be told here: {verdict.doubt()}")
        return list(narrow)
    worse = tuple(action for action in legal if verdict.values.get(action, math.inf) < verdict.value)
    worse = tuple(action for action in worse if action not in verdict.best)
    if len(verdict.values) == len(legal) and worse:
        return [Moves(verdict.best, worse)]
    # Whether other moves win as well, later, may be out of reach, as in chess: a win at once is right all the same.
    at_once = wins_at_once(state, verdict) if len(verdict.values) < len(legal) else ()
    if not worse and not at_once:
        raise Unknown("every move that is known keeps the value of this position: there is nothing to get wrong")
    return [Moves(at_once, worse)]


def explanation(state: pyspiel.State, expectations: Sequence[Expectation], judge: Oracle | None) -> str:
    """A sentence for a report."""
    player = state.current_player()
    by = f" ({judge.name})" if judge else ""
    for each in expectations:
        if isinstance(each, Moves) and each.accepted:
            names = ", ".join(state.action_to_string(player, action) for action in each.accepted)
            ended = all(state.child(action).is_terminal() for action in each.accepted)
            if ended and {*each.accepted, *each.forbidden} != set(state.legal_actions()):
                return f"{names} win{'s' if len(each.accepted) == 1 else ''} at once{by}."
            return f"Only {names} keep{'s' if len(each.accepted) == 1 else ''} the value of the position{by}."
        if isinstance(each, Moves):
            names = ", ".join(state.action_to_string(player, action) for action in each.forbidden)
            return f"A mistake: {names}{by}."
    return f"What equilibria play here{by}."


def read_moves(state: pyspiel.State, moves: Sequence[str], field: str) -> tuple[int, ...]:
    """Legal actions by number or by name. Raises TesujiError for others, with some that are legal."""
    player = state.current_player()
    names = {state.action_to_string(player, action): action for action in state.legal_actions()}
    found = []
    for move in moves:
        action = int(move) if move.isdecimal() and move not in names else names.get(move, -1)
        if action not in names.values():
            some = ", ".join(list(names)[:8])
            raise TesujiError(f"{field}: {move!r} is not a legal move here; legal are {some}, ...")
        found.append(action)
    return tuple(found)
