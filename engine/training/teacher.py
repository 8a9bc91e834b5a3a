"""Games of a teacher: OpenSpiel's own MCTS bot with random rollouts, which knows no network.

Every game has its own random stream derived from (seed, game id), so the games do not depend on the number of
processes. They are cached in chunks, each written to a temporary name and renamed: an interrupted run goes on where it
stopped. A chunk keeps histories and visit counts, not encoder inputs, so one cache serves every encoder.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyspiel

from engine.errors import TesujiError
from engine.files import atomic_write, read_file, write_errors
from engine.game import load_game, python_module, require_self_play

CHUNK_GAMES = 64
"""Games in one cache file: small enough that an interruption loses seconds, large enough that files stay few."""
CACHE_FORMAT = 1


@dataclass(frozen=True)
class TeacherConfig:
    """How the teacher plays. Changing any field makes another cache folder."""

    simulations: int = 200
    """Random rollouts a move; OpenSpiel counts one for the root itself."""
    uct_c: float = 2.0
    """Exploration constant of UCT, in utility units."""
    random_opening_plies: int = 8
    """A game starts with 0 to this many uniformly random moves, which are not recorded."""
    random_move_share: float = 0.25
    """Share of later moves played at random instead; the teacher's own search is still what is recorded."""
    solve: bool = True
    """Prove finished lines, as the agent `mcts` does. Without, OpenSpiel's UCT gives a move that ends the game no
    exploration bonus: a win at once gets a single visit wherever another move looks nearly as good."""

    def __post_init__(self) -> None:
        if self.simulations < 2:
            raise TesujiError(
                f"teacher.simulations is {self.simulations}; give at least 2, the first only reaches the root"
            )
        if self.random_opening_plies < 0:
            raise TesujiError(f"teacher.random_opening_plies is {self.random_opening_plies}; give 0 or more")
        if not 0.0 <= self.random_move_share < 1.0:
            raise TesujiError(f"teacher.random_move_share is {self.random_move_share}; give a number from 0 to below 1")


@dataclass(frozen=True)
class TeacherGame:
    """One game: T recorded decisions, in the order they were taken."""

    history: list[int]
    """All actions, chance outcomes included."""
    plies: list[int]
    """[T] length of the history at each decision."""
    visits: list[dict[int, int]]
    """[T] visits of the root's actions; where the search proved the result, 1 for each that it knows to keep it."""
    root_values: list[float]
    """[T] mean rollout return of the search, or the result it proved, for the player to move, in utility units."""
    returns: list[float]
    """[P] outcome in utility units, by player."""


Task = tuple[str, TeacherConfig, int, range]
"""A chunk to play: the game, the teacher, the seed and the numbers of its games."""


def play_game(game: pyspiel.Game, teacher: TeacherConfig, seed: int, game_id: int) -> TeacherGame:
    """Play one game; the result depends on the arguments alone."""
    random = np.random.default_rng([seed, game_id])
    evaluator = pyspiel.RandomRolloutEvaluator(1, int(random.integers(2**31)))
    bot = pyspiel.MCTSBot(
        game, evaluator, teacher.uct_c, teacher.simulations, 1024, teacher.solve, int(random.integers(2**31)), False
    )
    opening = int(random.integers(teacher.random_opening_plies + 1))
    state = game.new_initial_state()
    plies: list[int] = []
    visits: list[dict[int, int]] = []
    root_values: list[float] = []
    moves = 0
    while not state.is_terminal():
        if state.is_chance_node():
            outcomes, chances = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(int(random.choice(outcomes, p=np.asarray(chances) / np.sum(chances))))
            continue
        legal = state.legal_actions()
        moves += 1
        if moves <= opening:
            state.apply_action(int(random.choice(legal)))
            continue
        root = bot.mcts_search(state)
        children, player = root.children, state.current_player()
        proven = {child.action: child.outcome[player] for child in children if teacher.solve and child.outcome}
        if root.outcome:  # visits were counted only until the proof
            value = root.outcome[player]
            counts = {action: 1 for action, outcome in proven.items() if outcome == value}
        else:
            counts = {child.action: child.explore_count for child in children if child.explore_count > 0}
            value = sum(child.total_reward for child in children) / sum(counts.values())
        plies.append(len(state.history()))
        visits.append(counts)
        root_values.append(value)
        if random.random() < teacher.random_move_share:
            state.apply_action(int(random.choice(legal)))
        else:
            # As the bot itself decides: proven wins first and proven losses last, then visits, then the better mean.
            best = max(
                children,
                key=lambda child: (proven.get(child.action, 0.0), child.explore_count, child.total_reward),
            )
            state.apply_action(best.action)
    return TeacherGame(list(state.history()), plies, visits, root_values, list(state.returns()))


