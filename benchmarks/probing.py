"""The probing suite: how long it takes, and what the shipped agents and some simple ones make of it.

Time is that of networks: the shipped agent of each game, an untrained one where none is shipped (uniform play on the
small trees of efg_game). Pages (HTML) of the shipped agents go to runs/probing/.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from measure import REPOSITORY, Measurements, parser, print_table, run

from engine.agents.parser import shipped_agents
from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.game import encoder_shape, facts, load_game, searchable
from engine.network import build, save_checkpoint
from engine.probing.probing import probe
from engine.probing.report import write_report
from engine.probing.results import Probing, summaries
from engine.probing.suite import families, shipped

PAGES = {
    "connect_four/imitation": (0, 64, 512, 4096),
    "connect_four/tuned": (0, 64, 512, 4096),
    "othello/imitation": (0, 64, 512),
    "einstein_wurfelt_nicht/imitation": (0, 64, 512),
    "kuhn_poker/best": (0,),
    "leduc_poker/best": (0,),
    "dark_hex/best": (0,),
}
"""Shipped agents, and the budgets that they are asked at."""
SIMPLE = {"random": (0,), "mcts": (16, 256), "ismcts": (16, 256, 4096)}
"""Agents that play many games, which they are asked about where they can play them."""
LIMITS = {0: 120.0, 64: 600.0}
"""Seconds that the suite may take at a budget."""


@dataclass(frozen=True)
class Place:
    """Where pages and networks go."""

    folder: Path

    def network(self, game: str) -> str:
        """The first shipped agent of a game, else an untrained network of the default form."""
        short = game.split("(", 1)[0]
        own = [name for name in shipped_agents() if name.split("/")[0] == short]
        best = sorted(own, key=lambda name: ("best" not in name, "tuned" not in name))
        if best:
            return best[0]
        folder = self.folder / "untrained" / hashlib.sha256(game.encode()).hexdigest()[:16]
        if not folder.exists():
            loaded = load_game(game)
            known = facts(loaded)
            config = NetworkConfig(encoder=known.encoder)
            network = build(config, known, encoder_shape(loaded, known.encoder), 0)
            folder.parent.mkdir(parents=True, exist_ok=True)
            save_checkpoint(folder, network, config, str(loaded), "untrained", {}, {}, "Random weights.")
        return str(folder)


def timing(place: Place, budget: int) -> dict[str, Any]:
    """Seconds for all probes at one budget, by game; games in which search is not sound are asked raw."""
    every = shipped().probes
    games: dict[str, list[str]] = {}
    for each in every:
        games.setdefault(each.game, []).append(each.id)
    seconds: dict[str, float] = {}
    for game in games:
        short = game.split("(", 1)[0]
        try:
            agent = place.network(game) if short != "efg_game" else "random"
        except TesujiError:  # no tensors
            agent = "random"
        level = budget if searchable(load_game(game)) else 0
        start = perf_counter()
        probe(agent, game=game if "(" in game else f"{game}()", budgets=[level])
        seconds[short] = seconds.get(short, 0.0) + perf_counter() - start
    return {"seconds_by_game": seconds, "probes": len(every), "total": sum(seconds.values())}


def page(name: str, budgets: tuple[int, ...], folder: Path) -> dict[str, Any]:
    """One agent's figures; its page is written on the way."""
    found = probe(name, budgets=budgets)
    folder.mkdir(parents=True, exist_ok=True)
    write_report(folder / f"{name.replace('/', '-')}.html", found, families())
    return table_of(found)


def table_of(found: Probing) -> dict[str, Any]:
    """The figures of every family, as plain values."""
    return {"families": [each.to_json() for each in summaries(found.judged)], "problems": list(found.problems)}


def show(name: str, found: dict[str, Any]) -> None:
    """Print an agent's table."""
    rows = []
    for each in found["families"]:
        rates = "  ".join(f"{rate['budget']}: {rate['passed'] / rate['total']:.0%}" for rate in each["rates"])
        low, high = each["rates"][-1]["interval"]
        interval = f"[{low:.0%}, {high:.0%}]"
        rows.append((each["family"], " ".join(each["games"]), each["truth"], str(each["probes"]), rates, interval))
    head = ("family", "games", "truth", "probes", "passed at budget", "95 % at the last")
    print_table(f"{name}", head, rows)


def main() -> None:
    made = parser("probing", "Time the probing suite, and ask the shipped agents and some simple ones.")
    options = made.parse_args()
    folder = REPOSITORY / "runs" / f"probing{'-quick' if options.quick else ''}"
    most = 64 if options.quick else 4096
    settings = {"pages": {name: list(budgets) for name, budgets in PAGES.items()}, "most": most}
    store = Measurements("probing", options, settings)
    place = Place(folder)
    figures: dict[str, float] = {}
    rows = []
    for budget, limit in LIMITS.items():
        if options.quick and budget:
            continue
        found = store.get(f"time {budget}", lambda budget=budget: timing(place, budget))  # type: ignore[misc]
        figures[f"suite_seconds_{budget}"] = found["total"]
        slowest = max(found["seconds_by_game"].items(), key=lambda item: item[1])
        rows.append(
            (str(budget), f"{found['probes']}", f"{found['total']:.1f}", f"{limit:g}", f"{slowest[0]} {slowest[1]:.1f}")
        )
    print_table("the whole suite, by networks", ("budget", "probes", "seconds", "wanted", "slowest game"), rows)
    for name, budgets in PAGES.items():
        asked = tuple(b for b in budgets if b <= most)
        show(name, store.get(f"page {name}", lambda name=name, asked=asked: page(name, asked, folder)))  # type: ignore[misc]
    for name, budgets in SIMPLE.items():
        asked = tuple(b for b in budgets if b <= max(most, 256))
        found = store.get(f"simple {name}", lambda name=name, asked=asked: table_of(probe(name, budgets=asked)))  # type: ignore[misc]
        show(name, found)
    figures["families"] = len({each.name for each in families()})
    figures["probes"] = len(shipped().probes)
    store.finish(figures)


if __name__ == "__main__":
    run(main)
