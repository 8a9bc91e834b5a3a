"""Agents by name: `PATH[:simulations=400,temperature=0]`, `random`, `mcts:1000`, `ismcts:1000`, `oracle`,
`best_response:AGENT`.

PATH is a checkpoint folder, a run folder (its best checkpoint), or a shipped agent:
`games/connect_four/pretrained/imitation`, `connect_four/imitation`, or just `imitation` when that is clear. Weights of
your own network, made elsewhere, are FILE.safetensors, together with its class and the game. Where information is
hidden a network searches with `search=ismcts`; `ismcts` does so with random rollouts. `best_response` plays the exact
best response to the agent after its colon, which may have options of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pyspiel

from engine.agents.agent import BatchAgent
from engine.agents.best_response_agent import BestResponseAgent
from engine.agents.bots import MctsAgent, RandomAgent
from engine.agents.ismcts_agent import PARTICLES, IsmctsAgent, require_beliefs
from engine.agents.network_agent import WORKERS, NetworkAgent
from engine.agents.oracle_agent import OracleAgent
from engine.agents.rollout_agent import RolloutAgent
from engine.config import EvaluatorConfig, SearchConfig, read_section
from engine.errors import ConfigError, Refusal, TesujiError, nearest
from engine.game import Oracle, facts, load_game, require_searchable, require_self_play, room, rooms, turn_based
from engine.native import core
from engine.search.beliefs import Policy

Number = TypeVar("Number", int, float)

SEARCH_OPTIONS = tuple(each.name for each in fields(SearchConfig))
SEARCHES = ("tree", "ismcts")
EVALUATOR_OPTIONS = ("backend", "precision", "device")
NETWORK_OPTIONS = ("simulations", "seconds", "temperature", *EVALUATOR_OPTIONS, "search", *SEARCH_OPTIONS[1:])
MCTS_OPTIONS = ("simulations", "temperature", "c", "rollouts")
INFORMATION_OPTIONS = (
    *("simulations", "temperature", "particles"),
    *("c_puct", "c_puct_base", "fpu_reduction", "value_range", "max_bytes"),
)
ISMCTS_OPTIONS = (*INFORMATION_OPTIONS, "rollouts")
ISMCTS_NETWORK_OPTIONS = (*INFORMATION_OPTIONS, *EVALUATOR_OPTIONS, "search")
MOST = 2**31 - 1  # the core counts simulations in 32 bits
BOTS = ("random", "mcts", "ismcts", "oracle", "best_response")
RESPONSE = "best_response:"


def parse_agent(
    spec: str,
    game: pyspiel.Game | str | None = None,
    network: str | None = None,
    evaluator: EvaluatorConfig | None = None,
    workers: int = WORKERS,
) -> BatchAgent:
    """The agent that `spec` names.

    game: what it must play; needed by all that are no checkpoints, checked against a checkpoint's own.
    network: `package.module:Class` for a checkpoint with its user's own network.
    evaluator, workers: how and in how many threads a network answers.
    Raises TesujiError naming the part of `spec` that is wrong.
    """
    if workers < 1:
        raise TesujiError(f"workers {workers}: must be at least 1")
    loaded = load_game(game) if game is not None else None
    name, options = split_spec(spec)
    if name == "best_response":
        return _best_response_agent(spec, options, loaded, network, evaluator, workers)
    if name not in BOTS:
        return _network_agent(spec, name, options, loaded, network, evaluator, workers)
    if loaded is None:
        raise TesujiError(f"agent '{spec}': say which game it plays (--game GAME)")
    if name == "mcts":
        _check(spec, options, MCTS_OPTIONS)
        _require(require_self_play, loaded, spec, "ismcts", options, ISMCTS_OPTIONS)
        bot = RolloutAgent if facts(loaded).pays_on_the_way else MctsAgent
        return bot(
            loaded,
            _number(spec, options, "simulations", 1000, int, 1),
            _number(spec, options, "c", 2.0, float, 0),
            _number(spec, options, "rollouts", 1, int, 1),
            _number(spec, options, "temperature", 0.0, float, 0),
        )
    if name == "ismcts":
        _check(spec, options, ISMCTS_OPTIONS)
        rollouts = core.RolloutEvaluator(loaded, _number(spec, options, "rollouts", 1, int, 1))
        return _ismcts_agent(spec, options, loaded, rollouts, workers)
    _check(spec, options, ())
    return RandomAgent() if name == "random" else OracleAgent(load_oracle(loaded))


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """('mcts', {'simulations': '1000'}) from 'mcts:1000'; a path may hold colons if what follows is no option list.

    All that follows 'best_response:' is its option 'agent'.
    """
    head, colon, tail = spec.rpartition(":")
    if not colon or os.path.exists(spec):
        return spec, {}
    if spec.startswith(RESPONSE):
        return RESPONSE[:-1], {"agent": spec.removeprefix(RESPONSE)}
    if head in BOTS and "=" not in tail.split(",")[0]:
        first, _, rest = tail.partition(",")
        tail = f"simulations={first}" + (f",{rest}" if rest else "")
    options = {}
    for item in tail.split(","):
        key, equals, value = item.partition("=")
        if not equals:
            raise TesujiError(f"agent '{spec}': '{item}' is not an option; write name=value, as in simulations=400")
        options[key.strip()] = value.strip()
    return head, options


def _innermost(spec: str) -> str:
    """'random' from 'best_response:random'; any other agent is itself."""
    options = split_spec(spec)[1]
    return _innermost(options["agent"]) if "agent" in options and spec.startswith(RESPONSE) else spec


def game_of(*specs: str) -> str | None:
    """The game string of the first of these agents that is a checkpoint; None if there is none."""
    for spec in specs:
        name, _ = split_spec(_innermost(spec))
        found = None if name in BOTS else checkpoint_game(name)
        if found is not None:
            return found
    return None


def checkpoint_game(name: str) -> str | None:
    """The game string of a checkpoint, named as for `resolve_checkpoint`; None for bare weights, which do not say."""
    if _is_bare(name):
        return None
    from engine.network.checkpoint import read_config, require_known_file

    folder = resolve_checkpoint(name)
    game = str(read_config(folder)["game"])
    require_known_file(folder, game)
    return game


def weights_file(spec: str) -> Path | None:
    """The weights of this agent, or of the one it responds to; None for agents without a network."""
    name, _ = split_spec(_innermost(spec))
    if name in BOTS:
        return None
    return Path(name) if _is_bare(name) else resolve_checkpoint(name) / "model.safetensors"


def has_custom_network(spec: str, game: pyspiel.Game | None = None) -> bool:
    """Whether this agent, or the one it responds to, is a checkpoint whose network is the user's own class."""
    name, _ = split_spec(_innermost(spec))
    if name in BOTS or _is_bare(name):
        return name not in BOTS
    from engine.network.checkpoint import read_config

    network = read_config(resolve_checkpoint(name, game)).get("network", {})
    return bool(network.get("kind") == "custom" or network.get("custom"))