def teacher_games(
    game: pyspiel.Game | str,
    teacher: TeacherConfig,
    *,
    games: int,
    seed: int,
    workers: int,
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[TeacherGame]:
    """The games 0..games-1 in order, from the cache or else played by `workers` processes and stored there.

    A game written in Python, or with one inside, is played by this process, which has imported it.
    `progress(done, games)` is called after each chunk.
    """
    game = load_game(game)
    require_self_play(game)
    if games < 1:
        raise TesujiError(f"games is {games}; give at least 1")
    if workers < 1:
        raise TesujiError(f"workers is {workers}; give at least 1")
    folder = cache / cache_key(game, teacher, seed)
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    chunks = [range(start, start + CHUNK_GAMES) for start in range(0, games, CHUNK_GAMES)]
    paths = [folder / f"games-{chunk.start:07d}.npz" for chunk in chunks]
    missing = [
        (str(game), teacher, seed, chunk) for chunk, path in zip(chunks, paths, strict=True) if not path.exists()
    ]
    done = CHUNK_GAMES * (len(chunks) - len(missing))
    if progress is not None:
        progress(min(done, games), games)
    if missing:
        describe = {"game": str(game), "teacher": asdict(teacher), "seed": seed, "format": CACHE_FORMAT}
        atomic_write(folder / "teacher.json", json.dumps(describe, indent=2).encode() + b"\n")
        with closing(_play_chunks(missing, 0 if python_module(game) else workers)) as played:
            for start, payload in played:
                atomic_write(folder / f"games-{start:07d}.npz", payload)
                done += CHUNK_GAMES
                if progress is not None:
                    progress(min(done, games), games)
    return _read_chunks(paths, games)


def cache_key(game: pyspiel.Game, teacher: TeacherConfig, seed: int) -> str:
    """Folder name of a cache: everything the games depend on but their number."""
    content = json.dumps([str(game), asdict(teacher), seed, CACHE_FORMAT], sort_keys=True)
    return f"{game.get_type().short_name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _play_chunks(tasks: list[Task], workers: int) -> Generator[tuple[int, bytes], None, None]:
    """First game and content of each chunk, in any order; without workers played in this process.

    To be closed, which ends the worker processes.
    """
    if workers == 0:
        yield from map(_play_chunk, tasks)
        return
    # Spawn, not fork: the parent may hold threads of torch or of the native core.
    with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
        yield from pool.imap_unordered(_play_chunk, tasks)


def _play_chunk(task: Task) -> tuple[int, bytes]:
    name, teacher, seed, ids = task
    game = pyspiel.load_game(name)
    return ids.start, _pack([play_game(game, teacher, seed, game_id) for game_id in ids])


def _read_chunks(paths: list[Path], games: int) -> Iterator[TeacherGame]:
    left = games
    for path in paths:
        chunk = _unpack(path)
        yield from chunk[:left]
        left -= len(chunk)


def _pack(games: list[TeacherGame]) -> bytes:
    def offsets(lengths: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        history=np.array([action for game in games for action in game.history], np.int64),
        history_offsets=offsets([len(game.history) for game in games]),
        plies=np.array([ply for game in games for ply in game.plies], np.int32),
        root_values=np.array([value for game in games for value in game.root_values], np.float64),
        decision_offsets=offsets([len(game.plies) for game in games]),
        visit_actions=np.array([a for game in games for counts in game.visits for a in counts], np.int64),
        visit_counts=np.array([n for game in games for counts in game.visits for n in counts.values()], np.int32),
        visit_offsets=offsets([len(counts) for game in games for counts in game.visits]),
        returns=np.array([game.returns for game in games], np.float64),
    )
    return buffer.getvalue()


def _unpack(path: Path) -> list[TeacherGame]:
    try:
        # From memory: zipfile leaves a damaged file open.
        with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        games = []
        for index, returns in enumerate(arrays["returns"]):
            first, last = arrays["decision_offsets"][index : index + 2]
            visits = []
            for decision in range(first, last):
                begin, end = arrays["visit_offsets"][decision : decision + 2]
                pairs = zip(arrays["visit_actions"][begin:end], arrays["visit_counts"][begin:end], strict=True)
                visits.append({int(action): int(count) for action, count in pairs})
            begin, end = arrays["history_offsets"][index : index + 2]
            games.append(
                TeacherGame(
                    history=arrays["history"][begin:end].tolist(),
                    plies=arrays["plies"][first:last].tolist(),
                    visits=visits,
                    root_values=arrays["root_values"][first:last].tolist(),
                    returns=returns.tolist(),
                )
            )
        return games
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise TesujiError(f"{path}: damaged teacher games ({error}); delete this file and run again") from error
