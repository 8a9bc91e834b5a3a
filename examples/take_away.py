"""A game of your own, written in Python against OpenSpiel's API: importing this module makes it known.

From a heap of twelve stones two players take one to three in turn; who takes the last one wins. A heap that is a
multiple of four is lost for the player to move.
"""

from typing import Any

import numpy as np
import pyspiel

STONES = 12
MOST = 3

GAME_TYPE = pyspiel.GameType(
    short_name="take_away",
    long_name="Take-away",
    dynamics=pyspiel.GameType.Dynamics.SEQUENTIAL,
    chance_mode=pyspiel.GameType.ChanceMode.DETERMINISTIC,
    information=pyspiel.GameType.Information.PERFECT_INFORMATION,
    utility=pyspiel.GameType.Utility.ZERO_SUM,
    reward_model=pyspiel.GameType.RewardModel.TERMINAL,
    max_num_players=2,
    min_num_players=2,
    provides_information_state_string=False,
    provides_information_state_tensor=False,
    provides_observation_string=True,
    provides_observation_tensor=True,
    parameter_specification={},
)
GAME_INFO = pyspiel.GameInfo(
    num_distinct_actions=MOST,
    max_chance_outcomes=0,
    num_players=2,
    min_utility=-1.0,
    max_utility=1.0,
    utility_sum=0.0,
    max_game_length=STONES,
)


class TakeAway(pyspiel.Game):
    """The rules' facts; action a takes a + 1 stones."""

    def __init__(self, params: Any = None) -> None:
        super().__init__(GAME_TYPE, GAME_INFO, params or {})

    def new_initial_state(self) -> "TakeAwayState":
        """The full heap."""
        return TakeAwayState(self)

    def make_py_observer(self, iig_obs_type: Any = None, params: Any = None) -> "HeapObserver":
        """How a state becomes a tensor and a string."""
        return HeapObserver()


class TakeAwayState(pyspiel.State):
    """A heap and whose turn it is."""

    def __init__(self, game: TakeAway) -> None:
        super().__init__(game)
        self.stones = STONES
        self.player = 0

    def current_player(self) -> int:
        """0 or 1, or TERMINAL."""
        return self.player if self.stones else pyspiel.PlayerId.TERMINAL

    def _legal_actions(self, player: int) -> list[int]:
        return list(range(min(MOST, self.stones)))

    def _apply_action(self, action: int) -> None:
        self.stones -= action + 1
        self.player = 1 - self.player

    def _action_to_string(self, player: int, action: int) -> str:
        return f"take {action + 1}"

    def is_terminal(self) -> bool:
        """Nothing is left."""
        return self.stones == 0

    def returns(self) -> list[float]:
        """1 for the player who took the last stone, -1 for the other."""
        if self.stones:
            return [0.0, 0.0]
        return [-1.0, 1.0] if self.player == 0 else [1.0, -1.0]  # the player to move found nothing left

    def __str__(self) -> str:
        return f"{self.stones} stones, player {self.player} to move"


class HeapObserver:
    """What the network sees: one of STONES + 1 numbers is 1. The winner depends on nothing else."""

    def __init__(self) -> None:
        self.tensor = np.zeros(STONES + 1, np.float32)
        self.dict = {"heap": self.tensor}

    def set_from(self, state: TakeAwayState, player: int) -> None:
        """Write the state into the tensor."""
        self.tensor.fill(0.0)
        self.tensor[state.stones] = 1.0

    def string_from(self, state: TakeAwayState, player: int) -> str:
        """The state as text."""
        return str(state)


pyspiel.register_game(GAME_TYPE, TakeAway)
