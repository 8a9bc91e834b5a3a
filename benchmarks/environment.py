"""Steps a second of many games at once, without a network: the environment alone, and with random moves from numpy.

A step is one decision of one game: the action applied, chance played to the next decision, that one written into the
caller's arrays. Games that end are begun anew.
"""

from __future__ import annotations

import os
import statistics
import time
from functools import partial

import numpy as np
import pyspiel
from measure import Measurements, interleaved, parser, print_table, ratio, run, thousands

from engine.native import core

GAMES = ("connect_four", "leduc_poker", "kuhn_poker", "tic_tac_toe", "backgammon", "go(board_size=9)", "chess")
SIZE = 4096
SEED = 7
WARMING_STEPS = 50
"""Until games of all lengths are in progress."""


class Steps:
    """One environment stepped by random moves."""

    def __init__(self, name: str, workers: int) -> None:
        self.env = core.BatchEnv(pyspiel.load_game(name), SIZE, seed=SEED, workers=workers)
        self.generator = np.random.default_rng(SEED)
        self.actions = np.zeros(SIZE, np.int64)
        self.rewards = np.zeros((SIZE, self.env.num_players), np.float32)
        self.done = np.zeros(SIZE, np.uint8)
        self.inputs = np.zeros((SIZE, self.env.input_size), np.float32)
        self.legal_mask = np.zeros((SIZE, self.env.num_actions), np.uint8)
        self.players = np.zeros(SIZE, np.int32)
        self.env.observe(self.inputs, self.legal_mask, self.players)

    def choose(self) -> None:
        """A legal action of each game: that of the largest random number."""
        drawn = self.generator.random(self.legal_mask.shape, np.float32)
        drawn += self.legal_mask
        np.argmax(drawn, axis=1, out=self.actions)

    def step(self) -> None:
        """What has been chosen."""
        self.env.step(self.actions, self.rewards, self.done, self.inputs, self.legal_mask, self.players)

    def seconds(self, count: int) -> tuple[float, float]:
        """Of so many steps of all games: inside the environment, and in all."""
        inside = 0.0
        start = time.perf_counter()
        for _ in range(count):
            self.choose()
            before = time.perf_counter()
            self.step()
            inside += time.perf_counter() - before
        return inside, time.perf_counter() - start


def compare(name: str, workers: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Steps a second in each round, by one thread and by `workers`, alone and with the choice of moves."""
    played = {"1": Steps(name, 1), "all": Steps(name, workers)}
    counts = {}
    for each, steps in played.items():
        steps.seconds(WARMING_STEPS)
        counts[each] = max(1, round(5 * seconds / steps.seconds(5)[1]))
    chosen: dict[str, list[float]] = {each: [] for each in played}

    def rate(each: str) -> float:
        inside, total = played[each].seconds(counts[each])
        chosen[each].append(SIZE * counts[each] / total)
        return SIZE * counts[each] / inside

    alone = interleaved(rounds, {each: partial(rate, each) for each in played})
    return alone | {f"{each}, with choice": rates for each, rates in chosen.items()}


def main() -> None:
    options = parser("environment", "Measure how fast many games are stepped at once.").parse_args()
    rounds, seconds = (3, 0.5) if options.quick else (9, 2.0)
    workers = os.cpu_count() or 1
    settings = {"rounds": rounds, "seconds": seconds, "size": SIZE, "workers": workers}
    store = Measurements("environment", options, settings)
    figures: dict[str, float] = {}
    rows = []
    for name in GAMES:
        rates = store.get(name, partial(compare, name, workers, rounds, seconds))
        short = name.partition("(")[0]
        order = ("1", "all", "1, with choice", "all, with choice")
        median = {each: statistics.median(rates[each]) for each in order}
        figures[f"{short}.steps_per_second"] = median["all"]
        figures[f"{short}.steps_per_second_with_choice"] = median["all, with choice"]
        speedup = f"{ratio(rates['all'], rates['1']):.2f}x"
        rows.append([name, *(thousands(median[each]) for each in order), speedup])
    threads = f"{workers} threads"
    print_table(
        f"Steps a second of {SIZE} games",
        ["game", "1 thread", threads, "1, with random choice", f"{threads}, with it", f"{threads} / 1"],
        rows,
    )
    store.finish(figures)


if __name__ == "__main__":
    run(main)
