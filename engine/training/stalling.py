"""Games that teach little: all of an iteration end by the game's length limit, or all in draws."""

from __future__ import annotations

import numpy as np
import pyspiel
from numpy.typing import NDArray

from engine.game import facts

__all__ = ["stalling"]

FEWEST = 20
"""Games of an iteration below which chance may be the reason."""
PLAYOUTS = 8
"""Random games that show whether all games of a kind are equally long."""
ADVICE = (
    "let games begin more differently (--set selfplay.random_opening_share=1, a larger selfplay.random_opening_plies), "
    "or start from a stronger agent (--from)"
)


def stalling(
    game: pyspiel.Game, iteration: int, lengths: NDArray[np.int64], returns: NDArray[np.float64]
) -> str | None:
    """One line that says what is wrong with these games and what to change; None where nothing is.

    lengths: [G] actions of each game, chance included; returns: [G, P].
    """
    games = len(lengths)
    if games < FEWEST:
        return None
    about = facts(game)
    limit = about.max_game_length
    limited = bool((lengths >= limit).all()) and _ends_earlier(game, limit)
    drawn = about.num_players > 1 and bool((returns == returns[:, :1]).all())
    if not limited and not drawn:
        return None
    whose = f"all {games} games of iteration {iteration}"
    if limited:
        draws = " and were draws" if drawn else ""
        return (
            f"{whose} ended by the limit of {limit} moves{draws}: nobody gets anywhere. Where the game has such a "
            f"parameter, give it a shorter limit ({about.short_name}(...)); {ADVICE}"
        )
    return f"{whose} were draws: they do not tell good moves from bad ones; {ADVICE}"


def _ends_earlier(game: pyspiel.Game, limit: int) -> bool:
    """Random games end before the limit: the length is not that of every game."""
    generator = np.random.default_rng(0)
    for _ in range(PLAYOUTS):
        state, length = game.new_initial_state(), 0
        while not state.is_terminal() and length < limit:
            chance = state.is_chance_node()
            actions = [action for action, _ in state.chance_outcomes()] if chance else state.legal_actions()
            state.apply_action(int(generator.choice(actions)))
            length += 1
        if state.is_terminal() and length < limit:
            return True
    return False
