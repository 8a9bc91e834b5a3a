"""OpenSpiel's bots as agents, and agents as OpenSpiel's bots.

A bot plays one game at a time and may keep in mind how it went. As an agent it is brought to each state that it is
asked about: by `inform_action` where that goes on from its last decision, else by `restart_at`, and where it has no
`restart_at` by `restart` and the whole history. What it chose itself is told by `force_action`, or `inform_action`
where it has none. Limits: a bot draws by its own generator, so seeds do not reach it; it takes no budget; and one that
gives no policy answers with the single action that it drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyspiel

from engine.agents.agent import Agent, BatchAgent, Decision, FloatArray, one_hot
from engine.errors import TesujiError
from engine.game import quiet_stderr, require_sequential
from engine.search.seeds import state_seed, stream

__all__ = ["AgentBot", "BotAgent", "as_agent"]


def as_agent(agent: Any, game: pyspiel.Game) -> Any:
    """A `pyspiel.Bot`, or a sequence of them by seat, as an agent for `game`; any other agent is handed through."""
    if isinstance(agent, pyspiel.Bot):
        return BotAgent([agent] * game.num_players(), game)
    if isinstance(agent, Sequence) and agent and all(isinstance(each, pyspiel.Bot) for each in agent):
        return BotAgent(agent, game)
    return agent


class BotAgent(BatchAgent):
    """Bots of OpenSpiel's, one a seat; the same one may sit in several."""

    def __init__(self, bots: Sequence[pyspiel.Bot], game: pyspiel.Game) -> None:
        """Raise TesujiError unless there is a bot for every seat of a game in which one player moves at a time."""
        require_sequential(game)
        if len(bots) != game.num_players():
            raise TesujiError(f"{len(bots)} bots: {game} needs {game.num_players()}, one for each seat")
        # What OpenSpiel's factories make is of this very class and crashes in the wrong seat.
        if len(bots) > 1 and type(bots[0]) is pyspiel.Bot and all(bot is bots[0] for bot in bots):
            raise TesujiError("this bot was made for one seat: give one for each, as in [bot_0, bot_1]")
        self.game = game
        self.name = ", ".join(dict.fromkeys(type(bot).__name__ for bot in bots))
        drivers = {id(bot): Driver(bot) for bot in bots}
        self._drivers = [drivers[id(bot)] for bot in bots]

    @property
    def gives_policy(self) -> bool:
        """All bots tell their probabilities, not only the action that they drew."""
        return all(driver.gives_policy for driver in self._drivers)

    def decide(self, states: Sequence[pyspiel.State], budget: int | None, seed: int) -> list[Decision]:
        """One state after the other; values unknown."""
        for state in states:
            if str(state.get_game()) != str(self.game):
                raise TesujiError(f"{self.name} plays {self.game}, not {state.get_game()}")
        unknown = np.full(self.game.num_players(), np.nan)
        return [Decision(self._drivers[state.current_player()].ask(state), unknown) for state in states]

    def reset(self) -> None:
        """A new game begins: every bot is restarted before its next decision."""
        for driver in self._drivers:
            driver.forget()


