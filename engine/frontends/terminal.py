"""A person against an agent in the terminal: any sequential game, one person's seat or more."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyspiel

from engine.agents.agent import Agent, Decision
from engine.agents.pyspiel_bots import as_agent
from engine.errors import TesujiError
from engine.frontends.board import Cell, Screen, draw, placed, plain
from engine.frontends.tables import table
from engine.game import is_rivalry, require_sequential, room
from engine.markup import printable, printable_lines
from engine.metrics import JsonLines
from engine.probing.making import file_and_line, read_played
from engine.probing.probe import reach
from engine.search.seeds import state_seed, stream

MOVES_SHOWN = 10
VARIATION_SHOWN = 8
PROMPT = "your move> "
OVER_PROMPT = "new, undo, save FILE or quit> "
WITH_FILE = ("save", "load")
HELP = """Type a move by its name or its number, or:
  moves      list the legal moves
  hint       what the agent would do in your place
  stats      the numbers behind its last move or hint
  legend     what these numbers and the marks on the board mean
  undo       take back your last move
  resign     give the game up
  new        begin again
  save FILE  append the game to FILE
  load FILE  go on with the last game in FILE; FILE:N is the one in line N
  quit       leave (so does Ctrl-D)"""
LEGEND = """On the board: (x), or reversed colours, is the last move; capitals, or green, are the winning line.
In the numbers:
  visits   how often the search looked at the move
  plays    how probable it is that the agent plays it
  prior    how probable the network alone finds it
  q        the return that the search expects after it, for who makes it
  line     how the game might go on
  expects  the return that the agent expects, for who is to move"""


class TerminalGame:
    """One game after the other between people at `seats` and an agent in all other seats."""

    def __init__(
        self,
        game: pyspiel.Game,
        agent: Agent,
        seats: Collection[int],
        source: TextIO,
        sink: TextIO,
        seed: int = 0,
        budget: int | None = None,
        *,
        fen: str = "",
        history: Sequence[int] = (),
    ) -> None:
        """agent: or bots of OpenSpiel's. source, sink: where moves are read and all is written. fen, history: where
        games begin.

        Raises TesujiError for a seat the game has not, and a beginning that cannot be reached or is the end.
        """
        require_sequential(game)
        for seat in seats:
            if not 0 <= seat < game.num_players():
                raise TesujiError(f"seat {seat}: {game.get_type().short_name} has seats 0 to {game.num_players() - 1}")
        self._game = game
        self._room = room(game.get_type().short_name)
        self._signs = self._room.sides(game)
        self._agent: Agent = as_agent(agent, game)
        self._seats = set(seats)
        self._source = source
        self._screen = Screen(sink)
        self._seed = seed
        self._budget = budget
        self._beginning = fen, tuple(history)
        self._games = 0  # begun before this one
        self._begin(*self._beginning)
        if self._state.is_terminal():
            raise TesujiError("history: the game is over after it")

    @property
    def history(self) -> tuple[int, ...]:
        """What was played so far, chance's actions included."""
        return tuple(self._state.history())

    def record(self) -> dict[str, Any]:
        """The game as a line of a file, as `engine.probing.making.read_played` reads it."""
        seats = [int(seat not in self._seats) for seat in range(self._game.num_players())]
        names = {"agents": ["you", self._agent.name], "seats": seats}
        fen = {"fen": self._fen} if self._fen else {}
        return {"game": str(self._game)} | names | fen | {"history": self.history}

    def play(self) -> bool:
        """Play until the person leaves. True if the game was finished then."""
        self._print(self._welcome())
        while True:
            if self._over:
                self._show()
                self._print(f"The game is over. {self._outcome()}", "bold")
                if not self._person():
                    return True
            elif self._state.is_chance_node():
                self._chance()
            elif self._state.current_player() in self._seats:
                self._show()
                if not self._person():
                    return False
            else:
                self._reply()

    @property
    def _over(self) -> bool:
        return self._resigned >= 0 or bool(self._state.is_terminal())

    def _begin(self, fen: str, history: Sequence[int]) -> None:
        """Put the game where these actions lead."""
        state = reach(self._game, fen, ())
        self._agent.reset()
        before = None
        for action in history:
            if action not in state.legal_actions():
                raise TesujiError(f"history: action {action} is illegal after {len(state.history())} others")
            if not state.is_chance_node():
                before = state.clone()
                self._agent.observe(state, action)
            state.apply_action(action)
        self._fen = fen
        self._state = state
        self._before: pyspiel.State | None = before
        """The state of the last decision."""
        self._resigned = -1
        self._last = ""  # the numbers behind the agent's last move or hint, for `stats`

    def _welcome(self) -> str:
        name = printable(self._agent.name)
        if self._signs and len(self._seats) == 1:
            (seat,) = self._seats
            others = ", ".join(sign for other, sign in enumerate(self._signs) if other != seat)
            who = f"you are {self._signs[seat]}, {name} is {others}."
        else:
            seats, last = " and ".join(map(str, sorted(self._seats))), self._game.num_players() - 1
            who = f"you have seat {seats} of 0 to {last}, {name} the rest."
        return (
            f"{printable(str(self._game))}: {who}\n"
            f"Type a move by its name or number, `help` for the other commands, `quit` to leave."
        )

    def _chance(self) -> None:
        outcomes, probabilities = zip(*self._state.chance_outcomes(), strict=True)
        rng = np.random.default_rng(state_seed(self._stream("chance"), self._state))
        action = int(rng.choice(outcomes, p=np.array(probabilities) / sum(probabilities)))
        if not self._hides():
            self._print(f"chance: {self._name(action)}")
        self._state.apply_action(action)

    def _reply(self) -> None:
        decision = self._decide()
        action = decision.sample(state_seed(self._stream("action"), self._state))
        if self._hides():
            self._last = "what the agent thinks would tell what it knows"
            self._print("\nthe agent has moved")
        else:
            self._last = self._table(decision)
            expects = self._expects(decision)
            self._print(f"{printable(self._agent.name)} plays {self._name(action)}{expects and ' and ' + expects}")
        self._apply(action)

    def _person(self) -> bool:
        """Read commands until something has changed (True) or the person leaves (False)."""
        while True:
            self._screen.write(OVER_PROMPT if self._over else PROMPT, "bold", end="")
            line = self._source.readline()
            if not line:
                self._print("")
                return False
            command = line.strip()
            if (command or "quit" if self._over else command).lower() in ("quit", "exit"):
                return False
            try:
                if command and self._obey(command):
                    return True
            except TesujiError as error:
                self._print(printable(str(error)))

    def _obey(self, command: str) -> bool:
        """Do what a line says. True if the game is then another."""
        word, _, rest = command.partition(" ")
        match word.lower() if word.lower() in WITH_FILE else command.lower():
            case "help" | "?":
                self._print(HELP)
            case "legend":
                self._print(LEGEND)
            case "stats":
                self._print(self._last or "the agent has not moved yet")
            case "save":
                self._save(rest.strip())
            case "load":
                self._load(rest.strip())
                return True
            case "new":
                self._games += 1
                self._begin(*self._beginning)
                return True
            case "undo":
                return self._undo()
            case _ if self._over:
                raise TesujiError("the game is over: `new` begins another, `undo` takes back your last move")
            case "moves":
                self._print("  ".join(f"{action}:{self._name(action)}" for action in self._state.legal_actions()))
            case "hint":
                self._hint()
            case "resign":
                self._resigned = self._state.current_player()
                return True
            case _:
                self._apply(self._parse(command))
                return True
        return False

    def _decide(self) -> Decision:
        return self._agent.policy([self._state], self._budget, self._seed)[0]

    def _hint(self) -> None:
        """One sentence; `stats` has the rest."""
        decision = self._decide()
        self._last = self._table(decision)
        visits = {move.action: move.visits for move in decision.statistics.get("moves", ())}
        share = f"{decision.probabilities[decision.action]:.0%} of the time"
        if visits.get(decision.action):
            share = f"{visits[decision.action]} of {sum(visits.values())} visits"
        expects = self._expects(decision)
        name = printable(self._agent.name)
        self._print(f"{name} would play {self._name(decision.action)} ({share}){expects and ' and ' + expects}.")

    def _expects(self, decision: Decision) -> str:
        """`expects +0.35 for you`; nothing where the agent does not know."""
        player = self._state.current_player()
        value = decision.values[player]
        full = "; the tree is full: more than max_bytes was needed" if decision.statistics.get("full") else ""
        if math.isnan(value):
            return ""
        return f"expects {value:+.2f} for {'you' if player in self._seats else 'itself'}{full}"

    def _apply(self, action: int) -> None:
        self._agent.observe(self._state, action)
        self._before = self._state.clone()
        self._state.apply_action(action)

    def _undo(self) -> bool:
        """Go back to the person's previous decision, if there is one; after resigning, to where that was."""
        history = self._state.full_history()
        if self._resigned < 0:
            over, player = self._state.is_terminal(), self._state.current_player()
            mine = [
                n for n, move in enumerate(history) if move.player == player or (over and move.player in self._seats)
            ]
            if not mine:
                raise TesujiError("nothing to take back")
            history = history[: mine[-1]]
        self._begin(self._fen, [move.action for move in history])
        return True

    def _save(self, name: str) -> None:
        if not name:
            raise TesujiError("name a file: save FILE")
        lines = JsonLines(Path(name))
        number = len(lines.read()) + 1
        lines.append(self.record())
        self._print(f"saved as game {number} of {printable(name)}")

    def _load(self, name: str) -> None:
        if not name:
            raise TesujiError("name a file: load FILE, or FILE:N for the game in line N")
        file, line = file_and_line(name)
        played = read_played(file, line)
        if str(reach(played.game, "", ()).get_game()) != str(self._game):
            raise TesujiError(f"{name}: holds a game of {played.game}, not of {self._game}")
        self._begin(played.fen, played.history)

    def _parse(self, text: str) -> int:
        """The legal action of this name, or of this name without the side before it, or of this number."""
        legal: list[int] = self._state.legal_actions()
        names: dict[str, int] = {self._name(action): action for action in legal}
        if text in names:
            return names[text]
        for shortened in (str.casefold, short):
            same = [action for name, action in names.items() if shortened(name) == text.casefold()]
            if len(same) == 1:
                return same[0]
        if text.isdecimal() and int(text) in legal:
            return int(text)
        raise TesujiError(f"'{text}' is not a legal move; `moves` lists them, `help` the commands")

    def _stream(self, kind: str) -> int:
        """The seed of what is drawn in this game."""
        return stream(self._seed, kind, self._games) if self._games else stream(self._seed, kind)

    def _name(self, action: int) -> str:
        return printable(self._state.action_to_string(self._state.current_player(), action))

    def _hides(self) -> bool:
        """In games of hidden information what the agent knows and does may not be shown."""
        return bool(self._game.get_type().information != pyspiel.GameType.Information.PERFECT_INFORMATION)

    def _show(self) -> None:
        """The board, or what the person to move knows."""
        state = self._state
        if self._hides() and not self._over:
            self._print(f"\n{printable_lines(self._room.view(state, state.current_player()))}\n")
            return
        text = printable_lines(self._room.render(state))
        last: list[Cell] = []
        if self._before is not None and not self._hides():
            last = placed(printable_lines(self._room.render(self._before)), text)
        winning = self._room.winning_line(state)
        if self._screen.coloured:
            signs = [sign.split()[0] for sign in self._signs]
            self._print("")
            self._screen.write(draw(text, last, winning, signs if all(len(sign) == 1 for sign in signs) else ()))
            self._print("")
        else:
            self._print(f"\n{plain(text, last, winning)}\n")

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
        return table(rows, "  ", left=(0, 5)) + expects

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
        name = printable(self._agent.name)
        rivals = self._game.num_players() == 2 and is_rivalry(self._game)
        if self._resigned >= 0:
            if len(self._seats) == 1:
                return f"You resign{f': {name} wins' if rivals else ''}."
            return f"Seat {self._resigned} resigns."
        returns = self._state.returns()
        if rivals and len(self._seats) == 1:
            (seat,) = self._seats
            if returns[seat] == returns[1 - seat]:
                return "A draw."
            return "You win." if returns[seat] > returns[1 - seat] else f"{name} wins."
        return "Returns by seat: " + ", ".join(f"{value:g}" for value in returns)

    def _print(self, text: str, style: str = "") -> None:
        self._screen.write(text, style)


def short(name: str) -> str:
    """`e4` from `B e4`, and `8/7 8/3` from `865 - 8/7 8/3`; case does not count."""
    return name.casefold().partition(" ")[2].removeprefix("- ")