def resolve_checkpoint(name: str, game: pyspiel.Game | None = None) -> Path:
    """The checkpoint folder behind a path, a run folder or a shipped agent's name. Raises TesujiError."""
    path = Path(name)
    for folder in (path, path / "checkpoints" / "best"):
        if any(os.path.isfile(folder / file) for file in ("config.json", "model.safetensors")):
            return folder
    if os.path.isdir(path):
        raise TesujiError(f"{name}: no checkpoint here (config.json, model.safetensors), nor a run's checkpoints/best")
    if split_spec(name)[0] in BOTS:
        raise TesujiError(f"'{name}' is no checkpoint: give a checkpoint or run folder, or a shipped agent")
    parts = path.parts
    if len(parts) == 4 and parts[0] == "games" and parts[2] == "pretrained":
        parts = (parts[1], parts[3])
    shipped: Path | None = None
    if len(parts) == 2 and parts[0] in rooms():
        shipped = room(parts[0]).pretrained(parts[1])
    elif len(parts) == 1:
        names = [game.get_type().short_name] if game is not None else rooms()
        found = [folder for folder in (room(short).pretrained(name) for short in names) if folder is not None]
        if len(found) > 1:
            raise TesujiError(f"agent '{name}': shipped for several games; write GAME/{name}")
        shipped = found[0] if found else None
    if shipped is None:
        known = [*BOTS, *shipped_agents()]
        raise TesujiError(f"agent '{name}': no such checkpoint folder or shipped agent{nearest(name, known)}")
    return shipped


@contextmanager
def checkpoint_folder(name: str, game: pyspiel.Game | None, network: str | None) -> Iterator[Path]:
    """`resolve_checkpoint`; for bare weights (FILE.safetensors of class `network`), a checkpoint made for the time."""
    if not _is_bare(name):
        yield resolve_checkpoint(name, game)
        return
    from engine.network.adoption import adopt

    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).stem
        adopt(Path(name), network, game, path)
        yield path


def _is_bare(name: str) -> bool:
    return name.endswith(".safetensors") and not os.path.isdir(name)


def shipped_agents() -> list[str]:
    """`GAME/NAME` of every agent that comes with Tesuji, in order."""
    return [f"{short}/{name}" for short in rooms() for name in room(short).pretrained_names]


def load_oracle(game: pyspiel.Game) -> Oracle:
    """The outside referee of a game's room. Raises TesujiError when there is none or its library is missing."""
    own = room(game.get_type().short_name)
    found = own.oracle(game)
    if found is None:
        reason = f": that of {own.short_name} knows the standard game only" if own.find_oracle else ""
        raise TesujiError(f"agent 'oracle': {game} has no perfect player{reason}")
    return found


