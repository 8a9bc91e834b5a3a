"""Othello's probes: greed for discs and corners, and who has the last move in each region."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.families.proven import distinct, full_verdict, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Solver
from engine.probing.probe import Probe
from games.othello.game import CELLS, SIDE

GAME = "othello"
CORNERS = (0, SIDE - 1, CELLS - SIDE, CELLS - 1)
ATTEMPTS = 4_000
"""Games that a generator looks at before it gives up."""
SLIP = 0.2
"""How often a sensible player moves at random."""
FEW = 2
"""Winning moves at most."""
CHOICE = 5
"""Legal moves at least."""
NODES = 100_000
"""Positions whose proof needs more are left out."""
ORACLE = Solver(NODES)


def discs(state: pyspiel.State) -> str:
    """The board, row by row: x, o or - in each cell."""
    return "".join(row[2:17:2] for row in str(state).splitlines()[2:10])


def sensible_move(state: pyspiel.State, rng: np.random.Generator) -> int:
    """A corner if there is one, else the move that leaves the other the fewest; now and then a random one."""
    actions = [int(action) for action in state.legal_actions()]
    if rng.random() < SLIP:
        return int(rng.choice(actions))
    corners = [action for action in actions if action in CORNERS]
    return min(corners or actions, key=lambda action: len(state.child(action).legal_actions()))


def endgames(rng: np.random.Generator, empty: int) -> Iterator[pyspiel.State]:
    """Positions with so many empty cells and a choice of moves; half of the games at random, half sensible."""
    game = load_game(GAME)
    for _ in range(ATTEMPTS):
        state = game.new_initial_state()
        sensible = bool(rng.integers(2))
        while not state.is_terminal() and discs(state).count("-") > empty:
            action = sensible_move(state, rng) if sensible else int(rng.choice(state.legal_actions()))
            state.apply_action(action)
        if not state.is_terminal() and len(state.legal_actions()) >= CHOICE:
            yield state


def turned(state: pyspiel.State, action: int) -> int:
    """Discs that a move turns."""
    other = "ox"[state.current_player()]
    return discs(state).count(other) - discs(state.child(action)).count(other)


@distinct
def greed(rng: np.random.Generator, empty: int) -> Iterator[Probe]:
    """Won positions in which the move that turns most discs, and every corner, does not win."""
    for state in endgames(rng, empty):
        counts = {int(action): turned(state, action) for action in state.legal_actions()}
        most = max(counts.values())
        tempting = tuple(action for action, count in counts.items() if count == most or action in CORNERS)
        verdict = full_verdict(ORACLE, state)
        if verdict is None or verdict.value < 1 or len(verdict.best) > FEW or set(tempting) & set(verdict.best):
            continue
        corner = " and the corner" if set(tempting) & set(CORNERS) else ""
        verb = "does" if len(tempting) == 1 else "do"
        why = (
            f"{mover(state)} wins only with {labels(state, verdict.best)}; "
            f"{labels(state, tempting, ' and ')}, most discs ({most}){corner}, {verb} not."
        )
        yield proven_probe(GAME, state, ORACLE, why, Moves(verdict.best, tempting))


@distinct
def last_moves(rng: np.random.Generator, empty: int) -> Iterator[Probe]:
    """Won positions in which only moves into odd regions win, and some move into an even one is legal."""
    for state in endgames(rng, empty):
        regions = empty_regions(discs(state))
        filled = frozenset().union(*(region for region in regions if not odd(region)))
        even = [action for action in state.legal_actions() if action in filled]
        if not even or len(even) == len(state.legal_actions()):
            continue
        verdict = full_verdict(ORACLE, state)
        if verdict is None or verdict.value < 1 or len(verdict.best) > FEW or set(even) & set(verdict.best):
            continue
        sizes = ", ".join(str(len(region)) for region in sorted(regions, key=len))
        why = (
            f"The empty cells lie in regions of {sizes}. {mover(state)} wins only with {labels(state, verdict.best)}, "
            f"into an odd region; {labels(state, even)}, into an even one, does not."
        )
        yield proven_probe(GAME, state, ORACLE, why, Moves(verdict.best, tuple(even)))


def empty_regions(board: str) -> list[frozenset[int]]:
    """The empty cells, those that touch (diagonally too) together."""
    left = {cell for cell, disc in enumerate(board) if disc == "-"}
    found = []
    while left:
        region, stack = set(), [left.pop()]
        while stack:
            cell = stack.pop()
            region.add(cell)
            row, column = divmod(cell, SIDE)
            near = {other for other in left if abs(other // SIDE - row) < 2 and abs(other % SIDE - column) < 2}
            left -= near
            stack += near
        found.append(frozenset(region))
    return found


def odd(region: frozenset[int]) -> bool:
    """Whoever moves into it first gets its last move, if nobody has to pass."""
    return len(region) % 2 == 1


def mover(state: pyspiel.State) -> str:
    """Whose turn it is, as the board shows it."""
    return "xo"[state.current_player()]


TRUTH = "Exact: the solver plays every move to the end of the game."
DIAL = "Empty cells."
EMPTY = (6, 7, 8, 9)

FAMILIES = (
    Family(
        name="greed",
        kind="learning",
        game=GAME,
        fails="The move that turns most discs, or takes a corner, is played although it does not win.",
        reason="Discs and corners are the features that go best with winning over whole games; near the end what "
        "counts is who still has a move, and the exceptions are rare in training.",
        described_by="Rosenbloom 1982, A World-Championship-Level Othello Program (the maximum disc strategy); Rose "
        "2005, Othello: A Minute to Learn, A Lifetime to Master",
        truth=TRUTH,
        dial=DIAL,
        difficulties=EMPTY,
        generate=greed,
    ),
    Family(
        name="last_moves",
        kind="search",
        game=GAME,
        fails="The last move of a region is left to the other player: parity is not counted.",
        reason="Who gets a region's last move is settled by a count over all regions and passes, many moves ahead; no "
        "single cell shows it, and random play does not keep to it.",
        described_by="Rose 2005, Othello: A Minute to Learn, A Lifetime to Master (parity)",
        truth=TRUTH,
        dial=DIAL,
        difficulties=EMPTY,
        generate=last_moves,
    ),
)
