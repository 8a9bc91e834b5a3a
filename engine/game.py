"""What everything above may ask of a game: its facts, whether search is sound in it, and its room under ``games/``.

A room is the folder ``games/<short_name>/``, found by the game's short name and never by a list. Its ``game.py`` may
define

    symmetries(game: pyspiel.Game, input_shape: tuple[int, ...]) -> list[Symmetry]
                                            every symmetry except the identity, for inputs of this shape
    render(state: pyspiel.State) -> str     the state for a terminal, with all that is hidden in it
    sides(game: pyspiel.Game) -> Sequence[str]
                                            what players are called by seat, such as the letter of their pieces
    winning_line(state: pyspiel.State) -> Sequence[tuple[int, int]]
                                            what won, as lines and columns of the text that `render` gives
    view(state: pyspiel.State, player: int) -> str
                                            what this player knows, and nothing else, for a terminal
    oracle(game: pyspiel.Game) -> Oracle | None
                                            an outside referee, None for a variant of the game that it does not know
    positions(game: pyspiel.Game) -> list[LabelledPosition]
                                            held-out positions that it has judged; none of such a variant
    string_identifies(game: pyspiel.Game) -> bool
                                            str(state) and the player to move decide all that can follow
    picture(state: pyspiel.State, marks: Mapping[int, str]) -> str
                                            the state as an SVG (`engine/drawing.py`), actions marked as "accepted",
                                            "forbidden", "chosen" or two of them; only what the player to move knows
    orbit(state: pyspiel.State) -> str      the same text for all positions that a symmetry of the game turns into one
                                            another, seats exchanged too, for no more of them than it takes

and beside it may lie ``config.toml`` (defaults for this game) and ``pretrained/<name>/`` (checkpoints). All of it is
optional.
"""

import importlib
import math
import os
import pkgutil
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import pyspiel
from numpy.typing import NDArray

from engine.errors import Refusal, TesujiError, nearest

__all__ = [
    "GameFacts",
    "LabelledPosition",
    "Oracle",
    "Room",
    "Symmetry",
    "encoder_shape",
    "facts",
    "foreign_file",
    "hides_the_mover",
    "is_rivalry",
    "load_game",
    "python_module",
    "require_rollouts",
    "require_searchable",
    "require_self_play",
    "require_sequential",
    "room",
    "rooms",
    "searchable",
    "sound_method",
    "turn_based",
]

# Random games that look for a return other than -1, 0 and 1; their seed is fixed so that the answer never varies.
PLAYOUTS = 64
MOVER_DECISIONS = 400  # looked at for what an observation says of the mover
PLAYOUT_DECISIONS = 5_000  # over all playouts, so that a long game costs well under a second
MOST_NUMBERS = 2**22  # in a tensor of one state, or distinct actions; OpenSpiel's largest by default has 93,123


NAMED_FILE = re.compile(r"[(,]\s*\w*(?:file|filename|root)\s*=\s*([^,)]+)")
"""Parameters of OpenSpiel's games that are the names of files."""

# What a room's game.py may define, in the order of Room's fields.
PARTS = (
    *("symmetries", "render", "view", "oracle", "positions", "string_identifies", "picture"),
    *("sides", "winning_line", "orbit"),
)


@dataclass(frozen=True)
class GameFacts:
    """What the engine needs to know of a game, whatever state it is in."""

    name: str
    """The full game string, parameters included; `load_game` takes it."""
    short_name: str
    """The game string without its parameters; also the name of its room."""
    num_players: int
    num_actions: int
    """A: number of distinct actions, the width of policies and legal masks."""
    deterministic: bool
    """No chance nodes and no chance sampled inside the state."""
    perfect_information: bool
    simultaneous: bool
    """Players choose at the same time (simultaneous-move and mean-field games)."""
    zero_sum: bool
    """The returns of all players always sum to 0."""
    win_draw_loss: bool
    """Two players, zero sum, and every return is -1, 0 or 1 (see `is_win_draw_loss`)."""
    value_scale: float
    """Utility units per unit of normalised value: 1 if all utilities lie in [-1, 1], else the largest absolute one."""
    bounded: bool
    """The game declares finite utilities; normalised values then lie in [-1, 1]."""
    pays_on_the_way: bool
    """Rewards come before the end: returns grow during a game, and networks predict what is still to come."""
    max_game_length: int
    encoder: str
    """Name of the default encoder; empty for a game without tensors."""
    observation_shape: tuple[int, ...]
    """Shape of what the default encoder writes; empty for a game without tensors."""


