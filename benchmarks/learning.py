"""How many simulations learn best: the same network, from the same pretrained agent, for the same wall time, with PUCT
and Gumbel search, in a deterministic and a stochastic game.

The best agent of every run is judged against the agent that it began with and against that of every other run, both at
64 simulations of PUCT whatever they learnt with: what is compared is what the networks know. An interrupted comparison
goes on with its runs; a new one trains them all.
"""

from __future__ import annotations

import itertools
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from fine_tuning import trained
from measure import REPOSITORY, Measurements, parser, print_table, run

from engine.agents.parser import parse_agent
from engine.config import load_config
from engine.errors import TesujiError
from engine.evaluate.match import match
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


def learnt(game: str, search: str, minutes: float, folder: Path) -> dict[str, Any]:
    """A run with this search, to its end: what it took, and where the best agent by its own guard lies."""
    start = room(game).pretrained(START)
    if start is None:
        raise TesujiError(f"games/{game}/pretrained/{START} is missing")
    settings = {"game": game, "minutes": str(minutes), "seed": "1", **SEARCHES[search]}
    result = trained(folder, start, load_config(None, settings))
    if result.interrupted:
        raise KeyboardInterrupt
    return {"iterations": result.iterations, "training_seconds": result.seconds, "checkpoint": str(result.checkpoint)}


def rated(game: str, a: str, b: str, games: int) -> dict[str, Any]:
    """The match of two agents, with the interval of its Elo difference."""
    loaded = load_game(game)
    agents = parse_agent(a, loaded), parse_agent(b, loaded)
    result = match(*agents, loaded, games, OPENING_PLIES, seed=1, simulations=SIMULATIONS)
    if result.elo is None:
        raise TesujiError(f"{game}: Elo is for two-player zero-sum games")
    return {"elo": result.elo, "low": result.elo_low, "high": result.elo_high, "games": len(result.games)}


def main() -> None:
    options = parser(
        "learning", "Train with PUCT and Gumbel search for the same time and let the results play."
    ).parse_args()
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
