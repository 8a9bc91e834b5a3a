"""The public API on one screen. Everything else may change; these functions and what they return are meant to stay.

    from engine.api import as_bot, evaluate, exploitability, load, match, probe, resume, search, train

Agents are given by name ("connect_four/imitation", "runs/first:simulations=64", "random", "mcts:1000", "ismcts:1000",
"oracle", "best_response:random"), by the path of a checkpoint or a run, or as objects; games as OpenSpiel game strings
or loaded games. OpenSpiel's bots are agents, too; those that are made for one seat are given as a list, one for each
(`engine.agents.pyspiel_bots` has the limits). Mistakes raise `engine.errors.TesujiError`, in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import pyspiel

from engine.agents.agent import BatchAgent, Decision
from engine.agents.parser import checkpoint_folder, checkpoint_game, game_of, parse_agent
from engine.agents.pyspiel_bots import AgentBot, as_agent
from engine.errors import TesujiError
from engine.game import load_game, sound_method

if TYPE_CHECKING:
    from engine.evaluate.evaluation import Evaluation
    from engine.evaluate.exploitability import Exploitability
    from engine.evaluate.match import MatchResult
    from engine.probing.results import Probing
    from engine.training.run import Progress, Result

AgentOrName: TypeAlias = BatchAgent | str | Path | pyspiel.Bot | Sequence[pyspiel.Bot]
"""An agent, its name, the path of its checkpoint or run, or bots of OpenSpiel's."""

__all__ = ["as_agent", "as_bot", "evaluate", "exploitability", "load", "match", "probe", "resume", "search", "train"]


def load(agent: str | Path, game: str | pyspiel.Game | None = None, *, network: str | None = None) -> BatchAgent:
    """The agent of this name, with a method `policy(state or states, budget=None, seed=0)`: see `engine.agents.agent`.

    game: needed for agents that are no checkpoints. network: "package.module:Class", for a network of your own.
    """
    return parse_agent(str(agent), game, network)


def as_bot(agent: AgentOrName, player: int, seed: int = 0, *, game: str | pyspiel.Game | None = None) -> pyspiel.Bot:
    """`agent` as a bot of OpenSpiel's for the seat `player`; `as_agent(bot, game)` is the way back.

    game: needed for agents by name that are no checkpoints.
    """
    known = _agent(agent, _game(game, agent)) if isinstance(agent, str | Path) else cast("BatchAgent", agent)
    return AgentBot(known, player, seed)


def search(state: pyspiel.State, agent: AgentOrName, simulations: int = 64, seed: int = 0) -> Decision:
    """What `agent` finds in `state` with so many simulations: probabilities, values in utilities, and for every move
    visits, prior, q and principal variation, as `decision.statistics["moves"]`, best first. Options in a name say how
    to search, as in "connect_four/imitation:leaves_in_flight=8". `engine.search.search` has the bare numbers.
    """
    decision: Decision = _agent(agent, state.get_game()).policy(state, simulations, seed)
    return decision


