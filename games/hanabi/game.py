"""What the engine asks of Hanabi: hands, fireworks and moves for the terminal, whole and as one player sees them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

import pyspiel

COLOURS = {"R": "red", "Y": "yellow", "G": "green", "W": "white", "B": "blue"}
WIDTH = 100
"""Of the lines that list moves."""


@dataclass(frozen=True)
class Table:
    """What OpenSpiel's text of a state, or of a player's observation, says."""

    lives: int
    hints: int
    fireworks: str
    hands: list[list[str]]
    """By seat; in an observation by distance from the observer. A card reads ``Y4 || X4|RY4``: itself (XX if it is not
    seen), what was told of it, and which colours and ranks the hints leave possible.
    """
    deck: int
    discards: str


def view(state: pyspiel.State, player: int) -> str:
    """The other hands, what hints tell of the own one, fireworks, tokens and discards, and all moves."""
    table = read(state.observation_string(player))
    players = state.num_players()
    lines = [f"You are seat {player}.", *tokens(table)]
    for distance in range(players):
        seat = (player + distance) % players
        lines.append("Your hand:" if seat == player else f"Hand of seat {seat}:")
        lines += cards(table.hands[distance])
    return "\n".join([*lines, *moves(state, player), *turn(state, player)])


def render(state: pyspiel.State) -> str:
    """All hands, fireworks, tokens and discards, and all moves; in a finished game the score."""
    table = read(str(state))
    lines = tokens(table)
    for seat, hand in enumerate(table.hands):
        lines += [f"Hand of seat {seat}:", *cards(hand)]
    return "\n".join([*lines, *moves(state, None), *turn(state, None)])


def read(text: str) -> Table:
    """The table that OpenSpiel's text describes."""
    head, _, rest = text.partition("Hands:\n")
    hands, _, tail = rest.partition("Deck size: ")
    lives, hints = re.findall(r"tokens: (\d+)", head)
    dealt = [[card for card in hand.splitlines() if "||" in card] for hand in hands.split("-----\n")]
    deck, _, discards = tail.partition("\nDiscards:")
    return Table(int(lives), int(hints), head.partition("Fireworks: ")[2].strip(), dealt, int(deck), discards.strip())


def tokens(table: Table) -> list[str]:
    """The lines of what lies on the table."""
    heights = ", ".join(f"{COLOURS[pile[0]]} {pile[1:]}" for pile in table.fireworks.split())
    return [
        f"Lives {table.lives}, hints to give {table.hints}, cards in the deck {table.deck}.",
        f"Fireworks: {heights}.",
        f"Discards: {table.discards or 'none'}.",
    ]


def cards(hand: list[str]) -> list[str]:
    """One line a card: itself if it is seen, what was told of it, and what the hints leave possible."""
    lines = []
    for slot, card in enumerate(hand):
        face, _, knowledge = card.partition(" || ")
        told, _, left = knowledge.partition("|")
        said = " ".join(COLOURS.get(letter, letter) for letter in told if letter != "X")
        colours = " or ".join(COLOURS[letter] for letter in left if letter in COLOURS)
        ranks = " ".join(letter for letter in left if letter.isdecimal())
        shown = "" if face == "XX" else f"{face}; "
        lines.append(f"  card {slot}: {shown}{f'told {said}' if said else 'told nothing'}; may be {colours}, {ranks}")
    return lines


def moves(state: pyspiel.State, player: int | None) -> list[str]:
    """Every move since the start, said to `player` if there is one. Which cards a hint touched everybody saw."""
    players = state.num_players()
    size = hand_size(state.get_game())
    hands: list[list[str]] = [[] for _ in range(players)]
    words = []
    for move in state.full_history():
        name = state.action_to_string(move.player, move.action).strip("()").split()
        if name[0] == "Deal":
            next(hand for hand in hands if len(hand) < size).append(name[1])
        elif name[0] == "Reveal":
            seat = (move.player + int(name[2])) % players
            value = name[-1]
            touched = [str(slot) for slot, card in enumerate(hands[seat]) if value in card]
            on = f"card{'s' if len(touched) > 1 else ''} {' '.join(touched)}"
            hinted = f"told {called(seat, player)} of {COLOURS.get(value, value)} ({on})"
            words.append(f"{called(move.player, player)} {hinted}")
        else:
            slot = int(name[1])
            verb = {"Play": "played", "Discard": "discarded"}[name[0]]
            words.append(f"{called(move.player, player)} {verb} card {slot} ({hands[move.player].pop(slot)})")
    # Lines break between moves only: textwrap does not split at unbreakable spaces.
    text = ", ".join(word.replace(" ", "\N{NO-BREAK SPACE}") for word in words) or "none yet"
    lines = textwrap.wrap(f"Moves: {text}.", WIDTH, subsequent_indent="  ")
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def turn(state: pyspiel.State, player: int | None) -> list[str]:
    """Whose move it is, or the score of a finished game."""
    if state.is_terminal():
        return [f"The game is over, with {state.returns()[0]:g} points."]
    if state.is_chance_node():
        return []
    mover = state.current_player()
    return ["It is your move." if mover == player else f"Seat {mover} is to move."]


def hand_size(game: pyspiel.Game) -> int:
    """Cards in a hand: a parameter or, without it, what the rules say."""
    size = game.get_parameters().get("hand_size", 0)
    return int(size) or (5 if game.num_players() < 4 else 4)


def called(seat: int, player: int | None) -> str:
    """How `player` is told of a seat."""
    return "you" if seat == player else f"seat {seat}"
