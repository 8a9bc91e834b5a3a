"""Families of EinStein würfelt nicht!: endgames in which the dice decide, all proven by expectimax."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Expectation, Moves, Value
from engine.probing.families.proven import chance, distinct, labels, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import EXACT, Oracle
from engine.probing.positions import advance_chance
from engine.probing.probe import Probe
from games.einstein_wurfelt_nicht.board import apart, cubes, ends, steps
from games.einstein_wurfelt_nicht.expectimax import MOST, Expectimax, reach
from games.einstein_wurfelt_nicht.game import NUMBERS

__all__ = ["FAMILIES", "ORACLES"]

GAME = "einstein_wurfelt_nicht"
ORACLE = Expectimax()
ORACLES: dict[str, Oracle] = {ORACLE.name: ORACLE}

MARGINS = (math.inf, 0.2, 0.1, 0.05, 0.03)
"""The second best move is worse by less than the first number and at least the second, in utilities, for difficulty 1;
by less than the second and at least the third for difficulty 2; and so on."""
GAMES = 4000
"""Games that are searched for probes at most."""
CONTINUATIONS = 40
"""Ways in which each endgame is played out; it makes one probe at most."""
CAPTURES = 0.5
"""How often a player takes something if he can, so that endgames have few cubes."""
RARE = 3
"""At most one move in so many wins for certain."""
TEMPTING = {1: (-1.0, 0.5), 2: (0.5, 0.8), 3: (0.8, 1.0 - MARGINS[-1])}
"""Difficulty -> value of the best move that does not win for certain."""
TOLERANCE = 0.2
"""Of the value of a race, in utilities: 10 % of probability to win."""


@dataclass(frozen=True)
class Endgame:
    """A position and what each of its moves is worth to the mover."""

    state: pyspiel.State
    values: dict[int, float]
    best: set[int]
    """All moves that are worth the most."""

    @property
    def value(self) -> float:
        """With perfect play."""
        return max(self.values.values())

    @property
    def margin(self) -> float:
        """How much worse the best wrong move is; 0 if none is wrong."""
        wrong = [value for action, value in self.values.items() if action not in self.best]
        return self.value - max(wrong, default=self.value)

    def probe(self, why: str, *more: Expectation) -> Probe:
        """Only the best moves are accepted."""
        accepted = tuple(sorted(self.best))
        forbidden = tuple(action for action in self.values if action not in self.best)
        why = f"{self.named(accepted)} {'win' if len(accepted) > 1 else 'wins'} {chance(self.value)}. {why}"
        return proven_probe(GAME, self.state, ORACLE, why, Moves(accepted, forbidden), *more)

    def named(self, actions: tuple[int, ...]) -> str:
        """The moves in words."""
        return labels(self.state, actions)


Make = Callable[[Endgame], Probe | None]


def search(
    rng: np.random.Generator, difficulty: int, wanted: Callable[[pyspiel.State], bool], make: Make
) -> Iterator[Probe]:
    """Probes from the ends of random games: of positions that are `wanted`, have the margin of this difficulty, and in
    which most moves are wrong.
    """
    for _ in range(GAMES):
        start = endgame(rng)
        for state in () if start is None else continuations(start, rng):
            if not wanted(state):
                continue
            found = judged(state)
            guessed = 2 * len(found.best) >= len(found.values)
            if guessed or not MARGINS[difficulty] <= found.margin < MARGINS[difficulty - 1]:
                continue
            if (probe := make(found)) is not None:
                yield probe
                break


def endgame(rng: np.random.Generator) -> pyspiel.State | None:
    """The first position of a random game that expectimax can prove; None if the game ended before."""
    state = load_game(GAME).new_initial_state()
    advance_chance(state, rng)
    while not state.is_terminal() and reach(state) > MOST:
        advance(state, rng)
    return None if state.is_terminal() else state


def continuations(start: pyspiel.State, rng: np.random.Generator) -> Iterator[pyspiel.State]:
    """Positions with a choice on random ways from `start` to the end."""
    for _ in range(CONTINUATIONS):
        state = start.clone()
        while not state.is_terminal():
            if len(state.legal_actions()) > 1:
                yield state.clone()
            advance(state, rng)


def advance(state: pyspiel.State, rng: np.random.Generator) -> None:
    """A random move, and the next roll."""
    actions = state.legal_actions()
    captures = [action for action in actions if action % 2]
    state.apply_action(int(rng.choice(captures if captures and rng.random() < CAPTURES else actions)))
    advance_chance(state, rng)


def judged(state: pyspiel.State) -> Endgame:
    """The truth of a position that is known to be within reach."""
    verdict = ORACLE.judge(state)
    assert verdict is not None
    return Endgame(state, dict(verdict.values), set(verdict.best))


# Races


@distinct
def dice_races(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """A move that counting steps holds for one of the best loses against the dice."""
    return search(rng, difficulty, is_race, race)


def is_race(state: pyspiel.State) -> bool:
    """All cubes have passed each other, and several may move."""
    return apart(*cubes(state)) and chooses_cube(state)


def chooses_cube(state: pyspiel.State) -> bool:
    """The roll leaves a choice between two cubes."""
    return len({ends(action)[0] for action in state.legal_actions()}) > 1


def race(found: Endgame) -> Probe | None:
    """A probe, if counting steps does not find the move."""
    counts = {action: count(found.state, action) for action in found.values}
    least = min(counts.values())
    misled = [action for action, steps in counts.items() if steps == least and action not in found.best]
    if not misled:
        return None
    worst = min(misled, key=lambda action: found.values[action])
    first, total = least
    why = (
        f"{found.named((worst,))} leaves as few steps (the first cube {first}, all {total}), "
        f"but wins only {chance(found.values[worst])}: the dice decide how many moves these steps take."
    )
    return found.probe(why, Value(found.value - TOLERANCE, found.value + TOLERANCE))


def count(state: pyspiel.State, action: int) -> tuple[int, int]:
    """Steps to the corner after a move: of the mover's nearest cube, and of all his cubes."""
    player = state.current_player()
    start, end = ends(action)
    left = [steps(player, cell) for cell in cubes(state)[player] if cell not in (start, end)] + [steps(player, end)]
    return min(left), sum(left)


