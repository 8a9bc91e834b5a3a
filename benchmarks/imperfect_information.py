"""Policy gradients, judged: exact exploitability after minutes of learning, fine-tuning of a blueprint, an algorithm of
OpenSpiel's beside it, approximate exploitability where nothing is exact, and all four kinds of game.

In parts (`--part`), of at most 45 minutes each on two cores; without it all of them, one after the other. Runs side by
side have one core each. An interrupted part goes on with what is missing, its training runs from their snapshots.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import REPOSITORY, Measurements, parser, print_table, run
from peers_nfsp import nfsp

from engine.agents.agent import BatchAgent
from engine.agents.parser import parse_agent as parse
from engine.config import EvaluatorConfig
from engine.errors import TesujiError
from engine.evaluate.exploitability import exploitability
from engine.evaluate.match import match
from engine.game import load_game
from engine.metrics import JsonLines
from engine.training.exploiter import approximate_exploitability

SEEDS = (1, 2, 3)
LEDUC, DARK_HEX = "leduc_poker", "dark_hex(board_size=3,gameversion=adh)"
LEARNING = {"kuhn_poker": 4.0, LEDUC: 10.0, "liars_dice(dice_sides=4)": 5.0}
"""Minutes of each run."""
WANTED = {"kuhn_poker": 0.01, LEDUC: 0.15, "liars_dice(dice_sides=4)": 0.06}
"""Exploitability at most."""
FINE_TUNING_ITERATIONS = 120
METHOD_MINUTES = 2.0
METHODS = ("ppo", "mmd", "grpo")
METHOD_GAMES = ("connect_four", "einstein_wurfelt_nicht")
MATCH_GAMES = 1000
EXPLOITER_MINUTES = 5.0
OTHERS = ("phantom_ttt", "goofspiel(num_cards=4,imp_info=True,points_order=descending)")
"""Games without a room, by the generic defaults."""
OTHER_MINUTES = 2.0
QUICK = 0.012
"""Of all minutes, in the quick form."""


def parse_agent(name: str) -> BatchAgent:
    """An agent in float32: what is judged is the network itself, not its rounded form."""
    return parse(name, evaluator=EvaluatorConfig(precision="fp32"))


@dataclass(frozen=True)
class Scale:
    """How much of everything is done."""

    share: float
    seeds: tuple[int, ...]
    games: int
    folder: Path

    def minutes(self, full: float) -> str:
        """As the command line takes them."""
        return f"{full * self.share:.3g}"


def trained(runs: Mapping[Path, Sequence[str]]) -> None:
    """Train every run (folder -> what `tesuji train` is told), two side by side; those begun go on."""

    def train(item: tuple[Path, Sequence[str]]) -> int:
        folder, told = item
        words = ["--resume", str(folder)] if (folder / "run.json").exists() else [*told, "--output", str(folder)]
        return subprocess.run([sys.executable, "-m", "engine.cli", "train", *words], check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(train, runs.items()))
    if any(codes):
        raise TesujiError(f"a training run failed (exit codes {codes}); the same command goes on")


def judged(folder: Path) -> dict[str, Any]:
    """How a run ended: the best agent's exact exploitability, and the curve of what led there."""
    lines = JsonLines(folder / "exploitability.jsonl").read(("exploitability", "positions", "elapsed"))
    if not lines:
        raise TesujiError(f"{folder}: nothing was judged")
    keep = lines[:: max(1, len(lines) // 40)] + lines[-1:]
    return {
        "exploitability": min(line["exploitability"] for line in lines),
        "last": lines[-1]["exploitability"],
        "decisions": lines[-1]["positions"],
        "curve": [[line["positions"], round(line["elapsed"], 1), line["exploitability"]] for line in keep],
    }


def learning(game: str, scale: Scale) -> dict[str, Any]:
    """Runs from scratch, a seed each, by the room's own configuration."""
    minutes = scale.minutes(LEARNING[game])
    short = game.split("(", 1)[0]
    folders = [scale.folder / f"{short}-{minutes}-{seed}" for seed in scale.seeds]
    told = ["--game", game, "--method", "mmd", "--minutes", minutes, "--seed"]
    trained({folder: [*told, str(seed)] for folder, seed in zip(folders, scale.seeds, strict=True)})
    found = [judged(folder) for folder in folders]
    values = [each["exploitability"] for each in found]
    return {"median": statistics.median(values), "values": values, "minutes": float(minutes), "runs": found}


def fine_tuning(scale: Scale) -> dict[str, Any]:
    """Leduc's blueprint as it is, fine-tuned with itself as magnet, and as many steps from scratch; a run a seed."""
    start = f"{LEDUC}/blueprint"
    pretrained = exploitability(parse_agent(start), load_game(LEDUC)).exploitability
    steps = max(2, round(FINE_TUNING_ITERATIONS * scale.share))
    ways = {
        "tuned": ["--from", start, "--set", "mmd.magnet=reference", "--set", "mmd.magnet_weight=0.05"],
        "scratch": ["--game", LEDUC],
    }
    runs = {(way, seed): scale.folder / f"leduc_{way}-{steps}-{seed}" for seed in scale.seeds for way in ways}
    budget = ["--method", "mmd", "--iterations", str(steps), "--seed"]
    trained({folder: [*ways[way], *budget, str(seed)] for (way, seed), folder in runs.items()})
    found: dict[str, Any] = {"blueprint": pretrained, "iterations": steps}
    for way in ways:
        ends = [judged(runs[way, seed]) for seed in scale.seeds]
        found[way] = statistics.median(end["exploitability"] for end in ends)
        found[f"{way}_last"] = statistics.median(end["last"] for end in ends)
        found[f"{way}_runs"] = ends
    return found


def peer(scale: Scale) -> dict[str, Any]:
    """OpenSpiel's NFSP in PyTorch, with the settings of its own example, for the minutes of one of our runs."""
    return nfsp(LEDUC, LEARNING[LEDUC] * scale.share, seed=1)


def dark_hex(scale: Scale) -> dict[str, Any]:
    """The shipped agent: what an exploiter wins against it, and a match against one of a tenth of its steps."""
    game = load_game(DARK_HEX)
    minutes = EXPLOITER_MINUTES * scale.share
    bounds = {}
    for name in ("best", "blueprint"):
        found = approximate_exploitability(parse_agent(f"dark_hex/{name}"), game, minutes=minutes, seed=1)
        bounds[name] = {"bound": found.bound, "low": found.low, "high": found.high, "decisions": found.decisions}
    result = match(parse_agent("dark_hex/best"), parse_agent("dark_hex/blueprint"), game, scale.games, 0, seed=1)
    return {"exploiters": bounds, "elo": result.elo, "low": result.elo_low, "high": result.elo_high}


def methods(scale: Scale) -> dict[str, Any]:
    """The shipped imitation agents, fine-tuned by every method, without search and with one core each."""
    minutes = scale.minutes(METHOD_MINUTES)
    runs = {
        (game, name): scale.folder / f"{game}-{name}-{minutes}"
        for game, name in itertools.product(METHOD_GAMES, METHODS)
    }
    told = ["--minutes", minutes, "--seed", "1", "--set", "learner.threads=1"]
    trained({folder: ["--from", f"{game}/imitation", "--method", name, *told] for (game, name), folder in runs.items()})
    return {"runs": {f"{game} {name}": str(folder) for (game, name), folder in runs.items()}}


def rated(folder: str, game: str, scale: Scale) -> dict[str, Any]:
    """A fine-tuned agent against the one it was, both raw and by their probabilities."""
    pair = parse_agent(folder), parse_agent(f"{game}/imitation")
    result = match(*pair, load_game(game), scale.games, seed=1, simulations=0)
    return {"elo": result.elo, "low": result.elo_low, "high": result.elo_high, "games": len(result.games)}


def others(scale: Scale) -> dict[str, Any]:
    """Games without a room, trained from scratch by the generic defaults."""
    runs = {game: scale.folder / f"{game.split('(', 1)[0]}-{scale.minutes(OTHER_MINUTES)}" for game in OTHERS}
    told = ["--method", "mmd", "--minutes", scale.minutes(OTHER_MINUTES), "--seed", "1"]
    trained({folder: ["--game", game, *told] for game, folder in runs.items()})
    return {"runs": {game: str(folder) for game, folder in runs.items()}}


def against_itself(folder: str, scale: Scale) -> dict[str, Any]:
    """A trained agent against the untrained one it began as."""
    best, reference = (parse_agent(str(Path(folder) / "checkpoints" / each)) for each in ("best", "reference"))
    game = load_game(str(json.loads((Path(folder) / "checkpoints" / "best" / "config.json").read_text())["game"]))
    result = match(best, reference, game, scale.games, 0, seed=1)
    ends: dict[str, Any] = {"elo": result.elo, "low": result.elo_low, "high": result.elo_high}
    if (Path(folder) / "exploitability.jsonl").exists():
        ends["exploitability"] = exploitability(best, game).exploitability
        ends["untrained"] = exploitability(reference, game).exploitability
    return ends


def elo_row(name: str, found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Of a match's table."""
    return name, f"{found['elo']:+.0f}", f"[{found['low']:+.0f}, {found['high']:+.0f}]"


def show_learning(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """One row a game."""
    rows = []
    for game in LEARNING:
        found = store.get(f"learning {game}", lambda game=game: learning(game, scale))  # type: ignore[misc]
        short = game.split("(", 1)[0]
        figures[f"exploitability_{short}"] = found["median"]
        values = ", ".join(f"{value:.4f}" for value in found["values"])
        last = statistics.median(each["last"] for each in found["runs"])
        row = (game, f"{found['minutes']:g}", f"{found['median']:.4f}", values, f"{last:.4f}", f"{WANTED[game]:g}")
        rows.append(row)
    title = "exact exploitability from scratch (mmd); the guard keeps the least exploitable agent of a run"
    print_table(title, ("game", "minutes", "median", "seeds", "median of the last", "wanted"), rows)


def show_fine_tuning(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """Three agents of Leduc."""
    found = store.get("fine-tuning", lambda: fine_tuning(scale))
    rows = [("blueprint", f"{found['blueprint']:.4f}", "", "")]
    for way in ("tuned", "scratch"):
        seeds = ", ".join(f"{end['exploitability']:.4f}" for end in found[f"{way}_runs"])
        rows.append((way, f"{found[way]:.4f}", seeds, f"{found[f'{way}_last']:.4f}"))
    title = f"{LEDUC}: {found['iterations']} iterations of mmd"
    print_table(title, ("agent", "exploitability", "seeds", "median of the last"), rows)
    figures |= {f"leduc_{name}": found[name] for name, *_ in rows}


def show_peer(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """NFSP's figure."""
    found = store.get("nfsp", lambda: peer(scale))
    least = min(value for _, _, value in found["curve"])
    rows = [("NFSP (OpenSpiel, PyTorch)", f"{found['minutes']:g}", f"{least:.4f}", f"{found['exploitability']:.4f}")]
    print_table(LEDUC, ("algorithm", "minutes", "least", "last"), rows)
    figures["exploitability_nfsp_leduc_poker"] = found["exploitability"]


def show_dark_hex(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """Bounds and the match."""
    found = store.get("dark_hex", lambda: dark_hex(scale))
    rows = [
        (name, f"{bound['bound']:.3f}", f"[{bound['low']:.3f}, {bound['high']:.3f}]", f"{bound['decisions']:,}")
        for name, bound in found["exploiters"].items()
    ]
    title = f"{DARK_HEX}: approximate exploitability (lower bound by a trained exploiter)"
    print_table(title, ("agent", "bound", "95 %", "its decisions"), rows)
    print_table("match", ("best over blueprint", "Elo", "95 %"), [elo_row("", found)])
    figures["dark_hex_bound"] = found["exploiters"]["best"]["bound"]
    figures["dark_hex_elo"] = found["elo"]


def show_methods(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """One row a game and method."""
    rows = []
    for name, folder in store.get("methods", lambda: methods(scale))["runs"].items():
        game = name.split(" ")[0]
        found = store.get(f"match {name}", lambda folder=folder, game=game: rated(folder, game, scale))  # type: ignore[misc]
        figures[f"elo_{name.replace(' ', '_')}"] = found["elo"]
        rows.append(elo_row(name, found))
    print_table("fine-tuned over imitation, both raw", ("game, method", "Elo", "95 %"), rows)


def show_others(store: Measurements, scale: Scale, figures: dict[str, float]) -> None:
    """One row a game."""
    rows = []
    for game, folder in store.get("others", lambda: others(scale))["runs"].items():
        found = store.get(f"match {game}", lambda folder=folder: against_itself(folder, scale))  # type: ignore[misc]
        exact = f"{found['untrained']:.4f} -> {found['exploitability']:.4f}" if "exploitability" in found else "-"
        rows.append((*elo_row(game, found), exact))
        figures[f"elo_{game.split('(', 1)[0]}"] = found["elo"]
    print_table("generic defaults, over the untrained agent", ("game", "Elo", "95 %", "exploitability"), rows)


PARTS: dict[str, Callable[[Measurements, Scale, dict[str, float]], None]] = {
    "learning": show_learning,
    "fine-tuning": show_fine_tuning,
    "nfsp": show_peer,
    "dark_hex": show_dark_hex,
    "methods": show_methods,
    "others": show_others,
}


def main() -> None:
    made = parser("imperfect_information", "Judge policy-gradient fine-tuning in games of every kind.")
    made.add_argument("--part", choices=PARTS, metavar="NAME", help=f"only one of {', '.join(PARTS)}")
    options = made.parse_args()
    folder = REPOSITORY / "runs" / f"imperfect_information{'-quick' if options.quick else ''}"
    share, seeds, games = (QUICK, SEEDS[:1], 100) if options.quick else (1.0, SEEDS, MATCH_GAMES)
    scale = Scale(share, seeds, games, folder)
    settings = {"share": share, "seeds": seeds, "games": games, "minutes": LEARNING}
    store = Measurements("imperfect_information", options, settings)
    if options.fresh and not options.part and folder.exists():
        shutil.rmtree(folder)
    figures: dict[str, float] = {}
    for name in [options.part] if options.part else PARTS:
        PARTS[name](store, scale, figures)
    if options.part:
        for name, value in figures.items():
            print(f"figure: {name}={value:.4g}")
    else:
        store.finish(figures)


if __name__ == "__main__":
    run(main)
