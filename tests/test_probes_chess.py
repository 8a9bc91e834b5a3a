"""Chess: proofs of mate and stalemate, Stockfish over UCI, and the families that are made with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyspiel
import pytest

from engine.agents.agent import Decision
from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.native import core
from engine.probing.expectations import Moves, Twin, meets
from engine.probing.oracles import find_oracle, verify
from engine.probing.probe import Probe, reach
from engine.probing.suite import load_probes
from engine.search.search import search
from games.chess import oracle as stockfish
from games.chess.board import attacked, fen, is_position, mirrored
from games.chess.composing import Goal, sort_moves
from games.chess.game import render, string_identifies
from games.chess.notation import action_of, uci
from games.chess.oracle import Stockfish
from games.chess.probes import FAMILIES, ORACLES
from games.chess.proof import Mate, OutOfNodes, Prover
from games.chess.published import BEYOND, RECORDS
from games.chess.tactics import MARGIN

GAME = pyspiel.load_game("chess")
BLACK, WHITE = 0, 1
FILE = Path(stockfish.__file__).with_name("probes.jsonl")
EXACT = ("mates", "stalemates", "underpromotion")
SCHOLAR = "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4"


def installed() -> bool:
    try:
        stockfish.find_program()
    except TesujiError:
        return False
    return True


needs_stockfish = pytest.mark.skipif(not installed(), reason="Stockfish is not installed")


def at(position: str) -> pyspiel.State:
    return GAME.new_initial_state(position)


def san(state: pyspiel.State, actions: tuple[int, ...]) -> set[str]:
    return {state.action_to_string(action) for action in actions}


@cache
def shipped() -> dict[str, list[Probe]]:
    loaded = load_probes([FILE])
    assert not loaded.problems
    return {family.name: [p for p in loaded.probes if p.family == family.name] for family in FAMILIES}


# Proofs


@pytest.mark.parametrize(
    ("position", "plies", "first"),
    [
        (SCHOLAR, 1, {"Qxf7#"}),
        ("6k1/5ppp/8/8/8/8/8/K2R4 w - - 0 1", 1, {"Rd8#"}),
        ("7k/8/8/8/8/8/1R6/R5K1 w - - 0 1", 3, {"Rb7", "Ra7"}),  # two rooks, a ladder
        ("8/8/8/4N3/8/7p/8/5K1k w - - 0 1", 3, {"Ng4"}),  # zugzwang: h2 is forced, Nf2 mates
        ("8/4N3/8/8/8/2b1p3/p1K1P3/k7 w - - 0 1", 5, {"Nc6"}),
        ("8/5P1k/5K2/8/8/8/8/8 w - - 0 1", 3, {"f8=R"}),  # f8=Q is stalemate
    ],
)
def test_known_mates_take_as_many_plies_as_known(position: str, plies: int, first: set[str]) -> None:
    state = at(position)
    player = state.current_player()
    assert Prover().forces(state, player, 1, plies)
    assert not Prover().forces(state, player, 1, plies - 1)
    found = [a for a in state.legal_actions() if Prover().forces(state.child(a), player, 1, plies - 1)]
    assert san(state, tuple(found)) == first


def test_a_known_stalemate_is_forced_by_the_weaker_side() -> None:
    """Qh4+ must be taken, and then White has no move; all else is met by mate."""
    state = at("8/4Q3/2r5/7n/3qn1p1/2nr3k/q7/7K w - - 0 1")
    verdict = Mate().judge(state)
    assert verdict is not None and verdict.value == 0.0
    assert san(state, verdict.best) == {"Qh4+"}
    assert set(verdict.values.values()) == {0.0, -1.0} and len(verdict.values) == 20


def test_the_oracle_says_nothing_of_what_it_cannot_prove() -> None:
    assert Mate(plies=2, nodes=2_000).judge(GAME.new_initial_state()) is None
    assert Mate(plies=2).judge(at("8/8/8/8/8/3N1K2/2p1N3/1k6 w - - 0 5")) is None
    with pytest.raises(OutOfNodes):
        Prover(nodes=10).forces(GAME.new_initial_state(), WHITE, 1, 5)


def minimax(state: pyspiel.State, player: int, plies: int) -> tuple[int, int]:
    """Bounds of the value, by looking at everything."""
    if state.is_terminal():
        return int(state.returns()[player]), int(state.returns()[player])
    if plies == 0:
        return -1, 1
    below = [minimax(state.child(action), player, plies - 1) for action in state.legal_actions()]
    choose: Callable[[list[int]], int] = max if state.current_player() == player else min
    return choose([low for low, _ in below]), choose([high for _, high in below])


def test_bounds_are_those_of_brute_force() -> None:
    generator = np.random.default_rng(5)
    decided = 0
    for probes in (shipped()[name] for name in EXACT):
        for number in generator.choice(len(probes), 6, replace=False):
            state = probes[number].state()
            for _ in range(int(generator.integers(2))):
                state.apply_action(int(generator.choice(state.legal_actions())))
                if state.is_terminal():
                    break
            if state.is_terminal():
                continue
            for plies in (0, 1, 2):
                for player in (BLACK, WHITE):
                    bounds = Prover(10**6).bounds(state, player, plies)
                    assert (bounds.low, bounds.high) == minimax(state, player, plies)
                    decided += bounds.proven
    assert decided > 20


# Boards, notation, rendering


def test_attacks_are_those_of_the_rules() -> None:
    """A side to move whose enemy's king is attacked would be no position: compared with check signs of the game."""
    generator = np.random.default_rng(3)
    checks = 0
    for _ in range(30):
        state = GAME.new_initial_state()
        for _ in range(60):
            if state.is_terminal():
                break
            action = int(generator.choice(state.legal_actions()))
            check = state.action_to_string(action)[-1] in "+#"
            white = state.current_player() == WHITE
            state.apply_action(action)
            rows = str(state).split()[0].split("/")
            cells = ["".join("." * int(c) if c.isdigit() else c for c in row) for row in reversed(rows)]
            board = {8 * y + x: c for y, row in enumerate(cells) for x, c in enumerate(row) if c != "."}
            king = next(square for square, piece in board.items() if piece == ("k" if white else "K"))
            assert attacked(board, king, white) == check
            assert is_position(board, not white)
            assert fen(board, not white).split()[0] == str(state).split()[0]
            assert mirrored(mirrored(board)) == board
            checks += check
    assert checks > 10


