"""What the engine asks of Kuhn poker: the table for the terminal, whole and as one player sees it."""

from __future__ import annotations

import re

import pyspiel

CARDS = ("jack", "queen", "king")
"""From the lowest; with more players the cards only have numbers."""


def view(state: pyspiel.State, player: int) -> str:
    """The own card, the pot and the bets. No showdown: the game does not tell its loser what the winner held."""
    card, bets = known(state, player)
    lines = [f"You are seat {player} and {'hold ' + card if card else 'have no card yet'}."]
    lines += public(state, bets, player)
    if state.is_terminal():
        lines.append("The betting is over.")
    elif state.current_player() == player:
        lines.append("You may fold (Pass) or call (Bet)." if "b" in bets else "You may check (Pass) or bet (Bet).")
    elif state.current_player() >= 0:
        lines.append(f"Seat {state.current_player()} is to move.")
    return "\n".join(lines)


def render(state: pyspiel.State) -> str:
    """All cards, the pot and the bets; in a finished game the returns."""
    cards, bets = zip(*(known(state, seat) for seat in range(state.num_players())), strict=True)
    lines = [f"Seat {seat} {'holds ' + card if card else 'has no card yet'}." for seat, card in enumerate(cards)]
    lines += public(state, bets[0], None)
    if state.is_terminal():
        lines.append("Returns: " + ", ".join(f"seat {seat} {value:+g}" for seat, value in enumerate(state.returns())))
    elif state.current_player() >= 0:
        lines.append(f"Seat {state.current_player()} is to move.")
    return "\n".join(lines)


def known(state: pyspiel.State, player: int) -> tuple[str, str]:
    """The player's card in words, empty before the deal, and the letters of the bets, p and b."""
    found = re.fullmatch(r"(\d*)([pb]*)", state.information_state_string(player))
    assert found, state
    if not found[1]:
        return "", found[2]
    named = state.num_players() + 1 == len(CARDS)
    return f"the {CARDS[int(found[1])]}" if named else f"card {found[1]}", found[2]


def public(state: pyspiel.State, bets: str, player: int | None) -> list[str]:
    """What everybody sees, said to `player` if there is one. Seats act in turn, to the last letter."""
    paid = [1] * state.num_players()
    words = []
    for index, letter in enumerate(bets):
        seat = index % len(paid)
        paid[seat] += letter == "b"
        answers = "b" in bets[:index]
        done = {"p": "folded" if answers else "checked", "b": "called" if answers else "bet"}[letter]
        words.append(f"{called(seat, player)} {done}")
    parts = ", ".join(f"{amount} from {called(seat, player)}" for seat, amount in enumerate(paid))
    return [f"Pot {sum(paid)}: {parts}.", f"Bets: {', '.join(words) or 'none yet'}."]


def called(seat: int, player: int | None) -> str:
    """How `player` is told of a seat."""
    return "you" if seat == player else f"seat {seat}"
