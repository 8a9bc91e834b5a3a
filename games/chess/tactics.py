"""Tactics from Stockfish's games against itself, some of whose moves are random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.probe import Probe
from games.chess.oracle import Line, Stockfish

__all__ = ["DIFFICULTIES", "MARGIN", "NODES", "tactics"]

GAME = "chess()"
NODES = 200_000
"""Of the search that decides."""
QUICK = (100, 2_000)
"""Nodes of the searches by which difficulty is told."""
SCREEN = 20_000
"""Nodes of the search that tells which positions are worth the long one."""
MARGIN = 0.7
"""How much less every other move is worth, as expected return."""
HOLDS = -0.25
"""The best move is worth at least this: there is something to hold."""
DIFFICULTIES = (1, 2, 3)

PLAY = 300
"""Nodes a move of the games."""
OPENING = 6
"""Random moves at the start of each."""
NOISE = 0.1
"""Share of random moves later on."""
LONGEST = 120
"""Plies of a game."""
GAMES = 500
"""That are played at most."""
APART = 10
"""Plies between two positions of one game."""


def tactics(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Positions in which one move is much better than all others.

    Raises TesujiError where Stockfish is not installed.
    """
    judge = Stockfish(NODES)
    for state in positions(judge, generator):
        lines = judge.best(state)
        if not stands_out(lines):
            continue
        best, second = lines
        if difficulty != seen_at(judge, state, best.action):
            continue
        why = (
            f"{state.action_to_string(best.action)} is worth {best.value:+.2f}, the next best move, "
            f"{state.action_to_string(second.action)}, {second.value:+.2f} (expected return, by Stockfish)."
        )
        yield Probe(
            id="",
            family="",
            game=GAME,
            history=(),
            fen=str(state),
            expectations=(Moves((best.action,)),),
            truth="engine-judged",
            oracle="stockfish",
            why=why,
            source=f"{judge.version}, {NODES} nodes, 1 thread, 2 lines",
            player=state.current_player(),
        )


def positions(judge: Stockfish, generator: np.random.Generator) -> Iterator[pyspiel.State]:
    """Positions of games in which one move stands out to a search of medium length."""
    game = load_game(GAME)
    for _ in range(GAMES):
        state = game.new_initial_state()
        told = 0
        while not state.is_terminal() and len(state.history()) < LONGEST:
            ply, legal = len(state.history()), state.legal_actions()
            if ply >= OPENING and ply >= told + APART and stands_out(judge.best(state, nodes=SCREEN)):
                yield game.new_initial_state(str(state))
                told = ply
            if ply < OPENING or generator.random() < NOISE:
                state.apply_action(int(generator.choice(legal)))
            else:
                state.apply_action(judge.best(state, nodes=PLAY, lines=1)[0].action)


def stands_out(lines: Sequence[Line]) -> bool:
    """Whether the best move holds what all others lose."""
    return len(lines) > 1 and lines[0].value >= HOLDS and lines[0].value - lines[1].value >= MARGIN


def seen_at(judge: Stockfish, state: pyspiel.State, action: int) -> int:
    """The difficulty of finding a move: how many of the short searches prefer another."""
    return 1 + sum(judge.best(state, nodes=nodes, lines=1)[0].action != action for nodes in QUICK)
