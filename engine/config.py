"""The configuration of a run: frozen typed dataclasses, filled from (later wins) the defaults here, the method's own
(``engine/finetune/methods/METHOD.toml``), the game's room (``config.toml``, then ``METHOD.toml``), the user's TOML
file, and ``--set section.key=value``. Where none of them names a method, it is the one that is sound in the game.

Every field is checked for type and range; an unknown key is an error that names the nearest known one.
"""

import json
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.errors import ConfigError, nearest
from engine.files import atomic_write, read_file
from engine.game import hides_the_mover, load_game, room, sound_method

__all__ = [
    "POLICY_GRADIENTS",
    "EvaluatorConfig",
    "GrpoConfig",
    "GuardConfig",
    "LearnerConfig",
    "MethodConfig",
    "MmdConfig",
    "NetworkConfig",
    "PpoConfig",
    "ReplayConfig",
    "RolloutConfig",
    "RunConfig",
    "SearchConfig",
    "SelfPlayConfig",
    "changes",
    "load_config",
    "read_section",
    "save_config",
    "settle",
]


MOST = 2**31 - 1
"""Of a whole number that has no bound of its own: the core counts in 31 bits."""


def number(default: float, low: float, high: float = math.inf, *, above: bool = False) -> Any:
    """A numeric field in [low, high], or in (low, high] with `above`."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


def share(default: float) -> Any:
    """A numeric field in [0, 1]."""
    return number(default, 0.0, 1.0)


def choice(*allowed: str) -> Any:
    """A text field with these values; the first is the default."""
    return field(default=allowed[0], metadata={"allowed": allowed})


@dataclass(frozen=True)
class Section:
    """A table of fields that checks itself when made, from a file or from Python."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not is_dataclass(each.type):
                check(each, getattr(self, each.name))


@dataclass(frozen=True)
class NetworkConfig(Section):
    """The shape of the network."""

    kind: str = choice("auto", "residual", "mlp", "custom")  # auto: residual for [C, H, W] inputs, mlp for others
    encoder: str = "auto"  # how a state becomes numbers; auto: the game's default; seated: that, and the seat
    channels: int = number(32, 1, 4096)  # residual: width of the torso
    blocks: int = number(4, 0, 256)  # residual: blocks of two 3x3 convolutions
    hidden: int = number(256, 1, 65536)  # mlp: width of each layer
    layers: int = number(3, 1, 64)  # mlp: number of hidden layers
    custom: str = ""  # custom: "package.module:Class" of a torch.nn.Module


@dataclass(frozen=True)
class SearchConfig(Section):
    """Tree search. Values in the tree are normalised to [-1, 1]. csrc/params.h explains every field at length."""

    simulations: int = number(64, 0, 2**31 - 1)  # per move; 0: the raw network (not in a run)
    selection: str = choice("puct", "gumbel")  # gumbel: for few simulations (Danihelka et al., 2022)
    c_puct: float = number(1.5, 0.0)  # exploration against value (AlphaZero: c_init 1.25)
    c_puct_base: float = number(19652.0, 1.0)  # visits at which exploration grows (AlphaZero, pseudocode)
    fpu_reduction: float = number(0.25, 0.0, 2.0)  # an unvisited action's value: its parent's less this (KataGo: 0.2)
    max_considered_actions: int = number(16, 1)  # gumbel: root actions that compete for the simulations (mctx: 16)
    c_visit: float = number(50.0, 0.0)  # gumbel: a value weighs (c_visit + most visits) * c_scale beside the logits
    c_scale: float = number(0.2, 0.0)  # the paper: 1 for board games, too sharp here; 0.1 for Atari
    value_range: str = choice("auto", "declared", "tree")  # of values compared; auto: the tree's own beyond [-1, 1]
    proofs: bool = True  # known wins, losses and draws propagate; a proven root ends the search
    expected_chance: bool = True  # a chance node is worth its expectation; false: the mean of drawn outcomes
    chance_widening: float = number(0.0, 0.0)  # at most this * sqrt(visits) outcomes are looked at; 0: all
    chance_samples: int = number(16, 1, 65536)  # successors drawn, in games with chance inside their states
    joint_exploration: float = number(0.1, 0.0, 1.0, above=True)  # share of the prior where players move simultaneously
    leaves_in_flight: int = number(1, 1, 4096)  # above 1 only where one position is searched alone (virtual loss)
    max_cached_states: int = number(0, 0)  # states kept in a tree; 0: one a node
    max_bytes: int = number(0, 0, 2**63 - 1)  # of a tree; when reached, search goes on without growing; 0: no bound
    reuse_tree: bool = False  # in games: keep the visits, not only the evaluations, below the move played


