"""How often every equilibrium of Leduc poker bluffs and folds, and hands that nobody folds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyspiel

from engine.probing.equilibrium import EquilibriumOracle
from engine.probing.expectations import Moves, Probability
from engine.probing.families.mixing import PURE, Spot, bluffing, calling, information_states, ranges, step_of
from engine.probing.families.proven import in_turn, proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Oracle
from engine.probing.probe import Probe
from games.leduc_poker.domination import Domination
from games.leduc_poker.game import FOLD, RAISE, choices, known

GAME = "leduc_poker"
CARDS = range(6)
WEAK = 1 / 3
"""A hand that wins no larger share of showdowns bluffs when it raises."""
DOMINATION = Domination()
ORACLES: dict[str, Oracle] = {EquilibriumOracle.name: EquilibriumOracle(), DOMINATION.name: DOMINATION}


def equity(own: int, public: int | None) -> float:
    """The share of a showdown that a card wins, a tie counting half, over all cards that may be elsewhere."""
    boards = [public] if public is not None else [card for card in CARDS if card != own]
    results = [result(own, other, board) for board in boards for other in CARDS if other not in (own, board)]
    return sum(results) / len(results)


def result(own: int, other: int, board: int) -> float:
    """1 if the own card wins the showdown, 1/2 for a tie, else 0."""
    mine, theirs = ((card // 2 == board // 2, card // 2) for card in (own, other))
    return 0.5 if mine == theirs else float(mine > theirs)


def dealt(state: pyspiel.State) -> tuple[int, int | None]:
    """The mover's card and the one on the table, if there is one."""
    drawn = [move.action for move in state.full_history() if move.player == pyspiel.PlayerId.CHANCE]
    return drawn[state.current_player()], drawn[2] if len(drawn) > 2 else None


def alike(state: pyspiel.State) -> tuple[object, ...]:
    """What is left of an information state if suits are forgotten."""
    own, public = dealt(state)
    moves = tuple(move.action for move in state.full_history() if move.player >= 0)
    return state.current_player(), own // 2, None if public is None else public // 2, moves


@cache
def spots() -> tuple[tuple[Spot, ...], tuple[Spot, ...], tuple[Spot, ...]]:
    """(raises of weak hands, folds, raises of strong hands)."""
    bluffs: list[Spot] = []
    folds: list[Spot] = []
    bets: list[Spot] = []
    for state in information_states(GAME):
        player, information, legal = state.current_player(), state.information_state_string(), state.legal_actions()
        fields = known(state, player)
        table = fields["Public"] or "no card"
        words = f"Seat {player} holds {fields['Private']}, {table} is on the table, it may {choices(state)}"
        share = equity(*dealt(state))
        for action, found, fits in (
            (RAISE, bluffs, share <= WEAK),
            (FOLD, folds, True),
            (RAISE, bets, share >= 1.0 - WEAK),
        ):
            if action in legal and fits:
                spot = Spot(
                    tuple(state.history()), player, information, action, len(legal), words, (action, *alike(state))
                )
                found.append(spot)
    return tuple(bluffs), tuple(folds), tuple(bets)


def sure_hands(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Hands that face so many raises of the second round: pairs, which nobody folds, and such as everybody folds."""
    return in_turn(unbeatable_hands(rng, difficulty), hopeless_hands(rng, difficulty))


def unbeatable_hands(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Pairs: whatever the other card is, calling wins."""
    for state in facing(rng, difficulty, pair=True):
        verdict = DOMINATION.judge(state)
        if verdict is None or not verdict.values.get(FOLD, math.inf) < verdict.value:
            continue
        fields = known(state, state.current_player())
        why = (
            f"{fields['Private']} in the hand and {fields['Public']} on the table beat every card that may be "
            f"elsewhere: calling wins {verdict.value:g} chips for certain, folding loses {-verdict.values[FOLD]:g}."
        )
        yield proven_probe(GAME, state, DOMINATION, why, Moves(forbidden=(FOLD,)))


def hopeless_hands(rng: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Hands that every equilibrium folds."""
    for state in facing(rng, difficulty, pair=False):
        player, information = state.current_player(), state.information_state_string()
        least, most, low, high = ranges(GAME, player, information, FOLD)
        if least < low or low <= 0.5 or step_of(least, most, low, high) != PURE:
            continue
        fields = known(state, player)
        why = (
            f"{fields['Private']} in the hand and {fields['Public']} on the table: every equilibrium folds, since the "
            f"raise is made with too many better hands. Whoever comes here and folds with less than {low:g} loses."
        )
        yield proven_probe(GAME, state, ORACLES[EquilibriumOracle.name], why, Probability((FOLD,), low, high))


def facing(rng: np.random.Generator, raises: int, pair: bool) -> list[pyspiel.State]:
    """Information states in which a hand, a pair or not, faces so many raises of the second round, in random order."""
    every = [state for state in information_states(GAME) if faces(state) == raises and has_pair(state) == pair]
    return [every[index] for index in rng.permutation(len(every))]


def has_pair(state: pyspiel.State) -> bool:
    """Whether the mover's card and the one on the table are of one rank."""
    own, public = dealt(state)
    return public is not None and own // 2 == public // 2


def faces(state: pyspiel.State) -> int:
    """Raises of the second round, if the player to move may fold in it; else 0."""
    if dealt(state)[1] is None or FOLD not in state.legal_actions():
        return 0
    last = max(index for index, move in enumerate(state.full_history()) if move.player == pyspiel.PlayerId.CHANCE)
    return [move.action for move in state.full_history()[last + 1 :]].count(RAISE)


FAMILIES = [
    bluffing(GAME, lambda: spots()[0], lambda: spots()[2]),
    calling(GAME, lambda: spots()[1]),
    Family(
        name="unbeatable_hands",
        kind="hidden information",
        game=GAME,
        fails="A hand that no other can beat is thrown away, or one is kept that every equilibrium throws away.",
        reason=(
            "Raises are met mostly with worse hands, and a policy that is smooth in its inputs folds the best one "
            "along with them, or keeps the worst; a search that believes in cards which cannot be there does the same."
        ),
        described_by=(
            "Kuhn 1950, 'A simplified two-person poker' (dominated strategies are struck out before anything is "
            "solved); Southey et al. 2005, 'Bayes' bluff: opponent modelling in poker' (Leduc)"
        ),
        truth=(
            "exact: the four cards that the other player may hold are tried one by one; calling ends the hand with the "
            "same win in all of them, folding with the same loss. That others are folded is proven by the linear "
            "programs of all equilibria."
        ),
        dial="Raises of the second round so far.",
        difficulties=(1, 2),
        generate=sure_hands,
    ),
]
