"""A person against an agent in the terminal: any sequential game, one person's seat or more."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TextIO

import numpy as np
import pyspiel

from engine.agents.agent import Agent, Decision
from engine.agents.pyspiel_bots import as_agent
from engine.errors import TesujiError
from engine.frontends.tables import table
from engine.game import is_rivalry, require_sequential, room
from engine.markup import printable, printable_lines
from engine.search.seeds import state_seed, stream

MOVES_SHOWN = 10
VARIATION_SHOWN = 8
PROMPT = "your move> "
HELP = """Type a move by its name or its number, or:
  moves    list the legal moves
  hint     what the agent would do in your place
  stats    the agent's last statistics again
  undo     take back your last move
  quit     leave (so does Ctrl-D)"""


class TerminalGame:
    """One game between people at `seats` and an agent in all other seats."""

    def __init__(
        self,
        game: pyspiel.Game,
        agent: Agent,
        seats: Collection[int],
        source: TextIO,
        sink: TextIO,
        seed: int = 0,
        budget: int | None = None,
    ) -> None:
        """agent: or bots of OpenSpiel's. source, sink: where moves are read and all is written.

        Raises TesujiError for a seat the game has not.
        """
        require_sequential(game)
        for seat in seats:
            if not 0 <= seat < game.num_players():
                raise TesujiError(f"seat {seat}: {game.get_type().short_name} has seats 0 to {game.num_players() - 1}")
        self._game = game
        self._room = room(game.get_type().short_name)
        self._agent: Agent = as_agent(agent, game)
        self._seats = set(seats)
        self._source = source
        self._sink = sink
        self._seed = seed
        self._budget = budget
        self._state = game.new_initial_state()
        self._last = ""  # the agent's last statistics, for `stats`

    @property
    def history(self) -> tuple[int, ...]:
        """What was played so far, chance's actions included."""
        return tuple(self._state.history())

    def play(self) -> bool:
        """Play to the end. True if the game was finished, False if the person left."""
        self._agent.reset()
        self._print(self._welcome())
        self._show()
        while not self._state.is_terminal():
            if self._state.is_chance_node():
                self._chance()
            elif self._state.current_player() in self._seats:
                if not self._person():
                    return False
            else:
                self._reply()
        self._print(f"The game is over. {self._outcome()}")
        return True

    def _welcome(self) -> str:
        seats, last = " and ".join(map(str, sorted(self._seats))), self._game.num_players() - 1
        return (
            printable(f"{self._game}: you have seat {seats} of 0 to {last}, {self._agent.name} the rest.") + "\n"
            "Type a move by its name or number, `help` for the other commands, `quit` to leave."
        )

    def _chance(self) -> None:
        outcomes, probabilities = zip(*self._state.chance_outcomes(), strict=True)
        rng = np.random.default_rng(state_seed(stream(self._seed, "chance"), self._state))
        action = int(rng.choice(outcomes, p=np.array(probabilities) / sum(probabilities)))
        if not self._hides():
            self._print(f"chance: {self._name(action)}")
        self._state.apply_action(action)
        self._show()

    def _reply(self) -> None:
        decision = self._decide()
        action = decision.sample(state_seed(stream(self._seed, "action"), self._state))
        if self._hides():
            self._last = "what the agent thinks would tell what it knows"
            self._print("\nthe agent has moved\n")
        else:
            self._last = self._table(decision)
            self._print(f"{self._last}\n{printable(self._agent.name)} plays {self._name(action)}\n")
        self._apply(action)

    def _person(self) -> bool:
        """Read commands until the person moves (True) or leaves (False)."""
        while True:
            self._sink.write(PROMPT)
            self._sink.flush()
            line = self._source.readline()
            if not line:
                self._print("")
                return False
            command = line.strip()
            match command.lower():
                case "":
                    continue
                case "quit" | "exit":
                    return False
                case "help" | "?":
                    self._print(HELP)
                case "moves":
                    self._print(self._moves())
                case "hint":
                    self._print(self._table(self._decide()))
                case "stats":
                    self._print(self._last or "the agent has not moved yet")
                case "undo":
                    if self._undo():
                        return True
                case _:
                    action = self._parse(command)
                    if action is not None:
                        self._apply(action)
                        return True

    def _decide(self) -> Decision:
        return self._agent.policy([self._state], self._budget, self._seed)[0]

    def _apply(self, action: int) -> None:
        self._agent.observe(self._state, action)
        self._state.apply_action(action)
        self._show()

    def _undo(self) -> bool:
        """Go back to the person's previous decision, if there is one."""
        history = self._state.full_history()
        player = self._state.current_player()
        mine = [index for index, move in enumerate(history) if move.player == player]
        if not mine:
            self._print("nothing to take back")
            return False
        self._state = self._game.new_initial_state()
        self._agent.reset()
        for move in history[: mine[-1]]:
            if not self._state.is_chance_node():
                self._agent.observe(self._state, move.action)
            self._state.apply_action(move.action)
        self._show()
        return True

    def _parse(self, text: str) -> int | None:
        """The legal action of this name or, failing that, of this number; None (and a line) if there is none."""
        legal: list[int] = self._state.legal_actions()
        names: dict[str, int] = {self._name(action): action for action in legal}
        if text in names:
            return names[text]
        folded = [action for name, action in names.items() if name.casefold() == text.casefold()]
        if len(folded) == 1:
            return folded[0]
        if text.isdecimal() and int(text) in legal:
            return int(text)
        self._print(f"'{printable(text)}' is not a legal move; `moves` lists them, `help` the commands")
        return None

    def _moves(self) -> str:
        return "  ".join(f"{action}:{self._name(action)}" for action in self._state.legal_actions())

    def _name(self, action: int) -> str:
        return printable(self._state.action_to_string(self._state.current_player(), action))

    def _hides(self) -> bool:
        """In games of hidden information what the agent knows and does may not be shown."""
        return bool(self._game.get_type().information != pyspiel.GameType.Information.PERFECT_INFORMATION)

    def _show(self) -> None:
        if self._state.is_chance_node():
            return  # what chance brings is shown with it
        if self._hides() and not self._state.is_terminal():
            if self._state.current_player() in self._seats:
                self._print(f"\n{printable_lines(self._room.view(self._state, self._state.current_player()))}\n")
        else:
            self._print(f"\n{printable_lines(self._room.render(self._state))}\n")

    def _table(self, decision: Decision) -> str:
        """Visits, share played, prior, q (utilities of the mover) and principal variation of the best moves."""
        moves = decision.statistics.get("moves")
        player = self._state.current_player()
        if not moves:
            actions = np.argsort(-decision.probabilities, kind="stable")[:MOVES_SHOWN]
            shown = [(self._name(int(a)), decision.probabilities[a]) for a in actions if decision.probabilities[a] > 0]
            return table([["move", "plays"], *([name, f"{share:.1%}"] for name, share in shown)], "  ")
        rows = [["move", "visits", "plays", "prior", "q", "line"]]
        for move in moves[:MOVES_SHOWN]:
            rows.append(
                [
                    self._name(move.action),
                    str(move.visits) if move.visits else "",
                    f"{decision.probabilities[move.action]:.1%}",
                    f"{move.prior:.1%}" if move.prior else "",
                    "" if math.isnan(move.q) else f"{move.q:+.2f}",
                    self._line(move.variation),
                ]
            )
        value = decision.values[player]
        expects = "" if math.isnan(value) else f"\n  expects {value:+.2f}"
        full = "\n  the tree is full: more than max_bytes was needed" if decision.statistics.get("full") else ""
        return table(rows, "  ", left=(0, 5)) + expects + full

    def _line(self, variation: tuple[int, ...]) -> str:
        """The variation by names, as far as it can be played out."""
        state = self._state.clone()
        names = []
        for action in variation[:VARIATION_SHOWN]:
            if state.is_terminal() or action not in state.legal_actions():
                break
            names.append(state.action_to_string(state.current_player(), action))
            state.apply_action(action)
        return " ".join(names)

    def _outcome(self) -> str:
        returns = self._state.returns()
        if len(returns) == 2 and len(self._seats) == 1 and is_rivalry(self._game):
            (seat,) = self._seats
            if returns[seat] == returns[1 - seat]:
                return "A draw."
            return "You win." if returns[seat] > returns[1 - seat] else f"{printable(self._agent.name)} wins."
        return "Returns by seat: " + ", ".join(f"{value:g}" for value in returns)

    def _print(self, text: str) -> None:
        self._sink.write(text + "\n")
        self._sink.flush()