@dataclass(frozen=True)
class SelfPlayConfig(Section):
    """The games an actor plays."""

    workers: int = number(2, 1, 1024)  # threads, each with its own games and network
    games_per_worker: int = number(128, 1, 65536)  # games at once; half of them make one batch
    positions: int = number(10_000, 1)  # learner decisions an iteration, over all workers
    dirichlet_alpha: float = number(1.0, 0.0, above=True)  # root noise, about 10 / legal actions (AlphaZero)
    dirichlet_fraction: float = share(0.25)  # of the root prior (AlphaZero)
    dirichlet_total: float = number(0.0, 0.0)  # above 0: alpha is this / legal actions instead (KataGo: 10.83)
    root_policy_temperature: float = number(1.0, 0.0, 100.0, above=True)  # flattens the root prior (KataGo: 1.1)
    forced_playouts: float = number(0.0, 0.0)  # root actions get sqrt(this * prior * visits), targets less (KataGo: 2)
    gumbel_scale: float = number(1.0, 0.0)  # search.selection gumbel: of its noise (mctx: 1); agents play without
    fast_share: float = share(0.0)  # of decisions with fast_simulations, not learnt from (KataGo: 0.75)
    fast_simulations: int = number(16, 1)  # without noise
    temperature: float = number(1.0, 0.0, 100.0)  # exponent 1/temperature on root visits, early; gumbel plays its draw
    temperature_plies: int = number(12, 0)  # until the game has so many plies, chance and random openings included
    final_temperature: float = number(0.1, 0.0, 100.0)  # from then on
    random_opening_share: float = share(0.7)  # of games that start with random moves
    random_opening_plies: int = number(8, 0)  # at most; the number is drawn uniformly from 1 to this
    past_share: float = share(0.1)  # of games against a past checkpoint
    resign_threshold: float = share(0.95)  # resign below minus this root value (normalised); 0: never
    resign_plies: int = number(2, 1)  # own decisions in a row below the threshold
    resign_check_share: float = share(0.1)  # of resignable games played on, to find false positives
    resign_false_positive_limit: float = share(0.05)  # of those not lost; above it the threshold rises
    cache_entries: int = number(200_000, 0)  # evaluations kept a worker, at most 256 MiB of them; 0: none


@dataclass(frozen=True)
class ReplayConfig(Section):
    """What the learner draws from."""

    window: int = number(300_000, 1)  # newest positions that are sampled
    shard_positions: int = number(50_000, 1)  # at most this many positions a file on disk
    ratio: float = number(7.5, 0.0, above=True)  # training samples for each new position


@dataclass(frozen=True)
class LearnerConfig(Section):
    """Optimisation: AdamW."""

    batch_size: int = number(512, 1)  # positions a step
    learning_rate: float = number(2e-3, 0.0, 10.0, above=True)  # after warm-up
    final_learning_rate: float = number(1e-5, 0.0, 10.0)  # at the end of the schedule
    schedule: str = choice("cosine", "constant")  # over the training budget
    warmup_steps: int = number(100, 0)  # of linear rise from 0
    weight_decay: float = number(1e-4, 0.0, 10.0)  # decoupled; per step it takes learning_rate * this
    gradient_clip: float = number(1.0, 0.0, above=True)  # largest L2 norm of the gradient
    ema_decay: float = share(0.999)  # a step; the averaged weights act (not in roll-outs), are judged and saved
    kl_weight: float = number(0.0, 0.0)  # of KL(reference || network), in nats beside the policy loss
    value_weight: float = number(1.0, 0.0)  # of the value loss beside the policy loss
    precision: str = choice("auto", "fp32", "bf16")  # of forward and backward; auto: bf16 where the hardware has it
    threads: int = number(2, 1, 1024)  # of torch while learning


