"""A game in the terminal, with scripted people."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyspiel
import pytest

from engine.agents.agent import Decision
from engine.agents.bots import MctsAgent, RandomAgent
from engine.agents.parser import parse_agent
from engine.errors import TesujiError
from engine.frontends.board import placed, plain
from engine.frontends.tables import table
from engine.frontends.terminal import PROMPT, TerminalGame

Play = Callable[..., tuple[bool, str]]


@pytest.fixture
def play() -> Play:
    def run(game: str, agent: str, lines: list[str], seats: tuple[int, ...] = (0,), seed: int = 0) -> tuple[bool, str]:
        loaded = pyspiel.load_game(game)
        sink = io.StringIO()
        source = io.StringIO("".join(line + "\n" for line in lines))
        finished = TerminalGame(loaded, parse_agent(agent, loaded), seats, source, sink, seed).play()
        return finished, sink.getvalue()

    return run


def test_two_people_play_by_name_and_by_number(play: Play) -> None:
    # Names in connect_four are x3, o0 ...; numbers are the columns.
    finished, text = play("connect_four", "random", ["x3", "o0", "3", "0", "X3", "O0", "3"], seats=(0, 1))
    assert finished
    assert "Returns by seat: 1, -1" in text
    assert text.count(PROMPT) == 7


def test_the_first_lines_say_who_sits_where_and_how_to_leave(play: Play) -> None:
    _, text = play("connect_four", "random", [], seats=(1,))
    first, second = text.splitlines()[:2]
    assert first == "connect_four(): you are o, random is x."
    assert "`help`" in second and "`quit` to leave" in second
    _, text = play("pig", "random", [], seats=(1,))
    assert text.startswith("pig(): you have seat 1 of 0 to 1, random the rest.")


def test_the_board_comes_from_the_games_room(play: Play) -> None:
    _, text = play("connect_four", "random", [])
    assert "| · · · · · · · |" in text
    assert "  0 1 2 3 4 5 6" in text


def test_the_agent_answers_with_its_statistics(play: Play) -> None:
    finished, text = play("connect_four", "mcts:300", ["3", "3", "stats"], seats=(0,))
    assert not finished
    assert text.count("mcts:300 plays o") == 2
    assert re.search(r"move +visits +plays +prior +q +line\n", text)
    blocks = text.split(PROMPT)
    assert "visits" in blocks[3] and "plays o" not in blocks[3]  # `stats` shows the table again and asks again


def test_end_of_input_leaves(play: Play) -> None:
    finished, text = play("connect_four", "random", ["3"])
    assert not finished
    assert text.endswith(PROMPT + "\n")


def test_quit_leaves_and_a_person_in_the_second_seat_moves_second(play: Play) -> None:
    finished, text = play("connect_four", "random", ["quit"], seats=(1,))
    assert not finished
    assert text.index("random plays x") < text.index(PROMPT)


def test_undo_takes_back_the_persons_last_move(play: Play) -> None:
    _, text = play("connect_four", "random", ["undo", "3", "undo", "moves"])
    blocks = text.split(PROMPT)
    assert "nothing to take back" in blocks[1]
    assert "| · · · · · · · |\n+" in blocks[3]  # the empty board again
    assert "0:x0" in blocks[4]


def test_undo_gives_the_move_back_to_the_person_who_undoes(play: Play) -> None:
    _, text = play("tic_tac_toe", "random", ["4", "0", "undo", "moves"], seats=(0, 1))
    # After x4 o0 it is x's turn: undo takes back o0 and x4.
    assert text.split(PROMPT)[4].strip().startswith("0:x(0,0)")


def test_hint_shows_what_the_agent_would_do(play: Play) -> None:
    _, text = play("connect_four", "mcts:400", ["3", "hint"], seats=(0, 1))
    hint = text.split(PROMPT)[2]
    assert "expects" in hint
    assert "plays o" not in hint


@pytest.mark.parametrize("full", [True, False])
def test_a_full_tree_is_told(play: Play, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    decide = MctsAgent._decide

    def filled(self: MctsAgent, state: pyspiel.State, simulations: int, seed: int) -> Decision:
        decision = decide(self, state, simulations, seed)
        return replace(decision, statistics={**decision.statistics, "full": full})

    monkeypatch.setattr(MctsAgent, "_decide", filled)
    _, text = play("connect_four", "mcts:10", ["hint"])
    assert ("the tree is full" in text) == full


def test_help_names_every_command_and_wrong_input_is_explained(play: Play) -> None:
    _, text = play("connect_four", "random", ["help", "x9", "7", "", "-1"])
    for command in ("moves", "hint", "stats", "undo", "quit"):
        assert f"  {command}" in text
    assert text.count("is not a legal move") == 3


def test_chance_is_played_and_named(play: Play) -> None:
    finished, text = play("pig(winscore=8)", "random", ["roll", "stop"] * 40, seed=3)
    assert finished
    assert "chance: " in text
    assert "chance: Roll" in text and text.split("chance: Roll")[1].splitlines()[2].startswith("Seat 0: ")  # shown anew
    assert play("pig(winscore=8)", "random", ["roll", "stop"] * 40, seed=3)[1] == text


def test_hidden_information_stays_hidden(play: Play) -> None:
    finished, text = play("kuhn_poker", "random", ["Bet", "Bet"], seed=1)
    assert finished
    assert "You are seat 0 and hold the " in text.split(PROMPT)[0]  # the person's card, dealt before the first move
    before_end = text.split("The game is over")[0]
    assert "chance:" not in before_end
    assert "random plays" not in before_end
    assert "the agent has moved" in text


def test_statistics_of_an_agent_that_knows_more_stay_hidden(play: Play) -> None:
    _, text = play("kuhn_poker", "ismcts:20", ["stats", "hint", "Pass", "stats"], seats=(1,), seed=1)
    blocks = text.split(PROMPT)
    assert "what the agent thinks would tell what it knows" in blocks[1]
    assert "visits" not in blocks[0] + blocks[1]
    assert "visits" in blocks[2]  # of the person's own seat


def test_wrong_seats_and_simultaneous_games_are_refused(play: Play) -> None:
    with pytest.raises(TesujiError, match="seat 2: tic_tac_toe has seats 0 to 1"):
        play("tic_tac_toe", "random", [], seats=(2,))
    with pytest.raises(TesujiError, match="turn_based_simultaneous_game"):
        play("matrix_rps", "random", [])


def test_the_winner_is_named(play: Play) -> None:
    finished, text = play("nim(pile_sizes=1;1)", "random", ["1", "1"])
    assert finished
    assert ("You win." in text) != ("random wins." in text)


def test_tables_align() -> None:
    assert table([["", "b"], ["long", "1"]], "  ") == "        b\n  long  1"
    assert table([["a", "b"], ["1", "long"]], left=(1,)) == "a  b\n1  long"


def boards(text: str) -> int:
    return text.count("  0 1 2 3 4 5 6")


def test_one_board_a_turn_with_the_last_move_marked(play: Play) -> None:
    _, text = play("connect_four", "mcts:20", ["3", "hint", "stats", "legend", "moves", "x9", "3"])
    assert boards(text) == text.count("mcts:20 plays ") + 1 == 3
    reply = text.split(PROMPT)[1]
    assert reply.count("(o)") == 1 and "(x)" not in reply
    assert "(x)" not in text.split(PROMPT)[0] and "(o)" not in text.split(PROMPT)[0]


def test_a_hint_is_one_sentence_and_the_legend_explains_the_numbers(play: Play) -> None:
    _, text = play("connect_four", "mcts:40", ["hint", "stats", "legend"])
    _, hint, stats, legend = text.split(PROMPT)[:4]
    assert re.fullmatch(r"mcts:40 would play x\d \(\d+ of 39 visits\) and expects [+-]\d.\d\d for you\.\n", hint)
    for word in ("visits", "plays", "prior", "q", "line", "expects"):
        assert word in stats and f"  {word}" in legend
    assert play("connect_four", "random", ["hint"])[1].split(PROMPT)[1] == "random would play x0 (14% of the time).\n"


def test_the_winning_line_is_marked(play: Play) -> None:
    finished, text = play("connect_four", "random", ["0", "6", "1", "6", "2", "6", "3"], seats=(0, 1))
    assert finished
    assert "| X X X(X)· · o |" in text
    _, text = play("hex(board_size=3)", "random", ["b1", "a1", "b2", "a2", "a3"], seats=(0, 1))
    assert "   a b c\n 1 o X ·\n  2 o X ·\n   3(X)· ·\n" in text.replace(" \n", "\n")


def test_resigning_ends_the_game_and_can_be_undone(play: Play) -> None:
    finished, text = play("connect_four", "random", ["3", "resign", "3", "undo", "moves"])
    assert not finished  # undo took the resignation back
    assert "The game is over. You resign: random wins." in text
    assert "the game is over: `new` begins another" in text
    assert text.count(" plays ") == 1 and "0:x0" in text.split("undo, save FILE or quit> ")[2]
    assert play("connect_four", "random", ["resign"])[0]
    assert play("connect_four", "random", ["resign", "", "3"])[0]
    assert "Seat 0 resigns." in play("connect_four", "random", ["resign"], seats=(0, 1))[1]


def test_a_new_game_begins_where_the_first_did(play: Play) -> None:
    _, text = play("connect_four", "random", ["3", "new", "moves"], seats=(0, 1))
    assert "| · · · · · · · |\n+" in text.split(PROMPT)[2]
    finished, text = play("tic_tac_toe", "random", ["0", "3", "1", "4", "2", "new", "moves"], seats=(0, 1))
    assert not finished and text.count("The game is over") == 1


def test_chance_differs_from_game_to_game(play: Play) -> None:
    lines = ["roll"] * 40
    rolls = [text.splitlines()[0] for text in play("pig", "random", lines, (0, 1))[1].split("chance: ")[1:]]
    again = play("pig", "random", ["roll", "new", *lines], (0, 1))[1].split("chance: ")[1:]
    assert rolls[0] == again[0].splitlines()[0]
    assert rolls[:20] != [text.splitlines()[0] for text in again[1:]][:20]


def test_games_are_saved_and_loaded(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "my games.jsonl"
    _, text = play("connect_four", "random", ["3", "0", f"save {file}", "1", f"save {file}"], seats=(0, 1))
    assert f"saved as game 1 of {file}" in text and f"saved as game 2 of {file}" in text
    first, second = map(json.loads, file.read_text().splitlines())
    assert first == {"game": "connect_four()", "agents": ["you", "random"], "seats": [0, 0], "history": [3, 0]}
    assert second["history"] == [3, 0, 1]
    _, text = play("connect_four", "random", [f"load {file}", f"load {file}:1"], seats=(0, 1))
    assert "| o(x)· x · · · |" in text.split(PROMPT)[1] and "|(o)· · x · · · |" in text.split(PROMPT)[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("save", "name a file: save FILE"),
        ("load", "name a file: load FILE"),
        ("load {tmp}/none.jsonl", "cannot read {tmp}/none.jsonl"),
        ("load {tmp}/other.jsonl", "holds a game of tic_tac_toe(), not of connect_four()"),
        ("load {tmp}/other.jsonl:5", "there is no line 5"),
        ("load {tmp}/broken.jsonl", "is damaged"),
        ("save {tmp}/broken.jsonl", "is damaged"),
        ("save {tmp}", "cannot"),
        ("x \x1b[2J", "'x \\x1b[2J' is not a legal move"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_game_goes_on(play: Play, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "other.jsonl").write_text('{"game": "tic_tac_toe()", "history": [4]}\n')
    (tmp_path / "broken.jsonl").write_text("{\n")
    _, text = play("connect_four", "random", ["3", line.format(tmp=tmp_path), "3"], seats=(0, 1))
    blocks = text.split(PROMPT)
    assert message.format(tmp=tmp_path) in blocks[2] and blocks[2].count("\n") == 1
    assert "(o)" in blocks[3]


def test_a_game_begins_at_a_fen_or_after_moves() -> None:
    chess = pyspiel.load_game("chess")
    sink = io.StringIO()
    fen = "4k3/8/8/8/8/8/4P3/4K2R w K - 0 1"
    game = TerminalGame(chess, RandomAgent(), [1], io.StringIO("e4\n"), sink, fen=fen)
    game.play()
    assert "you are White, random is Black" in sink.getvalue()
    assert "random plays K" in sink.getvalue()
    assert game.record()["fen"] == fen and len(game.history) == 2
    begun = TerminalGame(pyspiel.load_game("connect_four"), RandomAgent(), [0], io.StringIO(), sink, history=(3, 3))
    assert begun.history == (3, 3)
    with pytest.raises(TesujiError, match="history: the game is over after it"):
        TerminalGame(pyspiel.load_game("tic_tac_toe"), RandomAgent(), [0], io.StringIO(), sink, history=(0, 3, 1, 4, 2))
    with pytest.raises(TesujiError, match="fen: "):
        TerminalGame(chess, RandomAgent(), [0], io.StringIO(), sink, fen="nonsense")


def test_moves_may_leave_out_the_side_and_the_number(play: Play) -> None:
    _, text = play("go(board_size=5)", "random", ["c3", "B C4", "w d4"], seats=(0, 1))
    assert " 3 · ·(x)· ·" in text and " 4 · · ·(o)·" in text
    assert "random" in text and text.count("is not a legal move") == 1  # White is to move in the second


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_colour", [False, True])
def test_colours_reach_terminals_only_unless_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch, no_colour: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    sink = Terminal()
    game = pyspiel.load_game("connect_four")
    TerminalGame(game, RandomAgent(), (0, 1), io.StringIO("0\n6\n1\n6\n2\n6\n3\n"), sink).play()
    text = sink.getvalue()
    assert ("\x1b[" in text) != no_colour
    assert ("X X X(X)" in text) == no_colour
    if not no_colour:
        assert text.count("\x1b[1;30;42mx\x1b[0m") == 3  # and the fourth is the last move as well
        assert "| x x x x · · o |" in re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_cells_that_a_move_filled() -> None:
    assert placed("a b\n· x ·\nx to move", "a b\n· x o\no to move") == [(1, 4)]
    assert placed("8 r · P", "8 · · r") == [(0, 6)]  # a capture: what changed and is not empty
    assert placed("· ·\n· ·", "x ·") == []  # not the same form
    assert plain("· x x ·", [(0, 2)], [(0, 4)]) == "·(x)X ·"
    assert plain(".x.", [(0, 1)]) == ".x."  # no room for a sign
