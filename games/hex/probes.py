"""Hex's probes: ladders, bridges, and the same game seen from the other side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves, Twin
from engine.probing.families.proven import distinct, full_verdict, label, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Solver, Verdict
from engine.probing.positions import random_state
from engine.probing.probe import Probe, reach
from games.hex.game import STEPS, STONES, size
from games.hex.ladders import win_by_threats

SIDE = 5
GAME = f"hex(board_size={SIDE})"
SWAP_GAME = f"hex(board_size={SIDE},swap=True)"
SWAP = SIDE * SIDE
"""The second player's first action in a game with swap: take over the first stone, mirrored."""
ATTEMPTS = 100_000
"""Random positions that a generator looks at before it gives up."""
TOLERANCE = 0.2
"""Of the probability that may lie elsewhere in the twin: both have a single winning move."""
NODES = 300_000
"""Positions whose proof needs more are left out."""
ORACLE = Solver(NODES)


def only_win(state: pyspiel.State) -> Verdict | None:
    """What the solver says of a position with a single winning move; None of any other."""
    verdict = full_verdict(ORACLE, state)
    return verdict if verdict and verdict.value > 0 and len(verdict.best) == 1 else None


def random_positions(game: str, rng: np.random.Generator, empty: Sequence[int]) -> Iterator[pyspiel.State]:
    """From random play, with one of these numbers of empty cells."""
    loaded = load_game(game)
    for _ in range(ATTEMPTS):
        state = random_state(loaded, SIDE * SIDE - int(rng.choice(empty)), rng)
        if state is not None:
            yield state


def probe(game: str, state: pyspiel.State, verdict: Verdict, why: str, *more: Twin) -> Probe:
    """A probe of the single winning move."""
    return proven_probe(game, state, ORACLE, why, Moves(verdict.best), *more)


@distinct
def ladders(rng: np.random.Generator, moves: int) -> Iterator[Probe]:
    """Positions won by so many moves in a row that each threaten to win, and by no other first move."""
    for state in random_positions(GAME, rng, (10, 11, 12)):
        if win_by_threats(state, moves) != moves or (verdict := only_win(state)) is None:
            continue
        stone = STONES[state.current_player()]
        why = (
            f"Only {labels(state, verdict.best)} wins: a forcing sequence of {moves} moves by {stone}, each before the "
            f"last threatening to join the sides at once."
        )
        yield probe(GAME, state, verdict, why)


@distinct
def bridges(rng: np.random.Generator, empty: int) -> Iterator[Probe]:
    """The other player has just entered a bridge; its other cell is the only move, and no short win by threats."""
    for state in random_positions(GAME, rng, (empty,)):
        answers = intrusion_answers(state)
        if not answers or win_by_threats(state, 2) is not None or (verdict := only_win(state)) is None:
            continue
        if verdict.best[0] in answers:
            mover = state.current_player()
            entered = state.action_to_string(1 - mover, state.history()[-1])
            why = (
                f"{STONES[1 - mover]} has entered a bridge of {STONES[mover]} at {entered}: only its other cell, "
                f"{labels(state, verdict.best)}, keeps the connection, and every other move loses."
            )
            yield probe(GAME, state, verdict, why)


