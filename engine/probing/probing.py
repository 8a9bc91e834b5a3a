"""One call from an agent's name to its answers: which probes it is asked, who answers, where the answers are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine import __version__
from engine.agents.agent import BatchAgent
from engine.agents.parser import game_of, parse_agent, weights_file
from engine.errors import TesujiError, nearest
from engine.evaluate import Progress
from engine.files import read_file
from engine.game import load_game
from engine.probing.probe import Probe
from engine.probing.results import Probing
from engine.probing.runner import Answers, FindAgent, run_probes
from engine.probing.suite import Loaded, ask_oracles, load_probes, same_game, select, shipped

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
    loaded = load_probes(files) if files is not None else shipped(short_names(own or game))
    chosen = chosen_probes(loaded, own or game, families, ids, files)
    problems = list(loaded.problems)
    if files is not None:  # the shipped ones are verified by tests
        wrong = ask_oracles(loaded, [each for each in chosen if each.oracle], on_progress).contradicted
        problems += wrong.values()
        chosen = [each for each in chosen if each.id not in wrong]
        if not chosen:
            raise TesujiError(problems[0])
    find_agent = finder(agent, network)
    answers = Answers(output, identity(agent, network, seed)) if output is not None else None
    found = run_probes(name_of(agent), find_agent, chosen, budgets, seed=seed, answers=answers, on_progress=on_progress)
    if not found.judged:
        raise TesujiError(found.left_out[0])
    return replace(found, problems=tuple(problems), words=command_words(files, network, seed))


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


def identity(agent: BatchAgent | str, network: str | None, seed: int) -> dict[str, object]:
    """What the answers depend on besides probes and budgets."""
    known: dict[str, object] = {"agent": name_of(agent), "network": network, "seed": seed, "version": __version__}
    file = weights_file(agent) if isinstance(agent, str) else None
    if file is not None:
        known["weights"] = hashlib.sha256(read_file(file)).hexdigest()
    return known


def command_words(files: Sequence[Path] | None, network: str | None, seed: int) -> tuple[str, ...]:
    """What a command line needs to ask the same again."""
    words = [word for file in files or () for word in ("--probes", str(file))]
    words += ["--network", network] if network is not None else []
    return (*words, *(("--seed", str(seed)) if seed else ()))


def own_game(agent: BatchAgent) -> str | None:
    """The game of an agent that plays only one."""
    game = getattr(agent, "game", None)
    return None if game is None else str(game)


def name_of(agent: BatchAgent | str) -> str:
    """For tables and errors."""
    return agent if isinstance(agent, str) else agent.name