class Driver:
    """Brings one bot from state to state."""

    def __init__(self, bot: pyspiel.Bot) -> None:
        self._bot = bot
        self._name = type(bot).__name__
        self.gives_policy = bool(bot.provides_policy())
        self._restarts_at = True  # until it refuses
        self._last: tuple[pyspiel.State, int] | None = None
        """The state of its last decision, and what it chose there."""

    def forget(self) -> None:
        """The next state is of another game."""
        self._last = None

    def ask(self, state: pyspiel.State) -> FloatArray:
        """float64[A]: what the bot plays in `state`. Raises TesujiError for illegal actions and wrong probabilities."""
        self._bring_to(state)
        if self.gives_policy:
            policy, drawn = self._bot.step_with_policy(state)
            probabilities = self._checked(policy, state)
        else:
            drawn = self._bot.step(state)
            probabilities = one_hot(self._legal(drawn, state), state.num_distinct_actions())
        self._last = state.clone(), int(drawn)
        return probabilities

    def _bring_to(self, state: pyspiel.State) -> None:
        last, self._last = self._last, None
        if last is not None:
            before, drawn = last
            history = [*before.history(), drawn]
            if before.current_player() == state.current_player() and state.history()[: len(history)] == history:
                before.apply_action(drawn)
                self._inform(before, state)
                return
        self._bot.restart()
        if not self._restart_at(state):
            self._inform(state.get_game().new_initial_state(), state)

    def _restart_at(self, state: pyspiel.State) -> bool:
        """Whether the bot could be set to any state."""
        if self._restarts_at:
            try:
                with quiet_stderr():
                    self._bot.restart_at(state)
            except (NotImplementedError, pyspiel.SpielError) as error:
                if isinstance(error, pyspiel.SpielError) and "not implemented" not in str(error):
                    raise
                self._restarts_at = False
        return self._restarts_at

    def _inform(self, before: pyspiel.State, state: pyspiel.State) -> None:
        """Tell the bot the actions that lead from `before`, which is used up, to `state`."""
        for move in state.full_history()[len(before.history()) :]:
            if move.player == state.current_player() and self._bot.provides_force_action():
                self._bot.force_action(before, move.action)
            else:
                self._bot.inform_action(before, move.player, move.action)
            before.apply_action(move.action)
        if str(before) != str(state):
            raise TesujiError(f"{self._name} cannot follow a game that began elsewhere: it needs restart_at")

    def _checked(self, policy: Sequence[tuple[int, float]], state: pyspiel.State) -> FloatArray:
        probabilities = np.zeros(state.num_distinct_actions())
        for action, probability in policy:
            if probability:
                probabilities[self._legal(action, state)] += probability
        if not (probabilities >= 0.0).all() or not np.isclose(probabilities.sum(), 1.0, atol=1e-4):
            raise TesujiError(f"{self._name} gave probabilities that are no distribution over the legal actions")
        shares: FloatArray = probabilities / probabilities.sum()
        return shares

    def _legal(self, action: int, state: pyspiel.State) -> int:
        if action not in state.legal_actions():
            raise TesujiError(
                f"{self._name} chose action {action}, which is illegal for player {state.current_player()} after "
                f"{state.history()}; bots that sit in one seat are given as a list, one for each"
            )
        return int(action)


class AgentBot(pyspiel.Bot):  # type: ignore[misc]  # pyspiel has no types
    """An agent as a bot for one seat. Its choices depend on the seed, the number of games it began, and the state."""

    def __init__(self, agent: Agent, player: int, seed: int = 0) -> None:
        super().__init__()
        self._agent = agent
        self._player = player
        self._seed = seed
        self._games = 0

    def player_id(self) -> int:
        """The seat."""
        return self._player

    def restart(self) -> None:
        """A new game begins."""
        self._games += 1
        self._agent.reset()

    def restart_at(self, state: pyspiel.State) -> None:
        """A new game begins in `state`."""
        self.restart()

    def provides_policy(self) -> bool:
        """`get_policy` and `step_with_policy` work."""
        return True

    def get_policy(self, state: pyspiel.State) -> list[tuple[int, float]]:
        """The probability of every legal action."""
        return self._policy(state, self._decide(state))

    def step_with_policy(self, state: pyspiel.State) -> tuple[list[tuple[int, float]], int]:
        """The same, and the action drawn."""
        decision = self._decide(state)
        action = decision.sample(state_seed(stream(self._seed, "action", self._games), state))
        self._agent.observe(state, action)
        return self._policy(state, decision), action

    def step(self, state: pyspiel.State) -> int:
        """The action drawn."""
        return self.step_with_policy(state)[1]

    def inform_action(self, state: pyspiel.State, player_id: int, action: int) -> None:
        """Somebody else chose `action` in `state`."""
        if player_id >= 0:  # chance is no player
            self._agent.observe(state, action)

    def provides_force_action(self) -> bool:
        """`force_action` works."""
        return True

    def force_action(self, state: pyspiel.State, action: int) -> None:
        """Take `action` for what was chosen in this seat."""
        self._agent.observe(state, action)

    def _decide(self, state: pyspiel.State) -> Decision:
        if not state.is_simultaneous_node() and state.current_player() != self._player:
            raise TesujiError(
                f"this bot sits in seat {self._player}, but player {state.current_player()} is to move: give a bot for "
                f"each seat, as in [as_bot(agent, 0), as_bot(agent, 1)]"
            )
        return self._agent.policy([state], None, self._seed)[0]

    def _policy(self, state: pyspiel.State, decision: Decision) -> list[tuple[int, float]]:
        return [(action, float(decision.probabilities[action])) for action in state.legal_actions()]
