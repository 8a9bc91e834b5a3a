"""Wins that are certain in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Expectation, Moves, Value
from engine.probing.families.proven import proven_probe
from engine.probing.family import Family
from engine.probing.positions import random_state
from engine.probing.probe import Probe
from games.dark_hex.certainty import Certainty, boards_of, sure_moves
from games.dark_hex.game import STONES, named

GAME = "dark_hex(board_size=3,gameversion=adh)"
STEPS = (4, 7, 13)
"""The dial: the least numbers of boards that agree with what was seen."""
LEAST_MOVES = 3
"""With fewer legal moves, a right one says little."""
EARLIEST, LATEST = 8, 13
"""Moves played before a probe, of both: sooner, no win is certain."""
CONVINCED = 0.8
"""A value that is as good as the 1 of a certain win."""
ATTEMPTS = 20_000
"""Random games tried before the generator ends."""

ORACLE = Certainty()
ORACLES = {ORACLE.name: ORACLE}


def sure_positions(rng: np.random.Generator, least: int) -> Iterator[tuple[pyspiel.State, tuple[int, ...]]]:
    """Positions of random games that so many boards agree with, at least, and fewer than on the dial's next step."""
    end = dict(pairwise((*STEPS, 10**9)))[least]
    game = load_game(GAME)
    for _ in range(ATTEMPTS):
        state = random_state(game, int(rng.integers(EARLIEST, LATEST + 1)), rng)
        # Without a stone that was found nothing is ever certain on this board.
        if state is None or len(state.legal_actions()) < LEAST_MOVES or not has_found(state):
            continue
        if not least <= len(boards_of(state)) < end:
            continue
        sure = sure_moves(state, 1)
        # All wins are this short here; were one longer, what the probe says of the other moves would be wrong.
        if sure == sure_moves(state, state.num_distinct_actions()) and 0 < 2 * len(sure) <= len(state.legal_actions()):
            yield state, sure


def make_sure_wins(rng: np.random.Generator, least: int) -> Iterator[Probe]:
    """Which move wins."""
    for state, sure in sure_positions(rng, least):
        yield probe_of(state, sure)


def make_sure_values(rng: np.random.Generator, least: int) -> Iterator[Probe]:
    """Which move wins, and that it is won: without the move any value that is always high would do. Other positions
    than those of `make_sure_wins`.
    """
    for state, sure in sure_positions(rng.spawn(1)[0], least):
        yield probe_of(state, sure, Value(CONVINCED, 1.0))


def has_found(state: pyspiel.State) -> bool:
    """Whether the player to move has bumped into a stone."""
    player = state.current_player()
    rows = state.information_state_string(player).split("\n")[:-2]
    return STONES[1 - player] in "".join(rows)


def probe_of(state: pyspiel.State, sure: tuple[int, ...], *more: Expectation) -> Probe:
    """The probe of a position with these sure wins, one of which is expected."""
    others = tuple(action for action in state.legal_actions() if action not in sure)
    columns = state.get_game().get_parameters()["num_cols"]
    words = " or ".join(named(action, columns) for action in sure)
    why = (
        f"{words} wins at once on each of the {len(boards_of(state))} boards that agree with what "
        f"{STONES[state.current_player()]} has seen: were a stone of the other side there, the game would be over. "
        "Every other move leaves it open on some of them."
    )
    return proven_probe(GAME, state, ORACLE, why, Moves(sure, others), *more)


DESCRIBED_BY = (
    "Russell and Wolfe 2005, 'Efficient belief-state AND-OR search, with application to Kriegspiel' (moves that win on "
    "every board there may be); Tapkan 2022, 'Dark Hex: a large scale imperfect information game'"
)
TRUTH = (
    "exact: every board that agrees with what the mover has seen is enumerated, and on each the other side may answer "
    "as if it saw all; a sure win holds against every answer, and each other move fails on some board"
)
DIAL = "how many boards agree with what the mover has seen: at least so many"

FAMILIES = [
    Family(
        name="sure_wins",
        kind="hidden information",
        game=GAME,
        fails="A move that wins whatever is in the dark is passed over for one that wins on some boards only.",
        reason=(
            "That the winning cell is free follows from the game's not being over, which no input says: the mover has "
            "to conclude it from all boards that agree with its own bumps. A network sees cells that look alike, and "
            "a search over a sample of boards finds out only if it weighs no board that could not be."
        ),
        described_by=DESCRIBED_BY,
        truth=TRUTH,
        dial=DIAL,
        difficulties=STEPS,
        generate=make_sure_wins,
    ),
    Family(
        name="sure_values",
        kind="hidden information",
        game=GAME,
        fails=(
            f"A position with a sure win is valued below {CONVINCED:g}, as if the dark could still hold a surprise, or "
            "the win is passed over."
        ),
        reason=(
            "A value learnt from returns averages over positions that look alike to the network; those that are "
            "decided are few, and what decides them is a conclusion about what cannot be there. A search reads its "
            "leaves by that value."
        ),
        described_by=DESCRIBED_BY,
        truth=TRUTH,
        dial=DIAL,
        difficulties=STEPS,
        generate=make_sure_values,
    ),
]