POLICY_GRADIENTS = ("ppo", "mmd", "grpo")
"""The methods that learn from games of the raw network; the others learn from searches."""


@dataclass(frozen=True)
class MethodConfig(Section):
    """What is learnt from: searches (expert_iteration), or the games' own outcomes (the others)."""

    name: str = choice("expert_iteration", "sft", *POLICY_GRADIENTS)  # a file in engine/finetune/methods
    outcome_weight: float = share(0.6)  # expert_iteration: value target = this * outcome + (1 - this) * root value


@dataclass(frozen=True)
class RolloutConfig(Section):
    """Games of ppo, mmd and grpo: the raw network plays all seats, many games side by side."""

    games: int = number(512, 1, 65536)  # at once
    positions: int = number(16_384, 1)  # decisions an iteration, over all games
    workers: int = number(1, 1, 1024)  # threads that step the games
    starts: str = ""  # file with a history a line ([3, 3, 2]) that games begin from; empty: from the start
    held_out: str = choice("refuse", "skip", "use")  # what to do with lines of that file that are marked as held out


@dataclass(frozen=True)
class PpoConfig(Section):
    """Proximal policy optimisation. engine/finetune/methods/ppo.py lists the details and their sources."""

    epochs: int = number(2, 1, 1000)  # passes over an iteration's decisions
    clip: float = number(0.2, 0.0, above=True)  # probability ratios beyond 1 +- this teach no more
    entropy_weight: float = number(0.05, 0.0)  # of the policy's entropy, in nats; hidden information wants 0.05 to 0.1
    advantage: str = choice("gae", "vtrace")  # vtrace: corrects for games begun by an earlier network
    trace_decay: float = share(0.95)  # lambda of GAE and V-trace
    discount: float = share(1.0)  # of rewards, an own decision; games that end need none
    advantage_share: float = number(1.0, 0.0, 1.0, above=True)  # of decisions learnt from, largest |advantage| first
    normalise: bool = True  # advantages to mean 0 and deviation 1 over an iteration


@dataclass(frozen=True)
class MmdConfig(Section):
    """Magnetic mirror descent. engine/finetune/methods/mmd.py lists the details and their sources."""

    epochs: int = number(2, 1, 1000)  # passes over an iteration's decisions
    step_kl_weight: float = number(1.0, 0.0)  # 1 / step size: of KL(network || the policy that played)
    magnet: str = choice("uniform", "reference")  # what the policy is drawn to; reference: the agent it began with
    magnet_uniform: float = share(0.0)  # of the uniform policy in a reference magnet, so that it excludes no action
    magnet_weight: float = number(0.05, 0.0)  # of KL(network || magnet), in nats; the temperature of the equilibrium
    final_magnet_weight: float = number(0.05, 0.0)  # at the end of the schedule
    magnet_schedule: str = choice("constant", "linear", "geometric")  # to the final weight, over the budget
    advantage: str = choice("gae", "vtrace")
    trace_decay: float = share(0.95)  # lambda of GAE and V-trace
    discount: float = share(1.0)  # of rewards, an own decision
    normalise: bool = False  # advantages to deviation 1: the magnet's weight is then relative to them


@dataclass(frozen=True)
class GrpoConfig(Section):
    """Group-relative policy optimisation. engine/finetune/methods/grpo.py lists the details and their sources."""

    epochs: int = number(1, 1, 1000)  # passes over an iteration's decisions
    group: int = number(16, 2, 65536)  # games that begin alike; rollout.games must be a multiple
    clip: float = number(0.2, 0.0, above=True)  # probability ratios beyond 1 +- this teach no more
    kl_weight: float = number(0.02, 0.0)  # of KL(network || reference), in nats, by its unbiased low-variance estimate
    entropy_weight: float = number(0.0, 0.0)  # of the policy's entropy, in nats
    normalise: bool = True  # outcomes of a group by their deviation, too, not only by their mean