def intrusion_answers(state: pyspiel.State) -> set[int]:
    """The empty cells that repair bridges of the mover which the last move has entered.

    A bridge: two cells that both touch the same two stones not touching each other, or one stone and its side.
    """
    rows, columns = size(state.get_game())
    symbols = str(state).split()
    mover = state.current_player()

    def around(cell: int) -> set[int]:
        r, c = divmod(cell, columns)
        return {(r + dr) * columns + c + dc for dr, dc in STEPS if 0 <= r + dr < rows and 0 <= c + dc < columns}

    def sides(cell: int) -> set[int]:
        """The mover's own sides, -1 and -2, that a cell lies on."""
        line, last = (cell // columns, rows - 1) if mover == 0 else (cell % columns, columns - 1)
        return {side for side, place in ((-1, 0), (-2, last)) if line == place}

    def anchors(cell: int) -> set[int]:
        """Stones of the mover that a cell touches, and sides it lies on."""
        return {near for near in around(cell) if symbols[near] == STONES[mover]} | sides(cell)

    def touching(a: int, b: int) -> bool:
        """Whether two anchors are joined already; the first may be a side."""
        return b in around(a) if a >= 0 else b >= 0 and a in sides(b)

    entered = state.history()[-1]
    return {
        cell
        for cell in around(entered)
        if symbols[cell] == "."
        and any(not touching(a, b) for a, b in combinations(sorted(anchors(entered) & anchors(cell)), 2))
    }


@distinct
def half_turns(rng: np.random.Generator, empty: int) -> Iterator[Probe]:
    """Positions with one winning move, asked twice: as they are, and with the board turned by 180 degrees."""
    last = SIDE * SIDE - 1
    for state in random_positions(GAME, rng, (empty,)):
        if (verdict := only_win(state)) is not None:
            history = tuple(last - action for action in state.history())
            yield twins(GAME, state, verdict, history, {action: last - action for action in range(SWAP)})


@distinct
def colour_swaps(rng: np.random.Generator, empty: int) -> Iterator[Probe]:
    """Positions with one winning move after a swap, and the same without it: mirrored, the colours exchanged."""
    mirrored = {action: action % SIDE * SIDE + action // SIDE for action in range(SWAP)}
    for state in random_positions(SWAP_GAME, rng, (empty - 1,)):
        first, second, *others = state.history()
        if second == SWAP and (verdict := only_win(state)) is not None:
            history = (first, *(mirrored[action] for action in others))
            yield twins(SWAP_GAME, state, verdict, history, mirrored)


def twins(
    game: str, state: pyspiel.State, verdict: Verdict, history: tuple[int, ...], renamed: dict[int, int]
) -> Probe:
    """A probe of a position and its image."""
    there = reach(game, "", history)
    twin = Twin(history, tuple((action, renamed[action]) for action in state.legal_actions()), TOLERANCE)
    answer = label(there, renamed[verdict.best[0]])
    why = (
        f"Only {labels(state, verdict.best)} wins for {STONES[state.current_player()]}; in its image, the same "
        f"position to the rules, {STONES[there.current_player()]} is to move and only {answer} wins."
    )
    return probe(game, state, verdict, why, twin)


SOURCE = "the solver: every move but one is proven to lose."
EMPTY = (8, 10, 12)

FAMILIES = (
    Family(
        name="ladders",
        kind="search",
        game=GAME,
        fails="A win by a row of threats is missed when it is long.",
        reason="Each answer is forced, so the line is narrow and deep, while the average over answers that nobody "
        "would give says little of its first move; search that spreads its visits does not get to the end.",
        described_by="Ladders and forcing moves: Browne 2000, Hex Strategy; lines that search gives up too early: "
        "Ramanujan, Sabharwal and Selman 2010, On Adversarial Search Spaces and Sampling-Based Planning",
        truth=f"Exact, by {SOURCE}",
        dial="Moves of the shortest win by threats, the last one included.",
        difficulties=(2, 3, 4),
        generate=ladders,
    ),
    Family(
        name="bridges",
        kind="search",
        game=GAME,
        fails="A virtual connection that the other player enters is not kept.",
        reason="The answer is local and has to come at once; to random play after it the connection is one of many.",
        described_by="Browne 2000, Hex Strategy; Arneson, Hayward and Henderson 2010, Monte Carlo Tree Search in Hex "
        "(its playouts answer such intrusions at once)",
        truth=f"Exact, by {SOURCE}",
        dial="Empty cells.",
        difficulties=EMPTY,
        generate=bridges,
    ),
    Family(
        name="half_turn",
        kind="learning",
        game=GAME,
        fails="The answer changes when the board is turned by 180 degrees, which changes nothing in the game.",
        reason="A network learns each side of the board from its own games unless symmetry is built in or trained in.",
        described_by="Silver et al. 2017, Mastering the Game of Go without Human Knowledge (averages over symmetries); "
        "Lan et al. 2022, Are AlphaZero-like Agents Robust to Adversarial Perturbations?",
        truth=f"Exact, by {SOURCE} It is asked in both positions.",
        dial="Empty cells.",
        difficulties=EMPTY,
        generate=half_turns,
    ),
    Family(
        name="colour_swap",
        kind="learning",
        game=SWAP_GAME,
        fails="The answer changes when colours are exchanged and the board mirrored: to the rules all is the same.",
        reason="Positions after a swap come from other games than those without; what is learnt for one colour need "
        "not be known to the other, least of all where the input does not say who is to move.",
        described_by="As half_turn; the symmetry is that of the swap rule (Browne 2000, Hex Strategy)",
        truth=f"Exact, by {SOURCE} It is asked in both positions.",
        dial="Empty cells.",
        difficulties=EMPTY,
        generate=colour_swaps,
    ),
)
