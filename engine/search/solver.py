"""The exact solver: what a position is worth under perfect play, proven by search to the game's ends, or unknown."""

from __future__ import annotations

import pyspiel

from engine.errors import TesujiError, nearest
from engine.game import room
from engine.native import core

__all__ = ["Solution", "solve"]

Solution = core.Solution
"""What is known of a state with n legal actions, in a game of P players, as read-only attributes. All values are
utilities, as `state.returns()` gives them at the end of the game (what was gained on the way included), in the order of
the players.

    proven        whether `values` is complete
    values        float64[P]     under perfect play from here on; NaN where the budget did not suffice
    lower, upper  float64[P]     between which they lie in any case
    player        the player to move; negative at a chance node
    actions       int64[n]       the legal actions, ascending; none at a chance node
    move_values   float64[n, P]  after each of them; NaN where not proven
    best_actions  int64[k]       those proven to give the mover its value; if `proven` some, with `every_move` all
    nodes         states visited
"""

TRANSPOSITIONS = ("auto", "history", "string")


def solve(
    state: pyspiel.State,
    *,
    nodes: int = 1_000_000,
    table_bytes: int = 1 << 26,
    transpositions: str = "auto",
    every_move: bool = False,
) -> Solution:
    """Search `state` of a perfect-information game deeper and deeper until its value is proven or `nodes` are visited.

    Two-player games with a constant sum and one-player games are searched by alpha-beta with expectations at chance
    nodes; all others by max^n, where a player indifferent between moves plays the first of them (without such a rule
    the others' values are not defined). Values at chance nodes are exact but for rounding.

    table_bytes: memory of the transposition table.
    transpositions: what identifies a position in it. "history" is the way to it, which is always sound; "string" is
        `str(state)` with the player to move, far better where these decide all that can follow, and *wrong* elsewhere
        (repetitions in chess, the die in einstein_wurfelt_nicht and the moves left in backgammon are not in the
        string); "auto" is "string" in games whose room says that it is sound (`string_identifies`), else "history".
    every_move: prove the value of each legal action too, once the state's is.
    Raises TesujiError for games with simultaneous moves, hidden information or chance sampled inside their states, for
    terminal states, and where utilities contradict what the game declares.
    """
    if transpositions not in TRANSPOSITIONS:
        raise TesujiError(
            f"transpositions is {transpositions!r}{nearest(transpositions, TRANSPOSITIONS)}; "
            f"choose one of {', '.join(TRANSPOSITIONS)}"
        )
    if transpositions == "auto":
        game = state.get_game()
        by_string = room(game.get_type().short_name).string_identifies(game)
    else:
        by_string = transpositions == "string"
    return core.solve(state, nodes=nodes, table_bytes=table_bytes, string_keys=by_string, every_move=every_move)
