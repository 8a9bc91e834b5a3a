"""Probes of chess: mates, stalemates and underpromotions proven by search, positions that others published, and
tactics that Stockfish judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pyspiel

from engine.errors import TesujiError
from engine.game import load_game
from engine.probing.expectations import Moves, Twin
from engine.probing.family import Family
from engine.probing.oracles import Oracle, verify
from engine.probing.probe import Probe, reach
from games.chess.board import Board, fen, mirrored
from games.chess.composing import RELATED, Goal, Position, any_piece, compose, put, scattered
from games.chess.notation import uci
from games.chess.oracle import Stockfish
from games.chess.proof import Mate, Prover
from games.chess.published import published
from games.chess.shuffles import shuffled
from games.chess.tactics import DIFFICULTIES, MARGIN, NODES, tactics

GAME = "chess()"
ORACLES: dict[str, Oracle] = {each.name: each for each in (Mate(), Stockfish())}

TOLERANCE = 0.1
"""Share of the probability that may lie elsewhere after moves that mean nothing."""
STEPS = 12_000
"""Changes that one composition may take."""
ATTEMPTS = 1_000
"""Compositions that a family tries at most."""
EDGE = [square for square in range(64) if square % 8 in (0, 7) or square // 8 in (0, 7)]


def mates(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Mate in `difficulty`, and any other move does not win."""
    said = "mates" if difficulty == 1 else f"mates in {difficulty} by force"

    def promising(state: pyspiel.State) -> bool:
        return difficulty > 1 or gives_mate(state)

    def no_stalemate(position: Position) -> int:
        return sum(is_stalemate(position.state.child(action)) for action in position.wrong)

    goal = Goal(value=1, plies=2 * difficulty - 2, refutation=1)
    return composed(generator, goal, scattered, promising, no_stalemate, said, ("mate",))