def _network_agent(
    spec: str,
    name: str,
    options: Mapping[str, str],
    game: pyspiel.Game | None,
    network: str | None,
    evaluator: EvaluatorConfig | None,
    workers: int,
) -> BatchAgent:
    kind = options.get("search", "tree")
    if kind not in SEARCHES:
        raise TesujiError(
            f"agent '{spec}': search={kind} must be one of {', '.join(SEARCHES)}{nearest(kind, SEARCHES)}"
        )
    _check(spec, options, NETWORK_OPTIONS if kind == "tree" else ISMCTS_NETWORK_OPTIONS)
    simulations = _number(spec, options, "simulations", 0, int, 0)
    temperature = _number(spec, options, "temperature", 0.0, float, 0) if "temperature" in options else None
    seconds = _number(spec, options, "seconds", 0.0, float, 0)
    search = _search(spec, options)
    chosen: dict[str, Any] = {key: options[key] for key in EVALUATOR_OPTIONS if key in options}
    with checkpoint_folder(name, game, network) as path:
        from engine.network.checkpoint import load_checkpoint  # here, because it brings torch

        checkpoint = load_checkpoint(path, network, None if game is None else str(game))
    config = replace(evaluator or EvaluatorConfig(), **chosen)
    if kind == "ismcts":
        answers = NetworkAgent(checkpoint, evaluator=config, workers=workers).native_evaluator()
        return _ismcts_agent(spec, options, load_game(checkpoint.game), answers, workers, answers)
    if simulations > 0 or seconds > 0.0:
        wanted = {**options, "search": "ismcts"}
        _require(require_searchable, load_game(checkpoint.game), spec, name, wanted, ISMCTS_NETWORK_OPTIONS)
    return NetworkAgent(checkpoint, simulations, search, temperature, config, spec, workers, seconds)


def _require(
    require: Callable[[pyspiel.Game], None],
    game: pyspiel.Game,
    spec: str,
    name: str,
    options: Mapping[str, str],
    known: tuple[str, ...],
) -> None:
    """Raise what `require` says of `game`, with the agent `name` that searches by ismcts instead, where that can.

    options, known: of that agent; options that it does not know are left out.
    """
    try:
        require(game)
    except TesujiError as error:
        flags = {}
        where = ""
        if game.get_type().dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
            where, flags = f" in {turn_based(game)}", {"--game": turn_based(game)}
            game = load_game(turn_based(game))
        try:
            require_beliefs(game)
        except TesujiError:
            raise error from None
        kept = ",".join(f"{key}={value}" for key, value in options.items() if key in known)
        other = f"{name}:{kept}" if kept else name
        raise Refusal(f"{error}; use {other}{where}", {spec: other}, flags) from error


def _best_response_agent(
    spec: str,
    options: Mapping[str, str],
    game: pyspiel.Game | None,
    network: str | None,
    evaluator: EvaluatorConfig | None,
    workers: int,
) -> BatchAgent:
    if not options.get("agent"):
        raise TesujiError(f"agent '{spec}': say to whom, as in best_response:random")
    known = game if game is not None else game_of(spec)
    if known is None:
        raise TesujiError(f"agent '{spec}': say which game it plays (--game GAME)")
    loaded = load_game(known)
    return BestResponseAgent(parse_agent(options["agent"], loaded, network, evaluator, workers), loaded)


def _ismcts_agent(
    spec: str,
    options: Mapping[str, str],
    game: pyspiel.Game,
    evaluator: core.Evaluator,
    workers: int,
    policy: Policy = None,
) -> IsmctsAgent:
    return IsmctsAgent(
        game,
        evaluator,
        _number(spec, options, "simulations", 1000, int, 1),
        _search(spec, options),
        _number(spec, options, "temperature", 0.0, float, 0),
        _number(spec, options, "particles", PARTICLES, int, 1),
        spec,
        workers,
        policy,
    )


def _search(spec: str, options: Mapping[str, str]) -> SearchConfig:
    try:
        return SearchConfig(**read_section("search", {k: v for k, v in options.items() if k in SEARCH_OPTIONS}))
    except ConfigError as error:
        raise TesujiError(f"agent '{spec}': {error}") from error


def _check(spec: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    for key in options:
        if key not in known:
            allowed = f"; allowed: {', '.join(known)}" if known else "; it takes none"
            raise TesujiError(f"agent '{spec}': unknown option '{key}'{nearest(key, known)}{allowed}")


def _number(
    spec: str, options: Mapping[str, str], key: str, default: Number, kind: Callable[[str], Number], least: float
) -> Number:
    if key not in options:
        return default
    try:
        value = kind(options[key])
        if least <= value <= MOST:
            return value
    except ValueError:
        pass
    noun = "a whole number" if kind is int else "a number"
    raise TesujiError(f"agent '{spec}': {key}={options[key]} must be {noun} from {least:g} to {MOST}")
