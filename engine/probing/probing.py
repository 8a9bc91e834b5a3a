"""One call from an agent's name to its answers: which probes it is asked, who answers, where the answers are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine import __version__
from engine.agents.agent import BatchAgent
from engine.agents.network_agent import NetworkAgent
from engine.agents.parser import game_of, parse_agent
from engine.errors import TesujiError, nearest
from engine.evaluate import Progress
from engine.game import load_game
from engine.probing.probe import Probe
from engine.probing.results import Probing
from engine.probing.runner import Answers, FindAgent, run_probes
from engine.probing.suite import Loaded, load_probes, same_game, select, shipped

__all__ = ["probe"]


def probe(
    agent: BatchAgent | str,
    *,
    game: str | None = None,
    families: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    files: Sequence[Path] | None = None,
    budgets: Sequence[int] = (0,),
    output: Path | None = None,
    seed: int = 0,
    network: str | None = None,
    on_progress: Progress | None = None,
) -> Probing:
    """See `engine.api.probe`. Raises TesujiError where nothing is left to ask, and for what `Answers` refuses."""
    own = game_of(agent) if isinstance(agent, str) else own_game(agent)
    if game is not None and own is not None and not same_game(game)(str(load_game(own))):
        raise TesujiError(f"agent '{name_of(agent)}' plays {own}, not {game}: leave --game out")
    loaded = load_probes(files, ask_oracles=True) if files is not None else shipped(short_names(own or game))
    chosen = chosen_probes(loaded, own or game, families, ids, files)
    find_agent = finder(agent, network)
    answers = Answers(output, identity(agent, own, find_agent, seed)) if output is not None else None
    found = run_probes(name_of(agent), find_agent, chosen, budgets, seed=seed, answers=answers, on_progress=on_progress)
    if not found.judged:
        raise TesujiError(found.left_out[0])
    return replace(found, problems=tuple(loaded.problems))


def chosen_probes(
    loaded: Loaded,
    game: str | None,
    families: Sequence[str] | None,
    ids: Sequence[str] | None,
    files: Sequence[Path] | None,
) -> list[Probe]:
    """The probes to ask about. Raises TesujiError, naming what there is, if there are none."""
    of_game = select(loaded.probes, game)
    where = ", ".join(map(str, files)) if files is not None else "the shipped suite"
    if not of_game:
        if loaded.problems:
            raise TesujiError(loaded.problems[0])
        raise TesujiError(f"{where} has no probes{f' of {game}' if game else ''}")
    known = {each.family for each in of_game}
    for name in families or ():
        if name not in known:
            there = ", ".join(sorted(known))
            raise TesujiError(
                f"family '{name}'{nearest(name, known)}: {where} has only {there} of {game or 'any game'}"
            )
    names = {each.id for each in of_game}
    for name in ids or ():
        if name not in names:
            raise TesujiError(f"probe '{name}'{nearest(name, names)}: {where} has none of this id")
    return [each for each in select(of_game, None, families) if ids is None or each.id in ids]


def short_names(game: str | None) -> list[str] | None:
    """Which rooms to read; None for all."""
    return None if game is None else [game.split("(", 1)[0]]


def finder(agent: BatchAgent | str, network: str | None) -> FindAgent:
    """Agents by game, each made once."""
    made: dict[str, BatchAgent] = {}

    def find(game: str) -> BatchAgent:
        loaded = load_game(game)
        if isinstance(agent, BatchAgent):
            return agent
        name = str(loaded)
        if name not in made:
            made[name] = parse_agent(agent, loaded, network)
        return made[name]

    return find


def identity(agent: BatchAgent | str, own: str | None, find_agent: FindAgent, seed: int) -> dict[str, object]:
    """What the answers depend on besides probes and budgets."""
    known: dict[str, object] = {"agent": name_of(agent), "seed": seed, "version": __version__}
    one = find_agent(own) if own is not None else agent
    return known | ({"weights": one.checkpoint.hash} if isinstance(one, NetworkAgent) else {})


def own_game(agent: BatchAgent) -> str | None:
    """The game of an agent that plays only one."""
    game = getattr(agent, "game", None)
    return None if game is None else str(game)


def name_of(agent: BatchAgent | str) -> str:
    """For tables and errors."""
    return agent if isinstance(agent, str) else agent.name