@dataclass(frozen=True)
class Symmetry:
    """A relabelling of a game that changes nothing in it, as gather indices: ``inputs[:, s.inputs]`` is the
    transformed encoder input and ``policy[:, s.actions]`` (legal masks the same) the transformed policy.
    """

    name: str
    inputs: NDArray[np.int64]
    """int64[D]."""
    actions: NDArray[np.int64]
    """int64[A]."""


class Oracle(Protocol):
    """The outside referee of a two-player zero-sum game: knows the game-theoretic value of every move."""

    name: str

    def scores(self, states: Sequence[pyspiel.State]) -> list[dict[int, int]]:
        """Per state, legal action -> -1, 0 or 1: the mover's result under perfect play after that action."""


@dataclass(frozen=True)
class LabelledPosition:
    """A position of a two-player zero-sum game in which the choice of move matters, and the verdict on each move."""

    history: tuple[int, ...]
    """Actions from the initial state."""
    scores: dict[int, int]
    """Every legal action -> -1, 0 or 1: the mover's result under perfect play after it."""

    @property
    def best(self) -> int:
        """The game-theoretic value for the mover: -1, 0 or 1."""
        return max(self.scores.values())

    def state(self, game: pyspiel.Game) -> pyspiel.State:
        """The position itself, reached by its history."""
        state = game.new_initial_state()
        for action in self.history:
            state.apply_action(action)
        return state


