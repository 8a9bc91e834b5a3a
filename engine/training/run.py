"""A training run: self-play, learning, judging, one after the other, resumable after a kill at any instant.

The run's folder:

    run.json config.toml environment.json   what it is
    metrics.jsonl matches.jsonl             one line an iteration, one a match of the guard
    tensorboard/ learning_curve.png         the same for the eye
    checkpoints/reference best latest past-*
    replay/                                 the games learnt from
    snapshots/                              what it resumes from

An iteration is synchronous: play, append to the replay, learn, hand the averaged weights to the players, judge. With a
budget in iterations and float32, the same configuration gives the same run, however often it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from engine.config import RunConfig, load_config
from engine.errors import TesujiError
from engine.evaluate.ratings import Rating
from engine.finetune.learner import Learner, learning_rate
from engine.finetune.methods import Context, make_method
from engine.finetune.retention import Reference
from engine.game import facts, load_game, room
from engine.metrics import JsonLines, TensorBoard, record_environment
from engine.network import load_checkpoint
from engine.search.calibration import POSITIONS, Calibration
from engine.search.evaluator import device_for
from engine.selfplay.actor import Actor, Contestant
from engine.selfplay.replay import Replay
from engine.training import snapshot
from engine.training.budget import Budget
from engine.training.checkpoints import PAST_EVERY, Checkpoints, averaged
from engine.training.curve import draw_curve
from engine.training.folder import CONFIG, create, load_reference, locked, require_run, sweep
from engine.training.guard import guard_match, verdict
from engine.training.interruption import Interrupted, Interruption

__all__ = ["Progress", "Result", "resume", "train"]

LEARNER, BEST, GAMES = "learner.safetensors", "best.safetensors", "games.bin"
"""Binary parts of a snapshot."""
SNAPSHOT_SHARE = 0.02
"""At most about this share of the time goes into writing snapshots."""
ELO_LIMIT = 800.0
"""Elo differences are written within this; beyond it a match of a few hundred games says nothing."""
COUNTED = ("iteration", "positions", "games", "samples")
"""Of a line of the metrics, what a checkpoint tells, too."""
TICK = 0.2
"""Seconds between reports of progress."""
ACTOR_STREAM, REPLAY_STREAM, PAST_STREAM, MATCH_STREAM, CALIBRATION_STREAM = range(5)
"""Names of the run's random streams: all derive from its one seed."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands; counts are since its start, rates of the last complete iteration."""

    phase: str
    """"self-play", "learning", "match" or "done"."""
    iteration: int
    """The current one, from 1."""
    share: float
    """Of the budget used, 0 to 1."""
    elapsed: float
    """Seconds of training, over all sessions."""
    left: float | None
    """Seconds to go, estimated; None before the first iteration is done."""
    positions: int
    """Recorded by finished games."""
    games: int
    samples: int
    """Positions learnt from, with repetition."""
    metrics: dict[str, Any]
    """The last line of metrics.jsonl."""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    folder: Path
    checkpoint: Path
    """The best agent so far."""
    iterations: int
    seconds: float
    interrupted: bool
    """It was asked to stop before its budget was used: `resume` goes on."""
    elo: float
    """Of the best agent above the start, summed over the guard's matches; an estimate to be proved by a match."""


OnProgress = Callable[[Progress], None]


