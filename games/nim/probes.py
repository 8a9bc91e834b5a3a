"""Nim's probes, and the rule that knows all about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Expectation, Moves, Value
from engine.probing.families.proven import distinct, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Verdict
from engine.probing.probe import Probe
from games.nim.game import is_misere, piles

ATTEMPTS = 10_000
"""Random positions that a generator looks at before it gives up."""
FEW = 3
"""Winning moves at most; there is always an odd number of them while the XOR rule holds."""
SURE = 0.5
"""How far from even the value of a decided game has to be told at least."""


def nim_sum(sizes: Sequence[int]) -> int:
    """The exclusive or of all pile sizes."""
    return int(np.bitwise_xor.reduce(np.asarray(sizes, dtype=np.int64)))


def mover_wins(sizes: Sequence[int], misere: bool) -> bool:
    """Bouton's theorem (1901): the nim-sum is not zero; in misere play, once no pile has two, the piles are even."""
    if misere and max(sizes) < 2:
        return sum(sizes) % 2 == 0
    return nim_sum(sizes) != 0


class Xor:
    """The theorem as an oracle, for both conventions and any size."""

    name = "xor"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict:
        """Every move: won if it leaves a position that the one to move there loses."""
        misere = is_misere(state.get_game())
        values = {}
        for action in state.legal_actions():
            left = piles(state.child(action))
            values[action] = -1.0 if mover_wins(left, misere) else 1.0
        return Verdict(values, max(values.values()))


ORACLE = Xor()
ORACLES = {ORACLE.name: ORACLE}


def game_string(count: int, misere: bool) -> str:
    """Nim with so many piles, of 1, 3, 5, ... counters."""
    return f"nim(is_misere={misere},pile_sizes={';'.join(str(2 * pile + 1) for pile in range(count))})"


def positions(rng: np.random.Generator, count: int) -> Iterator[tuple[str, pyspiel.State, bool]]:
    """Random positions with at most one pile gone, of both conventions: (game, state, misere).

    Sizes are uniform, not those of random play, which soon takes everything.
    """
    games = {misere: game_string(count, misere) for misere in (False, True)}
    loaded = {misere: load_game(text) for misere, text in games.items()}
    for _ in range(ATTEMPTS):
        misere = bool(rng.integers(2))
        state = loaded[misere].new_initial_state()
        start = piles(state)
        sizes = [int(rng.integers(size + 1)) for size in start]
        if sizes.count(0) > 1 or max(sizes) < 2:
            continue
        for pile, (before, after) in enumerate(zip(start, sizes, strict=True)):
            if before > after:
                state.apply_action((before - after - 1) * count + pile)
        yield games[misere], state, misere


def described(state: pyspiel.State, misere: bool) -> str:
    """Piles, convention and nim-sum in words."""
    sizes = piles(state)
    last = "loses" if misere else "wins"
    return f"Piles {', '.join(map(str, sizes))}; who takes the last counter {last}; the nim-sum is {nim_sum(sizes)}"


def probe(game: str, state: pyspiel.State, expectation: Expectation, why: str, misere: bool) -> Probe:
    """A probe of this position, its truth the theorem's."""
    return proven_probe(game, state, ORACLE, why, expectation, tags=("misere" if misere else "normal",))


@distinct
def won_positions(rng: np.random.Generator, count: int) -> Iterator[Probe]:
    """Positions won by few moves."""
    for game, state, misere in positions(rng, count):
        verdict = ORACLE.judge(state)
        if verdict.value < 0 or not len(verdict.best) <= FEW < len(verdict.values):
            continue
        left = piles(state.child(verdict.best[0]))
        leaves = "an odd number of ones" if misere and max(left) < 2 else "nim-sum 0"
        moves = labels(state, verdict.best).replace(";", "")
        why = f"{described(state, misere)}. Only {moves} leaves {leaves}, and so wins."
        yield probe(game, state, Moves(verdict.best), why, misere)


@distinct
def decided_positions(rng: np.random.Generator, count: int) -> Iterator[Probe]:
    """Positions won and lost, in equal numbers."""
    wanted = cycle((True, False, False, True))
    won = next(wanted)
    for game, state, misere in positions(rng, count):
        if (ORACLE.judge(state).value > 0) is not won:
            continue
        why = f"{described(state, misere)}: whoever moves has {'won' if won else 'lost'}."
        yield probe(game, state, Value(SURE, 1.0) if won else Value(-1.0, -SURE), why, misere)
        won = next(wanted)


REASON = (
    "Who wins is a parity of all the bits on the table: covering any one pile leaves no trace of the answer, so there "
    "is no gradient towards it from the parts, and values learnt from noisy self-play stay near even."
)
DESCRIBED = "Zhou and Riis 2022, Impartial Games: A Challenge for Reinforcement Learning (arXiv:2205.12787)"
TRUTH = "Bouton's theorem (1901), exact for normal and misere play; tests compare it with the solver on small piles."
DIAL = "Piles, of 1, 3, 5, ... counters."
PILES = (3, 4, 5, 6, 7)

FAMILIES = (
    Family(
        name="nim",
        kind="learning",
        game=game_string(4, True),
        fails="The one move that makes the nim-sum zero is not found; in misere play it turns round at the very end.",
        reason=REASON,
        described_by=DESCRIBED,
        truth=TRUTH,
        dial=DIAL,
        difficulties=PILES,
        generate=won_positions,
    ),
    Family(
        name="nim_value",
        kind="learning",
        game=game_string(4, True),
        fails="The agent does not know whether it has won or lost, and says about even.",
        reason=REASON,
        described_by=DESCRIBED,
        truth=TRUTH,
        dial=DIAL,
        difficulties=PILES,
        generate=decided_positions,
    ),
)
