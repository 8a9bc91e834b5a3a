"""How often every equilibrium of Leduc poker bluffs and folds."""

from __future__ import annotations

from functools import cache

import pyspiel

from engine.probing.equilibrium import EquilibriumOracle
from engine.probing.families.mixing import Spot, bluffing, calling, information_states
from games.leduc_poker.game import FOLD, RAISE, choices, known

GAME = "leduc_poker"
CARDS = range(6)
WEAK = 1 / 3
"""A hand that wins no larger share of showdowns bluffs when it raises."""
ORACLES = {EquilibriumOracle.name: EquilibriumOracle()}


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
def spots() -> tuple[tuple[Spot, ...], tuple[Spot, ...]]:
    """(raises of weak hands, folds)."""
    bluffs: list[Spot] = []
    folds: list[Spot] = []
    for state in information_states(GAME):
        player, information, legal = state.current_player(), state.information_state_string(), state.legal_actions()
        fields = known(state, player)
        table = fields["Public"] or "no card"
        words = f"Seat {player} holds {fields['Private']}, {table} is on the table, it may {choices(state)}"
        for action, found in ((RAISE, bluffs), (FOLD, folds)):
            if action in legal and (action == FOLD or equity(*dealt(state)) <= WEAK):
                spot = Spot(
                    tuple(state.history()), player, information, action, len(legal), words, (action, *alike(state))
                )
                found.append(spot)
    return tuple(bluffs), tuple(folds)


FAMILIES = [bluffing(GAME, lambda: spots()[0]), calling(GAME, lambda: spots()[1])]
