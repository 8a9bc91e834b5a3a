"""How many simulations learn best: the same network, from the same pretrained agent, for the same wall time, with PUCT
and Gumbel search, in a deterministic and a stochastic game.

The best agent of every run is judged against the agent that it began with and against that of every other run, both at
64 simulations of PUCT whatever they learnt with: what is compared is what the networks know. An interrupted comparison
goes on with its runs; a new one trains them all.

With --scales: which scale of Gumbel's values learns best (search.c_scale), on equal positions and from several training
seeds. The agent of every seed plays that of the same seed with c_scale 1, and the interval is over the seeds. Where a
perfect player labelled positions, a table says first how much of the target lies on the moves that keep the value.
"""

from __future__ import annotations

import argparse
import itertools
import math
import shutil
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fine_tuning import trained
from measure import REPOSITORY, Measurements, parser, print_table, run
from scipy.special import stdtrit

from engine.agents.parser import parse_agent
from engine.config import load_config
from engine.errors import TesujiError
from engine.evaluate.match import match
from engine.evaluate.ratings import NORMAL_QUANTILE
from engine.game import load_game, room

START = "imitation"
PUCT = {"search.selection": "puct"}
GUMBEL = {"search.selection": "gumbel", "search.max_considered_actions": "16"}
SEARCHES: dict[str, dict[str, str]] = {
    "puct-64": PUCT | {"search.simulations": "64"},
    "puct-16": PUCT | {"search.simulations": "16"},
    "gumbel-16": GUMBEL | {"search.simulations": "16"},
    "gumbel-4": GUMBEL | {"search.simulations": "4"},
}
GAMES = {"connect_four": ("puct-64", "gumbel-16", "gumbel-4"), "einstein_wurfelt_nicht": tuple(SEARCHES)}
"""More simulations can be worse where dice decide: they are swept in the second game."""
MINUTES, QUICK_MINUTES = 4.5, 0.15
MATCH_GAMES, QUICK_MATCH_GAMES = 600, 40
SIMULATIONS = 64
OPENING_PLIES = 6

SCALES = (1.0, 0.2, 0.1)
"""Of search.c_scale; the first is what the others are compared with."""
MEASURED_SCALES, MEASURED_POSITIONS, QUICK_MEASURED_POSITIONS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05), 700, 100
LABELLED = {"connect_four": ("connect_four/imitation", "connect_four/tuned")}
"""Game -> shipped agents whose targets are compared with a perfect player's labels."""
SEEDS, QUICK_SEEDS = (1, 2, 3), (1, 2)
POSITIONS = {"connect_four": 10_000, "einstein_wurfelt_nicht": 10_000, "othello": 5_000}
"""An iteration. A budget in positions, not minutes, is the same on a machine that others use, too."""
ITERATIONS, QUICK_ITERATIONS, QUICK_POSITIONS = 4, 1, 500
SCALE_GAMES, SCALE_SIMULATIONS = 400, 16
SHORT = {"replay.ratio": "4", "selfplay.workers": "1", "learner.threads": "1", "guard.every": "0"}
"""What keeps such a run short; without a guard, the last network counts."""


def learnt(game: str, search: str, minutes: float, folder: Path) -> dict[str, Any]:
    """A run with this search, to its end: what it took, and where the best agent by its own guard lies."""
    return learnt_with(game, {"game": game, "minutes": str(minutes), "seed": "1", **SEARCHES[search]}, folder)


def learnt_with(game: str, settings: dict[str, str], folder: Path) -> dict[str, Any]:
    """A run with these settings from the pretrained agent, to its end."""
    start = room(game).pretrained(START)
    if start is None:
        raise TesujiError(f"games/{game}/pretrained/{START} is missing")
    result = trained(folder, start, load_config(None, settings))
    if result.interrupted:
        raise KeyboardInterrupt
    return {"iterations": result.iterations, "training_seconds": result.seconds, "checkpoint": str(result.checkpoint)}