@dataclass(frozen=True)
class Room:
    """All that is special to one game; every part has a default, so a game without a folder has a room too."""

    short_name: str
    folder: Path | None = None
    find_symmetries: Callable[[pyspiel.Game, tuple[int, ...]], list[Symmetry]] | None = None
    render_state: Callable[[pyspiel.State], str] | None = None
    view_state: Callable[[pyspiel.State, int], str] | None = None
    find_oracle: Callable[[pyspiel.Game], Oracle | None] | None = None
    find_positions: Callable[[pyspiel.Game], list[LabelledPosition]] | None = None
    find_identifies: Callable[[pyspiel.Game], bool] | None = None
    find_picture: Callable[[pyspiel.State, Mapping[int, str]], str] | None = None
    find_sides: Callable[[pyspiel.Game], Sequence[str]] | None = None
    find_winning_line: Callable[[pyspiel.State], Sequence[tuple[int, int]]] | None = None
    find_orbit: Callable[[pyspiel.State], str] | None = None

    def symmetries(self, game: pyspiel.Game, encoder: str = "auto") -> list[Symmetry]:
        """The game's symmetries without the identity, for inputs of this encoder; empty where none are known."""
        return self.find_symmetries(game, encoder_shape(game, encoder)) if self.find_symmetries else []

    def render(self, state: pyspiel.State) -> str:
        """The state as text for a terminal; it shows what players hide from each other."""
        return self.render_state(state) if self.render_state else str(state)

    def sides(self, game: pyspiel.Game) -> tuple[str, ...]:
        """What players are called by seat; empty where the room does not say."""
        return tuple(self.find_sides(game)) if self.find_sides else ()

    def winning_line(self, state: pyspiel.State) -> tuple[tuple[int, int], ...]:
        """What won, as lines and columns of the text that `render` gives; empty where nothing has, or nobody says."""
        return tuple(self.find_winning_line(state)) if self.find_winning_line else ()

    def view(self, state: pyspiel.State, player: int) -> str:
        """What `player` knows in a state, as text for a terminal: the state itself where nothing is hidden.

        Without a room's own words it is the information-state string or, in games without, the observation string,
        which may leave out what was seen earlier. Not meant for chance nodes, where nobody has to be shown anything.
        """
        if self.view_state:
            return self.view_state(state, player)
        kind = state.get_game().get_type()
        if kind.information == pyspiel.GameType.Information.PERFECT_INFORMATION:
            return self.render(state)
        if kind.provides_information_state_string:
            return str(state.information_state_string(player))
        if kind.provides_observation_string:
            return str(state.observation_string(player))
        raise TesujiError(f"{kind.short_name} does not say in words what a player knows")

    def oracle(self, game: pyspiel.Game) -> Oracle | None:
        """The outside referee of `game`; None where there is none, or none for this variant.

        Raises TesujiError naming the package to install where it is missing.
        """
        return self.find_oracle(game) if self.find_oracle else None

    def positions(self, game: pyspiel.Game) -> list[LabelledPosition]:
        """The held-out positions of `game`; empty where there are none, or none of this variant."""
        return self.find_positions(game) if self.find_positions else []

    def string_identifies(self, game: pyspiel.Game) -> bool:
        """Two states with the same `str` and player to move have the same future and returns; False where nobody said.

        Many games do not print all of their state: repetitions, dice, moves left.
        """
        return self.find_identifies(game) if self.find_identifies else False

    def picture(self, state: pyspiel.State, marks: Mapping[int, str]) -> str | None:
        """The state as an SVG, as the player to move knows it; None where the room draws none.

        marks: action -> "accepted", "forbidden", "chosen" (by an agent), or two of them with a space between.
        """
        return self.find_picture(state, marks) if self.find_picture else None

    def orbit(self, state: pyspiel.State) -> str:
        """A text that is the same for all symmetric images of a decision, as the player to move knows it.

        Where the room does not say: what that player knows and the game, or the least image of the observation where
        nothing is hidden and `symmetries` are known.
        """
        if self.find_orbit:
            return self.find_orbit(state)
        game, player = state.get_game(), state.current_player()
        kind = game.get_type()
        if kind.information != pyspiel.GameType.Information.PERFECT_INFORMATION:
            return f"{game} {player} {self.view(state, player)}"
        shape = tuple(game.observation_tensor_shape()) if kind.provides_observation_tensor else ()
        images = self.find_symmetries(game, shape) if self.find_symmetries and shape else []
        if not images:
            return f"{game} {player} {state}"
        seen = np.asarray(state.observation_tensor(player), dtype=np.float32)
        return f"{game} {min(seen.tobytes(), *(seen[image.inputs].tobytes() for image in images)).hex()}"

    def module(self, name: str) -> ModuleType | None:
        """The room's own file ``NAME.py`` (such as ``probes``), imported; None where it has none."""
        if self.folder is None or not (self.folder / f"{name}.py").is_file():
            return None
        return importlib.import_module(f"games.{self.short_name}.{name}")

    @property
    def config_path(self) -> Path | None:
        """The room's ``config.toml``, if it has one."""
        path = self.folder / "config.toml" if self.folder else None
        return path if path and path.is_file() else None

    def method_path(self, method: str) -> Path | None:
        """The room's ``METHOD.toml``, laid over ``config.toml`` for that method, if it has one."""
        path = self.folder / f"{method}.toml" if self.folder else None
        return path if path and path.is_file() else None

    def pretrained(self, name: str) -> Path | None:
        """The checkpoint folder ``pretrained/<name>``, if the room has it."""
        path = self.folder / "pretrained" / name if self.folder else None
        return path if path and path.is_dir() else None

    @property
    def pretrained_names(self) -> list[str]:
        """The names that `pretrained` knows, in order."""
        folders = self.folder.glob("pretrained/*") if self.folder else ()
        return sorted(folder.name for folder in folders if folder.is_dir())


