"""How often every equilibrium of liar's dice calls a bid a lie."""

from __future__ import annotations

from functools import cache

from engine.probing.equilibrium import EquilibriumOracle
from engine.probing.families.mixing import Spot, calling, information_states
from games.liars_dice.game import LIAR, dice, moves, words

GAME = "liars_dice(dice_sides=4)"
MOST_BIDS = 3
"""Longer sequences of bids come rarely, and there are many of them."""
ORACLES = {EquilibriumOracle.name: EquilibriumOracle()}


@cache
def spots() -> tuple[Spot, ...]:
    """All answers to few bids where a higher one could be made."""
    found = []
    for state in information_states(GAME):
        bids, legal, player = moves(state), state.legal_actions(), state.current_player()
        named = {state.action_to_string(action): int(action) for action in legal}
        if 0 < len(bids) <= MOST_BIDS and LIAR in named and len(legal) > 1:
            information = state.information_state_string()
            said = f"Seat {player}'s {dice(state, player)}; {', '.join(words(state, None))}"
            found.append(Spot(tuple(state.history()), player, information, named[LIAR], len(legal), said, information))
    return tuple(found)


FAMILIES = [calling(GAME, spots)]
