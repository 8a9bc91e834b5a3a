"""Stockfish over UCI: the outside referee of chess, whose word is an opinion, at a fixed number of nodes.

Stockfish is GPL-3.0 software: nothing here contains it. It runs as a program of its own where it is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import pyspiel

from engine.errors import TesujiError
from engine.probing.oracles import Verdict
from games.chess.notation import action_of, uci

__all__ = ["Line", "Stockfish", "find_program"]

GAMES_FOLDER = "/usr/games"
"""Where Debian puts it, which is not in every PATH."""
HASH = 64
"""Megabytes of its transposition table."""


@dataclass(frozen=True)
class Line:
    """One of the best moves and what Stockfish expects after it."""

    action: int
    value: float
    """Expected return of the player to move, -1 to 1: its chance to win less its chance to lose."""


def find_program() -> str:
    """The path of the program. Raises TesujiError saying what to install."""
    found = shutil.which("stockfish") or shutil.which("stockfish", path=GAMES_FOLDER)
    if found is None:
        raise TesujiError("oracle stockfish: the program is not installed; try: apt-get install stockfish")
    return found


class Stockfish:
    """Judges positions by what Stockfish says of the best few moves; the same answer each time, on any machine.

    One thread, a fixed table that is emptied before each position, a fixed number of nodes.
    """

    name = "stockfish"
    truth = "engine-judged"

    def __init__(self, nodes: int = 200_000, lines: int = 2) -> None:
        self.nodes = nodes
        self.lines = lines
        self.process: subprocess.Popen[str] | None = None
        self.version = ""

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The values of the `lines` best moves; None where there is no other to compare with.

        Raises TesujiError where Stockfish is not installed or stops answering.
        """
        lines = self.best(state)
        if len(lines) < 2:
            return None
        values = {line.action: line.value for line in lines}
        return Verdict(values, max(values.values()))

    def best(self, state: pyspiel.State, nodes: int | None = None, lines: int | None = None) -> list[Line]:
        """The best moves, best first. Raises TesujiError as `judge` does."""
        self.start()
        self.send("ucinewgame", f"setoption name MultiPV value {lines or self.lines}")
        self.send(f"position {path(state)}", f"go nodes {nodes or self.nodes}")
        found: dict[int, Line] = {}
        for words in iter(self.read, ["bestmove"]):
            if "multipv" in words and "wdl" in words and not {"lowerbound", "upperbound"} & set(words):
                wins, _, losses = (int(share) for share in words[words.index("wdl") + 1 :][:3])
                move = words[words.index("pv") + 1]
                rank = int(words[words.index("multipv") + 1])
                found[rank] = Line(action_of(state, move), (wins - losses) / 1000.0)
        return [found[rank] for rank in sorted(found)]

    def start(self) -> None:
        """Run the program, if it does not run yet, and ask its version."""
        if self.process is not None:
            return
        self.process = subprocess.Popen(
            [find_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.send("uci")
        for words in iter(self.read, ["uciok"]):
            if words[:2] == ["id", "name"]:
                self.version = " ".join(words[2:])
        options = {"Threads": "1", "Hash": str(HASH), "UCI_ShowWDL": "true"}
        self.send(*(f"setoption name {name} value {value}" for name, value in options.items()))

    def close(self) -> None:
        """End the program; it starts again when next asked."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def __del__(self) -> None:
        self.close()

    def send(self, *commands: str) -> None:
        """Write commands."""
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write("".join(f"{command}\n" for command in commands))
            self.process.stdin.flush()
        except OSError as error:
            self.close()
            raise TesujiError(f"oracle stockfish: it stopped: {error}") from error

    def read(self) -> list[str]:
        """The words of the next line; of the lines that end an answer the first alone."""
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise TesujiError("oracle stockfish: it stopped without an answer")
        words = line.split()
        return words[:1] if words[:1] in (["bestmove"], ["uciok"]) else words


def path(state: pyspiel.State) -> str:
    """How UCI's `position` names a state: where the game began and the moves since."""
    played = state.get_game().new_initial_state(state.start_fen())
    words = ["fen", str(played)]
    for number, action in enumerate(state.history()):
        words += ["moves"] if number == 0 else []
        words.append(uci(played, action))
        played.apply_action(action)
    return " ".join(words)
