"""Game trees, and the text of a Gambit file that holds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Chance", "Decision", "End", "Tree", "decision", "to_efg"]


@dataclass(frozen=True)
class End:
    """Where a game ends. payoffs: of the two players."""

    payoffs: tuple[int, int]


@dataclass(frozen=True)
class Chance:
    """Chance draws an outcome. outcomes: name -> (probability, what follows)."""

    outcomes: Mapping[str, tuple[Fraction, Tree]]


@dataclass(frozen=True)
class Decision:
    """A player, 0 or 1, chooses. Decisions of a player with the same `information` cannot be told apart."""

    player: int
    information: str
    actions: Mapping[str, Tree]


Tree = End | Chance | Decision


def decision(player: int, information: str, actions: list[str], after: Callable[[str], Tree]) -> Decision:
    """A decision whose actions lead where `after` says."""
    return Decision(player, information, {action: after(action) for action in actions})


def to_efg(tree: Tree, title: str) -> str:
    """The file's text: nodes in prefix order. Information sets and ends are numbered as they come up."""
    sets: dict[tuple[int, str], int] = {}
    ends: dict[tuple[int, int], int] = {}
    lines = [f'EFG 2 R "{title}" {{ "seat 0" "seat 1" }}']
    chances = 0

    def write(node: Tree) -> None:
        nonlocal chances
        match node:
            case End(payoffs):
                number = ends.setdefault(payoffs, len(ends) + 1)
                lines.append(f't "" {number} "" {{ {payoffs[0]}, {payoffs[1]} }}')
            case Chance(outcomes):
                chances += 1
                drawn = " ".join(f'"{name}" {chance}' for name, (chance, _) in outcomes.items())
                lines.append(f'c "" {chances} "" {{ {drawn} }} 0')
                for _, after in outcomes.values():
                    write(after)
            case Decision(player, information, actions):
                # Numbers count for each player by itself.
                own = sum(seat == player for seat, _ in sets)
                number = sets.setdefault((player, information), own + 1)
                named = " ".join(f'"{action}"' for action in actions)
                lines.append(f'p "" {player + 1} {number} "{information}" {{ {named} }} 0')
                for after in actions.values():
                    write(after)

    write(tree)
    return "\n".join(lines) + "\n"
