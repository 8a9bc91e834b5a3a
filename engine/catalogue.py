"""Every game that OpenSpiel registers, and whether search self-play can train it.

Told from the game types alone: nothing is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyspiel

Type = pyspiel.GameType


@dataclass(frozen=True)
class GameKind:
    """One line of the catalogue."""

    short_name: str
    players: str
    """Such as `2` or `2-10`."""
    simultaneous: bool
    perfect_information: bool
    deterministic: bool
    tensor: bool
    """The game offers the default encoder's tensor: observations if information is perfect, else information states."""
    needs_parameters: bool
    """The name alone does not load."""
    refusal: str
    """Why search self-play refuses the game; empty where it does not."""


def catalogue() -> list[GameKind]:
    """All registered games, in order of their names."""
    return sorted((_kind(each) for each in pyspiel.registered_games()), key=lambda kind: kind.short_name)


def _kind(kind: pyspiel.GameType) -> GameKind:
    perfect = kind.information == Type.Information.PERFECT_INFORMATION
    simultaneous = kind.dynamics != Type.Dynamics.SEQUENTIAL
    tensor = kind.provides_observation_tensor if perfect else kind.provides_information_state_tensor
    least, most = kind.min_num_players, kind.max_num_players
    if simultaneous:
        refusal = "no: simultaneous moves"
    elif not perfect:
        refusal = "no: hidden information"
    elif kind.chance_mode == Type.ChanceMode.SAMPLED_STOCHASTIC:
        refusal = "no: chance is sampled inside its states"
    elif not tensor:
        refusal = "no: no observation tensor"
    else:
        refusal = ""
    return GameKind(
        short_name=kind.short_name,
        players=str(least) if least == most else f"{least}-{most}",
        simultaneous=simultaneous,
        perfect_information=perfect,
        deterministic=kind.chance_mode == Type.ChanceMode.DETERMINISTIC,
        tensor=bool(tensor),
        needs_parameters=not kind.default_loadable,
        refusal=refusal,
    )
