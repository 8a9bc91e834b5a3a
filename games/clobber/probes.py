"""Clobber's probes: sums of fights, one of which decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.families.proven import distinct, full_verdict, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Solver, Verdict
from engine.probing.probe import Probe
from games.clobber.game import STONES

SIDE = 8
GAME = f"clobber(rows={SIDE},columns={SIDE})"
HEIGHT, WIDTH = 2, 3
"""Of a fight, at most."""
PLACES = tuple(product((0, 3, 6), (0, 4)))
"""Where fights go, their upper left corners, so that none touches another."""
PAIRS = 0.7
"""How often a fight is added with its opposite, where there is room, and not as one that is worth nothing itself."""
ATTEMPTS = 2_000
"""Sums that a generator looks at before it gives up."""
RARE = 1 / 5
"""Share of the legal moves that may win."""
NODES = 1_000_000
"""Positions whose proof needs more are left out."""
ORACLE = Solver(NODES)

Cell = tuple[int, int]
Stones = Mapping[Cell, str]


def position(stones: Stones, player: int) -> tuple[str, pyspiel.State]:
    """The start position (OpenSpiel's string and its state) with these stones and this player to move."""
    start = str(player) + "".join(stones.get(cell, ".") for cell in product(range(SIDE), range(SIDE)))
    return start, load_game(GAME).new_initial_state(start)


def judged(stones: Stones, player: int) -> Verdict | None:
    """What the solver says of stones alone; None if the mover cannot move, or if it does not know."""
    _, state = position(stones, player)
    return None if state.is_terminal() else full_verdict(ORACLE, state)


def fights(stones: Stones) -> list[Stones]:
    """The groups of touching stones that have both colours: what is done in one is not felt in another."""
    found: list[Stones] = []
    left = dict(stones)
    while left:
        stack = [next(iter(left))]
        group = {stack[0]: left.pop(stack[0])}
        while stack:
            r, c = stack.pop()
            for near in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
                if near in left:
                    group[near] = left.pop(near)
                    stack.append(near)
        if len(set(group.values())) == 2:
            found.append(group)
    return found


def fight(rng: np.random.Generator, sizes: Iterable[int]) -> Stones:
    """A random fight with one of these numbers of stones."""
    cells = list(product(range(HEIGHT), range(WIDTH)))
    while True:
        chosen = rng.permutation(len(cells))[: int(rng.choice(list(sizes)))]
        stones = {cells[int(place)]: STONES[int(rng.integers(2))] for place in chosen}
        groups = fights(stones)
        if len(groups) == 1 and len(groups[0]) == len(stones):
            return stones


def is_zero(stones: Stones) -> bool:
    """Whoever moves first in these stones alone loses: they change nothing in a sum."""
    verdicts = [judged(stones, player) for player in (0, 1)]
    return all(verdict is not None and verdict.value < 0 for verdict in verdicts)


def opposite(stones: Stones, rng: np.random.Generator) -> Stones:
    """The colours exchanged, and perhaps mirrored: together with the stones it is worth nothing (Tweedledum)."""
    down, across = rng.integers(2, size=2)
    return {
        (HEIGHT - 1 - r if down else r, WIDTH - 1 - c if across else c): STONES[1 - STONES.index(stone)]
        for (r, c), stone in stones.items()
    }


@distinct
def many_fronts(rng: np.random.Generator, fronts: int) -> Iterator[Probe]:
    """Sums of so many fights: the first decides, the others are worth nothing; few moves win."""
    for _ in range(ATTEMPTS):
        player = int(rng.integers(2))
        decisive = fight(rng, (5, 6))
        alone = judged(decisive, player)
        if alone is None or alone.value < 0 or len(alone.best) > 1 or len(alone.values) < 3:
            continue
        groups = [decisive]
        while len(groups) < fronts:
            other = fight(rng, (3, 4))
            if len(groups) + 2 <= fronts and rng.random() < PAIRS:
                groups += [other, opposite(other, rng)]
            elif is_zero(other):
                groups.append(other)
        places = [PLACES[int(place)] for place in rng.permutation(len(PLACES))]
        stones = {
            (top + r, left + c): stone
            for (top, left), group in zip(places, groups, strict=False)
            for (r, c), stone in group.items()
        }
        start, state = position(stones, player)
        verdict = full_verdict(ORACLE, state)
        if verdict is None or len(verdict.best) > RARE * len(verdict.values):
            continue
        why = (
            f"{fronts} fights that do not touch. All but one cancel or are lost by who starts them, and are worth "
            f"nothing together; {STONES[player]} wins only with {labels(state, verdict.best)}."
        )
        yield proven_probe(GAME, state, ORACLE, why, Moves(verdict.best), fen=start)


FAMILIES = (
    Family(
        name="many_fronts",
        kind="search",
        game=GAME,
        fails="One tactic among several independent fights is misjudged, and with it the whole position.",
        reason="Search does not know that fights are independent: it looks at all their interleavings, whose number "
        "grows exponentially, and comes to the end of the one that counts with few simulations left.",
        described_by="Graf, Schaefers and Platzner 2013, On Semeai Detection in Monte-Carlo Go; Huang and Müller 2013, "
        "Investigating the Limits of Monte-Carlo Tree Search Methods in Computer Go; sums in Clobber: Albert, "
        "Grossman, Nowakowski and Wolfe 2005, An Introduction to Clobber",
        truth="Exact, by the solver. By construction the other fights are zero games or pairs of a game and its "
        "negative, which change nothing in a sum (Conway 1976); tests prove that too.",
        dial="Fights.",
        difficulties=(2, 3, 4, 5),
        generate=many_fronts,
    ),
)
