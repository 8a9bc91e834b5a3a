"""Families of Pig: risk, and outcomes that are rare, all proven by value iteration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves, Value
from engine.probing.families.proven import chance, distinct, in_turn, label, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Oracle
from engine.probing.positions import advance_chance
from engine.probing.probe import Probe
from games.pig.game import ROLL, STOP, Position, read
from games.pig.value_iteration import ValueIteration

__all__ = ["FAMILIES", "HOLD", "ORACLES"]

GAME = "pig(diceoutcomes=6,horizon=1000,piglet=False,players=2,winscore=100)"
PIGLET = "pig(diceoutcomes={sides},horizon=2000,piglet=True,players=2,winscore=40)"
ORACLE = ValueIteration()
ORACLES: dict[str, Oracle] = {ORACLE.name: ORACLE}

HOLD = 20
"""Points in a turn from which another roll is expected to lose some: 20/6 = (2 + 3 + 4 + 5 + 6)/6."""
MARGINS = (math.inf, 0.16, 0.08, 0.04, 0.02)
"""The wrong move is worse by less than the first number and at least the second, in utilities, for difficulty 1; by
less than the second and at least the third for difficulty 2; and so on."""
LEADS = 4
"""The one difficulty with positions in which a roll promises only points and yet is wrong: of all of them that have
less than HOLD at stake, none loses 0.03 by it."""
RARE = {1: 6, 2: 8, 3: 12, 4: 16}
"""Difficulty -> the outcome that decides happens once in so many times."""
RAREST = 24
LONGEST = 400
"""Moves, throws included, after which a game is given up: most are far shorter, and the horizon far away."""
GAMES = 5000
"""Games that are searched for probes at most."""
TOLERANCE = 0.1
"""Of values, in utilities: 5 % of probability to win."""
RARE_TOLERANCE = 0.05
"""The same where hardly anything is left to win: the rarest chance is worth 0.08 more than none."""


@dataclass(frozen=True)
class Decision:
    """To roll or to stop, and what either is worth."""

    state: pyspiel.State
    position: Position
    goal: int
    roll: float
    stop: float

    @property
    def own(self) -> int:
        """Points of the player to decide."""
        return self.position.scores[self.position.player]

    @property
    def other(self) -> int:
        """Points of the other."""
        return self.position.scores[1 - self.position.player]

    @property
    def held(self) -> int:
        """Points he would have if he stopped."""
        return self.own + self.position.turn

    @property
    def best(self) -> int:
        """The right action."""
        return ROLL if self.roll > self.stop else STOP

    @property
    def value(self) -> float:
        """With perfect play."""
        return max(self.roll, self.stop)

    @property
    def margin(self) -> float:
        """What the wrong action loses."""
        return abs(self.roll - self.stop)

    def probe(self, why: str, tolerance: float, *tags: str) -> Probe:
        """The right action, and its value."""
        moves = Moves((self.best,), (STOP if self.best == ROLL else ROLL,))
        value = Value(self.value - tolerance, self.value + tolerance)
        name = label(self.state, self.best)
        right, wrong = (self.roll, self.stop) if self.best == ROLL else (self.stop, self.roll)
        text = (
            f"At {self.own} to {self.other} of {self.goal} points with {self.position.turn} at stake, '{name}' wins "
            f"{chance(right)}, the other move {chance(wrong)}. {why}"
        )
        return proven_probe(str(self.state.get_game()), self.state, ORACLE, text, moves, value, tags=tags)


def search(rng: np.random.Generator, game: pyspiel.Game, make: Callable[[Decision], Probe | None]) -> Iterator[Probe]:
    """At most one probe from each of many games, of a random one among its decisions that make one."""
    for _ in range(GAMES):
        found = [probe for decision in decisions(rng, game) if (probe := make(decision)) is not None]
        if found:
            yield found[rng.integers(len(found))]


def decisions(rng: np.random.Generator, game: pyspiel.Game) -> Iterator[Decision]:
    """The choices in a game between players who want another number of points in each turn, from caution to greed."""
    goal = game.get_parameters()["winscore"]
    state = game.new_initial_state()
    while not state.is_terminal() and state.move_number() < LONGEST:
        wanted = goal * rng.random() ** 2
        player = state.current_player()
        while state.current_player() == player:
            position = read(state)
            verdict = ORACLE.judge(state)
            assert verdict is not None
            if len(verdict.values) > 1 and position.turn:
                yield Decision(state.clone(), position, goal, verdict.values[ROLL], verdict.values[STOP])
            state.apply_action(STOP if len(verdict.values) == 1 or position.turn >= wanted else ROLL)
            advance_chance(state, rng)


def in_band(decision: Decision, difficulty: int) -> bool:
    """The margin is the one of this difficulty."""
    return MARGINS[difficulty] <= decision.margin < MARGINS[difficulty - 1]


@distinct
def risk_aversion(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Enough points for a turn, but they have to be risked."""

    def make(decision: Decision) -> Probe | None:
        if decision.best != ROLL or decision.position.turn < HOLD or not in_band(decision, difficulty):
            return None
        return decision.probe(f"With {HOLD} or more at stake a roll gains no points on average, but games.", TOLERANCE)

    return search(rng, load_game(GAME), make)


