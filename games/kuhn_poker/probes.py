"""How often every equilibrium of Kuhn poker bluffs and calls."""

from __future__ import annotations

from functools import cache

from engine.probing.equilibrium import EquilibriumOracle
from engine.probing.families.mixing import Spot, bluffing, calling, information_states
from games.kuhn_poker.game import CARDS, known

GAME = "kuhn_poker"
PASS, BET = range(2)
ORACLES = {EquilibriumOracle.name: EquilibriumOracle()}


@cache
def spots() -> tuple[tuple[Spot, ...], tuple[Spot, ...]]:
    """(bets of the jack, answers to a bet)."""
    bluffs, calls = [], []
    for state in information_states(GAME):
        player, information = state.current_player(), state.information_state_string()
        card, bets = known(state, player)
        faces = "faces a bet" if "b" in bets else "may bet"
        spot = Spot(
            tuple(state.history()), player, information, BET, 2, f"Seat {player} holds {card} and {faces}", information
        )
        if "b" in bets:
            calls.append(spot)
        elif CARDS[0] in card:
            bluffs.append(spot)
    return tuple(bluffs), tuple(calls)


FAMILIES = [bluffing(GAME, lambda: spots()[0]), calling(GAME, lambda: spots()[1])]
