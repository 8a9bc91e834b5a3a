"""tesuji train"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.common import above_zero, add_config, add_game, add_network, read_settings, seed, whole
from engine.errors import TesujiError
from engine.frontends.output import complain, say

if TYPE_CHECKING:
    from engine.training.run import Result

SUMMARY = "fine-tune an agent by self-play; Ctrl-C saves, --resume goes on"
EXAMPLE = "tesuji train --from connect_four/imitation --output runs/first --minutes 7"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--from", dest="start", metavar="CKPT", help="agent to start from (without: untrained)")
    parser.add_argument("--output", type=Path, metavar="RUN", help="folder of the run, new or empty")
    parser.add_argument(
        "--method",
        metavar="NAME",
        help="expert_iteration (search teaches the network), or ppo, mmd, grpo (the outcomes of its games do, also "
        "where information is hidden); default: the game's own, else the one that is sound there",
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with this run; its configuration stays")
    parser.add_argument(
        "--accept-config", action="store_true", help="with --resume: go on although its config.toml was changed"
    )
    add_game(parser)
    parser.add_argument("--minutes", type=above_zero, metavar="M", help="training budget in minutes")
    parser.add_argument("--iterations", type=whole(1), metavar="N", help="or in iterations")
    add_config(parser)
    parser.add_argument("--seed", type=seed, metavar="N", help="seed of everything random (default 0)")
    add_network(parser)


def run(options: argparse.Namespace) -> int:
    """Train or resume; print what came of it and what to do with it."""
    from engine.api import resume, train
    from engine.frontends.progress import training_bar

    if options.resume is not None:
        _refuse_with_resume(options)
        with training_bar() as on_progress:
            result = resume(
                options.resume,
                network=options.network,
                accept_config=options.accept_config,
                on_progress=on_progress,
            )
    elif options.accept_config:
        raise TesujiError("--accept-config goes on with a run whose config.toml was changed: give --resume RUN, too")
    elif options.output is None:
        raise TesujiError("say where the run goes: --output RUN")
    else:
        with training_bar() as on_progress:
            result = train(
                options.output,
                start=options.start,
                game=options.game,
                method=options.method,
                minutes=options.minutes,
                iterations=options.iterations,
                seed=options.seed,
                config=options.config,
                settings=read_settings(options.set),
                network=options.network,
                on_progress=on_progress,
            )
    say(f"{result.folder}: {result.iterations} iterations, {result.seconds:.0f} s")
    for line in [*standing(result), *against_random(result)]:
        say(f"  {line}")
    if result.interrupted:
        say(f"  go on:  tesuji train --resume {result.folder}")
    if not result.samples and not result.interrupted:
        complain(nothing_learnt(result))
        return 1
    if result.checkpoint.exists():
        sound = searches(result.checkpoint)
        judge = f"evaluate {result.folder} --against" if sound else f"match {result.folder}"
        say(f"  judge:  tesuji {judge} {result.folder / 'checkpoints' / 'reference'}")
        say(f"  play:   tesuji play {result.folder}{':simulations=64' if sound else ''}")
    return 0


def standing(result: Result) -> list[str]:
    """What is known of the best agent."""
    if result.exploitability is not None:
        return [f"exploitability {result.exploitability:.6g} (exact, NashConv / players)"]
    if result.interrupted or not result.samples:
        return []  # nothing to say yet, or nothing at all
    if result.comparison is not None:
        return [str(result.comparison)]
    if result.judged and result.best == 0:
        return ["the best agent is still the start: nothing that was learnt measured as good"]
    if result.judged:
        return ["no match of the best agent against the start was finished: `judge` below plays one"]
    return ["not judged: best is the latest"]


def against_random(result: Result) -> list[str]:
    """What a run from scratch came to, by a yardstick that never moves."""
    if result.interrupted or "end" not in result.random:
        return []
    end, start = result.random["end"], result.random.get("start")
    before = ""
    if start is not None:
        before = f", at the start {start.difference:+.3g}" if start.elo is None else f", at the start {start.elo:+.0f}"
    lines = [f"against random: {end.strength} (raw network, {end.games} games{before})"]
    if end.worse:
        lines.append(
            "it plays worse than random moves: give more --minutes or --iterations, lower learner.learning_rate, or "
            "try another --method"
        )
    return lines


def nothing_learnt(result: Result) -> str:
    """What to change where a run has learnt from no position."""
    if result.positions:
        return (
            f"nothing was learnt: the {result.positions} positions of {result.iterations} iterations make no batch. "
            "Give more --minutes or --iterations, or --set learner.batch_size=64"
        )
    return (
        f"nothing was learnt: no game ended in {result.seconds:.0f} s. Give more --minutes, or let fewer games run at "
        "once (--set selfplay.games_per_worker=8, with --method ppo, mmd or grpo --set rollout.games=64)"
    )


def searches(checkpoint: Path) -> bool:
    """Search is sound in the game that this agent plays."""
    from engine.agents.card import read_card
    from engine.game import load_game, searchable

    return searchable(load_game(read_card(checkpoint).game))


def _refuse_with_resume(options: argparse.Namespace) -> None:
    for name in ("start", "output", "game", "method", "minutes", "iterations", "config", "set", "seed"):
        if getattr(options, name) not in (None, []):
            flag = "from" if name == "start" else name
            raise TesujiError(f"--resume goes on with the run's own configuration: leave out --{flag}")