def test_moves_are_written_as_uci_does_and_read_back() -> None:
    state = at("r3k2r/P7/8/3pP3/8/8/8/R3K2R w KQkq d6 0 1")
    assert {"e1g1", "e1c1", "e5d6", "a7a8q"} <= {uci(state, action) for action in state.legal_actions()} | {"a7a8q"}
    for action in state.legal_actions():
        assert action_of(state, uci(state, action)) == action
        assert action_of(state, state.action_to_string(action)) == action
    with pytest.raises(TesujiError, match="'e1e5' is not legal"):
        action_of(state, "e1e5")


def test_the_board_is_drawn_with_what_fen_adds() -> None:
    lines = render(at("r3k2r/8/8/3pP3/8/8/8/R3K2R w KQkq d6 0 1")).splitlines()
    assert lines[0] == "8 r · · · k · · r"
    assert lines[3] == "5 · · · p P · · ·"
    assert lines[8:] == ["  a b c d e f g h", "White to move; castling KQkq; en passant d6"]
    assert not string_identifies(GAME)


# Families


def test_the_dial_is_the_length_of_the_mate() -> None:
    for probe in shipped()["mates"][::5]:
        state = probe.state()
        player, plies = state.current_player(), 2 * probe.difficulty - 1
        assert Prover().forces(state, player, 1, plies) and not Prover().forces(state, player, 1, plies - 2)


