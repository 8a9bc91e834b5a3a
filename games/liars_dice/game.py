"""What the engine asks of liar's dice: dice and bids for the terminal, whole and as one player sees them."""

from __future__ import annotations

import pyspiel

COUNTS = ("no", "one", "two", "three", "four", "five", "six")
LIAR = "Liar"


def view(state: pyspiel.State, player: int) -> str:
    """The own dice and the bids. The dice of the others stay hidden at the end too: the game never tells them."""
    lines = [f"You are seat {player}. Your {dice(state, player)}.", rule(state), bids(state, player)]
    if state.current_player() == player:
        lines.append(choices(state))
    elif state.current_player() >= 0:
        lines.append(f"Seat {state.current_player()} is to move.")
    return "\n".join(lines)


def render(state: pyspiel.State) -> str:
    """All dice and the bids; in a finished game how many dice the last bid could count."""
    lines = [f"Seat {seat}'s {dice(state, seat)}." for seat in range(state.num_players())]
    lines += [rule(state), bids(state, None)]
    if state.is_terminal():
        face = int(moves(state)[-2].partition("-")[2])
        wild = int(state.get_game().get_parameters()["dice_sides"])
        found = sum(roll in (face, wild) for seat in range(state.num_players()) for roll in rolled(state, seat))
        lines.append(f"There {'is' if found == 1 else 'are'} {counted(found, face)}: seat {winner(state)} wins.")
    elif state.current_player() >= 0:
        lines.append(f"Seat {state.current_player()} is to move.")
    return "\n".join(lines)


def rolled(state: pyspiel.State, player: int) -> list[int]:
    """The player's dice in order, as far as they are rolled. Seats roll one after the other."""
    rolls = [move.action + 1 for move in state.full_history() if move.player == pyspiel.PlayerId.CHANCE]
    count = int(state.get_game().get_parameters()["numdice"])
    return sorted(rolls[player * count : (player + 1) * count])


def dice(state: pyspiel.State, player: int) -> str:
    """The player's dice in words."""
    found = rolled(state, player)
    if not found:
        return "dice are not rolled"
    return f"{'die shows' if len(found) == 1 else 'dice show'} {' '.join(map(str, found))}"


def rule(state: pyspiel.State) -> str:
    """How many dice there are, and which face counts as any."""
    parameters = state.get_game().get_parameters()
    total, wild = state.num_players() * parameters["numdice"], parameters["dice_sides"]
    return f"{total} dice in all; a {wild} counts as any face."


def moves(state: pyspiel.State) -> list[str]:
    """The bids by OpenSpiel's names, as in 2-3 for two dice with a 3; the last one may be a call."""
    return [state.action_to_string(move.player, move.action) for move in state.full_history() if move.player >= 0]


def words(state: pyspiel.State, player: int | None) -> list[str]:
    """The bids in words, said to `player` if there is one."""
    found = []
    for index, name in enumerate(moves(state)):
        seat = index % state.num_players()
        count, _, face = name.partition("-")
        said = "called it a lie" if name == LIAR else f"bid {counted(int(count), int(face))}"
        found.append(f"{'you' if seat == player else f'seat {seat}'} {said}")
    return found


def bids(state: pyspiel.State, player: int | None) -> str:
    """The line of the bids."""
    return f"Bids: {', '.join(words(state, player)) or 'none yet'}."


def choices(state: pyspiel.State) -> str:
    """What the player to move may do."""
    if not moves(state):
        return "You bid first (1-2 is one 2)."
    if len(state.legal_actions()) == 1:
        return "You can only call the last bid a lie (Liar)."
    return "You may bid higher (1-2 is one 2) or call the last bid a lie (Liar)."


def counted(count: int, face: int) -> str:
    """Dice of a face in words: one 3, two 3s."""
    number = COUNTS[count] if count < len(COUNTS) else str(count)
    return f"{number} {face}" + ("" if count == 1 else "s")


def winner(state: pyspiel.State) -> int:
    """The seat that won a finished game."""
    returns = list(state.returns())
    return returns.index(max(returns))
