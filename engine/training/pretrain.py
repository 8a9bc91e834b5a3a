"""A pretrained agent by imitation alone: supervised learning on the games of a teacher that knows no network."""

from __future__ import annotations

import math
import shlex
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyspiel

from engine.agents.network_agent import NetworkAgent
from engine.config import RunConfig, load_config
from engine.errors import Refusal, TesujiError
from engine.evaluate.agreement import agreement, labelled_positions
from engine.finetune.learner import Learner
from engine.finetune.methods import Context, SupervisedFinetuning
from engine.finetune.methods.method import Searched
from engine.game import (
    GameFacts,
    encoder_shape,
    facts,
    load_game,
    python_module,
    require_rollouts,
    require_self_play,
    room,
)
from engine.native import core
from engine.network.build import build
from engine.network.checkpoint import load_checkpoint, place_for, save_checkpoint
from engine.search.evaluator import device_for
from engine.selfplay.records import Positions
from engine.selfplay.replay import Window
from engine.training.teacher import TeacherConfig, TeacherGame, teacher_games

__all__ = ["Pretraining", "model_card", "pretrain", "training_positions"]

CACHE = Path("runs/teacher")
JUDGED_SIMULATIONS = (0, 64)
"""Budgets at which the result meets the room's labelled positions; 0 is the raw policy."""
MOST_EPOCHS = 1e6
REPORTED_STEPS = 100
"""The final metrics are means over this many last steps."""

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); the stages are "games", "positions" (in games), "steps" and, where the room has
labelled positions, "judging, N simulations"."""


@dataclass(frozen=True)
class Pretraining:
    """What imitation brought."""

    checkpoint: Path
    hash: str
    """sha256 of the weights."""
    positions: int
    """Positions learnt from."""
    held_out: int
    """Recorded positions left out because they (or a mirror image) are among the room's labelled positions."""
    steps: int
    seconds: float
    """Wall time, teacher's games included as far as they were not in the cache."""
    metrics: dict[str, float]
    """Losses and accuracies on the training data (means over the last steps), and
    `optimal_share_N`, agreement with the room's labelled positions at N simulations, where the room has some."""