def train(
    output: str | Path,
    *,
    start: str | Path | None = None,
    game: str | pyspiel.Game | None = None,
    method: str | None = None,
    minutes: float | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    network: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Fine-tune the agent `start` by self-play in the new folder `output`; without `start`, an untrained network.

    method: "expert_iteration", or "ppo", "mmd" or "grpo", which work where information is hidden, too; None: as the
    configuration says, else the one that is sound in the game; a line on standard output then says which and why,
    unless it is expert_iteration. minutes or iterations: the training budget. config: a TOML file over the game's
    defaults. settings: single fields over that, as in {"learner.batch_size": 256}. network: "package.module:Class", for
    a network of your own.
    `Result.checkpoint` is the best agent; SIGINT saves and returns, and `resume(output)` goes on.
    """
    from engine.config import load_config, named_method, parse, read
    from engine.frontends.output import say
    from engine.training import run

    file = Path(config) if config is not None else None
    given = {
        "game": game,
        "method.name": method,
        "minutes": minutes,
        "iterations": iterations,
        "seed": seed,
        **(settings or {}),
    }
    overrides = {name: str(value) for name, value in given.items() if value is not None}
    if "game" not in overrides and (file is None or "game" not in read(file)):
        own = checkpoint_game(str(start)) if start is not None else None
        if own is None:
            raise TesujiError("say what to train: an agent to start from, or a game for an untrained network")
        overrides["game"] = own
    settled = load_config(file, overrides)
    by_user = named_method(parse(overrides), read(file) if file is not None else {})
    if by_user is None and settled.method.name != "expert_iteration":
        say(f"method {settled.method.name}: {sound_method(load_game(settled.game))[1]}")
    with nullcontext() if start is None else checkpoint_folder(str(start), load_game(settled.game), network) as folder:
        return run.train(settled, output, start=folder, network_class=network, on_progress=on_progress)


def resume(
    output: str | Path,
    *,
    network: str | None = None,
    accept_config: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Go on with the run in `output` to the end of its budget. accept_config: also if its config.toml was changed."""
    from engine.training import run

    return run.resume(output, network_class=network, accept_config=accept_config, on_progress=on_progress)


def match(
    a: AgentOrName,
    b: AgentOrName,
    game: str | pyspiel.Game | None = None,
    *,
    games: int = 400,
    opening_plies: int | None = None,
    seed: int = 0,
    simulations: int | None = None,
    workers: int = 2,
) -> MatchResult:
    """Play `a` against `b` from paired openings with seats swapped: wins, draws, losses, Elo with a 95 % interval.

    game: not needed if one of them is a checkpoint. opening_plies: random moves at the start; None is 4, or 0 where
    information is hidden. simulations: searches per move for both, over their own. workers:
    threads of the networks given by name; agents that are objects keep their own.
    """
    from engine.evaluate.match import match

    loaded = _game(game, a, b)
    first = _agent(a, loaded, workers)
    second = first if a is b else _agent(b, loaded, workers)
    return match(first, second, loaded, games, opening_plies, seed, simulations=simulations)


def evaluate(
    agent: AgentOrName,
    against: AgentOrName | None = None,
    game: str | pyspiel.Game | None = None,
    *,
    games: int = 400,
    simulations: Sequence[int] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge `agent` by the game's perfect player, where it has one, and by a match `against` another agent.

    simulations: of networks, a move; the largest plays the match. None is 0 (the raw policy) and 64, or 0 alone where
    search is not sound.
    """
    from engine.evaluate.evaluation import evaluate

    loaded = _game(game, agent, *([against] if against is not None else []))
    other = _agent(against, loaded) if against is not None else None
    return evaluate(_agent(agent, loaded), loaded, other, games, simulations, seed=seed)


def exploitability(
    agent: AgentOrName,
    game: str | pyspiel.Game | None = None,
    *,
    simulations: int | None = None,
    max_histories: int | None = None,
    seed: int = 0,
) -> Exploitability:
    """What opponents who know the policy of `agent` gain from it, exactly: NashConv, NashConv / players, and the value
    of each seat, also under best response. For games small enough to be enumerated.

    simulations: searches per move, over its own; 0 is its raw policy. max_histories: what is small enough (default
    10 million).
    """
    from engine.config import EvaluatorConfig
    from engine.evaluate.exploitability import exploitability

    loaded = _game(game, agent)
    # A figure that is called exact is of the network itself, not of its rounded form.
    exact = EvaluatorConfig(precision="fp32")
    named = isinstance(agent, str | Path)
    known = parse_agent(str(agent), loaded, evaluator=exact) if named else as_agent(agent, loaded)
    return exploitability(known, loaded, simulations=simulations, seed=seed, max_histories=max_histories)


def probe(
    agent: AgentOrName,
    *,
    game: str | None = None,
    families: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    files: Sequence[str | Path] | None = None,
    budgets: Sequence[int] = (0,),
    output: str | Path | None = None,
    seed: int = 0,
    network: str | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Probing:
    """Ask `agent` about positions with known truth; `engine.probing.results.summaries` has the figures.

    game: only probes of this game; without it those of the agent's own, or of all games for agents that play all.
    families, ids: only these. files: your own probes instead of the shipped ones. budgets: simulations for a decision,
    0 for the raw policy. output: a folder that keeps the answers; the same call goes on with what is missing.
    """
    from engine.probing.probing import probe

    if not isinstance(agent, BatchAgent | str | Path):
        agent = as_agent(agent, _game(game))
    return probe(
        agent if isinstance(agent, BatchAgent) else str(agent),
        game=game,
        families=families,
        ids=ids,
        files=[Path(file) for file in files] if files is not None else None,
        budgets=budgets,
        output=Path(output) if output is not None else None,
        seed=seed,
        network=network,
        on_progress=on_progress,
    )


def _agent(agent: AgentOrName, game: pyspiel.Game, workers: int = 2) -> BatchAgent:
    named = isinstance(agent, str | Path)
    agent = parse_agent(str(agent), game, workers=workers) if named else as_agent(agent, game)
    return agent


def _game(game: str | pyspiel.Game | None, *agents: AgentOrName) -> pyspiel.Game:
    """The game given, or that of the first agent that has one."""
    if game is None:
        own = (game_of(str(a)) if isinstance(a, str | Path) else getattr(a, "game", None) for a in agents)
        game = next((each for each in own if each is not None), None)
    if game is None:
        raise TesujiError("say which game is played: none of these agents is a checkpoint")
    return load_game(game)
