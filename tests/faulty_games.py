"""Games written in Python that break the rules of OpenSpiel's interface, and every native entry that may meet them.

`faulty(fault=NAME,after=N)` is a sound game of three decisions in turn until N moves are made; from then on it has the
fault. `faulty_hidden` is the same game with hidden chance, `faulty_joint` the one in which both players choose at once.

Run as a program, `python faulty_games.py ENTRY`, it tries all of them at one native entry and prints a line of JSON a
case: what the entry raised. A crash ends the program, so that the last line names who did it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import pyspiel

from engine.native import core

ACTIONS = 2
OUTCOMES = 2
MOVES = 4
"""Of a sound game: one of chance and three of players."""
SIZE = 3 * MOVES
"""Of the tensors."""
NAMES = ("faulty", "faulty_hidden", "faulty_joint")


class BadGameError(Exception):
    """What the faulty games raise by themselves."""


def fail(*_: object) -> Any:
    """Raise what the tests look for."""
    raise BadGameError("this game is broken")


CHANCE, JOINT, INVALID, TERMINAL, MEAN_FIELD = -1, -2, -3, -4, -5

# Fault -> what is returned instead of the truth, or a function that gives it; by method.
FAULTS: dict[str, dict[str, Any]] = {
    "legal_actions": {
        "beyond": [0, 7],
        "far_beyond": [0, 2**40],
        "no_integer_of_64_bits": [0, 2**70],
        "negative": [-1, 0],
        "none": [],
        "twice": [0, 0, 1],
        "no_list": None,
        "raises": fail,
    },
    "current_player": {
        "beyond": 2,
        "far_beyond": 10**9,
        "unknown": -7,
        "invalid": INVALID,
        "terminal": TERMINAL,
        "mean_field": MEAN_FIELD,
        "no_number": None,
        "raises": fail,
    },
    "returns": {
        "short": [1.0],
        "long": [1.0, -1.0, 0.0],
        "empty": [],
        "nan": [np.nan, np.nan],
        "infinite": [np.inf, -np.inf],
        "no_list": None,
        "raises": fail,
    },
    "chance_outcomes": {
        "negative": [(0, 1.5), (1, -0.5)],
        "nan": [(0, np.nan), (1, np.nan)],
        "sum_to_two": [(0, 1.0), (1, 1.0)],
        "empty": [],
        "beyond": [(0, 0.5), (9, 0.5)],
        "below": [(-1, 0.5), (0, 0.5)],
        "twice": [(0, 0.5), (0, 0.5)],
        "raises": fail,
    },
    "tensor": {
        "long": np.zeros(SIZE + 5, np.float32),
        "short": np.zeros(SIZE - 5, np.float32),
        "nan": np.full(SIZE, np.nan, np.float32),
        "text": "no tensor",
        "raises": fail,
    },
    "string": {"raises": fail, "no_text": None},
    "is_terminal": {"never": False, "raises": fail},
    "apply_action": {"nothing": None, "raises": fail},
    "clone": {"raises": fail},
}
ENDLESS = {("is_terminal", "never"), ("apply_action", "nothing")}


def game_type(short_name: str, *, hidden: bool, joint: bool) -> pyspiel.GameType:
    """What a faulty game says of itself."""
    kind = pyspiel.GameType
    return kind(
        short_name=short_name,
        long_name=short_name,
        dynamics=kind.Dynamics.SIMULTANEOUS if joint else kind.Dynamics.SEQUENTIAL,
        chance_mode=kind.ChanceMode.EXPLICIT_STOCHASTIC,
        information=kind.Information.IMPERFECT_INFORMATION if hidden else kind.Information.PERFECT_INFORMATION,
        utility=kind.Utility.ZERO_SUM,
        reward_model=kind.RewardModel.TERMINAL,
        max_num_players=2,
        min_num_players=2,
        provides_information_state_string=True,
        provides_information_state_tensor=True,
        provides_observation_string=True,
        provides_observation_tensor=True,
        parameter_specification={"fault": "none", "after": 0},
    )


class FaultyGame(pyspiel.Game):
    """See the module."""

    KIND = game_type("faulty", hidden=False, joint=False)

    def __init__(self, params: dict[str, Any] | None = None) -> None:
        kind, params = self.KIND, dict(params or {})
        info = pyspiel.GameInfo(
            num_distinct_actions=ACTIONS,
            max_chance_outcomes=OUTCOMES,
            num_players=2,
            min_utility=-1.0,
            max_utility=1.0,
            utility_sum=0.0,
            max_game_length=MOVES,
        )
        super().__init__(kind, info, params)
        self.joint = kind.dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS
        method, _, name = params.get("fault", "none").partition("/")
        self.fault = (method, name)
        self.after = params.get("after", 0)

    def new_initial_state(self) -> FaultyState:
        """Chance is to move."""
        return FaultyState(self)

    def make_py_observer(self, iig_obs_type: Any = None, params: Any = None) -> FaultyObserver:
        """All moves, for everybody; hidden information is none but in name."""
        return FaultyObserver()


class FaultyHiddenGame(FaultyGame):
    """Its players do not see everything, or so it says."""

    KIND = game_type("faulty_hidden", hidden=True, joint=False)


class FaultyJointGame(FaultyGame):
    """Its players move at once."""

    KIND = game_type("faulty_joint", hidden=False, joint=True)


GAMES = (FaultyGame, FaultyHiddenGame, FaultyJointGame)


class Uncopyable:
    """An attribute that cannot be copied."""

    def __deepcopy__(self, memory: object) -> None:
        fail()


class FaultyState(pyspiel.State):
    """The moves so far."""

    def __init__(self, game: FaultyGame) -> None:
        super().__init__(game)
        self.joint = game.joint
        self.fault = game.fault
        self.after = game.after
        self.moves: list[int] = []
        self.spoil()

    def spoil(self) -> None:
        """From now on it cannot be copied, if that is its fault."""
        if self.fault[0] == "clone" and len(self.moves) >= self.after:
            self.attribute = Uncopyable()

    def answer(self, method: str, truth: Any) -> Any:
        """The truth, or what the fault makes of it."""
        if self.fault[0] != method or len(self.moves) < self.after:
            return truth
        wrong = FAULTS[method][self.fault[1]]
        return wrong() if callable(wrong) else wrong

    def over(self) -> bool:
        """Whether a sound game ends here."""
        return len(self.moves) >= MOVES

    def current_player(self) -> int:
        """Chance first, then the players in turn."""
        if self.over() and (self.fault not in ENDLESS or len(self.moves) < self.after):
            return TERMINAL
        if self.fault[0] == "chance_outcomes" and len(self.moves) > max(1, self.after):
            return CHANCE
        truth = CHANCE if not self.moves else JOINT if self.joint else (len(self.moves) - 1) % 2
        return self.answer("current_player", truth)  # type: ignore[no-any-return]

    def _legal_actions(self, player: int) -> list[int]:
        truth = list(range(ACTIONS))
        return self.answer("legal_actions", truth)  # type: ignore[no-any-return]

    def chance_outcomes(self) -> list[tuple[int, float]]:
        """A coin."""
        return self.answer("chance_outcomes", [(0, 0.5), (1, 0.5)])  # type: ignore[no-any-return]

    def _apply_action(self, action: int) -> None:
        if self.fault == ("apply_action", "raises"):
            self.answer("apply_action", None)
        if self.fault == ("apply_action", "nothing") and len(self.moves) >= self.after:
            return
        self.moves.append(action)
        self.spoil()

    def _apply_actions(self, actions: list[int]) -> None:
        self._apply_action(actions[0] + ACTIONS * actions[1])

    def _action_to_string(self, player: int, action: int) -> str:
        return f"move {action}"

    def is_terminal(self) -> bool:
        """After the last move."""
        return self.answer("is_terminal", self.over())  # type: ignore[no-any-return]

    def returns(self) -> list[float]:
        """Who likes the sum of the moves even."""
        sign = 1.0 if sum(self.moves) % 2 == 0 else -1.0
        return self.answer("returns", [sign, -sign])  # type: ignore[no-any-return]

    def rewards(self) -> list[float]:
        """Nobody asks."""
        return [np.nan]

    def __str__(self) -> str:
        return self.answer("string", " ".join(map(str, self.moves)))  # type: ignore[no-any-return]


class FaultyObserver:
    """The moves, one-hot."""

    def __init__(self) -> None:
        self.tensor = np.zeros(SIZE, np.float32)
        self.dict: dict[str, Any] = {"moves": self.tensor}

    def set_from(self, state: FaultyState, player: int) -> None:
        """Write the state into the tensor."""
        self.tensor = np.zeros(SIZE, np.float32)
        for number, move in enumerate(state.moves[:MOVES]):
            self.tensor[3 * number + min(move, 2)] = 1.0
        # The shape is asked for at the beginning.
        late = len(state.moves) >= max(1, state.after)
        self.dict = {"moves": state.answer("tensor", self.tensor) if late else self.tensor}

    def string_from(self, state: FaultyState, player: int) -> str:
        """The state as text."""
        return state.answer("string", f"{player}: {state.moves}")  # type: ignore[no-any-return]


def register() -> None:
    """Make the games known."""
    for game in GAMES:
        pyspiel.register_game(game.KIND, game)


# --- the native entries ---


def decision(game: pyspiel.Game, moves: int = 1) -> pyspiel.State:
    """The first decision, or a later one; the fault shows only then."""
    state = game.new_initial_state()
    assert isinstance(state, FaultyState)
    state.after, after = 10**9, state.after
    for _ in range(moves):
        if state.is_simultaneous_node():
            state.apply_actions([0, 0])
        else:
            state.apply_action(0)
    state.after = after
    state.spoil()
    return state


def search(game: pyspiel.Game, evaluator: core.Evaluator, **settings: Any) -> None:
    """Search from the first decision and one move later."""
    params = core.SearchParams(simulations=64, **settings)
    core.search([decision(game)], evaluator, params, [1])


def analyse(game: pyspiel.Game) -> None:
    """Analyse the first decision."""
    analysis = core.Analysis(decision(game), core.FakeEvaluator(game), core.SearchParams(leaves_in_flight=4))
    analysis.begin(simulations=64)
    analysis.run()
    analysis.result()


def pool(game: pyspiel.Game) -> None:
    """Self-play."""
    params = core.PlayerParams(0, core.SearchParams(simulations=8))
    settings = core.SelfPlayParams(random_opening_share=0.5, random_opening_plies=2)
    games = core.Pool(game, [core.FakeEvaluator(game)], [params], settings, 1, 4, 1)
    games.run(games=8)
    games.restore(games.snapshot())


def match(game: pyspiel.Game) -> None:
    """A match between searches with random playouts."""
    players = [core.PlayerParams(0, core.SearchParams(simulations=simulations)) for simulations in (2, 16)]
    core.play_match(game, [core.RolloutEvaluator(game)], players, [[], [0]], [[0, 1], [1, 0]], [1, 2])


def batch(game: pyspiel.Game) -> None:
    """Thirty steps of four games."""
    size = 4
    env = core.BatchEnv(game, size)
    inputs = np.zeros((size, env.input_size), np.float32)
    mask = np.zeros((size, env.num_actions), np.uint8)
    players = np.zeros(size, np.int32)
    rewards = np.zeros((size, 2), np.float32)
    done = np.zeros(size, np.uint8)
    env.observe(inputs, mask, players)
    for _ in range(30):
        env.step(mask.argmax(axis=1), rewards, done, inputs, mask, players)
    env.restore(env.save())


def beliefs(game: pyspiel.Game) -> None:
    """What a player must believe, and a search of it."""
    for moves in (1, 2, 3):
        state = decision(game, moves)
        evaluator = core.FakeEvaluator(game)
        found = [core.belief(state, policy, method) for policy in (None, evaluator) for method in ("exact", "replay")]
        core.ismcts(found, evaluator, core.SearchParams(simulations=32), list(range(len(found))))


def tree(game: pyspiel.Game) -> None:
    """All histories, and what the uniform policy is worth."""
    histories = core.InformationTree(game, max_histories=10_000)
    histories.evaluate(np.full(len(histories.actions), 1 / ACTIONS))
    histories.encode(0, histories.num_information_states)
    histories.names(0, histories.num_information_states)


def encode(game: pyspiel.Game) -> None:
    """Inputs and legal masks."""
    states = [decision(game, moves) for moves in (1, 2, 3)]
    for encoder in ("observation", "information_state", "observation_pair", "seated"):
        core.encode(states, encoder)
    core.legal_mask(states)


ENTRIES: dict[str, Callable[[pyspiel.Game], object]] = {
    "puct": lambda game: search(game, core.FakeEvaluator(game)),
    "gumbel": lambda game: search(game, core.FakeEvaluator(game), selection="gumbel"),
    "full": lambda game: search(game, core.FakeEvaluator(game), max_bytes=3000),
    "rollouts": lambda game: search(game, core.RolloutEvaluator(game, 4)),
    "analysis": analyse,
    "solve": lambda game: core.solve(decision(game), nodes=100_000),
    "solve_strings": lambda game: core.solve(decision(game), nodes=100_000, string_keys=True, every_move=True),
    "playthrough": lambda game: core.playthrough(game, 1, 10_000),
    "tree": tree,
    "beliefs": beliefs,
    "pool": pool,
    "match": match,
    "batch": batch,
    "encode": encode,
}
# The games that an entry takes; all others: every one.
TAKES = {
    "solve": ("faulty",),
    "solve_strings": ("faulty",),
    "playthrough": ("faulty", "faulty_hidden"),
    "beliefs": ("faulty", "faulty_hidden"),
    "pool": ("faulty", "faulty_hidden"),
    "match": ("faulty", "faulty_hidden"),
    "encode": ("faulty", "faulty_hidden"),
}


def cases(entry: str) -> Iterator[tuple[str, str, int]]:
    """Game, fault and the number of moves before it shows."""
    for name in TAKES.get(entry, NAMES):
        yield name, "none", 0
        for method, faults in FAULTS.items():
            for fault in faults:
                for after in (0, 2):
                    yield name, f"{method}/{fault}", after


class HangError(Exception):
    """The case took too long."""


def ring(signum: int, frame: FrameType | None) -> None:
    """End a case that hangs where it asks the game."""
    raise HangError


def main(entry: str) -> None:
    """Print what happened, a line a case."""
    register()
    signal.signal(signal.SIGALRM, ring)
    for name, fault, after in cases(entry):
        case = f"{name}(fault={fault},after={after})"
        print(json.dumps({"begins": case}), flush=True)
        signal.alarm(int(os.environ.get("FAULT_SECONDS", "20")))
        try:
            ENTRIES[entry](pyspiel.load_game(case))
            raised, text = "", ""
        except BaseException as error:  # all that is raised is printed
            raised, text = type(error).__name__, str(error)
        signal.alarm(0)
        print(json.dumps({"case": case, "raised": raised, "text": text}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
