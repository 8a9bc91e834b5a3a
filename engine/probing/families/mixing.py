"""Probes of mixed strategies: how often every equilibrium of a small two-player zero-sum game bluffs and calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
import pyspiel

from engine.game import load_game
from engine.native import core
from engine.probing.equilibrium import SELDOM, EquilibriumOracle, equilibria
from engine.probing.expectations import Probability
from engine.probing.families.proven import label, proven_probe
from engine.probing.family import Family
from engine.probing.probe import Probe

__all__ = ["Spot", "bluffing", "calling", "information_states"]

MARGIN = 0.05
"""Added to the range on both sides: policies are approximate."""
MISSED = 1e-4
"""Utilities a game: whoever misses the value by no more than this passes, however sensitive the range is to that."""
WIDEST = 0.6
"""A wider range excludes too little."""
MOSTLY = 0.4
"""What is bet with at least this probability is no bluff done rarely."""
PURE, RARE, MIXED = STEPS = 1, 2, 3
"""Steps of the dial."""


@dataclass(frozen=True)
class Spot:
    """An information state, and the action whose probability is asked for."""

    history: tuple[int, ...]
    player: int
    information: str
    action: int
    choices: int
    """Number of legal actions."""
    words: str
    """What the mover holds and faces, as the beginning of a sentence."""
    kind: Hashable
    """The same for spots that differ by a symmetry of the game: their ranges are equal."""


Spots = Callable[[], Sequence[Spot]]


def bluffing(game: str, spots: Spots, strong: Spots = tuple) -> Family:
    """Bets and raises of hands that lose most showdowns. spots: all of them in `game`. strong: those of hands that win
    most, of which those that equilibria always or mostly bet come in turn with the others, where there are any.
    """

    def generate(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
        weak = probes(game, spots, rng, difficulty)
        if difficulty == MIXED or not strong():
            yield from weak
            return
        bets = (probe for probe in probes(game, strong, rng, difficulty) if is_mostly(probe))
        for probe in weak:
            yield probe
            yield from islice(bets, 1)

    return Family(
        name="bluffing",
        kind="hidden information",
        game=game,
        fails="A hand that cannot win a showdown is bet too often or too rarely, or one that has to be bet is not.",
        reason=(
            "A bluff is worth exactly what the opponent lets it be worth: near an equilibrium it gains as much as "
            "giving up, and only its frequency matters, which no search for a best move and no greedy policy has. "
            "Searches that guess the hidden card believe, besides, that the opponent sees it."
        ),
        described_by=DESCRIBED_BY,
        truth=TRUTH,
        dial=DIAL,
        difficulties=STEPS,
        generate=generate,
    )


def is_mostly(probe: Probe) -> bool:
    """Whether the action is asked for nearly half of the time at least."""
    return all(isinstance(each, Probability) and each.low >= MOSTLY for each in probe.expectations)


def calling(game: str, spots: Spots) -> Family:
    """Whether bets are met, or bids doubted. spots: all of them in `game`."""
    return Family(
        name="calling",
        kind="hidden information",
        game=game,
        fails="A bet is met, or a bid is called a lie, too often or too rarely.",
        reason=(
            "How often bets have to be met depends on what could be bet, by hands that the caller never sees: it keeps "
            "the bettor's bluffs from paying. Whoever always takes the better of two estimates folds too much or "
            "never, and a search believes that the opponent bets at random."
        ),
        described_by=DESCRIBED_BY,
        truth=TRUTH,
        dial=DIAL,
        difficulties=STEPS,
        generate=lambda rng, difficulty: probes(game, spots, rng, difficulty),
    )


DESCRIBED_BY = (
    "Kuhn 1950, 'A simplified two-person poker' (its equilibria); Southey et al. 2005, 'Bayes' bluff: opponent "
    "modelling in poker' (Leduc); the linear programs are von Stengel's and Koller and Megiddo's, 1996"
)
TRUTH = (
    "exact: least and largest probability over all equilibria, by linear programs in sequence form, with a margin of "
    f"{MARGIN:g} on either side, or what a player who misses the value by {MISSED:g} may play where that is more"
)
DIAL = "1: all equilibria do it never, or always; 2: some do it rarely, or mostly; 3: all mix, and no fixed move passes"


def probes(game: str, spots: Spots, rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """In random order; spots that are alike come after all others."""
    every = spots()
    seen: set[Hashable] = set()
    first: list[Spot] = []
    later: list[Spot] = []
    for index in rng.permutation(len(every)):
        spot = every[index]
        (later if spot.kind in seen else first).append(spot)
        seen.add(spot.kind)
    known: dict[Hashable, tuple[float, float, float, float]] = {}
    for spot in first + later:
        if spot.kind not in known:
            known[spot.kind] = ranges(game, spot.player, spot.information, spot.action)
        least, most, low, high = known[spot.kind]
        step = step_of(least, most, low, high)
        # What is done rarely, but as often as by chance, tells nothing; where equilibria mix, all habits fail anyway.
        chance = step == RARE and low <= 1.0 / spot.choices <= high
        if high - low <= WIDEST and step == difficulty and not chance:
            yield probe_of(game, spot, (least, most), (low, high))


def step_of(least: float, most: float, low: float, high: float) -> int:
    """The step of the dial, by what equilibria do and by what is asked."""
    if most <= SELDOM or least >= 1.0 - SELDOM:
        return PURE
    return MIXED if low > 0.0 and high < 1.0 else RARE


@cache
def ranges(game: str, player: int, information: str, action: int) -> tuple[float, float, float, float]:
    """(least, most) over the equilibria, and (low, high) that is asked of an agent, to four digits."""
    found = equilibria(str(load_game(game)))
    widest = found.range(player, information, action, MISSED)
    if widest[1] - widest[0] > WIDEST:
        return *widest, *widest
    least, most = found.range(player, information, action)
    low, high = min(least - MARGIN, widest[0]), max(most + MARGIN, widest[1])
    return least, most, max(math.floor(low * 1e4) / 1e4, 0.0), min(math.ceil(high * 1e4) / 1e4, 1.0)


def probe_of(game: str, spot: Spot, exact: tuple[float, float], asked: tuple[float, float]) -> Probe:
    """The probe of a spot, with what equilibria do there and what is asked."""
    state = load_game(game).new_initial_state()
    for action in spot.history:
        state.apply_action(action)
    name = label(state, spot.action)
    least, most = (f"{probability:.3f}" for probability in exact)
    often = least if least == most else f"{least} to {most}"
    why = (
        f"{spot.words}: every equilibrium plays {name} with probability {often}. Whoever is outside "
        f"[{asked[0]:g}, {asked[1]:g}] and comes here loses more than {MISSED:g} a game to a best response."
    )
    return proven_probe(game, state, EquilibriumOracle(), why, Probability((spot.action,), *asked))


@cache
def information_states(game: str) -> tuple[pyspiel.State, ...]:
    """A state of each information state, in the order of the tree."""
    tree = core.InformationTree(load_game(game))
    return tuple(tree.states(0, tree.num_information_states))