def stalemates(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """The stronger side mates, in one move (1) or two (3), or stalemates; the weaker one forces stalemate (2)."""
    if difficulty == 2:
        goal = Goal(value=0, plies=1, refutation=1)
        return composed(
            generator, goal, cornered, forces_stalemate, flawless, "forces stalemate in two plies", ("save",)
        )

    def promising(state: pyspiel.State) -> bool:
        return any(is_stalemate(state.child(action)) for action in state.legal_actions()) and (
            difficulty == 3 or gives_mate(state)
        )

    goal = Goal(value=1, plies=difficulty - 1, refutation=1)
    number = "" if difficulty == 1 else " in 2"
    return composed(generator, goal, hunted, promising, flawless, f"mates{number}", ("spoil",), is_stalemate)


def underpromotion(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """A promotion to less than a queen mates, at once (1) or next (2); nothing else wins."""
    plies = 2 * difficulty - 2

    def promising(state: pyspiel.State) -> bool:
        prover, player = Prover(nodes=10**9), state.current_player()
        return any(
            prover.forces(state.child(action), player, 1, plies)
            for action in state.legal_actions()
            if is_underpromotion(state, action)
        )

    def other_wins(position: Position) -> int:
        return sum(not is_underpromotion(position.state, action) for action in position.right)

    goal = Goal(value=1, plies=plies, refutation=1)
    number = "" if difficulty == 1 else " in 2"
    return composed(generator, goal, promoting, promising, other_wins, f"mates{number}, a queen does not", ())


def extra_moves(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Mates by one move alone, and the same board after both sides have moved a piece and put it back."""
    for probe in mates(generator, difficulty):
        state = probe.state()
        history = shuffled(state, generator)
        if history is None or any(len(each.accepted) > 1 for each in probe.expectations if isinstance(each, Moves)):
            continue
        twin = Twin(tuple(history), tuple((action, action) for action in state.legal_actions()), TOLERANCE)
        names = " ".join(reach(GAME, probe.fen, tuple(history[:n])).action_to_string(history[n]) for n in range(4))
        more = replace(
            probe, expectations=(*probe.expectations, twin), why=f"{probe.why} After {names} all is the same."
        )
        try:
            if verify(more) is None:
                yield more
        except TesujiError:  # the oracle cannot prove as much after the detour
            continue


def composed(
    generator: np.random.Generator,
    goal: Goal,
    start: Callable[[np.random.Generator], Board],
    promising: Callable[[pyspiel.State], bool],
    blemishes: Callable[[Position], int],
    said: str,
    tags: tuple[str, ...],
    tempting: Callable[[pyspiel.State], bool] = lambda child: False,
) -> Iterator[Probe]:
    """Probes of positions that reach a goal, half of them with Black to move.

    Positions come in sixes that have a start in common; those of two compositions are told in turn.

    said: of the right move, for `why`. tempting: tells by the position after it which wrong move to name there.
    """
    game = load_game(GAME)
    waiting: list[list[Board]] = []
    for _ in range(ATTEMPTS):
        boards = compose(game, generator, start, goal, promising, blemishes, STEPS)
        if len(boards) == RELATED:
            waiting.append(boards)
        if len(waiting) < 2:
            continue
        for board in chain.from_iterable(zip(*waiting, strict=True)):
            white = bool(generator.integers(2))
            position = fen(board if white else mirrored(board), white)
            yield proven(game.new_initial_state(position), position, said, tags, tempting)
        waiting = []


def proven(
    state: pyspiel.State,
    position: str,
    said: str,
    tags: tuple[str, ...],
    tempting: Callable[[pyspiel.State], bool],
) -> Probe:
    """The probe of a position, all moves judged by the oracle `mate`."""
    verdict = Mate().judge(state)
    if verdict is None or len(verdict.values) < len(state.legal_actions()):
        raise RuntimeError(f"composed, but not proven: {position}")
    right = verdict.best
    wrong = tuple(action for action in verdict.values if action not in right)
    named = max(wrong, key=lambda action: (tempting(state.child(action)), appeal(state.action_to_string(action))))
    told = " or ".join(state.action_to_string(action) for action in right)
    why = f"{told} {said}. Nothing else does: {state.action_to_string(named)} {refutation(state, named)}."
    return Probe(
        id="",
        family="",
        game=GAME,
        history=(),
        fen=position,
        expectations=(Moves(right, wrong),),
        truth="exact",
        oracle="mate",
        why=why,
        tags=tags,
        player=state.current_player(),
    )


def appeal(move: str) -> int:
    """How much a move in algebraic notation looks like a good one: promotions to a queen, captures, checks."""
    return 4 * ("=Q" in move) + 2 * ("x" in move) + ("+" in move)


def refutation(state: pyspiel.State, action: int) -> str:
    """What is wrong with a move that does not keep the value, as the end of a sentence."""
    player = state.current_player()
    child = state.child(action)
    if child.is_terminal():
        return "is stalemate" if is_stalemate(child) else "leaves too little to mate with"
    for goal, result in ((1, "loses"), (0, "only draws")):
        for plies in range(5):
            for reply in child.legal_actions():
                if Prover().forces(child.child(reply), 1 - player, goal, plies):
                    return f"{result} to {child.action_to_string(reply)}"
    return "does not"


def gives_mate(state: pyspiel.State) -> bool:
    """Whether some move mates at once."""
    prover, player = Prover(), state.current_player()
    return any(prover.forces(state.child(action), player, 1, 0) for action in state.legal_actions())


def is_stalemate(state: pyspiel.State) -> bool:
    """Whether the game is over as a draw because there is no legal move."""
    return bool(state.is_terminal() and not any(state.returns()) and not state.board().has_legal_moves())


def is_underpromotion(state: pyspiel.State, action: int) -> bool:
    """Whether a move promotes to a rook, bishop or knight."""
    return uci(state, action)[4:] in ("r", "b", "n")


def forces_stalemate(state: pyspiel.State) -> bool:
    """Whether after some move every reply is a draw."""
    player = state.current_player()
    children = (state.child(action) for action in state.legal_actions())
    return any(not child.is_terminal() and Prover().forces(child, player, 0, 1) for child in children)


def flawless(position: Position) -> int:
    """Nothing else is asked of a position."""
    return 0


def hunted(generator: np.random.Generator) -> Board:
    """Black's king on the edge, few pieces."""
    board: Board = {}
    put(board, "k", generator, EDGE)
    put(board, "K", generator)
    for white in (True, False):
        for _ in range(int(generator.integers(1, 4))):
            put(board, any_piece(generator, white), generator)
    return board


def cornered(generator: np.random.Generator) -> Board:
    """White's king on the edge, Black's and his pieces near, one piece or two to give away."""
    board: Board = {}
    put(board, "K", generator, EDGE)
    king = next(iter(board))
    near = [s for s in range(64) if 2 <= max(abs(s % 8 - king % 8), abs(s // 8 - king // 8)) <= 3]
    put(board, "k", generator, near)
    put(board, str(generator.choice(list("QRRBN"))), generator)
    if generator.integers(2):
        put(board, any_piece(generator, True), generator)
    for _ in range(int(generator.integers(1, 4))):
        put(board, str(generator.choice(list("qqrrbnpp"))), generator)
    return board


def promoting(generator: np.random.Generator) -> Board:
    """A pawn about to promote, Black's king a knight's move away from there."""
    file = int(generator.integers(8))
    board: Board = {48 + file: "P"}
    near = [s for s in range(64) if sorted((abs(s % 8 - file), abs(s // 8 - 7))) == [1, 2]]
    put(board, "k", generator, near)
    put(board, "K", generator)
    for white, most in ((True, 4), (False, 5)):
        for _ in range(int(generator.integers(1, most))):
            put(board, any_piece(generator, white), generator)
    return board


PROVEN = (
    "Proven by exhaustive search to the ends of the game (mate, stalemate, too little material): the right moves and "
    "that every other move is worse (oracle mate)."
)

FAMILIES = [
    Family(
        name="mates",
        kind="chess",
        game=GAME,
        fails="A forced mate is missed although every other move loses or draws.",
        reason="One narrow line decides among many moves: a search guided by average values spreads its visits, and a "
        "prior near zero on a quiet or sacrificing first move starves it.",
        described_by="Ramanujan, Sabharwal and Selman, 'On adversarial search spaces and sampling-based planning' "
        "(ICAPS 2010): shallow traps in chess; lc0 issues #627 and #910, glinscott/leela-chess #105 and #306: missed "
        "mates in 1 to 3.",
        truth=PROVEN,
        dial="Moves to the mate: 1, 2 or 3.",
        difficulties=(1, 2, 3),
        generate=mates,
    ),
    Family(
        name="stalemates",
        kind="chess",
        game=GAME,
        fails="A crushing move stalemates, or the one way to be stalemated when lost is not seen.",
        reason="Nearly everything wins or loses for a side so far ahead; the exception depends on one free square, "
        "which material and learned values do not show.",
        described_by="Stockfish issue #5899 (2025), stalemates blundered in thousands of test games; lc0 issue #710 "
        "(2019); as a theme of studies, Hooper and Whyld, 'The Oxford Companion to Chess' (1992).",
        truth=PROVEN,
        dial="Plies of the proof: mate at once or stalemate (1), force stalemate on oneself (2), mate in two moves or "
        "stalemate (3).",
        difficulties=(1, 2, 3),
        generate=stalemates,
    ),
    Family(
        name="underpromotion",
        kind="chess",
        game=GAME,
        fails="A pawn is promoted to a queen where only a knight, rook or bishop wins.",
        reason="A queen is right nearly always, so training drives the prior of all else to zero, and search follows "
        "the prior.",
        described_by="lc0 issue #784 (2019): priors of promotions in the T40 networks; Elkies, 'Endgame Explorations' "
        "6 and 7: Underpromotion.",
        truth=PROVEN,
        dial="Moves to the mate: 1 or 2.",
        difficulties=(1, 2),
        generate=underpromotion,
    ),
    Family(
        name="extra_moves",
        kind="learning",
        game=GAME,
        fails="Moves that mean nothing, a piece out and back on either side, change the answer.",
        reason="Counters and earlier boards are inputs of the network, and a position that stands for the second time "
        "is a rare one; the rules ask for nothing else here.",
        described_by="Lan et al. 2022, 'Are AlphaZero-like agents robust to adversarial perturbations?' (two "
        "meaningless moves added); Silver et al. 2018 (repetitions and history planes as input).",
        truth=f"{PROVEN} The same is proven of both positions, repetition and move counters included.",
        dial="Moves to the mate: 1 or 2.",
        difficulties=(1, 2),
        generate=extra_moves,
    ),
    Family(
        name="published",
        kind="chess",
        game=GAME,
        fails="Engines of both kinds play a wrong move, or find the right one only after very many nodes.",
        reason="Zugzwang that null moves hide, moves that look worse than a sibling for millions of visits, wins far "
        "beyond the horizon, promotions and stalemates that priors leave out.",
        described_by="Each position names its own source: trackers of lc0, Leela Chess, Stockfish and Koivisto, and "
        "classical endgame studies.",
        truth="As published; where Stockfish can see it within a test's budget, it was asked and agreed; "
        "the others carry the tag beyond-stockfish.",
        dial="None.",
        difficulties=(0,),
        generate=published,
    ),
    Family(
        name="tactics",
        kind="chess",
        game=GAME,
        fails="The one move that holds the evaluation is missed.",
        reason="It looks worse than others until some line is searched to its end.",
        described_by="Ramanujan, Sabharwal and Selman (ICAPS 2010), as for mates; glinscott/leela-chess #190, 'Leela's "
        "tactical skills' (2018).",
        truth=f"Stockfish's opinion at {NODES:,} nodes: every other move has an expected return lower by {MARGIN:g} or "
        "more. Positions from its games against itself, with random moves among its own.",
        dial="Nodes that Stockfish itself needs: it is right at 100 (1), wrong there but right at 2,000 or the "
        "other way round (2), wrong at both (3).",
        difficulties=DIFFICULTIES,
        generate=tactics,
    ),
]
