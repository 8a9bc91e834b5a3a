"""tesuji games"""

from __future__ import annotations

import argparse

from engine.frontends.output import show

SUMMARY = "list OpenSpiel's games and which methods can train them"
EXAMPLE = "tesuji games --trainable"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "text",
        nargs="?",
        default="",
        metavar="TEXT",
        help="only games whose name contains TEXT, or one game with its parameters: 'goofspiel(imp_info=True)'",
    )
    parser.add_argument("--trainable", action="store_true", help="only games that `tesuji train` accepts")


def run(options: argparse.Namespace) -> int:
    """Print one line a game."""
    from engine.catalogue import catalogue, with_parameters
    from engine.errors import TesujiError
    from engine.frontends.tables import table

    rows = [["game", "players", "moves", "information", "chance", "tensor", "by search", "by ppo, mmd, grpo"]]
    one = "(" in options.text
    for kind in [with_parameters(options.text)] if one else catalogue():
        yes = "yes, with parameters" if kind.needs_parameters else "yes"
        if (one or options.text in kind.short_name) and (not options.trainable or kind.trainable):
            rows.append(
                [
                    kind.short_name,
                    kind.players,
                    "simultaneous" if kind.simultaneous else "in turn",
                    "perfect" if kind.perfect_information else "hidden",
                    "no" if kind.deterministic else "yes",
                    "yes" if kind.tensor else "no",
                    *(refusal or yes for refusal in (kind.search_refusal, kind.rollout_refusal)),
                ]
            )
    if len(rows) == 1:
        raise TesujiError(f"no such game: '{options.text}'; tesuji games lists all")
    show(table(rows, left=range(8)))
    return 0
