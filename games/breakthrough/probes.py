"""Families of probes of Breakthrough; every truth is proven by the exact solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.families.traps import level_k_traps
from engine.probing.family import Family
from engine.probing.oracles import Solver
from engine.probing.positions import careful_game

GAME = "breakthrough(rows=5,columns=5)"
NODES = 300_000
"""States that the solver may visit for a position to be used."""
FIRST, LAST = 8, 20
"""Plies of the positions looked at: before them the solver often needs too long, after them few games go on."""


def positions(generator: np.random.Generator) -> Iterator[pyspiel.State]:
    """A game of players who let nobody win at once while they can help it."""
    return careful_game(load_game(GAME), FIRST, LAST, generator)


FAMILIES = (
    Family(
        name="level_k_traps",
        kind="search",
        game=GAME,
        fails="A move that random play prefers to the right ones lets the opponent win by force in k plies.",
        reason="Sampling averages over the many replies that do not win, and comes to the one that does late.",
        described_by="Ramanujan, Sabharwal and Selman 2010, On adversarial search spaces and sampling-based planning",
        truth="value of every move by the exact solver; k by full-width search to k plies",
        dial="k, plies that the opponent needs to win after the trap",
        difficulties=(3, 5, 7),
        generate=level_k_traps(GAME, Solver(NODES), positions),
    ),
)