@distinct
def risk_seeking(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Rolling promises the end of the game, or points (on the last step, in turn), but what is there has to be kept; in
    every second position it is right to roll for the end.
    """
    game = load_game(GAME)

    def ends(decision: Decision) -> bool:
        return decision.held + 6 >= decision.goal

    def finish(decision: Decision) -> Probe | None:
        if decision.best != STOP or not in_band(decision, difficulty) or not ends(decision):
            return None
        return decision.probe("One throw may win the game, but nothing urges it.", TOLERANCE, "finish")

    def dare(decision: Decision) -> Probe | None:
        if decision.best != ROLL or not in_band(decision, difficulty) or not ends(decision):
            return None
        return decision.probe("One throw may win the game, and waiting gives the other the chance.", TOLERANCE, "dare")

    def lead(decision: Decision) -> Probe | None:
        if decision.best != STOP or not in_band(decision, difficulty) or ends(decision):
            return None
        if decision.position.turn >= HOLD:
            return None
        why = f"With less than {HOLD} at stake a roll gains points on average, but not games."
        return decision.probe(why, TOLERANCE, "lead")

    finishes, dares = search(rng, game, finish), search(rng, game, dare)
    if difficulty != LEADS:
        return in_turn(finishes, dares)
    return in_turn(finishes, dares, search(rng, game, lead), dares)


@distinct
def rare_outcomes(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """In turn: the one loss in many rolls that is reason enough to stop, and the one win in many that must be tried."""
    sides = RARE[difficulty]
    least, most = 1.0 / RARE.get(difficulty + 1, RAREST), 1.0 / sides

    def disaster(decision: Decision) -> Probe | None:
        if decision.best != STOP or decision.margin < MARGINS[-1]:
            return None
        return decision.probe(f"Only one roll in {sides} loses the turn: that one decides.", TOLERANCE, "disaster")

    def rescue(decision: Decision) -> Probe | None:
        won, kept = (1.0 + decision.roll) / 2.0, (1.0 + decision.stop) / 2.0
        if not least <= won < most or won < 1.5 * kept or decision.position.turn < HOLD / 2:
            return None
        why = "Rolling on will almost surely lose the turn, but stopping loses the game more surely."
        return decision.probe(why, RARE_TOLERANCE, "rescue")

    sources = (
        search(rng, load_game(PIGLET.format(sides=sides)), disaster),
        search(rng, load_game(GAME), rescue),
    )
    return in_turn(*sources)


PAPER = "Neller and Presser, 2004, 'Optimal play of the dice game Pig' (The UMAP Journal 25)"
TRUTH = "Value iteration proves the probability to win after either move to 1e-9, the horizon included."
DIAL = (
    "How much the wrong move loses, in utilities: at least 0.16; 0.08 to 0.16; 0.04 to 0.08; 0.02 to 0.04 (1 to 2 % of "
    "probability to win)."
)

FAMILIES = (
    Family(
        name="risk_aversion",
        kind="chance",
        game=GAME,
        fails="Points are brought home that have to be risked.",
        reason=(
            "Holding at 20 makes the most of a turn on average, and evaluations learnt from even games say the same. "
            "Far behind, or with the other about to win, only a large turn helps: risking points is not risking the "
            "game."
        ),
        described_by=f"{PAPER}; Knizia, 1999, 'Dice games properly explained' (holding at 20)",
        truth=TRUTH,
        dial=DIAL,
        difficulties=(1, 2, 3, 4),
        generate=risk_aversion,
    ),
    Family(
        name="risk_seeking",
        kind="chance",
        game=GAME,
        fails=(
            "A roll is taken that promises the end of the game at once, or more points, and endangers a lead; or it is "
            "not taken where it is right."
        ),
        reason=(
            "Five of six rolls gain, and some win immediately: few samples of the die, or play that aims at points, "
            "see no reason to stop. Well ahead the points at stake are worth more than the tempo."
        ),
        described_by=PAPER,
        truth=TRUTH,
        dial=(
            f"{DIAL} A throw may end the game, which is wrong to try (tag finish) or right (dare); in the last step "
            f"every second wrong roll promises only points (lead): with less than {HOLD} at stake none loses 0.03."
        ),
        difficulties=(1, 2, 3, 4),
        generate=risk_seeking,
    ),
    Family(
        name="rare_outcomes",
        kind="chance",
        game=GAME,
        fails=(
            "An outcome that seldom happens decides, and is overlooked: a loss once in many rolls that is reason "
            "enough to stop, or a win once in many attempts that is all there is to hope for."
        ),
        reason=(
            "Searches that sample chance meet it seldom or never, and averages over few samples are all alike; "
            "networks predict the usual result."
        ),
        described_by=(
            f"{PAPER}; Kearns, Mansour and Ng, 2002, 'A sparse sampling algorithm for near-optimal planning in large "
            "Markov decision processes' (what samples of chance miss)"
        ),
        truth=f"{TRUTH} The wrong move loses at least 0.02 in utilities.",
        dial=(
            "How rare the outcome is: the roll that loses the turn comes once in 6, 8, 12, 16 rolls (Piglet with such "
            "a die), the best chance to win is between that and the next step's, 1/24 in the last (Pig)."
        ),
        difficulties=(1, 2, 3, 4),
        generate=rare_outcomes,
    ),
)