def train(
    config: RunConfig,
    output: Path | str,
    *,
    start: Path | str | None = None,
    network_class: str | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Fine-tune the checkpoint `start` (or an untrained network) and keep everything in the new folder `output`.

    `network_class` ("package.module:Class") is needed for a custom network. SIGINT and SIGTERM save and return. Raises
    TesujiError for games that search is not sound in, a checkpoint of another game, and an `output` that is not empty.
    """
    output = Path(output)
    create(config, output, None if start is None else Path(start), network_class)
    return resume(output, network_class=network_class, on_progress=on_progress)


def resume(output: Path | str, *, network_class: str | None = None, on_progress: OnProgress | None = None) -> Result:
    """Go on with the run in `output` from its newest snapshot, to the end of its budget.

    Raises TesujiError naming the file if the folder holds no run, or one whose files are damaged or in use.
    """
    output = Path(output)
    require_run(output)
    with locked(output), Interruption() as interruption:
        run = Run(output, network_class, interruption, on_progress)
        try:
            return run.go()
        finally:
            run.close()


class Run:
    """The state of a run in this process."""

    def __init__(
        self, folder: Path, network_class: str | None, interruption: Interruption, on_progress: OnProgress | None
    ) -> None:
        """Load the run in `folder`, as its newest snapshot has it."""
        self.folder = folder
        self.interruption = interruption
        self.on_progress = on_progress
        self.config = config = load_config(folder / CONFIG)
        self.game = load_game(config.game)
        self.network_class = network_class
        reference = load_reference(folder, config, network_class)
        encoder = reference.encoder
        self.checkpoints = Checkpoints(folder, reference, config)
        self.learner = Learner(
            reference.network,
            make_method(config.method, config.learner.value_weight),
            config.learner,
            reference=Reference(reference.network) if config.learner.kl_weight > 0.0 else None,
            seed=config.seed,
            device=device_for(config.evaluator),
        )
        seed = int(np.random.SeedSequence([config.seed, ACTOR_STREAM]).generate_state(1, np.uint64)[0])
        self.actor = Actor(self.learner.average, self.game, encoder, config, seed=seed)
        self.opponent = self.actor.past
        if config.guard.every and self.opponent is None:
            self.opponent = Contestant(self.learner.average, self.game, encoder, config)
        self.replay = Replay(
            folder / "replay",
            config.replay.window,
            room(facts(self.game).short_name).symmetries(self.game, encoder),
            shard_positions=config.replay.shard_positions,
            seed=[config.seed, REPLAY_STREAM],
        )
        self.metrics = JsonLines(folder / "metrics.jsonl")
        self.matches = JsonLines(folder / "matches.jsonl")
        self.budget = Budget(config)
        self.iteration = 0
        self.debt = 0.0
        """Learner steps owed to the positions played so far; the fraction is carried on."""
        self.totals = {"positions": 0, "games": 0, "samples": 0}
        self.best: dict[str, Any] = {"iteration": 0, "elo": 0.0, "metrics": {}}
        self.best_state = pack(self.learner.state())
        self.calibration: Calibration | None = None
        """Replayed positions for int8; None before there are any, and where int8 is not asked for."""
        self.past_loaded: str | None = None
        """Whose weights the past player has; exchanging them is not free."""
        self.judged = 0
        """Iteration of the last match."""
        self.finished = False
        self.last: dict[str, Any] = {}
        self.reported, self.reported_phase = 0.0, ""
        self.snapshot_cost = 0.0
        self.snapshot_time = 0.0
        self._restore()
        self.tensorboard = TensorBoard(folder / "tensorboard", self.iteration + 1)
        record_environment(folder / "environment.json", self.iteration)

    def close(self) -> None:
        """Let go of threads and files."""
        self.learner.close()
        self.tensorboard.close()

    # The loop.

    def go(self) -> Result:
        """Run to the end of the budget, or until asked to stop."""
        interrupted = False
        if self.iteration:
            self._draw()
        try:
            while not self.finished and not self.budget.used_up(self.iteration):
                self._iterate()
                self._capture()
                if monotonic() - self.snapshot_time >= self.snapshot_cost / SNAPSHOT_SHARE:
                    self._save()
            if not self.finished:
                self._finish()
        except Interrupted:
            interrupted = True
        if self.unsaved:
            self._save()
        self._draw()
        self._report("done")
        best = self.checkpoints.folder / "best"
        elo = float(self.captured.state["best"]["elo"])
        return Result(self.folder, best, self.captured.iteration, self.budget.elapsed, interrupted, elo)

    def _draw(self) -> None:
        draw_curve(self.folder, f"{self.config.game}: {self.folder.name}")

    def _iterate(self) -> None:
        """One iteration; nothing outside this object depends on it until `_save`."""
        fresh = 0
        counts: dict[str, float] = {}
        begin = monotonic()
        if self.budget.time_for_games or not len(self.replay):
            self._report("self-play")
            self._choose_past()
            with self.interruption.abort():
                records, counts = self.actor.play()
            self.replay.append(records)
            fresh = len(records)
            self.totals["positions"] += fresh
            self.totals["games"] += records.games
            self.budget.durations["self-play"] = monotonic() - begin
            if not self.judged:
                self.budget.durations["match"] = self._expected_match(counts)
            self.debt += self.config.replay.ratio * fresh / self.config.learner.batch_size
        else:  # the rest of the time budget goes into what has been played
            self.debt = float("inf")
        middle = monotonic()
        learnt = self._learn()
        self.iteration += 1
        self._check_finite(learnt)
        self.calibration = self._draw_calibration()
        self.actor.learner.update(self.learner.weights(), self.calibration)
        end = monotonic()
        if fresh:
            self.budget.durations["learning"] = end - middle
        answered = counts.get("cache_hits", 0) + counts.get("evaluations", 0)
        line: dict[str, Any] = {
            "iteration": self.iteration,
            **self.totals,
            "new_positions": fresh,
            "window": len(self.replay),
            **learnt,
            "cache_hit_rate": counts["cache_hits"] / answered if answered else None,
            "resign_threshold": self.actor.resignation.threshold,
            "resign_errors": self.actor.resignation.share,
            "pool": {name: value for name, value in counts.items() if not name.startswith("seconds")},
            "time": {
                "elapsed": self.budget.elapsed,
                "self_play": middle - begin,
                "learning": end - middle,
                "positions_per_second": counts.get("positions", 0) / max(1e-9, middle - begin),
                "simulations_per_second": counts.get("simulations", 0) / max(1e-9, middle - begin),
                "evaluations_per_second": counts.get("evaluations", 0) / max(1e-9, middle - begin),
                "samples_per_second": learnt["steps"] * self.config.learner.batch_size / max(1e-9, end - middle),
            },
        }
        quantisation = self.actor.learner.evaluator.quantisation
        if quantisation is not None:
            line["int8"] = {
                "acting": quantisation.precision,
                "policy_kl": quantisation.policy_kl,
                "value_error": quantisation.value_error,
            }
            line["time"]["conversion"] = quantisation.seconds  # a part of "learning"
        self.last = line
        every = self.config.guard.every
        if every and self.iteration % every == 0:
            self._judge()
        if self.actor.past is not None and self.iteration % PAST_EVERY == 0:
            self.checkpoints.save_past(self.learner.state(), self.iteration, figures(line))
        self.metrics.append(line)
        self.tensorboard.log(line, self.iteration)

    def _learn(self) -> dict[str, Any]:
        """The steps owed; mean metrics over them."""
        context = Context(self.replay, self.config.learner.batch_size)
        collected: list[dict[str, Tensor]] = []
        owed = self.debt
        progress = self.budget.share(self.iteration)
        while self.debt >= 1.0 and len(self.replay):
            self.interruption.check()
            if self.budget.time_for_training <= 0.0:
                self.debt = 0.0
                break
            progress = self.budget.share(self.iteration + len(collected) / owed)
            collected.append(self.learner.step(self.learner.method.collect(context), progress))
            self.debt -= 1.0
            self.totals["samples"] += self.config.learner.batch_size
            self._report("learning")
        steps = len(collected)
        rate = learning_rate(self.config.learner, self.learner.step_count, progress)
        means = {
            name: float(torch.stack([metrics[name] for metrics in collected]).mean())
            for name in (collected[0] if collected else {})
        }
        return {"steps": steps, "learning_rate": rate, **means}

    def _draw_calibration(self) -> Calibration | None:
        """Replayed positions, the same wherever this iteration is resumed."""
        if self.config.evaluator.precision != "int8" or not len(self.replay):
            return None
        generator = np.random.default_rng([self.config.seed, CALIBRATION_STREAM, self.iteration])
        return Calibration.split(*self.replay.window.draw(POSITIONS, generator))

    def _check_finite(self, learnt: dict[str, Any]) -> None:
        if not np.isfinite(learnt.get("loss", 0.0) + learnt.get("gradient_norm", 0.0)):
            raise TesujiError(
                f"{self.folder}: loss or gradient is not finite in iteration {self.iteration}: lower "
                f"learner.learning_rate or set learner.precision to fp32"
            )

    def _finish(self) -> None:
        """The last judgement."""
        if self.config.guard.every and self.iteration != self.judged:
            self._judge()
        self.finished = True
        self._capture()

    def _judge(self) -> None:
        """Match the averaged weights against the best; keep the better, undo what is clearly worse."""
        assert self.opponent is not None
        self.judged = self.iteration
        guard = self.config.guard
        self._report("match")
        begin = monotonic()
        best = unpack(self.best_state)
        self.past_loaded = None
        self.opponent.update(averaged(best), self.calibration)
        with self.interruption.abort():
            rating = guard_match(
                self.game,
                self.actor.learner,
                self.opponent,
                self.config,
                games=guard.games,
                seed=self._seed(MATCH_STREAM),
            )
        judged = verdict(rating, guard.rollback_elo)
        self.budget.durations["match"] = monotonic() - begin
        self.matches.append(self._match_line(rating, judged.promote, judged.roll_back))
        if judged.promote:
            self._promote(self.best["elo"] + clipped(rating.elo))
        if judged.roll_back:
            self.learner.restore(best)
            self.actor.learner.update(self.learner.weights(), self.calibration)

    def _promote(self, elo: float) -> None:
        """The averaged weights are the best now, `elo` above the start."""
        self.best = {"iteration": self.iteration, "elo": elo, "metrics": figures(self.last)}
        self.best_state = pack(self.learner.state())

    def _match_line(self, rating: Rating, promote: bool, roll_back: bool) -> dict[str, Any]:
        guard = self.config.guard
        return {
            "iteration": self.iteration,
            "against": self.best["iteration"],
            "games": guard.games,
            "simulations": guard.simulations,
            "score": rating.score,
            "elo": clipped(rating.elo),
            "elo_low": clipped(rating.low),
            "elo_high": clipped(rating.high),
            "elo_above_start": self.best["elo"] + clipped(rating.elo),
            "promoted": promote,
            "rolled_back": roll_back,
        }

    # Past checkpoints.

    def _choose_past(self) -> None:
        """Give the past player the weights of a checkpoint drawn uniformly for these `PAST_EVERY` iterations."""
        if self.actor.past is None:
            return
        draw = np.random.default_rng([self.config.seed, PAST_STREAM, self.iteration // PAST_EVERY])
        name = self.checkpoints.draw_past(draw)
        if name == self.past_loaded:
            return
        self.past_loaded = name
        checkpoint = load_checkpoint(self.checkpoints.folder / name, self.network_class)
        self.actor.past.update(checkpoint.network.state_dict(), self.calibration)

    # Snapshots.

    def _capture(self) -> None:
        """Note the state between two iterations; `_save` writes the last one noted."""
        if not self.config.guard.every:
            self._promote(0.0)  # without a judge the newest is the best
        actor, games = self.actor.state()
        state = {
            "budget": self.budget.state(),
            "debt": self.debt,
            "totals": dict(self.totals),
            "replay": self.replay.state(),
            "actor": actor,
            "best": dict(self.best),
            "past": list(self.checkpoints.past),
            "judged": self.judged,
            "finished": self.finished,
            "last": self.last,
            "sizes": {"metrics": self.metrics.size, "matches": self.matches.size},
        }
        parts = {LEARNER: pack(self.learner.state()), BEST: self.best_state, GAMES: games}
        self.captured = snapshot.Snapshot(self.iteration, state, parts)
        self.unsaved = True

    def _save(self) -> None:
        """Write what follows from the noted state, then that state, then delete what no snapshot needs any more.

        The snapshot comes last: a kill before it leaves the one before, from which all this is written again.
        """
        begin = monotonic()
        captured = self.captured
        best, last = captured.state["best"], captured.state["last"]
        self.checkpoints.save("latest", unpack(captured.parts[LEARNER]), captured.iteration, figures(last))
        judged = {"elo_above_start": best["elo"]} if self.config.guard.every else {}
        self.checkpoints.save("best", unpack(captured.parts[BEST]), best["iteration"], best["metrics"] | judged)
        self.metrics.sync()
        self.matches.sync()
        snapshot.write(self.folder / "snapshots", captured)
        states = [captured.state, *snapshot.prune(self.folder / "snapshots")]
        self.replay.prune(min(state["replay"]["oldest"] for state in states))
        self.checkpoints.prune({name for state in states for name in state["past"]})
        self.unsaved = False
        self.snapshot_time = monotonic()
        self.snapshot_cost = self.snapshot_time - begin

    def _restore(self) -> None:
        """Go to the newest snapshot, or to the start; drop everything written since."""
        sweep(self.folder)
        path = snapshot.newest(self.folder / "snapshots")
        if path is None:
            self.replay.restore(self.replay.state())
            self.metrics.truncate(0)
            self.matches.truncate(0)
            self._capture()
            return
        found = snapshot.read(path)
        state = found.state
        self.iteration = found.iteration
        self.budget.restore(state["budget"])
        self.debt = state["debt"]
        self.totals = dict(state["totals"])
        self.best, self.best_state = dict(state["best"]), found.parts[BEST]
        self.checkpoints.past = list(state["past"])
        self.judged, self.finished = state["judged"], state["finished"]
        self.last = state["last"]
        self.learner.restore(unpack(found.parts[LEARNER]))
        self.actor.restore(state["actor"], found.parts[GAMES])
        self.replay.restore(state["replay"])
        self.calibration = self._draw_calibration()
        self.actor.learner.update(self.learner.weights(), self.calibration)
        self.metrics.truncate(state["sizes"]["metrics"])
        self.matches.truncate(state["sizes"]["matches"])
        self.captured, self.unsaved = found, False

    # Time, seeds and reports.

    def _expected_match(self, counts: dict[str, float]) -> float:
        """Seconds that a first match will take, as long as its decisions take in self-play."""
        guard = self.config.guard
        if not guard.every or not self.totals["games"]:
            return 0.0
        decisions = guard.games * self.totals["positions"] / self.totals["games"]
        depth = guard.simulations / self.config.search.simulations
        return decisions * depth * self.budget.durations["self-play"] / max(1.0, counts["positions"])

    def _seed(self, stream: int) -> int:
        """A seed for this iteration."""
        sequence = np.random.SeedSequence([self.config.seed, stream, self.iteration])
        return int(sequence.generate_state(1, np.uint32)[0])

    def _report(self, phase: str) -> None:
        """Tell the caller where the run stands, not too often."""
        now = monotonic()
        repeated = phase == "learning" == self.reported_phase
        if self.on_progress is None or (repeated and now - self.reported < TICK):
            return
        self.reported, self.reported_phase = now, phase
        share, left = self.budget.share(self.iteration), self.budget.left(self.iteration)
        current = self.iteration + (phase in ("self-play", "learning"))
        self.on_progress(Progress(phase, current, share, self.budget.elapsed, left, **self.totals, metrics=self.last))


def figures(line: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint tells of its iteration, by that line of the metrics; no times, which no other run repeats."""
    return {name: value for name, value in line.items() if name in COUNTED or name.endswith("loss")}


def clipped(elo: float) -> float:
    """An Elo difference within the limit; no games count as equal."""
    return 0.0 if np.isnan(elo) else max(-ELO_LIMIT, min(ELO_LIMIT, elo))


def pack(state: dict[str, Tensor]) -> bytes:
    """A learner's state as bytes."""
    return safetensors.torch.save(state)


def unpack(data: bytes) -> dict[str, Tensor]:
    """The state of `pack`."""
    return safetensors.torch.load(data)
