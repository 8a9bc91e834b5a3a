"""What a move is worth where every card that the other player may hold leads to the same end."""

from __future__ import annotations

import pyspiel

from engine.game import load_game
from engine.probing.oracles import Verdict

__all__ = ["Domination", "worlds"]

CARDS = range(6)


class Domination:
    """Judges moves that end the hand with one result for all cards of the other player; of others it says nothing."""

    name = "domination"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The values of such moves. That of the position is the best of them: it is worth no less, so that what is
        worth less than that is dominated. None if no move is such, or with more than two players.
        """
        if state.num_players() != 2:
            return None
        player = state.current_player()
        values = {}
        for action in state.legal_actions():
            ends = [world.child(action) for world in worlds(state)]
            results = {float(end.returns()[player]) for end in ends if end.is_terminal()}
            if all(end.is_terminal() for end in ends) and len(results) == 1:
                values[action] = results.pop()
        return Verdict(values, max(values.values())) if values else None


def worlds(state: pyspiel.State) -> list[pyspiel.State]:
    """The position with each card that the player to move may face."""
    player = state.current_player()
    history = list(state.history())
    drawn = [index for index, move in enumerate(state.full_history()) if move.player == pyspiel.PlayerId.CHANCE]
    other = drawn[1 - player]
    seen = {history[index] for index in drawn if index != other}
    found = []
    for card in CARDS:
        if card not in seen:
            world = load_game(str(state.get_game())).new_initial_state()
            for index, action in enumerate(history):
                world.apply_action(card if index == other else action)
            found.append(world)
    return found