@dataclass(frozen=True)
class EvaluatorConfig(Section):
    """Where and how leaves are answered."""

    backend: str = choice("auto", "torch", "openvino")  # auto: CUDA if there, else the fastest installed
    precision: str = choice("auto", "fp32", "bf16", "int8")  # auto: bf16 where the hardware has it; int8: see below
    device: str = choice("auto", "cpu", "cuda")  # auto: a GPU if there is one
    # int8 needs the extra of that name and runs on the CPU; a run calibrates it on replayed positions at each update of
    # the weights. Where it errs by more than this on other positions (metrics.jsonl says by how much), bf16 acts.
    # connect_four/tuned errs by 0.0012 and 0.014 on its own games, and plays as well as in fp32: Elo +2 [-1, +6].
    int8_policy_kl: float = number(0.01, 0.0)  # mean KL(fp32 || int8) of the policies, in nats
    int8_value_error: float = number(0.05, 0.0)  # mean absolute error of the values, normalised to [-1, 1]


@dataclass(frozen=True)
class GuardConfig(Section):
    """The match that keeps the best checkpoint; with a budget in minutes it may be shorter, to keep within that."""

    every: int = number(10, 0)  # iterations between matches; 0: no guard
    games: int = number(200, 2)  # a match, in pairs with colours swapped
    simulations: int = number(64, 0)  # per move; 0: raw network
    rollback_elo: float = number(-50.0, -10_000.0, 0.0)  # a candidate further below the best than this is undone
    opening_plies: int = number(6, 0)  # random moves each pair starts from
    # ppo, mmd, grpo: zero-sum games of hidden information are judged by exact exploitability instead if they have at
    # most so many histories, else not at all
    max_histories: int = number(1_000_000, 0)


