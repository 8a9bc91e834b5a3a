"""What the engine asks of trees in extensive form: a decision in words, whole and as one player sees it."""

from __future__ import annotations

from pathlib import Path

import pyspiel


def view(state: pyspiel.State, player: int) -> str:
    """The information set in which `player` moves, by its name in the file, and what may be done there."""
    if state.current_player() != player:
        return f"You are seat {player}; it is not your turn."
    name = state.information_state_string().split("-", 3)[3]
    actions = ", ".join(state.action_to_string(action) for action in state.legal_actions())
    return f"You are seat {player}: {name}. You may choose {actions}."


def render(state: pyspiel.State) -> str:
    """All that happened, chance included, and who is to move."""
    moves = [
        f"{'chance' if move.player < 0 else f'seat {move.player}'}: {before.action_to_string(move.player, move.action)}"
        for move, before in zip(state.full_history(), along(state), strict=True)
    ]
    lines = ["; ".join(moves) or "nothing happened yet"]
    if state.is_terminal():
        lines.append("Returns: " + ", ".join(f"seat {seat} {value:+g}" for seat, value in enumerate(state.returns())))
    elif not state.is_chance_node():
        lines.append(view(state, state.current_player()))
    return "\n".join(lines)


def along(state: pyspiel.State) -> list[pyspiel.State]:
    """The states before each move of a state's history."""
    here = state.get_game().new_initial_state()
    found = []
    for action in state.history():
        found.append(here.clone())
        here.apply_action(action)
    return found


def orbit(state: pyspiel.State) -> str:
    """The tree's file, wherever it lies, and the information set."""
    name = Path(state.get_game().get_parameters()["filename"]).name
    return f"{name} {state.current_player()} {state.information_state_string()}"