def scaled(game: str, scale: float, seed: int, quick: bool, folder: Path) -> dict[str, Any]:
    """A short run on a fixed number of positions with this scale of Gumbel's values: its last network."""
    settings = {
        "game": game,
        "seed": str(seed),
        "iterations": str(QUICK_ITERATIONS if quick else ITERATIONS),
        "selfplay.positions": str(QUICK_POSITIONS if quick else POSITIONS[game]),
        **GUMBEL,
        "search.simulations": "16",
        "search.c_scale": str(scale),
        **SHORT,
    }
    return learnt_with(game, settings, folder)


def target_losses(game: str, agent: str, count: int) -> dict[str, Any]:
    """By search, the mean of -log(the target's mass on the moves that keep the value, at least 1e-6), where a perfect
    player labelled every move.
    """
    loaded = load_game(game)
    labelled = room(game).positions(loaded)
    positions = labelled[:: max(1, len(labelled) // count)]
    states = [position.state(loaded) for position in positions]
    searches = {"puct-64": "simulations=64"}
    searches |= {f"{scale:g}": f"simulations=16,selection=gumbel,c_scale={scale}" for scale in MEASURED_SCALES}
    losses = {}
    for name, search in searches.items():
        decisions = parse_agent(f"{agent}:temperature=1,{search}", loaded).policy(states, seed=1)
        masses = [
            sum(decision.probabilities[action] for action, score in position.scores.items() if score == position.best)
            for position, decision in zip(positions, decisions, strict=True)
        ]
        losses[name] = -statistics.fmean(math.log(max(mass, 1e-6)) for mass in masses)
    return losses


def over_seeds(matches: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Mean and half-width of the 95 % interval of the Elo differences that the training seeds gave.

    The half-width is t sqrt(max(s^2, m^2) / n): n seeds, s^2 the variance of their differences (n - 1 degrees of
    freedom), which holds training's and the matches' noise, t the 97.5 % quantile of Student's distribution with n - 1
    degrees, and m^2 the matches' own mean variance, below which s^2 lies by chance only.
    """
    n = len(matches)
    differences = [each["elo"] for each in matches]
    noise = statistics.fmean(((each["high"] - each["low"]) / (2 * NORMAL_QUANTILE)) ** 2 for each in matches)
    deviation = math.sqrt(max(statistics.variance(differences), noise))
    return statistics.fmean(differences), float(stdtrit(n - 1, 0.975)) * deviation / math.sqrt(n)


def rated(game: str, a: str, b: str, games: int, simulations: int = SIMULATIONS, seed: int = 1) -> dict[str, Any]:
    """The match of two agents, with the interval of its Elo difference."""
    loaded = load_game(game)
    agents = parse_agent(a, loaded), parse_agent(b, loaded)
    result = match(*agents, loaded, games, OPENING_PLIES, seed=seed, simulations=simulations)
    if result.elo is None:
        raise TesujiError(f"{game}: Elo is for two-player zero-sum games")
    return {"elo": result.elo, "low": result.elo_low, "high": result.elo_high, "games": len(result.games)}


def compare_scales(options: argparse.Namespace) -> None:
    """The part of --scales."""
    seeds, games = (QUICK_SEEDS, QUICK_MATCH_GAMES) if options.quick else (SEEDS, SCALE_GAMES)
    names = tuple(POSITIONS) if options.game is None else (options.game,)
    settings = {"scales": SCALES, "seeds": seeds, "positions": POSITIONS, "iterations": ITERATIONS, "games": games}
    store = Measurements("-".join(["learning-scales", *([options.game] if options.game else [])]), options, settings)
    base = REPOSITORY / "runs" / f"learning-scales{'-quick' if options.quick else ''}"
    for name in names:
        if not store.data["measurements"] and (base / name).exists():
            shutil.rmtree(base / name)
    figures: dict[str, float] = {}
    count = QUICK_MEASURED_POSITIONS if options.quick else MEASURED_POSITIONS
    for agent in itertools.chain.from_iterable(LABELLED.get(name, ()) for name in names):
        losses = store.get(f"targets {agent}", partial(target_losses, agent.partition("/")[0], agent, count))
        shown = ("puct-64", *(f"{scale:g}" for scale in MEASURED_SCALES))
        title = f"{agent}: -log(target's mass on the moves that keep the value)"
        print_table(title, ("search", "mean"), [(name, f"{losses[name]:.3f}") for name in shown])
        figures |= {f"target_loss_{agent}_{name}": losses[name] for name in shown}
    for scale, game in itertools.product(SCALES[1:], names):
        matches = []
        for seed in seeds:
            agents = [
                store.get(
                    f"train {game}/{each:g}/{seed}",
                    partial(scaled, game, each, seed, options.quick, base / game / f"{each:g}-{seed}"),
                )["checkpoint"]
                for each in (SCALES[0], scale)
            ]
            play = partial(rated, game, agents[1], agents[0], games, SCALE_SIMULATIONS, seed)
            matches.append(store.get(f"match {game}/{scale:g}/{seed}", play))
        mean, spread = over_seeds(matches)
        rows = [
            (f"seed {seed}", f"{each['elo']:+.0f}", f"[{each['low']:+.0f}, {each['high']:+.0f}]")
            for seed, each in zip(seeds, matches, strict=True)
        ]
        rows.append(("over seeds", f"{mean:+.0f}", f"[{mean - spread:+.0f}, {mean + spread:+.0f}]"))
        print_table(f"{game}: c_scale {scale:g} over {SCALES[0]:g}, equal positions", ("", "Elo", "95 %"), rows)
        figures[f"elo_{game}_scale_{scale:g}"] = mean
        figures[f"elo_{game}_scale_{scale:g}_spread"] = spread
    store.finish(figures)


def main() -> None:
    options_of = parser("learning", "Train with PUCT and Gumbel search for the same time and let the results play.")
    options_of.add_argument(
        "--scales", action="store_true", help="compare the scales of Gumbel's values instead, on equal positions"
    )
    options_of.add_argument("--game", choices=tuple(POSITIONS), help="of the games of --scales, this one alone")
    options = options_of.parse_args()
    if options.game and not options.scales:
        raise TesujiError("--game is for --scales: add it, or leave --game out")
    if options.scales:
        compare_scales(options)
        return
    minutes, games = (QUICK_MINUTES, QUICK_MATCH_GAMES) if options.quick else (MINUTES, MATCH_GAMES)
    store = Measurements("learning", options, {"minutes": minutes, "games": games, "searches": SEARCHES})
    base = REPOSITORY / "runs" / f"learning{'-quick' if options.quick else ''}"
    if not store.data["measurements"] and base.exists():  # what lies there was trained for an earlier comparison
        shutil.rmtree(base)
    figures: dict[str, float] = {}
    for game, searches in GAMES.items():
        agents = {START: f"{game}/{START}"}
        for search in searches:
            run_of = partial(learnt, game, search, minutes, base / game / search)
            agents[search] = store.get(f"train {game}/{search}", run_of)["checkpoint"]
        rows = []
        for a, b in itertools.combinations(agents, 2):
            rating = store.get(f"match {game}/{b} {a}", partial(rated, game, agents[b], agents[a], games))
            interval = f"[{rating['low']:+.0f}, {rating['high']:+.0f}]"
            rows.append((b, a, f"{rating['elo']:+.0f}", interval))
            figures[f"elo_{game}_{b}_over_{a}"] = rating["elo"]
        title = f"{game}: {minutes:g} minutes each, both at {SIMULATIONS} simulations of PUCT, {games} games"
        print_table(title, ("agent", "opponent", "Elo", "95 %"), rows)
    store.finish(figures)


if __name__ == "__main__":
    run(main)