def pretrain(
    game: pyspiel.Game | str,
    output: Path | str,
    *,
    games: int = 4096,
    simulations: int = 200,
    solve: bool = True,
    epochs: float = 6.0,
    policy_temperature: float = 0.05,
    seed: int = 0,
    workers: int = 2,
    config: RunConfig | None = None,
    cache: Path | str = CACHE,
    progress: Progress | None = None,
) -> Pretraining:
    """Let OpenSpiel's MCTS bot play, learn its moves and the outcomes with method `sft`, and write a checkpoint.

    output: the checkpoint's folder; an older checkpoint there is replaced.
    games, simulations, workers: the teacher's games, its random rollouts a move, and the processes that play them.
    solve: the teacher proves finished lines (`TeacherConfig.solve`).
    epochs: training samples for each position.
    policy_temperature: the target is the teacher's visit shares to the power of 1 / this. UCT spreads its visits
        widely; below 1 the target comes closer to the move the teacher would play.
    config: sections `network` and `learner` are used; None takes the defaults of the game's room.
    cache: folder of teacher games; a second call with the same teacher and seed reads them from there.

    Positions that the game's room holds out for judging (`labelled_positions`) are never learnt from. Equal arguments
    give equal weights. Raises TesujiError for games with hidden information, simultaneous moves or no tensors, for an
    `output` that holds anything but a checkpoint, and where losses are not finite; nothing is then written there.
    """
    started = time.monotonic()
    game = load_game(game)
    _require_teacher(game)
    if not 0.0 < epochs <= MOST_EPOCHS:
        raise TesujiError(f"epochs is {epochs}; give a number above 0 and at most {MOST_EPOCHS:g}")
    if not policy_temperature > 0.0:
        raise TesujiError(f"policy_temperature is {policy_temperature}; give a number above 0")
    config = config or load_config(overrides={"game": str(game)})
    about = facts(game)
    encoder = about.encoder if config.network.encoder == "auto" else config.network.encoder
    network = build(config.network, about, encoder_shape(game, encoder), seed)
    teacher = TeacherConfig(simulations=simulations, solve=solve)
    place = place_for(Path(output))

    def report(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(stage, done, total) if progress is not None else None

    played = teacher_games(
        game, teacher, games=games, seed=seed, workers=workers, cache=Path(cache), progress=report("games")
    )
    positions, dropped = training_positions(
        game, encoder, _counted(played, games, report("positions")), policy_temperature
    )
    window = Window(len(positions), room(about.short_name).symmetries(game, encoder), seed=[seed, 1])
    window.append(positions)
    steps = math.ceil(epochs * len(positions) / config.learner.batch_size)
    method = SupervisedFinetuning(config.learner.value_weight)
    learner = Learner(network, method, config.learner, seed=seed, device=device_for(config.evaluator))
    try:
        metrics = _learn(learner, method, Context(window, config.learner.batch_size), steps, report("steps"))
    finally:
        learner.close()
    seconds = time.monotonic() - started
    settings = {
        "games": games,
        "epochs": epochs,
        "policy_temperature": policy_temperature,
        "seed": seed,
        "teacher": asdict(teacher),
        "learner": asdict(config.learner),
    }
    counts = {"positions": len(positions), "held_out": dropped, "steps": steps, "seconds": round(seconds, 1)}

    def save() -> str:
        numbers = counts | metrics
        card = model_card(about, settings, numbers, command(game, settings, config))
        lineage = {"parent": None, "pretraining": settings}
        return save_checkpoint(place, learner.average, config.network, str(game), "imitation", lineage, numbers, card)

    digest = save()
    if labelled_positions(game):
        # Saved before it is judged: a finished training is not to be lost to whatever happens here.
        agent = NetworkAgent(load_checkpoint(place, config.network.custom or None, str(game)))
        for count in JUDGED_SIMULATIONS:
            metrics[f"optimal_share_{count}"] = _judge(agent, game, count, report(f"judging, {count} simulations"))
        save()
    return Pretraining(Path(output), digest, len(positions), dropped, steps, seconds, metrics)


def training_positions(
    game: pyspiel.Game, encoder: str, games: Iterable[TeacherGame], policy_temperature: float = 1.0
) -> tuple[Positions, int]:
    """The teacher's decisions as the learner takes them, less the held-out ones; also the number of those."""
    about = facts(game)
    held_out = _held_out(game, encoder)
    parts = [_encode(game, about, encoder, played, policy_temperature) for played in games]
    columns = ("inputs", "legal_mask", "policy", "root_values", "returns")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    kept = np.array([row.tobytes() not in held_out for row in joined["inputs"]], bool)
    if not kept.any():
        raise TesujiError("the teacher's games hold no position to learn from; give more games")
    return Positions(**{name: array[kept] for name, array in joined.items()}), int((~kept).sum())


def model_card(about: GameFacts, settings: Mapping[str, Any], numbers: Mapping[str, Any], made_by: str) -> str:
    """The README of the checkpoint, in Markdown."""
    teacher = settings["teacher"]
    name = about.name.removesuffix("()")
    power = 1.0 / settings["policy_temperature"]
    judged = {count: numbers.get(f"optimal_share_{count}") for count in JUDGED_SIMULATIONS}
    shares = [
        f"{share:.1%} {f'at {count} simulations' if count else 'raw'}" for count, share in judged.items() if share
    ]
    left_out = f"  {numbers['held_out']:,} more were left out because they are among the game's held-out positions."
    lines = [
        f"# {about.short_name}: imitation of MCTS with random rollouts",
        "",
        "Trained by imitation only: no self-play, no solver, no games of people.",
        "",
        f"- Game: `{name}`.",
        f"- Teacher: OpenSpiel's MCTS bot, {teacher['simulations']} rollouts a move (UCT, c={teacher['uct_c']:g},",
        f"  {'with' if teacher['solve'] else 'without'} proofs of finished lines).",
        f"  {settings['games']:,} games; each starts with 0 to {teacher['random_opening_plies']} random moves, and a",
        f"  later move is random with probability {teacher['random_move_share']:g}.",
        f"- Targets: the teacher's visit shares to the power of {power:g}, normalised, and the outcome of the game.",
        f"- Data: {numbers['positions']:,} positions, with the game's symmetries.",
        *([left_out] if numbers["held_out"] else []),
        f"- Training: method `sft`, {numbers['steps']:,} steps of {settings['learner']['batch_size']} positions,",
        f"  {settings['epochs']:g} samples a position.",
        f"- Time: {numbers['seconds']:,.0f} s, the teacher's games included as far as they were not in the cache.",
        *([f"- Optimal moves on the held-out positions: {', '.join(shares)}."] if shares else []),
        "",
        "Made by",
        "",
        *(f"    {line}" for line in made_by.splitlines()),
        "",
    ]
    return "\n".join(lines)


def command(game: pyspiel.Game, settings: Mapping[str, Any], config: RunConfig) -> str:
    """What to type for the same weights; a setting is named where it is not the default of the game's room."""
    name = str(game).removesuffix("()")
    module = python_module(game)
    start = f"tesuji --import {module}" if module else "tesuji"
    usual = asdict(load_config(overrides={"game": str(game)}))
    changes = [
        f"{section}.{key}={value}"
        for section, values in (("network", asdict(config.network)), ("learner", asdict(config.learner)))
        for key, value in values.items()
        if value != usual[section][key]
    ]
    teacher = settings["teacher"]
    proofs = "" if teacher["solve"] else "--no-solve "
    lines = [
        f"{start} pretrain --game {shlex.quote(name)} --output FOLDER --games {settings['games']}",
        f"--simulations {teacher['simulations']} {proofs}--epochs {settings['epochs']} --seed {settings['seed']}",
        *(f"--set {shlex.quote(change)}" for change in changes),
    ]
    return " \\\n    ".join(lines)


def _require_teacher(game: pyspiel.Game) -> None:
    """Raise TesujiError unless the teacher's search is sound in `game`."""
    try:
        require_self_play(game)
    except TesujiError as error:
        require_rollouts(game)
        own = ("--games", "--simulations", "--no-solve", "--epochs", "--workers", "--cache")
        flags = dict.fromkeys(own) | {"--minutes": "20"}
        raise Refusal(f"{error}; train there from scratch", {"pretrain": "train"}, flags) from error


def _learn(
    learner: Learner[Searched],
    method: SupervisedFinetuning,
    context: Context,
    steps: int,
    progress: Callable[[int, int], None],
) -> dict[str, float]:
    last: deque[dict[str, Any]] = deque(maxlen=REPORTED_STEPS)
    means: dict[str, float] = {}
    for step in range(1, steps + 1):
        last.append(learner.step(method.collect(context), (step - 1) / steps))
        progress(step, steps)
        if step % REPORTED_STEPS == 0 or step == steps:  # reading at each step would make a GPU wait
            means = {name: float(np.mean([float(metrics[name]) for metrics in last])) for name in last[0]}
            if not all(map(math.isfinite, means.values())):
                raise TesujiError(
                    f"loss or gradient is not finite after {step} steps: lower learner.learning_rate or set "
                    f"learner.precision to fp32"
                )
    return means


def _judge(agent: NetworkAgent, game: pyspiel.Game, simulations: int, progress: Callable[[int, int], None]) -> float:
    """The share of the room's labelled positions in which the agent's move is optimal."""
    told = agreement(agent, game, simulations=simulations, on_progress=lambda _, done, total: progress(done, total))
    return told.optimal_share


def _counted(games: Iterable[TeacherGame], total: int, progress: Callable[[int, int], None]) -> Iterable[TeacherGame]:
    for done, game in enumerate(games, start=1):
        yield game
        progress(done, total)


def _held_out(game: pyspiel.Game, encoder: str) -> set[bytes]:
    """Encoder inputs of the labelled positions and of their images under the game's symmetries."""
    positions = labelled_positions(game)
    if not positions:
        return set()
    inputs = core.encode([position.state(game) for position in positions], encoder)
    symmetries = room(game.get_type().short_name).symmetries(game, encoder)
    images = [inputs, *(inputs[:, symmetry.inputs] for symmetry in symmetries)]
    return {row.tobytes() for image in images for row in image}


def _encode(
    game: pyspiel.Game, about: GameFacts, encoder: str, played: TeacherGame, policy_temperature: float
) -> Positions:
    """The T decisions of one game."""
    state = game.new_initial_state()
    states: list[pyspiel.State] = []
    for ply, action in enumerate(played.history):
        if len(states) < len(played.plies) and ply == played.plies[len(states)]:
            states.append(state.clone())
        state.apply_action(action)
    count, players = len(states), about.num_players
    movers = np.array([each.current_player() for each in states], np.int64).reshape(count, 1)
    seats = (movers + np.arange(players)) % players
    returns = (np.asarray(played.returns, np.float32) / about.value_scale)[seats]
    # The search speaks for the mover alone; its value for others follows only in two-player zero-sum games.
    root_values = returns.copy()
    root_values[:, 0] = np.asarray(played.root_values, np.float32) / about.value_scale
    if players == 2 and about.zero_sum:
        root_values[:, 1] = -root_values[:, 0]
    policy = np.zeros((count, about.num_actions), np.float32)
    for row, visits in zip(policy, played.visits, strict=True):
        # Shares of the largest first: a high power of raw counts would overflow.
        weights = (np.array(list(visits.values()), np.float64) / max(visits.values())) ** (1.0 / policy_temperature)
        row[list(visits)] = weights / weights.sum()
    if not states:
        inputs = np.zeros((0, math.prod(encoder_shape(game, encoder))), np.float32)
        return Positions(inputs, np.zeros((0, about.num_actions), np.uint8), policy, root_values, returns)
    return Positions(core.encode(states, encoder), core.legal_mask(states), policy, root_values, returns)
