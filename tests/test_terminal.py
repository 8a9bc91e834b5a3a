"""A game in the terminal, with scripted people."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pyspiel
import pytest

from engine.agents.agent import Decision
from engine.agents.bots import MctsAgent
from engine.agents.parser import parse_agent
from engine.errors import TesujiError
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
    assert first == "connect_four(): you have seat 1 of 0 to 1, random the rest."
    assert "`help`" in second and "`quit` to leave" in second


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
