"""What `make demo` runs: fine-tunes the shipped Connect Four agent, then judges it and the agent it came from.

The judges are a match between the two at equal simulations, and the game's perfect player on held-out positions.  An
interrupted run is taken up again; a finished one stays, and the next goes into a new folder.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

from measure import REPOSITORY, Measurements, parser, run

from engine.agents.parser import parse_agent
from engine.config import RunConfig, load_config
from engine.errors import TesujiError
from engine.evaluate.evaluation import evaluate
from engine.frontends.progress import stage_bars, training_bar
from engine.frontends.tables import table
from engine.game import load_game, room
from engine.training.run import Result, resume, train

GAME = "connect_four"
START = "imitation"
SIMULATIONS = 64
MINUTES = 6.5
"""Of training; with the last iteration's end and the start of the process under seven."""
GAMES = 1000
QUICK_MINUTES, QUICK_GAMES = 1.0, 200
JUDGEMENT = "fine_tuning.json"


def folder_of(base: Path, fresh: bool = False) -> Path:
    """`base`, or the first of base-2, base-3, ... that holds no finished and judged run; if `fresh`, none at all."""
    names = itertools.chain([base], (base.with_name(f"{base.name}-{number}") for number in itertools.count(2)))
    return next(name for name in names if not (name if fresh else name / JUDGEMENT).exists())


def trained(folder: Path, start: Path, config: RunConfig) -> Result:
    """The run in `folder`, to its end; a new one from `start` if there is none yet."""
    with training_bar() as on_progress:
        if (folder / "run.json").exists():
            print(f"going on with {shown(folder)}", flush=True)
            return resume(folder, on_progress=on_progress)
        name = f"{start.parent.parent.name}/{start.name}"
        budget = f"{config.minutes:g} minutes" if config.minutes else f"{config.iterations} iterations"
        print(f"fine-tuning {name} for {budget} in {shown(folder)}", flush=True)
        return train(config, folder, start=start, on_progress=on_progress)


def judged(folder: Path, games: int) -> dict[str, Any]:
    """The figures and the table of the trained agent beside the one it came from."""
    game = load_game(GAME)
    after, before = parse_agent(str(shown(folder)), game), parse_agent(f"{GAME}/{START}", game)
    with stage_bars() as on_progress:
        result = evaluate(after, game, before, games, (0, SIMULATIONS), on_progress=on_progress)
    match = result.match
    if match is None or match.elo is None or match.elo_low is None or result.before is None:
        raise TesujiError(f"{GAME}: no match and no perfect player to judge by")
    shares = [judgement.agreements for judgement in (result.before, result.after)]
    figures = {"elo": match.elo, "elo_low": match.elo_low}
    for name, simulations in (("raw", 0), (f"{SIMULATIONS}_simulations", SIMULATIONS)):
        low, high = (100.0 * share[simulations].optimal_share for share in shares)
        figures |= {f"optimal_percent_{name}": high, f"optimal_gain_points_{name}": high - low}
    return {"figures": figures, "table": result.table(), "evaluation": result.to_json()}


def shown(folder: Path) -> Path:
    """A path as a reader in the source folder would type it."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def arguments() -> argparse.Namespace:
    """The command line."""
    options = parser("fine_tuning", "Fine-tune the shipped Connect Four agent and judge what it brought.")
    options.add_argument(
        "--run", type=Path, metavar="FOLDER", help="folder of the run (default: runs/fine_tuning; a number is added)"
    )
    return options.parse_args()


def main() -> None:
    options = arguments()
    minutes, games = (QUICK_MINUTES, QUICK_GAMES) if options.quick else (MINUTES, GAMES)
    base = options.run or REPOSITORY / "runs" / f"fine_tuning{'-quick' if options.quick else ''}"
    folder = folder_of(base.absolute(), options.fresh)
    start = room(GAME).pretrained(START)
    if start is None:
        raise TesujiError(f"games/{GAME}/pretrained/{START} is missing")
    result = trained(folder, start, load_config(None, {"game": GAME, "minutes": str(minutes)}))
    if result.interrupted:
        print("interrupted and saved; the same command goes on with it")
        return
    print(f"{result.iterations} iterations in {result.seconds:.0f} s", flush=True)
    print(f"by its own last match {result.comparison or 'not compared with the start'}; now judging", flush=True)
    options.json = options.json or folder / JUDGEMENT
    store = Measurements("fine_tuning", options, {"minutes": minutes, "games": games})
    judgement = store.get("judgement", lambda: judged(folder, games))
    print(f"\n{table(judgement['table'])}\n")
    print(f"the run lies in {shown(folder)}; its learning curve: {shown(folder) / 'learning_curve.png'}")
    print(f"play against it: .venv/bin/tesuji play {shown(folder)}:simulations={SIMULATIONS}\n")
    store.finish(judgement["figures"] | {"training_seconds": result.seconds})


if __name__ == "__main__":
    run(main)
