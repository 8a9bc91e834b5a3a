"""A training run: self-play, learning, judging, one after the other, resumable after a kill at any instant.

The run's folder:

    run.json config.toml environment.json   what it is
    metrics.jsonl                           one line an iteration
    matches.jsonl or exploitability.jsonl   one line a judgement of the guard
    tensorboard/ learning_curve.png         the same for the eye
    comparison.json                         the last match, of the best agent against the start
    random.json                             matches against random play, of a run from scratch
    checkpoints/reference best latest past-*
    replay/                                 the positions learnt from, where search finds them
    snapshots/                              what it resumes from

An iteration is synchronous: play, learn, hand the weights to the players, judge. What is played and learnt from is the
experience's business (`self_play`: by search; `rollouts`: by the raw network). With a budget in iterations and float32,
the same configuration gives the same run, however often it was interrupted.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from engine.config import RunConfig, values
from engine.errors import TesujiError
from engine.files import atomic_write
from engine.finetune.learner import Learner, learning_rate
from engine.finetune.methods import POLICY_GRADIENTS, make_policy_gradient, make_search_method
from engine.finetune.retention import Reference
from engine.game import load_game
from engine.metrics import JsonLines, TensorBoard, plain, record_environment
from engine.network import load_checkpoint
from engine.search.evaluator import device_for
from engine.selfplay.actor import Contestant
from engine.training import snapshot
from engine.training.budget import Budget
from engine.training.checkpoints import Checkpoints, averaged
from engine.training.curve import draw_curve
from engine.training.experience import Experience
from engine.training.folder import (
    REFERENCE,
    UNTRAINED,
    accept,
    create,
    load_reference,
    load_run_config,
    locked,
    require_run,
    sweep,
    with_starts,
)
from engine.training.guard import Comparison, ExploitabilityGuard, Guard, MatchGuard, information_tree, plays_matches
from engine.training.interruption import Interrupted, Interruption
from engine.training.oracle import OracleCheck
from engine.training.random_match import play_random
from engine.training.rollouts import Rollouts
from engine.training.self_play import SelfPlay
from engine.training.stalling import stalling
from engine.training.streams import COMPARISON_STREAM, MATCH_STREAM, RANDOM_STREAM

__all__ = ["Progress", "Result", "resume", "train"]

LEARNER, BEST = "learner.safetensors", "best.safetensors"
"""Binary parts of a snapshot, beside those of the experience."""
SNAPSHOT_SHARE = 0.02
"""At most about this share of the time goes into writing snapshots."""
COUNTED = ("iteration", "positions", "games", "samples")
"""Of a line of the metrics, what a checkpoint tells, too."""
EVALUATED = ("elo", "elo_low", "elo_high", "exploitability", "oracle_agreement")
"""Of a judgement's line, what TensorBoard shows."""
START, END = "start", "end"
"""When a run from scratch meets random play."""
LONGER = "More --minutes make room for it; so do fewer guard.simulations"
"""What to change where a match has too little time."""
SLOW_BEGINNING = 2.0
"""Seconds after which games that are still beginning are told of."""
TICK = 0.2
"""Seconds between reports of progress."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands; counts are since its start, rates of the last complete iteration."""

    phase: str
    """"dealing" (games that take long to begin), "self-play", "learning", "match",
    "match against random" or "done"."""
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
    notes: tuple[str, ...] = ()
    """The notes of the run so far, a sentence for each, such as that a match was left out for lack of time."""


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
    positions: int
    """Recorded by finished games."""
    samples: int
    """Positions learnt from, with repetition; 0: the best agent is the start."""
    comparison: Comparison | None
    """The best agent against the start, in a match of its own; None where the best is the start, where the guard plays
    no matches, and where the time was too short.
    """
    best: int
    """Iteration of the best agent; 0: it is the start."""
    exploitability: float | None
    """Of the best agent, exact, NashConv / players in utilities; None where the guard does not go by it."""
    judged: bool
    """The guard has finished a judgement; else the best agent is the latest."""
    notes: tuple[str, ...]
    """See `Progress`."""
    random: Mapping[str, Comparison]
    """Of a run from scratch: the raw network against random play, at the "start", and the best one at the "end";
    without one for which the time was too short.
    """

    @property
    def elo(self) -> float | None:
        """Of the best agent above the start, by `comparison`."""
        return self.comparison.elo if self.comparison else None


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
    TesujiError for games that the method does not take, a checkpoint of another game, and an `output` not empty.
    """
    output = Path(output)
    create(config, output, None if start is None else Path(start), network_class)
    return resume(output, network_class=network_class, on_progress=on_progress)


def resume(
    output: Path | str,
    *,
    network_class: str | None = None,
    accept_config: bool = False,
    on_progress: OnProgress | None = None,
) -> Result:
    """Go on with the run in `output` from its newest snapshot, to the end of its budget.

    A configuration that was changed is refused unless `accept_config`; a finished run then goes on if its budget has
    grown. Raises TesujiError naming the file if the folder holds no run, or one whose files are damaged or in use.
    """
    output = Path(output)
    require_run(output)
    with locked(output), Interruption() as interruption:
        try:
            with interruption.abort():
                run = Run(output, network_class, interruption, on_progress, accept_config)
        except Interrupted:
            raise KeyboardInterrupt from None  # nothing has been done yet
        try:
            return run.go()
        finally:
            run.close()


class Run:
    """The state of a run in this process."""

    def __init__(
        self,
        folder: Path,
        network_class: str | None,
        interruption: Interruption,
        on_progress: OnProgress | None,
        accept_config: bool,
    ) -> None:
        """Load the run in `folder`, as its newest snapshot has it."""
        self.folder = folder
        self.interruption = interruption
        self.on_progress = on_progress
        written, changes = load_run_config(folder, accept_config)
        self.config = config = with_starts(folder, written)
        self.game = load_game(config.game)
        self.network_class = network_class
        reference = load_reference(folder, config, network_class)
        self.checkpoints = Checkpoints(folder, reference, config)
        self.learner: Learner[Any]
        self.experience: Experience
        self.guard: Guard | None
        self.notes: dict[str, str] = {}
        """What there was to say, once of each kind."""
        self.assembled = monotonic()
        self._assemble(Reference(reference.network) if config.learner.kl_weight > 0.0 else None)
        self.metrics = JsonLines(folder / "metrics.jsonl")
        self.judgements = JsonLines(folder / (self.guard.record if self.guard else MatchGuard.record))
        self.budget = Budget(config, self.guard.closing if self.guard else 0)
        self.iteration = 0
        self.totals = {"positions": 0, "games": 0, "samples": 0}
        self.best: dict[str, Any] = {"iteration": 0, "standing": {}, "metrics": {}}
        self.best_state = pack(self.learner.state())
        self.judged = 0
        """Iteration after which the guard was asked last."""
        self.verdicts = 0
        """Its judgements."""
        self.comparison: Comparison | None = None
        self.scratch = self.checkpoints.reference.method == UNTRAINED
        """The run began with an untrained network."""
        self.random: dict[str, Comparison] = {}
        """Its matches against random play, by when."""
        self.oracle: OracleCheck | None = None
        self.finished = False
        self.last: dict[str, Any] = {}
        self.reported, self.reported_phase = 0.0, ""
        self.snapshot_cost = 0.0
        self.snapshot_time = 0.0
        self._restore()
        self.tensorboard = TensorBoard(folder / "tensorboard", self.iteration + 1, values(config))
        if changes:
            accept(folder, written)
            self.finished = False
        record_environment(folder / "environment.json", self.iteration, changes)

    def _assemble(self, reference: Reference | None) -> None:
        """Learner, experience and guard, as the method wants them."""
        config, game, start = self.config, self.game, self.checkpoints.reference
        device = device_for(config.evaluator)
        guarded = config.guard.every > 0
        self.guard = None
        if config.method.name in POLICY_GRADIENTS:
            gradient = make_policy_gradient(config)
            self.learner = Learner(
                start.network,
                gradient,
                config.learner,
                reference=reference,
                seed=config.seed,
                device=device,
                still=True,
                pretrained=start.method != UNTRAINED,
            )
            self.experience = Rollouts(self.learner, gradient, game, config, self.checkpoints, self._begun)
            if guarded and plays_matches(game):
                players = [Contestant(self.learner.average, game, start.encoder, config) for _ in range(2)]
                self.guard = MatchGuard(game, players[0], players[1], config, learner=self.learner)
            elif guarded and (tree := information_tree(game, config)) is not None:
                self.guard = ExploitabilityGuard(tree, start.encoder, self.learner)
            return
        search = make_search_method(config)
        self.learner = Learner(
            start.network, search, config.learner, reference=reference, seed=config.seed, device=device
        )
        experience = SelfPlay(self.learner, search, game, config, self.checkpoints, self.network_class)
        if guarded:
            best = Contestant(self.learner.average, game, start.encoder, config)
            self.guard = MatchGuard(game, experience.actor.learner, best, config, calibrated=experience)
        self.experience = experience

    def close(self) -> None:
        """Let go of threads and files."""
        self.experience.close()
        self.learner.close()
        self.tensorboard.close()

    # The loop.

    def go(self) -> Result:
        """Run to the end of the budget, or until asked to stop."""
        interrupted = False
        if self.iteration:
            self._draw()
        try:
            if self.scratch and not self.iteration and not self.finished:
                self._meet_random(START)
            while not self.finished and not self._out_of_time():
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
        state = self.captured.state
        return Result(
            self.folder,
            self.checkpoints.folder / "best",
            self.captured.iteration,
            self.budget.elapsed,
            interrupted,
            state["totals"]["positions"],
            state["totals"]["samples"],
            read_comparison(state),
            state["best"]["iteration"],
            state["best"]["standing"].get("exploitability"),
            state["verdicts"] > 0,
            tuple(state["notes"].values()),
            read_random(state),
        )

    def _out_of_time(self) -> bool:
        """The budget is used up, or what is left of it is too little for anything new to be learnt."""
        if self.budget.used_up(self.iteration):
            return True
        begun = bool(self.totals["positions"])
        return begun and not self.experience.repeatable and not self.budget.time_for_games

    def _draw(self) -> None:
        draw_curve(self.folder, f"{self.config.game}: {self.folder.name}")

    def _iterate(self) -> None:
        """One iteration; nothing outside this object depends on it until `_save`."""
        begin = monotonic()
        fresh = decisions = 0
        played: dict[str, Any] = {}
        rates: dict[str, float] = {}
        if self.budget.time_for_games or not self.totals["positions"]:
            self._report("self-play")
            with self.interruption.abort():
                share, seconds = self.budget.share(self.iteration), self.budget.time_to_play
                games = self.experience.play(self.iteration, share, seconds)
            fresh, decisions, played, rates = games.positions, games.decisions, dict(games.metrics), dict(games.rates)
            self.totals["positions"] += fresh
            self.totals["games"] += games.games
            self.budget.durations["self-play"] = monotonic() - begin
            if "stalling" not in self.notes:
                self._note("stalling", stalling(self.game, self.iteration + 1, games.lengths, games.returns))
            if self.guard is not None and not self.judged and self.totals["games"]:
                length = self.totals["positions"] / self.totals["games"]
                pace = self.budget.durations["self-play"] / max(1, decisions)
                self.budget.durations["match"] = self.guard.expected(length, pace)
        else:  # the rest of the time budget goes into what has been played
            self.experience.repeat()
        middle = monotonic()
        before = self.totals["samples"]
        learnt = self._learn()
        self.iteration += 1
        self._check_finite(learnt)
        with self.interruption.abort():
            updated = self.experience.update(self.iteration)
        end = monotonic()
        if fresh:
            self.budget.durations["learning"] = end - middle
        seconds, learning = max(1e-9, middle - begin), max(1e-9, end - middle)
        self.last = {
            "iteration": self.iteration,
            **self.totals,
            "new_positions": fresh,
            **learnt,
            **played,
            **updated,
            "time": {
                **updated.get("time", {}),  # a part of "learning"
                "elapsed": self.budget.elapsed,
                "self_play": middle - begin,
                "learning": end - middle,
                **{f"{name}_per_second": count / seconds for name, count in rates.items()},
                "samples_per_second": (self.totals["samples"] - before) / learning,
            },
        }
        if self.guard is not None and self.iteration % self.config.guard.every == 0:
            self._judge(self.budget.time_for_match())
        self.experience.keep(self.iteration, figures(self.last))
        self.metrics.append(self.last)
        times = self.last["time"]
        play = {**self.totals, "new_positions": fresh, **played, **updated}
        groups = {"loss": learnt, "selfplay": {name: play[name] for name in play if name != "time"}, "time": times}
        self.tensorboard.log(groups, self.iteration)

    def _learn(self) -> dict[str, Any]:
        """The batches owed; mean metrics over them."""
        collected: list[dict[str, Tensor]] = []
        samples = 0
        owed = max(1.0, self.experience.owed)
        progress = self.budget.share(self.iteration)
        while (batch := self.experience.batch()) is not None:
            self.interruption.check()
            if self.budget.time_for_training <= 0.0:
                self.experience.drop()
                break
            progress = self.budget.share(self.iteration + len(collected) / owed)
            collected.append(self.learner.step(batch, progress))
            samples += len(batch)
            self._report("learning")
        self.totals["samples"] += samples
        rate = learning_rate(self.config.learner, self.learner.step_count, progress)
        means = {
            name: float(torch.stack([metrics[name] for metrics in collected]).mean())
            for name in (collected[0] if collected else {})
        }
        return {"steps": len(collected), "learning_rate": rate, **means}

    def _check_finite(self, learnt: dict[str, Any]) -> None:
        if not np.isfinite(learnt.get("loss", 0.0) + learnt.get("gradient_norm", 0.0)):
            raise TesujiError(
                f"{self.folder}: loss or gradient is not finite in iteration {self.iteration}: lower "
                f"learner.learning_rate or set learner.precision to fp32"
            )

    def _finish(self) -> None:
        """The last judgement, and the match of the best against the start."""
        if self.guard is not None and self.totals["samples"]:
            if self.iteration != self.judged:
                self._judge(self.budget.time_for_match(self.guard.closing))
            if not self.verdicts:
                self._promote({})  # nobody can say better
            if self.best["iteration"]:
                self._compare(self.guard)
        if self.scratch and self.totals["samples"]:
            self._meet_random(END)
        self.finished = True
        self._capture()

    def _compare(self, guard: Guard) -> None:
        """What the best agent has gained since the start, in games that had no part in choosing it."""
        self._report("match")
        folder = self.checkpoints.folder / REFERENCE
        start = load_checkpoint(folder, self.network_class, self.config.game).network.state_dict()
        seed = np.random.SeedSequence([self.config.seed, COMPARISON_STREAM, self.iteration])
        with self.interruption.abort():
            self.comparison = guard.compare(
                averaged(unpack(self.best_state)),
                start,
                int(seed.generate_state(1, np.uint32)[0]),
                self.budget.time_for_match(1),
            )
        if self.comparison is not None:
            self.best["standing"] = self.best["standing"] | self.comparison.figures()
            self.tensorboard.log({"eval": self.comparison.figures()}, self.iteration)

    def _meet_random(self, moment: str) -> None:
        """The best raw network against random play: a run from scratch should soon be above it."""
        self._report("match against random")
        begin = monotonic()
        network = copy.deepcopy(self.learner.average)
        network.load_state_dict(averaged(unpack(self.best_state)))
        seed = np.random.SeedSequence([self.config.seed, RANDOM_STREAM, (START, END).index(moment)])
        with self.interruption.abort():
            found = play_random(
                self.game,
                network,
                self.checkpoints.reference.encoder,
                games=self.config.guard.games,
                seed=int(seed.generate_state(1, np.uint32)[0]),
                seconds=self.budget.time_for_random,
                workers=self.config.rollout.workers,
            )
        if moment == START:
            self.budget.set_aside(monotonic() - begin)
        if found is not None:
            self.random[moment] = found
            self.tensorboard.log({"eval": found.figures("random")}, self.iteration)

    def _judge(self, seconds: float) -> None:
        """Compare the averaged weights with the best; keep the better, undo what is clearly worse. At most so long."""
        assert self.guard is not None
        self.judged = self.iteration
        self._report("match")
        begin = monotonic()
        best = unpack(self.best_state)
        seed = np.random.SeedSequence([self.config.seed, MATCH_STREAM, self.iteration]).generate_state(1, np.uint32)
        with self.interruption.abort():
            found = self.guard.judge(averaged(best), self.best["standing"], int(seed[0]), seconds)
        gone = monotonic() - begin
        self.budget.matches += gone
        if found is None:
            self._note(
                "left out",
                f"the judgement after iteration {self.iteration} was left out: the time was too short for its match. "
                f"{LONGER}",
            )
            return
        self.verdicts += 1
        self.budget.durations["match"] = gone * found.planned
        if self.budget.seconds and found.line.get("games", math.inf) < self.config.guard.games:
            self._note(
                "shortened",
                f"the judgement after iteration {self.iteration} was shortened to {found.line['games']} games, to keep "
                f"within the budget. {LONGER}",
            )
        if self.oracle is None:
            self.oracle = OracleCheck(self.game, self.checkpoints.reference.encoder)
        agreement = self.oracle.agreement(self.learner.average)
        line = {**found.line, **({} if agreement is None else {"oracle_agreement": agreement})}
        self.tensorboard.log({"eval": {name: line[name] for name in EVALUATED if name in line}}, self.iteration)
        self.judgements.append(
            {
                "iteration": self.iteration,
                "against": self.best["iteration"],
                "positions": self.totals["positions"],
                "elapsed": self.budget.elapsed,
                **line,
                "promoted": found.promote,
                "rolled_back": found.roll_back,
            }
        )
        if found.promote:
            self._promote(found.standing)
        else:
            self.best["standing"] = dict(found.kept)
        if found.roll_back:
            self.learner.restore(best)
            self.experience.update(self.iteration)

    def _promote(self, standing: Mapping[str, float]) -> None:
        """The averaged weights are the best now."""
        self.best = {"iteration": self.iteration, "standing": dict(standing), "metrics": figures(self.last)}
        self.best_state = pack(self.learner.state())

    # Snapshots.

    def _capture(self) -> None:
        """Note the state between two iterations; `_save` writes the last one noted."""
        if self.guard is None:
            self._promote({})  # without a judge the newest is the best
        values, binary = self.experience.state()
        state = {
            "budget": self.budget.state(),
            "totals": dict(self.totals),
            "experience": values,
            "best": dict(self.best),
            "judged": self.judged,
            "verdicts": self.verdicts,
            "comparison": asdict(self.comparison) if self.comparison else None,
            "random": {moment: asdict(each) for moment, each in self.random.items()},
            "notes": dict(self.notes),
            "finished": self.finished,
            "last": self.last,
            "records": {"metrics": self.metrics.mark(), "judgements": self.judgements.mark()},
        }
        parts = {LEARNER: pack(self.learner.state()), BEST: self.best_state, **binary}
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
        told = best["metrics"] | best["standing"]
        self.checkpoints.save("best", unpack(captured.parts[BEST]), best["iteration"], told)
        self.metrics.sync()
        self.judgements.sync()
        if captured.state["comparison"]:
            data = json.dumps(plain(captured.state["comparison"]), indent=2)
            atomic_write(self.folder / "comparison.json", f"{data}\n".encode())
        if captured.state["random"]:
            data = json.dumps(plain(captured.state["random"]), indent=2)
            atomic_write(self.folder / "random.json", f"{data}\n".encode())
        snapshot.write(self.folder / "snapshots", captured)
        states = [captured.state, *snapshot.prune(self.folder / "snapshots")]
        self.experience.prune([state["experience"] for state in states])
        self.unsaved = False
        self.snapshot_time = monotonic()
        self.snapshot_cost = self.snapshot_time - begin

    def _restore(self) -> None:
        """Go to the newest snapshot, or to the start; drop everything written since."""
        sweep(self.folder)
        path = snapshot.newest(self.folder / "snapshots")
        if path is None:
            self.experience.clear()
            self.metrics.truncate(0)
            self.judgements.truncate(0)
            self._capture()
            return
        found = snapshot.read(path)
        state = found.state
        self.iteration = found.iteration
        self.budget.restore(state["budget"])
        self.totals = dict(state["totals"])
        self.best, self.best_state = dict(state["best"]), found.parts[BEST]
        self.judged, self.finished = state["judged"], state["finished"]
        self.verdicts, self.comparison = state["verdicts"], read_comparison(state)
        self.random = read_random(state)
        self.notes = dict(state["notes"])
        self.last = state["last"]
        self.learner.restore(unpack(found.parts[LEARNER]))
        self.experience.restore(found.iteration, state["experience"], found.parts)
        self.metrics.restore(state["records"]["metrics"])
        self.judgements.restore(state["records"]["judgements"])
        self.captured, self.unsaved = found, False

    # Reports.

    def _note(self, kind: str, text: str | None) -> None:
        """Say something, with the next report and in the result, unless something of the kind has been said."""
        if text is not None:
            self.notes.setdefault(kind, text)

    def _begun(self, begun: int, games: int) -> None:
        """Games are beginning, which takes a moment at most, unless the game does much about it."""
        gone = monotonic() - self.assembled
        if self.on_progress is None or gone < SLOW_BEGINNING or not begun:
            return
        seconds = gone * games / begun
        text = f"{games} games take about {seconds:.0f} s to begin; --set rollout.games=N begins fewer"
        kind = self.game.get_type()
        if {**kind.parameter_specification, **self.game.get_parameters()}.get("use_double_dummy_result"):
            text += (
                f". {kind.short_name} solves every deal double dummy: {kind.short_name}(use_double_dummy_result=false) "
                "does not, and begins at once"
            )
        self._note("beginning", text)
        notes = tuple(self.notes.values())
        self.on_progress(Progress("dealing", 0, 0.0, gone, seconds - gone, 0, 0, 0, {}, notes))

    def _report(self, phase: str) -> None:
        """Tell the caller where the run stands, not too often."""
        now = monotonic()
        repeated = phase == "learning" == self.reported_phase
        if self.on_progress is None or (repeated and now - self.reported < TICK):
            return
        self.reported, self.reported_phase = now, phase
        share, left = self.budget.share(self.iteration), self.budget.left(self.iteration)
        current = self.iteration + (phase in ("self-play", "learning"))
        self.on_progress(
            Progress(
                phase,
                current,
                share,
                self.budget.elapsed,
                left,
                **self.totals,
                metrics=self.last,
                notes=tuple(self.notes.values()),
            )
        )


def read_comparison(state: Mapping[str, Any]) -> Comparison | None:
    """The comparison in a snapshot's state."""
    return Comparison(**state["comparison"]) if state["comparison"] else None


def read_random(state: Mapping[str, Any]) -> dict[str, Comparison]:
    """The matches against random play in a snapshot's state."""
    return {moment: Comparison(**each) for moment, each in state.get("random", {}).items()}


def figures(line: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint tells of its iteration, by that line of the metrics; no times, which no other run repeats."""
    return {name: value for name, value in line.items() if name in COUNTED or name.endswith("loss")}


def pack(state: dict[str, Tensor]) -> bytes:
    """A learner's state as bytes."""
    return safetensors.torch.save(state)


def unpack(data: bytes) -> dict[str, Tensor]:
    """The state of `pack`."""
    return safetensors.torch.load(data)