# One number in six


@distinct
def rare_dice(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """A number of the opponent's next roll decides: without it another move would be best."""
    return search(rng, difficulty, lambda state: True, rare_number)


def rare_number(found: Endgame) -> Probe | None:
    """A probe, if there is a number without which no right move would be among the best."""
    outcomes = {action: by_roll(found, action) for action in found.values}
    for roll in range(NUMBERS):
        others = {action: float(np.delete(values, roll).mean()) for action, values in outcomes.items()}
        most = max(others.values())
        favourites = tuple(action for action, value in others.items() if value >= most - EXACT)
        if found.best.isdisjoint(favourites):
            break
    else:
        return None
    favourite = favourites[0]
    right = max(found.best, key=lambda action: others[action])
    why = (
        f"If the opponent could not roll {roll + 1}, {found.named((favourite,))} would be best "
        f"({chance(most)} against {chance(others[right])}); but after that roll it wins only "
        f"{chance(outcomes[favourite][roll])}, {found.named((right,))} {chance(outcomes[right][roll])}."
    )
    return found.probe(why)


def by_roll(found: Endgame, action: int) -> np.ndarray:
    """float64[6]: what a move is worth after each roll of the opponent."""
    after = found.state.child(action)
    if after.is_terminal():
        return np.full(NUMBERS, found.values[action])
    return np.array([-judged(after.child(roll)).value for roll in range(NUMBERS)])


# Nothing left to the dice


@distinct
def wins_at_once(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Some moves win on the spot, and no other for certain."""
    return certain(rng, TEMPTING[difficulty], at_once=True)


@distinct
def certain_wins(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """No move wins on the spot, but some wins whatever is rolled."""
    return certain(rng, TEMPTING[difficulty], at_once=False)


def certain(rng: np.random.Generator, tempting: tuple[float, float], at_once: bool) -> Iterator[Probe]:
    """Positions with a choice of cube and few moves that win for certain; the value of the best other move lies in the
    range (low, high] of those that tempt.
    """
    low, high = tempting
    for _ in range(GAMES):
        start = endgame(rng)
        for state in () if start is None else continuations(start, rng):
            if not chooses_cube(state):
                continue
            found = judged(state)
            if found.value < 1.0 - EXACT or RARE * len(found.best) > len(found.values):
                continue
            other = max(found.values.keys() - found.best, key=lambda action: found.values[action])
            ending = {state.child(action).is_terminal() for action in found.best}
            if low < found.values[other] <= high and ending == {at_once}:
                left = chance(found.values[other])
                yield found.probe(f"{found.named((other,))} leaves it to the dice: {left}.")
                break


# Cubes in the way of the dice


@distinct
def capture_own(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Only taking a cube of one's own is right: its number then moves a better one."""
    return search(rng, difficulty, can_take_own, own_capture)


def can_take_own(state: pyspiel.State) -> bool:
    """A cube of the mover stands where another may go, which may go elsewhere."""
    own = takes_own(state)
    return 0 < len(own) < len(state.legal_actions())


def takes_own(state: pyspiel.State) -> list[int]:
    """The moves that take one of the mover's own cubes."""
    mine = cubes(state)[state.current_player()]
    return [action for action in state.legal_actions() if ends(action)[1] in mine]


def own_capture(found: Endgame) -> Probe | None:
    """A probe, if all best moves take an own cube."""
    own = set(takes_own(found.state))
    if not found.best <= own:
        return None
    keeping = max(found.values.keys() - own, key=lambda action: found.values[action])
    why = (
        f"Taking one's own cube leaves its rolls to others; {found.named((keeping,))}, the best move that keeps "
        f"all cubes, wins {chance(found.values[keeping])}."
    )
    return found.probe(why)


TRUTH = "Expectimax to the end of the game, over all rolls, proves the value of every move."
DIAL = (
    "How much worse the second best move is, in utilities: at least 0.2; 0.1 to 0.2; 0.05 to 0.1; 0.03 to 0.05 "
    "(1.5 to 2.5 % of probability to win)."
)
TEMPTATION = (
    "How well the best move that does not win for certain does: up to 75 % of probability to win; up to 90 %; up to "
    "98.5 %."
)

FAMILIES = (
    Family(
        name="dice_races",
        kind="chance",
        game=GAME,
        fails="In a race, where no cube can be taken by the other side any more, the wrong cube is moved.",
        reason=(
            "A move that leaves as few steps as the best one looks as good. But a cube moves only when the dice allow "
            "it: expected moves have to be counted, not steps, and the smaller the difference, the more often it has "
            "to be sampled."
        ),
        described_by=(
            "The game's players, in the Schwarz tables of the expected number of turns by distance and dice "
            "(Wikipedia, 'EinStein würfelt nicht!')"
        ),
        truth=TRUTH,
        dial=DIAL,
        difficulties=(1, 2, 3, 4),
        generate=dice_races,
    ),
    Family(
        name="rare_dice",
        kind="chance",
        game=GAME,
        fails="A move that is best for five of the opponent's six numbers is played although the sixth decides.",
        reason=(
            "A search with few samples of a chance node misses an outcome of probability 1/6 that outweighs the "
            "others, or meets it once and overrates it."
        ),
        described_by=(
            "Kearns, Mansour and Ng, 2002, 'A sparse sampling algorithm for near-optimal planning'; Lanctot et al., "
            "2013, 'Monte Carlo *-minimax search': few samples of each chance node"
        ),
        truth=TRUTH + " With the number struck from the opponent's next roll, no right move is among the best.",
        dial=DIAL,
        difficulties=(1, 2, 3, 4),
        generate=rare_dice,
    ),
    Family(
        name="wins_at_once",
        kind="chance",
        game=GAME,
        fails="A win on the spot is passed over for a move that the dice can still undo.",
        reason=(
            "Where nearly everything wins, a mean of samples tells little between winning now and winning soon, and an "
            "agent that plays by its mean dawdles."
        ),
        described_by=(
            "Ramanujan, Sabharwal and Selman, 2010, 'On adversarial search spaces and sampling-based planning' (what "
            "means of samples hide)"
        ),
        truth=TRUTH + " The accepted moves end the game.",
        dial=TEMPTATION,
        difficulties=(1, 2, 3),
        generate=wins_at_once,
    ),
    Family(
        name="certain_wins",
        kind="chance",
        game=GAME,
        fails="A win for certain, some moves off, is passed over for a move that the dice can still undo.",
        reason=(
            "Both moves win in nearly all that a network has seen and a search has sampled; the difference lies in "
            "rolls that seldom come, and a prior for the one keeps a search from looking at the other."
        ),
        described_by=(
            "Ramanujan, Sabharwal and Selman, 2010, 'On adversarial search spaces and sampling-based planning' (means "
            "of samples hide a forced line); Lanctot et al., 2013, 'Monte Carlo *-minimax search' (with chance)"
        ),
        truth=TRUTH + " The accepted moves win with certainty.",
        dial=TEMPTATION,
        difficulties=(1, 2, 3),
        generate=certain_wins,
    ),
    Family(
        name="capture_own",
        kind="chance",
        game=GAME,
        fails="Material is kept where one's own cube has to be taken.",
        reason=(
            "Everywhere else material is good, and play of that kind is seldom seen in training. Here a cube that is "
            "gone leaves its number to the cubes above and below it, which then move more often."
        ),
        described_by=(
            "Althöfer, 2005, 'Rules of EinStein würfelt nicht!' (Computer Chess Club): 'often it really helps to "
            "capture own stones'"
        ),
        truth=TRUTH,
        dial=DIAL,
        difficulties=(1, 2, 3, 4),
        generate=capture_own,
    ),
)
