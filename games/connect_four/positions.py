"""Held-out positions with the oracle's verdict on every move, and the command that made them.

    python -m games.connect_four.positions [--check] [FILE]

Only positions in which the choice matters are kept: some legal move holds the game-theoretic value and some move loses
it. At each ply up to 30 are drawn from uniformly random games and up to 30 from games of OpenSpiel's MCTS bot against
itself, with random openings and random moves mixed in. Few games last long, so the last plies have fewer. A position
and its mirror image count as one.

A line of the file is: source (r random, s search self-play), the moves from the empty board, and for each column the
class of the move for the mover: + wins, = draws, - loses, . full.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyspiel

from engine.errors import TesujiError
from engine.files import atomic_write
from engine.game import LabelledPosition
from engine.training.teacher import TeacherConfig, play_game
from games.connect_four.game import COLUMNS
from games.connect_four.oracle import CELLS, Oracle

FILE = Path(__file__).with_name("positions.txt")
POSITIONS_PER_PLY = 30
"""From each source."""
GAMES = 1000
"""Of each source."""
SEARCH = TeacherConfig(simulations=400, uct_c=2.0, random_opening_plies=8, random_move_share=0.1, solve=False)
SEED = 20_250_101
CLASSES = {1: "+", 0: "=", -1: "-"}


def load(path: Path = FILE) -> list[LabelledPosition]:
    """The held-out positions of a file made by this module, in its order."""
    signs = {sign: value for value, sign in CLASSES.items()}
    positions = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("#"):
            continue
        try:
            source, moves, classes = line.split(" ")
            history = tuple(int(move) for move in moves.strip("|"))
            scores = {column: signs[sign] for column, sign in enumerate(classes) if sign != "."}
            if source not in ("r", "s") or len(classes) != COLUMNS or len(set(scores.values())) < 2:
                raise ValueError("not a position in which the choice matters")
        except (ValueError, KeyError) as error:
            raise TesujiError(f"{path}:{number}: not a labelled position ({error}); make the file anew") from error
        positions.append(LabelledPosition(history, scores))
    return positions


def board_key(state: pyspiel.State) -> str:
    """The same string for a position and its mirror image, and for every order of moves that leads to it."""
    board = str(state)
    return min(board, "\n".join(row[::-1] for row in board.split("\n")))


def random_history(seed: int, game_id: int) -> list[int]:
    """One uniformly random game."""
    random = np.random.default_rng([seed, 0, game_id])
    state = pyspiel.load_game("connect_four").new_initial_state()
    while not state.is_terminal():
        state.apply_action(int(random.choice(state.legal_actions())))
    return list(state.history())


def search_history(seed: int, game_id: int) -> list[int]:
    """One game of the MCTS bot against itself."""
    return play_game(pyspiel.load_game("connect_four"), SEARCH, seed, game_id).history


def choose(
    histories: Iterable[list[int]], taken: list[set[str]], oracle: Oracle, seed: int
) -> list[list[LabelledPosition]]:
    """By ply, up to the quota of positions in which the choice matters, in random order; `taken` gains their keys."""
    game = pyspiel.load_game("connect_four")
    candidates: list[dict[str, tuple[int, ...]]] = [{} for _ in range(CELLS)]
    for history in histories:
        state = game.new_initial_state()
        for ply, action in enumerate(history):
            candidates[ply].setdefault(board_key(state), tuple(history[:ply]))
            state.apply_action(action)
    random = np.random.default_rng([seed, 1])
    chosen: list[list[LabelledPosition]] = [[] for _ in range(CELLS)]
    for ply, by_key in enumerate(candidates):
        keys = sorted(by_key.keys() - taken[ply])
        random.shuffle(keys)
        for key in keys:
            if len(chosen[ply]) == POSITIONS_PER_PLY:
                break
            unlabelled = LabelledPosition(by_key[key], {})
            scores = oracle.scores([unlabelled.state(game)])[0]
            if len(set(scores.values())) > 1:
                chosen[ply].append(LabelledPosition(by_key[key], scores))
                taken[ply].add(key)
    return chosen


def generate(seed: int = SEED, workers: int = 2) -> str:
    """The text of the file; the same for any number of workers."""
    oracle = Oracle()
    taken: list[set[str]] = [set() for _ in range(CELLS)]
    with get_context("spawn").Pool(workers) as pool:
        # The search goes first: near the empty board there are too few positions for both.
        searched = choose(pool.map(partial(search_history, seed), range(GAMES), chunksize=25), taken, oracle, seed)
        drawn = choose(pool.map(partial(random_history, seed), range(GAMES), chunksize=250), taken, oracle, seed)
    lines = ["# source, moves from the empty board, class of each column for the mover; see positions.py"]
    for by_random, by_search in zip(drawn, searched, strict=True):
        lines += [_line("r", position) for position in by_random] + [_line("s", position) for position in by_search]
    return "\n".join(lines) + "\n"


def _line(source: str, position: LabelledPosition) -> str:
    # The bar keeps the field of the empty board from being empty.
    moves = "".join(str(action) for action in position.history) or "|"
    classes = (CLASSES[position.scores[column]] if column in position.scores else "." for column in range(COLUMNS))
    return f"{source} {moves} {''.join(classes)}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make (or check) the held-out positions of Connect Four.")
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--check", action="store_true", help="only compare the labels of FILE with the solver")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.check:
        wrong = disagreements(load(options.file))
        print(f"{options.file}: {len(wrong)} labels differ from the solver")
        raise SystemExit(bool(wrong))
    atomic_write(options.file, generate(workers=options.workers).encode())
    print(f"{options.file}: {len(load(options.file))} positions")


def disagreements(positions: Iterable[LabelledPosition]) -> list[LabelledPosition]:
    """The positions whose stored classes are not the solver's."""
    game = pyspiel.load_game("connect_four")
    oracle = Oracle()
    return [position for position in positions if oracle.scores([position.state(game)])[0] != position.scores]


if __name__ == "__main__":
    main()
