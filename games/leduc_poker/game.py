"""What the engine asks of Leduc poker: which cards are alike, and the table for the terminal, whole and as one player
sees it.
"""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pyspiel

from engine.game import Symmetry

RANKS = ("jack", "queen", "king")
"""From the lowest; with more players, and so more ranks, they only have numbers."""
SUITS = ("spades", "hearts")
"""Card c has rank c // 2 and suit c % 2. OpenSpiel's suits have no names."""
FOLD, CALL, RAISE = range(3)
RAISES = (2, 4)
"""Chips that a raise adds to the bet, by round."""
STACK = 100
"""Chips of each player before the ante."""


def symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]:
    """The two cards of any ranks exchanged, for both tensors of the game: suits are never compared.

    Both begin with the seat, the own card and the public card, each one-hot; no action and no bet has a suit.
    """
    if game.get_parameters()["suit_isomorphism"] or input_shape not in (
        tuple(game.information_state_tensor_shape()),
        tuple(game.observation_tensor_shape()),
    ):
        return []
    players = game.num_players()
    ranks = players + 1
    found = []
    for count in range(1, ranks + 1):
        for chosen in combinations(range(ranks), count):
            inputs = np.arange(input_shape[0], dtype=np.int64)
            for rank in chosen:
                for part in range(2):
                    first = players + part * len(SUITS) * ranks + len(SUITS) * rank
                    inputs[[first, first + 1]] = first + 1, first
            name = "suits of " + " ".join(rank_name(rank, ranks) for rank in chosen)
            found.append(Symmetry(name, inputs, np.arange(game.num_distinct_actions(), dtype=np.int64)))
    return found


def view(state: pyspiel.State, player: int) -> str:
    """The own card, the public card, the pot and the bets; at the end the chips won, but no other card."""
    card = known(state, player)["Private"]
    lines = [f"You are seat {player} and {'hold ' + card if card else 'have no card yet'}."]
    lines += public(state, player)
    if state.current_player() == player:
        lines.append(f"You may {choices(state)}.")
    return "\n".join(lines)


def render(state: pyspiel.State) -> str:
    """All cards, the pot and the bets."""
    cards = [known(state, seat)["Private"] for seat in range(state.num_players())]
    lines = [f"Seat {seat} {'holds ' + card if card else 'has no card yet'}." for seat, card in enumerate(cards)]
    return "\n".join(lines + public(state, None))


def known(state: pyspiel.State, player: int) -> dict[str, str]:
    """What the game tells a player, by OpenSpiel's names of it; cards in words, empty where there is none."""
    fields = dict(re.findall(r"\[(\w+):? ?([^\]]*)\]", state.information_state_string(player)))
    fields["Private"] = card_name(state, int(fields["Private"]))
    fields["Public"] = card_name(state, int(fields.get("Public", -1)))
    return fields


def card_name(state: pyspiel.State, card: int) -> str:
    """A card in words; empty for the negative numbers of a card that is not dealt."""
    if card < 0:
        return ""
    ranks = state.num_players() + 1
    if state.get_game().get_parameters()["suit_isomorphism"]:
        return f"a {rank_name(card, ranks)}"
    return f"the {rank_name(card // 2, ranks)} of {SUITS[card % 2]}"


def rank_name(rank: int, ranks: int) -> str:
    """A rank in words."""
    return RANKS[rank] if ranks == len(RANKS) else str(rank + 1)


def public(state: pyspiel.State, player: int | None) -> list[str]:
    """What everybody sees, said to `player` if there is one."""
    fields = known(state, player or 0)
    lines = [f"On the table: {fields['Public'] or 'no card yet'}."]
    if state.is_terminal():
        won = [float(chips) - STACK for chips in fields["Money"].split()]
        results = ", ".join(f"{called(seat, player)} {chips:+g}" for seat, chips in enumerate(won))
        lines.append(f"The pot is paid out: {results}.")
    else:
        paid = [STACK - int(chips) for chips in fields["Money"].split()]
        parts = ", ".join(f"{chips} from {called(seat, player)}" for seat, chips in enumerate(paid))
        lines.append(f"Pot {sum(paid)}: {parts}.")
    seats = iter([move.player for move in state.full_history() if move.player >= 0])
    for number, name in enumerate(("Round1", "Round2")):
        bets = [int(bet) for bet in fields[name].split()]
        words = [f"{called(next(seats), player)} {done(bets, i, number)}" for i in range(len(bets))]
        if number == 0 or int(fields["Round"]) == 2:
            lines.append(f"Round {number + 1}: {', '.join(words) or 'no bets yet'}.")
    if not state.is_terminal() and state.current_player() not in (player, pyspiel.PlayerId.CHANCE):
        lines.append(f"Seat {state.current_player()} is to move.")
    return lines


def done(bets: list[int], index: int, number: int) -> str:
    """One bet of a round in words."""
    if bets[index] == FOLD:
        return "folded"
    if bets[index] == RAISE:
        return f"raised {RAISES[number]}"
    return "called" if RAISE in bets[:index] else "checked"


def choices(state: pyspiel.State) -> str:
    """The legal actions of the player to move in words."""
    fields = known(state, state.current_player())
    faced = str(RAISE) in fields[f"Round{fields['Round']}"]
    raised = f"raise {RAISES[int(fields['Round']) - 1]}"
    words = {FOLD: "fold", CALL: "call" if faced else "check (Call)", RAISE: raised}
    *rest, last = (words[action] for action in state.legal_actions())
    return f"{', '.join(rest)} or {last}" if rest else last


def called(seat: int, player: int | None) -> str:
    """How `player` is told of a seat."""
    return "you" if seat == player else f"seat {seat}"


def orbit(state: pyspiel.State) -> str:
    """What the mover knows, without suits."""
    player = state.current_player()
    cards = [known(state, player)[name].partition(" of ")[0] for name in ("Private", "Public")]
    moves = [move.action for move in state.full_history() if move.player >= 0]
    return f"{state.num_players()} {player} {cards} {moves}"
