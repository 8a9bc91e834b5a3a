"""What families build on: wins proven in so many plies, how moves look to random play, moves and values in words, and
the form of a probe whose truth an oracle proves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyspiel

from engine.native import core
from engine.probing.expectations import Expectation
from engine.probing.family import Generate
from engine.probing.oracles import Oracle, Verdict
from engine.probing.probe import Probe
from engine.search.search import search

__all__ = [
    "ROLLOUTS",
    "Positions",
    "chance",
    "distinct",
    "forced_win",
    "from_games",
    "full_verdict",
    "in_turn",
    "label",
    "labels",
    "looks",
    "lost_in",
    "only_move",
    "proven_probe",
]

ROLLOUTS = 200
"""Random games after each move: the standard error of its mean is at most 0.07 where returns lie in [-1, 1]."""

GAMES = 20_000
"""Games looked through, at most, for the probes of one difficulty."""

Positions = Callable[[np.random.Generator], Iterable[pyspiel.State]]
"""Draws a game, or a part of one: positions in which a player is to move."""
Find = Callable[[pyspiel.State, np.random.Generator, int], Probe | None]
"""(position, source of chance, difficulty) -> the probe at this position, if it is one."""


def from_games(positions: Positions, find: Find, games: int = GAMES) -> Generate:
    """A generator of probes that takes the first one of each game."""

    @distinct
    def generate(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
        for _ in range(games):
            for state in positions(generator):
                probe = find(state, generator, difficulty)
                if probe is not None:
                    yield probe
                    break

    return generate


def in_turn(*sources: Iterator[Probe]) -> Iterator[Probe]:
    """A probe from each source, again and again, until one of them has no more."""
    for found in zip(*sources, strict=False):
        yield from found


def distinct(generate: Generate) -> Generate:
    """Without probes of a position that was there already, reached by another order of moves."""

    def generate_distinct(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
        seen: set[tuple[object, ...]] = set()
        for probe in generate(generator, difficulty):
            state = probe.state()
            # Not every game's string tells what was rolled; what it lets the player do tells as much as matters.
            position = (probe.game, str(state), state.current_player(), *state.legal_actions())
            if position not in seen:
                seen.add(position)
                yield probe

    return generate_distinct


def forced_win(state: pyspiel.State, most: int) -> int | None:
    """The least number of plies within which the player to move can force a win against any defence; None if that takes
    more than `most`. The game must be deterministic and have two players.
    """
    player = state.current_player()
    return next((plies for plies in range(1, most + 1) if forces(state, player, plies)), None)


def lost_in(state: pyspiel.State, actions: Sequence[int], plies: int) -> list[int]:
    """Those of the actions after which the other player can force a win in so many plies, and not sooner."""
    return [action for action in actions if forced_win(state.child(action), plies) == plies]


def forces(state: pyspiel.State, player: int, plies: int) -> bool:
    """Whether `player` wins within `plies`, whatever the other one does."""
    if state.is_terminal():
        return bool(state.returns()[player] > 0.0)
    if plies == 0:
        return False
    after = (forces(state.child(action), player, plies - 1) for action in state.legal_actions())
    return any(after) if state.current_player() == player else all(after)


def looks(state: pyspiel.State, generator: np.random.Generator, rollouts: int = ROLLOUTS) -> dict[int, float]:
    """Legal action -> mean return, for the player to move, of uniformly random games after it: how it looks to a search
    that has only begun.
    """
    player = state.current_player()
    children = {action: state.child(action) for action in state.legal_actions()}
    running = [child for child in children.values() if not child.is_terminal()]
    evaluator = core.RolloutEvaluator(state.get_game(), rollouts, int(generator.integers(2**31)))
    means = iter([float(found.raw_values[player]) for found in search(running, evaluator, simulations=0)])
    scale = evaluator.value_scale
    return {
        action: float(child.returns()[player]) if child.is_terminal() else scale * next(means)
        for action, child in children.items()
    }


def full_verdict(oracle: Oracle, state: pyspiel.State) -> Verdict | None:
    """The oracle's verdict, if it knows what every move is worth."""
    verdict = oracle.judge(state)
    return verdict if verdict is not None and len(verdict.values) == len(state.legal_actions()) else None


def only_move(verdict: Verdict | None) -> int | None:
    """The move that alone keeps the value of the position, if there are others and they do not."""
    return verdict.best[0] if verdict is not None and len(verdict.best) == 1 < len(verdict.values) else None


def label(state: pyspiel.State, action: int) -> str:
    """An action of the player to move, in words."""
    return str(state.action_to_string(state.current_player(), action))


def labels(state: pyspiel.State, actions: Iterable[int], joint: str = " or ") -> str:
    """Several, in words."""
    return joint.join(label(state, action) for action in actions)


def chance(value: float) -> str:
    """A value, in [-1, 1], as the probability to win, where nobody draws."""
    return f"{50.0 * (1.0 + value):.1f} %"


def proven_probe(
    game: str,
    state: pyspiel.State,
    oracle: Oracle,
    why: str,
    *expectations: Expectation,
    fen: str = "",
    tags: tuple[str, ...] = (),
) -> Probe:
    """A probe at this position whose truth `oracle` proves; `Family.make` gives it its name.

    fen: where the position's game began, if not in the usual way.
    """
    return Probe(
        id="",
        family="",
        game=game,
        history=tuple(state.history()),
        expectations=expectations,
        truth=oracle.truth,
        oracle=oracle.name,
        why=why,
        fen=fen,
        tags=tags,
        player=state.current_player(),
    )