def test_every_move_of_an_exact_probe_is_right_or_wrong() -> None:
    for name in EXACT:
        probes = shipped()[name]
        assert len(probes) >= 40 and 0.35 <= sum(probe.held_out for probe in probes) / len(probes) <= 0.65
        assert len({probe.fen for probe in probes}) == len(probes)
        for probe in probes:
            (moves,) = probe.expectations
            legal = probe.state().legal_actions()
            assert isinstance(moves, Moves) and 1 <= len(moves.accepted) <= len(legal) / 8
            assert sorted(moves.accepted + moves.forbidden) == legal


def test_a_queen_is_never_the_answer_to_an_underpromotion() -> None:
    for probe in shipped()["underpromotion"]:
        (moves,) = probe.expectations
        assert isinstance(moves, Moves)
        assert {uci(probe.state(), action)[4:] for action in moves.accepted} <= {"r", "b", "n"}


@pytest.mark.parametrize("name", EXACT)
def test_all_are_verified(name: str) -> None:
    for probe in shipped()[name]:
        assert verify(probe) is None, probe.id


@pytest.mark.slow
def test_shipped_probes_are_made_again() -> None:
    family = next(family for family in FAMILIES if family.name == "mates")
    assert family.make(8, 0, 1) == [p for p in shipped()["mates"] if p.difficulty == 1][:8]


def test_composing_sorts_moves_as_the_oracle_does() -> None:
    probe = shipped()["mates"][0]
    (moves,) = probe.expectations
    found = sort_moves(probe.state(), Goal(value=1, plies=0, refutation=1), 0)
    assert found is not None and isinstance(moves, Moves)
    assert (found.right, found.wrong, found.open) == (moves.accepted, moves.forbidden, 0)


# Agents


def answer(state: pyspiel.State, probabilities: dict[int, float]) -> Decision:
    shares = np.zeros(state.num_distinct_actions())
    for action, share in probabilities.items():
        shares[action] = share
    return Decision(shares / shares.sum(), np.full(2, np.nan))


def passes(probes: list[Probe], policy: Callable[[pyspiel.State], dict[int, float]]) -> float:
    """The share of probes that a policy passes."""
    met = []
    for probe in probes:
        state = probe.state()
        decision = answer(state, policy(state))
        met.append(all(meets(each, decision, state.current_player()) for each in probe.expectations))
    return float(np.mean(met))


@pytest.mark.parametrize("name", EXACT)
def test_agents_without_a_clue_fail_and_the_oracle_passes(name: str) -> None:
    probes = shipped()[name]
    assert passes(probes, lambda state: dict.fromkeys(state.legal_actions(), 1.0)) == 0.0
    assert passes(probes, lambda state: {min(state.legal_actions()): 1.0}) <= 0.2
    assert passes(probes, lambda state: {max(state.legal_actions()): 1.0}) <= 0.25

    def judged(state: pyspiel.State) -> dict[int, float]:
        verdict = find_oracle("mate", "chess()").judge(state)
        assert verdict is not None
        return {verdict.best[-1]: 1.0}

    assert passes(probes[::4], judged) == 1.0


def test_search_solves_more_mates_with_more_simulations() -> None:
    """A search whose leaves are worth nothing still finds mates at once, then in 2, as its budget allows."""
    probes = [probe for probe in shipped()["mates"] if probe.difficulty < 3]
    evaluator = core.FakeEvaluator(GAME)
    rates = []
    for simulations in (4, 64, 4096):

        def searched(state: pyspiel.State, budget: int = simulations) -> dict[int, float]:
            found = search(state, evaluator, SearchConfig(), simulations=budget)
            return {int(found.actions[found.best]): 1.0}

        rates.append(passes(probes, searched))
    assert rates[0] < 0.4 and rates[0] < rates[1] < rates[2] and rates[2] > 0.6


# Published positions and Stockfish


