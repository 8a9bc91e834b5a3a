"""Simulations a second of the native search against OpenSpiel's MCTSBot, and the memory of a search.

Both search the same positions with the same number of simulations, in turns within one run.  "fake" answers leaves
with a hash of the encoder's input, so it is the cost of the search itself; "rollouts" answers them with random games,
as the bot does, and those dominate.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pyspiel
from measure import Measurements, interleaved, parser, print_table, rate, ratio, run, thousands

from engine.native import core

GAMES = {"connect_four": 1000, "go(board_size=9)": 500, "hex(board_size=11)": 1000}
"""Simulations a position."""

POSITIONS = 16
OPENING_PLIES = 8
SEED = 7

MEMORY_SIMULATIONS = 1_000_000

# Run in a process of its own, because a peak of memory never falls again.  The first, tiny search loads everything
# that is loaded once.  (Not getrusage: its peak counts that of the process which started this one.)
MEMORY_PROBE = """
import pathlib, re, pyspiel
from engine.native import core
game = pyspiel.load_game("connect_four")
evaluator = core.FakeEvaluator(game)
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
def search(simulations):
    params = core.SearchParams(simulations=simulations, max_cached_states=1)
    return core.search([game.new_initial_state()], evaluator, params, [0])[0]
search(10)
before = peak()
result = search({simulations})
print(result.nodes, result.edges, peak() - before)
"""


def positions(game: pyspiel.Game) -> list[pyspiel.State]:
    """Positions a few random plies into the game."""
    generator = random.Random(SEED)
    states: list[pyspiel.State] = []
    while len(states) < POSITIONS:
        state = game.new_initial_state()
        while state.move_number() < OPENING_PLIES and not state.is_terminal():
            state.apply_action(generator.choice(state.legal_actions()))
        if not state.is_terminal():
            states.append(state)
    return states


def contestants(name: str, repeats: dict[str, int]) -> dict[str, Callable[[], float]]:
    """Functions that measure simulations a second, each over all positions, `repeats` times."""
    game = pyspiel.load_game(name)
    states = positions(game)
    simulations = GAMES[name]
    params = core.SearchParams(simulations=simulations, proofs=False)  # as the bot does here
    seeds = list(range(len(states)))

    def bot() -> int:
        for state in states:
            evaluator = pyspiel.RandomRolloutEvaluator(1, SEED)
            searcher = pyspiel.MCTSBot(game, evaluator, 1.4, simulations, 1000, False, SEED, False)
            searcher.mcts_search(state)
        return simulations * len(states)

    def native(evaluator: core.Evaluator, workers: int) -> int:
        return sum(result.simulations for result in core.search(states, evaluator, params, seeds, workers))

    fake = core.FakeEvaluator(game)
    rollouts = core.RolloutEvaluator(game)
    measured: dict[str, Callable[[], int]] = {
        "bot": bot,
        "fake": lambda: native(fake, 1),
        "rollouts": lambda: native(rollouts, 1),
        "rollouts, 2 threads": lambda: native(rollouts, 2),
    }

    def repeated(each: str) -> float:
        return rate(lambda: sum(measured[each]() for _ in range(repeats.get(each, 1))))

    return {each: partial(repeated, each) for each in measured}


def compare(name: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Simulations a second of each contestant in each round; a turn takes about `seconds`."""
    simulations = GAMES[name] * POSITIONS
    once = {each: contestant() for each, contestant in contestants(name, {}).items()}
    repeats = {each: max(1, round(seconds * value / simulations)) for each, value in once.items()}
    return interleaved(rounds, contestants(name, repeats))


def memory(simulations: int) -> dict[str, float]:
    """Peak memory of one search without kept states: bytes, nodes and edges."""
    code = MEMORY_PROBE.format(simulations=simulations)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    nodes, edges, size = map(int, done.stdout.split())
    return {"nodes": nodes, "edges": edges, "bytes": size}


def main() -> None:
    options = parser(
        "search", "Compare the native search with OpenSpiel's MCTSBot, and measure its memory."
    ).parse_args()
    rounds, seconds = (3, 1.0) if options.quick else (15, 4.0)
    store = Measurements("search", options, {"rounds": rounds, "seconds": seconds, "games": GAMES})
    figures: dict[str, float] = {}
    rows = []
    for name in GAMES:
        rates = store.get(name, partial(compare, name, rounds, seconds))
        short = name.partition("(")[0]
        ratios = {each: ratio(rates[each], rates["bot"]) for each in ("fake", "rollouts", "rollouts, 2 threads")}
        figures[f"{short}.fake_over_bot"] = ratios["fake"]
        figures[f"{short}.rollouts_over_bot"] = ratios["rollouts"]
        figures[f"{short}.rollouts_2_threads_over_bot"] = ratios["rollouts, 2 threads"]
        cells = [f"{thousands(statistics.median(rates[each]))} ({value:.2f}x)" for each, value in ratios.items()]
        rows.append([name, thousands(statistics.median(rates["bot"])), *cells])
    print_table(
        "Simulations a second (and times the bot's)",
        ["game", "MCTSBot", "fake (wanted 5x)", "rollouts (0.95x)", "rollouts, 2 threads (1.8x)"],
        rows,
    )
    used = store.get("memory", partial(memory, MEMORY_SIMULATIONS))
    per_node = (used["bytes"] - core.edge_bytes * used["edges"]) / used["nodes"]
    print_table(
        f"Memory of a tree of {used['nodes']:,} nodes and {used['edges']:,} edges, without kept states",
        ["", "wanted", "bytes"],
        [
            ["an edge", "24", f"{core.edge_bytes}"],
            ["a node, as laid out", "120", f"{core.node_bytes}"],
            ["a node, from the peak of the process", "120", f"{per_node:.0f}"],
        ],
    )
    figures |= {
        "bytes_per_edge": core.edge_bytes,
        "bytes_per_node": core.node_bytes,
        "measured_bytes_per_node": per_node,
    }
    store.finish(figures)


if __name__ == "__main__":
    run(main)
