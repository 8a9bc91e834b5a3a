"""Every game that OpenSpiel registers, and which kinds of self-play can train it.

The list is made from the registered types alone: nothing is loaded. One game with its parameters is loaded: they may
change what its players see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyspiel

from engine.game import load_game

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
    """The game offers a tensor: observations, information states or both."""
    needs_parameters: bool
    """The name alone does not load."""
    search_refusal: str
    """Why self-play by search (expert_iteration) refuses the game; empty where it does not."""
    rollout_refusal: str
    """Why self-play by the raw network (ppo, mmd, grpo) refuses it; empty where it does not."""

    @property
    def trainable(self) -> bool:
        """By one of the two."""
        return not (self.search_refusal and self.rollout_refusal)


def catalogue() -> list[GameKind]:
    """All registered games, in order of their names."""
    return sorted((_kind(each) for each in pyspiel.registered_games()), key=lambda kind: kind.short_name)


def with_parameters(name: str) -> GameKind:
    """The line of one game string, such as `goofspiel(imp_info=True)`. Raises TesujiError if it does not load."""
    game = load_game(name)
    return replace(
        _kind(game.get_type()), short_name=str(game), players=str(game.num_players()), needs_parameters=False
    )


def _kind(kind: pyspiel.GameType) -> GameKind:
    perfect = kind.information == Type.Information.PERFECT_INFORMATION
    simultaneous = kind.dynamics != Type.Dynamics.SEQUENTIAL
    tensor = kind.provides_observation_tensor or kind.provides_information_state_tensor
    least, most = kind.min_num_players, kind.max_num_players
    shared = ""
    if kind.dynamics == Type.Dynamics.MEAN_FIELD:
        shared = "no: mean field"
    elif kind.chance_mode == Type.ChanceMode.SAMPLED_STOCHASTIC:
        shared = "no: chance is sampled inside its states"
    elif not tensor:
        shared = "no: no tensor"
    own = "no: simultaneous moves" if simultaneous else "" if perfect else "no: hidden information"
    return GameKind(
        short_name=kind.short_name,
        players=str(least) if least == most else f"{least}-{most}",
        simultaneous=simultaneous,
        perfect_information=perfect,
        deterministic=kind.chance_mode == Type.ChanceMode.DETERMINISTIC,
        tensor=bool(tensor),
        needs_parameters=not kind.default_loadable,
        search_refusal=own or shared,
        rollout_refusal=shared,
    )