def load_game(game: "str | pyspiel.Game") -> pyspiel.Game:
    """The game named by an OpenSpiel game string, such as ``"go(board_size=9)"``; a loaded game is handed through.

    Raises TesujiError for an unknown name (with the nearest known one), for parameters the game does not take, and for
    those that make it too large.
    """
    if not isinstance(game, str):
        return game
    short_name = game.split("(", 1)[0]
    known = pyspiel.registered_names()
    if short_name not in known:
        raise TesujiError(f"unknown game {short_name!r}{nearest(short_name, known)}; `tesuji games` lists all")
    try:
        with quiet_stderr():
            loaded = pyspiel.load_game(with_file(short_name, game))
            require_size(loaded)
    except (pyspiel.SpielError, TypeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TesujiError(f"cannot load game {game!r}: {reason}") from error
    return loaded


def require_size(game: pyspiel.Game) -> None:
    """Raise ValueError for a game whose states would not fit into memory.

    OpenSpiel does not check: the number of cells of ``connect_four(rows=100000,columns=100000)`` overflows, and making
    a state ends the process.
    """
    kind = game.get_type()
    sizes = {"distinct actions": game.num_distinct_actions()}
    if kind.provides_observation_tensor:
        sizes["numbers in its observation tensor"] = signed_size(game.observation_tensor_shape)
    if kind.provides_information_state_tensor:
        sizes["numbers in its information-state tensor"] = signed_size(game.information_state_tensor_shape)
    for what, size in sizes.items():
        if size > MOST_NUMBERS:
            raise ValueError(f"it has {size:,} {what}, more than {MOST_NUMBERS:,}: choose a smaller game")
        if size < 0:
            raise ValueError(f"its number of {what} is {size:,}: choose other parameters")


def signed_size(shape: Callable[[], Sequence[int]]) -> int:
    """How many numbers a tensor has, negative if one of its lengths is; 0 where the game cannot say."""
    try:
        lengths = shape()
    except Exception:  # of games in Python: any; what asks for the tensor will tell
        return 0
    return -1 if min(lengths, default=0) < 0 else math.prod(lengths)


def foreign_file(game: str) -> str | None:
    """The first file that a game string names and that does not lie in the game's room; None where there is none."""
    short_name = game.split("(", 1)[0]
    for name in NAMED_FILE.findall(game):
        folder = room(short_name).folder if short_name in pyspiel.registered_names() else None
        place = os.path.realpath(name if folder is None or os.path.exists(name) else folder / name)
        if folder is None or not Path(place).is_relative_to(folder.resolve()):
            return str(name)
    return None


def with_file(short_name: str, game: str) -> str:
    """The game string with the file that it names, if it names one, looked for in the game's room as well."""
    found = re.search(r"[(,]filename=([^,)]+)", game)
    folder = room(short_name).folder if found else None
    if found is None or folder is None or Path(found[1]).is_file() or not (folder / found[1]).is_file():
        return game
    return game[: found.start(1)] + str(folder / found[1]) + game[found.end(1) :]


def facts(game: pyspiel.Game) -> GameFacts:
    """The facts of `game`. The first call for a game may play it at random for a moment (see `is_win_draw_loss`)."""
    return facts_by_name(str(game))


def encoder_shape(game: pyspiel.Game, encoder: str = "auto") -> tuple[int, ...]:
    """The shape of what an encoder writes for `game`; ``"auto"`` is the game's default.

    Raises TesujiError where the game has no such encoder, or no tensors at all.
    """
    from engine.native import core  # only here and in facts_by_name: loading games and rooms needs no native core

    try:
        name = core.default_encoder(game) if encoder == "auto" else encoder
        return tuple(int(size) for size in core.encoder_shape(game, name))
    except (RuntimeError, ValueError) as error:
        raise TesujiError(" ".join(str(error).split())) from error


def python_module(game: pyspiel.Game) -> str | None:
    """The module that a game, or the game inside it (as in ``misere(game=take_away())``), is written in; None for C++.

    Only a process that has imported it can load the game. csrc/spiel.h tells such games for itself.
    """
    module = type(game).__module__
    if module.partition(".")[0] != "pyspiel":
        return module
    wrapped = (value for value in game.get_parameters().values() if isinstance(value, dict))
    inside = (pyspiel.load_game(value.pop("name"), value) for value in wrapped)
    return next(filter(None, map(python_module, inside)), None)


def require_searchable(game: pyspiel.Game) -> None:
    """Raise TesujiError unless a search over states is sound in `game`: nothing is hidden but what is chosen at the
    same time.
    """
    kind = game.get_type()
    if kind.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
        raise TesujiError(f"{kind.short_name} is a mean-field game: search is not sound there")
    hidden = kind.information == pyspiel.GameType.Information.IMPERFECT_INFORMATION
    sequential = kind.dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL
    if hidden or (sequential and kind.information == pyspiel.GameType.Information.ONE_SHOT):
        raise TesujiError(f"{kind.short_name} hides information from its players: search is not sound there")


def searchable(game: pyspiel.Game) -> bool:
    """`require_searchable` has nothing against it."""
    try:
        require_searchable(game)
    except TesujiError:
        return False
    return True


def require_self_play(game: pyspiel.Game) -> None:
    """Raise TesujiError unless games of search against search are sound and recorded: `require_searchable`, one player
    moves at a time, and chance is explicit.
    """
    require_searchable(game)
    kind = game.get_type()
    if kind.dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL:
        raise TesujiError(f"{kind.short_name} is a simultaneous-move game: search self-play records no games of it")
    if kind.chance_mode == pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC:
        raise TesujiError(f"{kind.short_name} samples chance inside its states: its games cannot be played again")


def require_rollouts(game: pyspiel.Game) -> pyspiel.Game:
    """The game as the raw network plays it: where players move simultaneously its turn-based transform, in which nobody
    sees the others' choice. Raise TesujiError for mean-field games, games without tensors, and those that sample chance
    inside their states: games of theirs in progress cannot be saved.
    """
    kind = game.get_type()
    if kind.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
        raise TesujiError(f"{kind.short_name} is a mean-field game: it has no games between its players to learn from")
    if kind.chance_mode == pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC:
        raise TesujiError(f"{kind.short_name} samples chance inside its states: its games cannot be taken up again")
    if kind.dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
        game = pyspiel.convert_to_turn_based(game)
    encoder_shape(game)
    return game


def turn_based(game: pyspiel.Game) -> str:
    """The game string of the turn-based form of a simultaneous-move game, in which nobody sees the others' choice."""
    return f"turn_based_simultaneous_game(game={game})"


def require_sequential(game: pyspiel.Game) -> None:
    """Raise TesujiError, naming the turn-based form, unless one player moves at a time in `game`."""
    if game.get_type().dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL:
        return
    raise Refusal(f"{game} moves simultaneously: use {turn_based(game)}", flags={"--game": turn_based(game)})


def sound_method(game: pyspiel.Game) -> tuple[str, str]:
    """The method that is sound in `game` if nobody names one, and why: learning from searches where that is sound and
    where it is not, mmd in zero-sum games of two players and ppo in all others. Raise TesujiError where none is.
    """
    try:
        require_self_play(game)
    except TesujiError as error:
        require_rollouts(game)
        if game.num_players() == 2 and is_rivalry(game):
            return "mmd", f"{error}; mmd is for two players of whom one wins what the other loses"
        return "ppo", f"{error}; ppo is for any number of players"
    return "expert_iteration", "search is sound here"


@cache
def room(short_name: str) -> Room:
    """The room of the game with this short name; a generic one where ``games/<short_name>/game.py`` does not exist."""
    wanted = f"games.{short_name}.game"
    try:
        module = importlib.import_module(wanted)
    except ModuleNotFoundError as error:
        if error.name is not None and (wanted == error.name or wanted.startswith(error.name + ".")):
            return Room(short_name)
        raise  # the room is there, but something it imports is not
    folder = Path(module.__file__).parent if module.__file__ else None
    parts = (getattr(module, name, None) for name in PARTS)
    return Room(short_name, folder, *parts)


def rooms() -> list[str]:
    """The short names of the games with a folder under ``games/``, in order."""
    return sorted(each.name for each in pkgutil.iter_modules(importlib.import_module("games").__path__) if each.ispkg)


@lru_cache(maxsize=64)
def facts_by_name(name: str) -> GameFacts:
    """`facts` for a full game string."""
    from engine.native import core

    game = load_game(name)
    kind = game.get_type()
    low, high = float(game.min_utility()), float(game.max_utility())
    bounded = math.isfinite(low) and math.isfinite(high)
    try:
        shape = encoder_shape(game)
        encoder = core.default_encoder(game)
    except TesujiError:
        encoder, shape = "", ()  # a game without tensors can be listed and described, not trained
    return GameFacts(
        name=name,
        short_name=kind.short_name,
        num_players=game.num_players(),
        num_actions=game.num_distinct_actions(),
        deterministic=kind.chance_mode == pyspiel.GameType.ChanceMode.DETERMINISTIC,
        perfect_information=kind.information == pyspiel.GameType.Information.PERFECT_INFORMATION,
        simultaneous=kind.dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL,
        zero_sum=is_zero_sum(game),
        win_draw_loss=is_win_draw_loss(game),
        value_scale=max(1.0, abs(low), abs(high)) if bounded else 1.0,
        bounded=bounded,
        pays_on_the_way=kind.reward_model == pyspiel.GameType.RewardModel.REWARDS,
        max_game_length=game.max_game_length(),
        encoder=encoder,
        observation_shape=shape,
    )


def is_rivalry(game: pyspiel.Game) -> bool:
    """What one player gains the others lose; elsewhere nobody wins by getting more than another."""
    return game.get_type().utility in (pyspiel.GameType.Utility.ZERO_SUM, pyspiel.GameType.Utility.CONSTANT_SUM)


def is_zero_sum(game: pyspiel.Game) -> bool:
    """The game declares that returns always sum to zero."""
    utility = game.get_type().utility
    if utility == pyspiel.GameType.Utility.CONSTANT_SUM:
        return bool(game.utility_sum() == 0)
    return bool(utility == pyspiel.GameType.Utility.ZERO_SUM)


def is_win_draw_loss(game: pyspiel.Game) -> bool:
    """Two players, zero sum, rewards only at the end, utilities in [-1, 1], and random games return -1, 0 or 1 only.

    OpenSpiel has no flag for the last part. A game that passes all declared conditions and still ends with a fraction
    so rarely that the random games (fixed seed) miss it keeps a correct mean: the fraction is learnt as a mixture of
    win and draw.
    """
    kind = game.get_type()
    if (
        game.num_players() != 2
        or not is_zero_sum(game)
        or kind.reward_model != pyspiel.GameType.RewardModel.TERMINAL
        or kind.dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL
        or (game.min_utility(), game.max_utility()) != (-1.0, 1.0)
    ):
        return False
    generator = random.Random(0)
    decisions = 0
    for _ in range(PLAYOUTS):
        state = game.new_initial_state()
        while not state.is_terminal():
            state.apply_action(generator.choice(state.legal_actions()))
            decisions += 1
        if any(value not in (-1.0, 0.0, 1.0) for value in state.returns()):
            return False
        if decisions >= PLAYOUT_DECISIONS:
            break
    return True


@lru_cache(maxsize=64)
def hides_the_mover(name: str) -> bool:
    """The observation of this game does not say who is to move, as far as random games (fixed seed) show it.

    It is the same from every seat, and either stood before two movers, or the turn does not simply alternate, so that
    it cannot be told from the number of pieces. A network needs the encoder "seated" there.
    """
    try:
        game = load_game(name)
    except TesujiError:
        return False  # whoever plays it refuses it
    kind = game.get_type()
    sequential = kind.dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL
    perfect = kind.information == pyspiel.GameType.Information.PERFECT_INFORMATION
    if game.num_players() < 2 or not sequential or not perfect or not kind.provides_observation_tensor:
        return False
    generator = random.Random(0)
    movers: dict[bytes, int] = {}
    hidden, decisions = False, 0
    while decisions < MOVER_DECISIONS:
        state, last = game.new_initial_state(), None
        while not state.is_terminal() and decisions < MOVER_DECISIONS:
            if state.is_chance_node():
                outcomes, chances = zip(*state.chance_outcomes(), strict=True)
                state.apply_action(generator.choices(outcomes, chances)[0])
                continue
            mover = state.current_player()
            seen = state.observation_tensor(mover)
            if seen != state.observation_tensor(int(not mover)):
                return False
            board = np.asarray(seen, np.float32).tobytes()
            alternates = last is None or mover == (last + 1) % game.num_players()
            hidden = hidden or not alternates or movers.setdefault(board, mover) != mover
            last = mover
            decisions += 1
            state.apply_action(generator.choice(state.legal_actions()))
    return hidden


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silence the C++ side's own line on standard error: the exception carries the same text."""
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