@dataclass(frozen=True)
class RunConfig(Section):
    """Everything that decides a run. The training budget is `iterations` or `minutes`, never both."""

    game: str = ""  # OpenSpiel game string
    seed: int = number(0, 0, 2**63 - 1)  # every stream of a run derives from it
    iterations: int = number(0, 0, 2**31 - 1)  # training budget in iterations; 0: none
    minutes: float = number(0.0, 0.0, 1e6)  # training budget in minutes of wall time; 0: none
    network: NetworkConfig = field(default_factory=NetworkConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    selfplay: SelfPlayConfig = field(default_factory=SelfPlayConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    ppo: PpoConfig = field(default_factory=PpoConfig)
    mmd: MmdConfig = field(default_factory=MmdConfig)
    grpo: GrpoConfig = field(default_factory=GrpoConfig)
    evaluator: EvaluatorConfig = field(default_factory=EvaluatorConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations > 0 and self.minutes > 0:
            raise ConfigError("iterations and minutes are both set: give one training budget, set the other to 0")
        searches = self.method.name not in POLICY_GRADIENTS
        if self.search.simulations == 0 and searches:
            raise ConfigError("search.simulations: 0 is out of range: self-play learns from search, give at least 1")
        if self.search.leaves_in_flight != 1:
            raise ConfigError(
                f"search.leaves_in_flight: {self.search.leaves_in_flight} is for one position searched alone; "
                f"the games of a run need 1"
            )
        if self.method.name == "grpo" and self.rollout.games % self.grpo.group:
            raise ConfigError(
                f"rollout.games: {self.rollout.games} is no multiple of grpo.group, the {self.grpo.group} games that "
                f"begin alike"
            )
        if self.search.selection == "gumbel" and self.search.reuse_tree:
            raise ConfigError("search.reuse_tree: gumbel shares out all simulations anew; set it to false")


METHOD_DEFAULTS = Path(__file__).parent / "finetune" / "methods"
"""Where METHOD.toml lies, the defaults of a method for every game."""

Tables = dict[str, Any]
"""A configuration before it is checked: top-level values and one table a section."""


def load_config(path: Path | None = None, overrides: Mapping[str, str] = MappingProxyType({})) -> RunConfig:
    """Read a run's configuration.

    `path` is the user's TOML file; `overrides` maps dotted names to text, as in ``{"learner.batch_size": "256"}``,
    read by the field's type.
    A budget set in a later layer (`iterations` or `minutes`) takes the place of an earlier layer's.
    Raises ConfigError for unknown keys, wrong types, values out of range, and a missing `game`.
    """
    return settle(read(path) if path is not None else {}, str(path or "configuration"), parse(overrides))


def settle(user: Tables, source: str, given: Tables | None = None) -> RunConfig:
    """`load_config` of values that are no text any more; `source` is where `user` comes from."""
    given = given or {}
    game = given.get("game", user.get("game"))
    if not isinstance(game, str) or not game:
        raise ConfigError(f'{source}: game: give an OpenSpiel game string, such as "connect_four"')
    own = room(game.split("(", 1)[0])
    general = [(f"{own.config_path}: ", read(own.config_path))] if own.config_path else []
    method = named_method(given, user, *(table for _, table in general)) or sound_method(load_game(game))[0]
    files = (METHOD_DEFAULTS / f"{method}.toml", own.method_path(method))
    before, after = ([(f"{file}: ", read(file))] if file and file.is_file() else [] for file in files)
    # The policy gradients' own defaults have the seat in every game.
    seated = method not in POLICY_GRADIENTS and hides_the_mover(game)
    first = [("", {"network": {"encoder": "seated"}})] if seated else []
    layers = [*first, *before, *general, *after, (f"{source}: ", user), ("", given)]
    merged: Tables = {}
    for where, layer in layers:
        check_layer(layer, where)
        merge(merged, layer)
    merged.setdefault("method", {})["name"] = method
    return make(merged)


def changes(before: RunConfig, after: RunConfig) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, by dotted name, with both values."""
    old, new = values(before), values(after)
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


def values(config: RunConfig) -> dict[str, Any]:
    """Every field by dotted name."""
    found: dict[str, Any] = {}
    for name, value in asdict(config).items():
        found |= {f"{name}.{key}": entry for key, entry in value.items()} if isinstance(value, dict) else {name: value}
    return found


def named_method(*layers: Tables) -> str | None:
    """The method that the first of these layers names; None where none does."""
    for layer in layers:
        table = layer.get("method")
        name = table.get("name") if isinstance(table, dict) else None
        if isinstance(name, str):
            return name
    return None


def save_config(config: RunConfig, path: Path) -> None:
    """Write the whole configuration as TOML, atomically; `load_config(path)` gives an equal one."""
    values = asdict(config)
    lines = [f"{key} = {toml(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    atomic_write(path, ("\n".join(lines) + "\n").encode())


def sections() -> dict[str, type[Section]]:
    """The tables of a configuration by name."""
    types = {each.name: each.type for each in fields(RunConfig)}
    return {name: type_ for name, type_ in types.items() if isinstance(type_, type) and issubclass(type_, Section)}


def known(section: str | None) -> dict[str, "Field[Any]"]:
    """The fields of a section, or the top-level values for None."""
    owner = RunConfig if section is None else sections()[section]
    return {each.name: each for each in fields(owner) if each.name not in sections() or section is not None}


def read(path: Path) -> Tables:
    """A TOML file as a dictionary; ConfigError naming the file otherwise."""
    try:
        return tomllib.loads(read_file(path).decode())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def parse(overrides: Mapping[str, str]) -> Tables:
    """``{"section.key": text}`` as tables, each text read by its field's type."""
    tables: Tables = {}
    for dotted, text in overrides.items():
        section, _, key = dotted.rpartition(".")
        value = from_text(find(section or None, key), text, dotted)
        if section:
            tables.setdefault(section, {})[key] = value
        else:
            tables[key] = value
    return tables


def read_section(section: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a section from text, each read by its type. Raises ConfigError for unknown keys and bad values."""
    table = parse({f"{section}.{key}": text for key, text in values.items()}).get(section, {})
    return {key: known(section)[key].type(value) for key, value in table.items()}  # type: ignore[operator]


def find(section: str | None, key: str, source: str = "") -> "Field[Any]":
    """The field of this name; else ConfigError naming the nearest, after `source`."""
    if section is not None and section not in sections():
        raise ConfigError(f"{source}unknown section {section!r}{nearest(section, sections())}")
    names = known(section)
    if key not in names:
        dotted = f"{section}.{key}" if section else key
        everything = [*known(None), *(f"{name}.{each}" for name in sections() for each in known(name))]
        close = nearest(next((name for name in everything if name.endswith(f".{key}")), dotted), everything)
        raise ConfigError(f"{source}unknown key {dotted!r}{close}")
    return names[key]


def from_text(each: "Field[Any]", text: str, where: str) -> Any:
    """A command-line value as the field's type."""
    try:
        if each.type is bool:
            return {"true": True, "false": False}[text.lower()]
        return text if each.type is str else each.type(text)  # type: ignore[operator]
    except (ValueError, KeyError):
        raise ConfigError(f"{where}: {text!r} is not {WORDS[each.type]}") from None


def check_layer(layer: Tables, source: str) -> None:
    """Every key known, every value of its field's type and in its range; else ConfigError naming the key, after
    `source`, such as ``"run.toml: "``.
    """
    for name, value in layer.items():
        if name in sections():
            if not isinstance(value, dict):
                raise ConfigError(f"{source}{name}: expected a table [{name}]")
            for key, entry in value.items():
                check(find(name, key, source), entry, f"{source}{name}.{key}")
        elif isinstance(value, dict):
            find(name, "", source)
        else:
            check(find(None, name, source), value, f"{source}{name}")


def merge(base: Tables, layer: Tables) -> None:
    """Lay `layer` over `base`, in place."""
    budgets = ("iterations", "minutes")
    if any(layer.get(name) for name in budgets):
        for name in budgets:
            base.pop(name, None)
    for name, value in layer.items():
        if isinstance(value, dict):
            base.setdefault(name, {}).update(value)
        else:
            base[name] = value


def make(tables: Tables) -> RunConfig:
    """The configuration of checked tables."""
    values: Tables = {}
    for name, value in tables.items():
        if name in sections():
            values[name] = sections()[name](**{key: known(name)[key].type(entry) for key, entry in value.items()})  # type: ignore[operator]
        else:
            values[name] = known(None)[name].type(value)  # type: ignore[operator]
    return RunConfig(**values)


WORDS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def check(each: "Field[Any]", value: object, where: str | None = None) -> None:
    """ConfigError unless `value` has the field's type (a whole number will do for a float) and lies in its range."""
    where = where or each.name
    allowed = (int, float) if each.type is float else each.type
    if not isinstance(value, allowed) or isinstance(value, bool) != (each.type is bool):  # type: ignore[arg-type]
        raise ConfigError(f"{where}: {value!r} is not {WORDS[each.type]}")
    limits = each.metadata
    if "allowed" in limits and value not in limits["allowed"]:
        near = nearest(str(value), limits["allowed"])
        raise ConfigError(f"{where}: {value!r} is not one of {', '.join(limits['allowed'])}{near}")
    if "low" in limits and isinstance(value, int | float):
        low, high, above = limits["low"], limits["high"], limits["above"]
        high = MOST if each.type is int and high == math.inf else high
        finite = abs(value) <= sys.float_info.max  # a whole number may be too large for a float
        fits = finite and (low < value if above else low <= value) and value <= high
        if not fits:
            bound = f"above {low:g}" if above else f"at least {low:g}"
            bound += f" and at most {high if isinstance(high, int) else f'{high:g}'}" if math.isfinite(high) else ""
            raise ConfigError(f"{where}: {value!r} is out of range: it must be {bound}")


def toml(value: str | int | float) -> str:
    """A value as TOML writes it."""
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