def test_published_positions_name_their_source() -> None:
    probes = shipped()["published"]
    assert len(probes) == len(RECORDS)
    for probe in probes:
        assert probe.truth == "published" and probe.source and probe.oracle == ""
    assert passes(probes, lambda state: dict.fromkeys(state.legal_actions(), 1.0)) == 0.0


def agrees(judge: Stockfish, probe: Probe, nodes: int) -> bool:
    """Whether Stockfish finds all right moves better than the others, and the wrong ones worse."""
    state = probe.state()
    (moves,) = probe.expectations
    assert isinstance(moves, Moves)
    lines = judge.best(state, nodes=nodes)
    if moves.accepted:
        right, others = lines[: len(moves.accepted)], lines[len(moves.accepted) :]
        wide = all(right[-1].value - line.value > 0.4 for line in others)
        return wide and {line.action for line in right} == set(moves.accepted)
    best = max(line.value for line in lines if line.action not in moves.forbidden)
    children = [state.child(action) for action in moves.forbidden]
    after = [0.0 if c.is_terminal() else -judge.best(c, nodes, lines=1)[0].value for c in children]
    return best - max(after) > 0.4


@needs_stockfish
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_stockfish_does_not_contradict_what_was_published(every: int) -> None:
    """Asked again with more nodes where it does: some positions are here because they are hard."""
    judge = Stockfish(lines=3)
    for probe in shipped()["published"][::every]:
        if BEYOND not in probe.tags:
            assert agrees(judge, probe, 200_000) or agrees(judge, probe, 2_000_000), probe.fen
    judge.close()


@needs_stockfish
def test_stockfish_answers_alike_and_knows_what_was_played() -> None:
    state = at(SCHOLAR)
    first, again = Stockfish(20_000), Stockfish(20_000)
    assert first.best(state) == again.best(state) == first.best(state)
    assert state.action_to_string(first.best(state)[0].action) == "Qxf7#"
    assert first.version.startswith("Stockfish")
    # Both knights out and back twice: the start for the third time is a draw, which a FEN alone would not tell.
    state = GAME.new_initial_state()
    for move in ("g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1"):
        state.apply_action(action_of(state, move))
    verdict = first.judge(state)
    assert verdict is not None and len(verdict.values) == 2
    first.close()
    again.close()


@needs_stockfish
def test_tactics_are_judged_as_they_were() -> None:
    assert len(shipped()["tactics"]) >= 40
    for probe in shipped()["tactics"][::6]:
        assert verify(probe) is None, probe.fen
        verdict = ORACLES["stockfish"].judge(probe.state())
        assert verdict is not None
        best, second = sorted(verdict.values.values(), reverse=True)
        assert best - second >= MARGIN / 2.0
        assert probe.truth == "engine-judged" and "nodes" in probe.source


def test_without_stockfish_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stockfish.shutil, "which", lambda *_, **__: None)
    with pytest.raises(TesujiError, match="apt-get install stockfish"):
        Stockfish().judge(at(SCHOLAR))
    family = next(family for family in FAMILIES if family.name == "tactics")
    with pytest.raises(TesujiError, match="apt-get install stockfish"):
        family.make(1, 0, 1)


@needs_stockfish
def test_a_program_that_stops_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stockfish"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(stockfish, "find_program", lambda: str(program))
    judge = Stockfish()
    with pytest.raises(TesujiError, match="stopped"):
        judge.judge(at(SCHOLAR))
    judge.close()


def test_moves_that_mean_nothing_bring_the_same_board_back():
    for probe in shipped()["extra_moves"]:
        twin = next(each for each in probe.expectations if isinstance(each, Twin))
        here, there = probe.state(), reach(probe.game, probe.fen, twin.history)
        assert str(here).split()[:4] == str(there).split()[:4]
        assert int(str(there).split()[4]) == int(str(here).split()[4]) + 4  # nothing was taken, no pawn moved
        assert here.legal_actions() == there.legal_actions()
