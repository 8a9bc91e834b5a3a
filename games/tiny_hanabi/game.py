"""What the engine asks of Tiny Hanabi: the cards and the actions so far, whole and as one player sees them."""

from __future__ import annotations

import pyspiel


def view(state: pyspiel.State, player: int) -> str:
    """The own card and the actions: the cards of the others are never shown."""
    cards, actions = dealt(state)
    held = f"hold card {cards[player]}" if player < len(cards) else "have no card yet"
    lines = [f"You are seat {player} and {held}."]
    return "\n".join(lines + played(actions))


def render(state: pyspiel.State) -> str:
    """All cards, all actions, and in a finished game what everybody gets."""
    cards, actions = dealt(state)
    lines = [f"Seat {seat} holds card {card}." for seat, card in enumerate(cards)] + played(actions)
    if state.is_terminal():
        lines.append(f"Everybody gets {state.returns()[0]:g}.")
    return "\n".join(lines)


def dealt(state: pyspiel.State) -> tuple[list[int], list[int]]:
    """The cards and the actions, in order of the seats."""
    players = state.num_players()
    history = list(state.history())
    return history[:players], history[players:]


def played(actions: list[int]) -> list[str]:
    """The actions in words."""
    return [f"Seat {seat} played {action}." for seat, action in enumerate(actions)]
