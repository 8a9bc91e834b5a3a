"""Dots and Boxes' probes: double-crosses, and the fight for who has to open the long chains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.families.proven import distinct, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Verdict
from engine.probing.probe import Probe
from games.dots_and_boxes.game import score
from games.dots_and_boxes.margins import Boxes, Margins, Worth, board_boxes, worths

GAME = "dots_and_boxes(num_rows=3,num_cols=3)"
ATTEMPTS = 20_000
"""Positions that a generator looks at before it gives up."""
SLIP = 0.1
"""How often the beginners who play up to a probe draw any line."""
RARE = 1 / 3
"""Share of the open lines that may win in `chains`."""

ORACLE = Margins()
ORACLES = {ORACLE.name: ORACLE}


def beginners(rng: np.random.Generator, left: int) -> Iterator[tuple[pyspiel.State, dict[int, Worth], Verdict]]:
    """Positions with so many open lines, won for the mover: with what each line is worth, in boxes and in utilities.

    Both sides close what they can, else give nothing away if they can, else play at random.
    """
    game = load_game(GAME)
    boxes = board_boxes(game)
    for _ in range(ATTEMPTS):
        state = game.new_initial_state()
        while len(lines := state.legal_actions()) > left:
            sides = {line: {len(box.intersection(lines)) for box in boxes if line in box} for line in lines}
            closing = [line for line in lines if 1 in sides[line]]
            safe = [line for line in lines if 2 not in sides[line]]
            state.apply_action(int(rng.choice(lines if rng.random() < SLIP else closing or safe or lines)))
        verdict = ORACLE.judge(state)
        if verdict is not None and verdict.value > 0:
            yield state, worths(boxes, lines), verdict


def leaves_two(boxes: Boxes, state: pyspiel.State, line: int) -> bool:
    """Whether after this line another one closes two boxes at once: a double-dealing move."""
    left = set(state.legal_actions()) - {line}
    closing = [next(iter(box & left)) for box in boxes if len(box & left) == 1]
    return len(closing) > len(set(closing))


@distinct
def double_crosses(rng: np.random.Generator, left: int) -> Iterator[Probe]:
    """Positions in which boxes can be closed, but only a double-dealing move wins."""
    boxes = board_boxes(load_game(GAME))
    for state, lines, verdict in beginners(rng, left):
        greedy = tuple(line for line, worth in lines.items() if worth.closed)
        if greedy and all(leaves_two(boxes, state, line) and not lines[line].closed for line in verdict.best):
            why = (
                f"{scored(state)}. Closing a box at {named(state, greedy)} loses; only {named(state, verdict.best)} "
                f"wins: it gives up two boxes, and the other, who takes them, has to move again."
            )
            yield proven_probe(GAME, state, ORACLE, why, Moves(verdict.best, greedy))


@distinct
def chains(rng: np.random.Generator, left: int) -> Iterator[Probe]:
    """Positions in which no box can be closed, and few lines win."""
    for state, lines, verdict in beginners(rng, left):
        if any(worth.closed for worth in lines.values()) or len(verdict.best) > RARE * left:
            continue
        safe = sum(not worth.gives for worth in lines.values())
        why = (
            f"{scored(state)}, no box can be closed and {safe or 'none'} of {left} lines "
            f"{'is' if safe < 2 else 'are'} safe. Only {named(state, verdict.best)} wins: after any other line it is "
            f"the wrong player's turn when the long chains have to be opened."
        )
        yield proven_probe(GAME, state, ORACLE, why, Moves(verdict.best))


def scored(state: pyspiel.State) -> str:
    """Score and mover in words."""
    first, second = score(state)
    return f"Player {state.current_player() + 1} to move at {first}:{second}"


def named(state: pyspiel.State, lines: tuple[int, ...]) -> str:
    """`labels` without the player."""
    return labels(state, lines).replace(f"P{state.current_player() + 1}", "")


DESCRIBED = (
    "Berlekamp, Conway and Guy 1982, Winning Ways, chapter 16; Berlekamp 2000, The Dots and Boxes Game; "
    "double-dealing and the long chain rule"
)
TRUTH = (
    "Exact: the best margin for every set of open lines (Barker and Korf 2012, Solving Dots-and-Boxes); tests compare "
    "it with the solver."
)

FAMILIES = (
    Family(
        name="double_cross",
        kind="search",
        game=GAME,
        fails="The last two boxes of a chain are taken, and with them the turn in which the next chain must be opened.",
        reason="A box taken is a sure gain now; the turn is paid for at the end of the chain, many moves later, and "
        "random play in between wins it back as often as not.",
        described_by=DESCRIBED,
        truth=TRUTH,
        dial="Open lines.",
        difficulties=(6, 8, 10, 12),
        generate=double_crosses,
    ),
    Family(
        name="chains",
        kind="search",
        game=GAME,
        fails="The count of turns until somebody has to open a long chain comes out wrong: zugzwang and parity.",
        reason="Nothing happens for several moves, and every one of them changes who will be in zugzwang; averages "
        "over random play do not see parity.",
        described_by=DESCRIBED,
        truth=TRUTH,
        dial="Open lines.",
        difficulties=(6, 8, 10, 12, 14),
        generate=chains,
    ),
)
