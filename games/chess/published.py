"""Positions that engines got wrong or found hard, and classical studies, each with where it was reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.game import load_game
from engine.probing.expectations import Moves
from engine.probing.probe import Probe
from games.chess.notation import action_of

__all__ = ["RECORDS", "Record", "published"]

GAME = "chess()"
BEYOND = "beyond-stockfish"
"""Tag of positions that Stockfish does not see through in a test's budget: the source has to be believed."""

LC0 = "https://github.com/LeelaChessZero/lc0/issues/"
LEELA = "https://github.com/glinscott/leela-chess/issues/"
STOCKFISH = "https://github.com/official-stockfish/Stockfish/"
ZUGZWANG = STOCKFISH + "pull/4305 and 1338 (zugzwang suite of Allgeuer and others)"
STUMP = "https://chess.stackexchange.com/questions/29716 (positions that stump engines)"


@dataclass(frozen=True)
class Record:
    """A position and what was published of it."""

    fen: str
    why: str
    source: str
    right: tuple[str, ...] = ()
    """The moves that keep the value, all of them; empty where only wrong ones are told."""
    wrong: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


RECORDS = (
    Record(
        "8/8/8/8/8/3N1K2/2p1N3/1k6 w - - 0 5",
        "Only Nec1 wins, mate in 11. lc0 gave its sibling Ndc1, which draws, 50 million visits and this move 0.6 "
        "million: PUCT starves it.",
        LC0 + "1410 (2020)",
        right=("Nec1",),
        tags=("starved",),
    ),
    Record(
        "5n2/4P2k/8/8/8/2K3Q1/8/8 w - - 0 1",
        "exf8=Q is stalemate; nearly everything else wins. Priors of lc0's T40 networks for it rose to 100 %.",
        LC0 + "784 (2019)",
        wrong=("exf8=Q",),
        tags=("stalemate", "promotion"),
    ),
    Record(
        "4n3/p4P2/8/5k2/1Q6/4q3/1KP5/8 w - - 0 1",
        "Pushing f8=Q+ or checks with the queen win; the capture fxe8=Q loses the new queen to Qxe8, as lc0's T40 "
        "networks played with a prior near 100 %.",
        "https://github.com/LeelaChessZero/lc0/pull/788 (2019)",
        wrong=("fxe8=Q",),
        tags=("promotion",),
    ),
    Record(
        "1k6/4r3/2Q5/1PP5/1K6/8/8/1r6 w - - 0 1",
        "Ka5 allows Ra7+ and stalemate tricks that save Black; Kc3 and Kc4 keep the win. Blundered at least seven "
        "times in Stockfish's test games.",
        STOCKFISH + "issues/5899 (2025)",
        wrong=("Ka5",),
        tags=("stalemate",),
    ),
    Record(
        "7k/7P/6R1/5PN1/3P2P1/8/1r6/5K2 b - - 0 92",
        "Only Rf2+ saves Black, who is stalemated when the rook is taken and goes on checking when it is not. It drew "
        "a won game of lc0's training.",
        LC0 + "710 (2019-2020)",
        right=("Rf2+",),
        tags=("stalemate",),
    ),
    Record(
        "8/8/4nN2/5K1p/5n2/4k3/8/8 b - - 3 22",
        "Only h4 wins. Koivisto 7.5 played Nc5 and gave up the pawn: two knights alone do not mate.",
        "https://github.com/Luecx/Koivisto/issues/167 (2021)",
        right=("h4",),
    ),
    Record(
        "6k1/4bpp1/2q1p2p/2p1P3/2P1N2P/2Bn1QP1/5P1K/8 b - - 0 35",
        "Qd7 holds; Nb4 and all else lose material to the discovered attack on the queen. Leela Chess needed 19,000 to "
        "129,000 nodes, depending on the network.",
        LEELA + "558 (2018)",
        right=("Qd7",),
        tags=("tactics",),
    ),
    Record(
        "bR2r3/k1nK4/1p1pp1pp/pPR2p2/3P1P1P/p7/P2P3P/8 w - - 0 1",
        "Rxa8+ wins (Nxa8, then Rc8); engines long prefer Rxe8. A study by C. Pereira dos Santos, after 1.b5+ Ka7.",
        STUMP,
        right=("Rxa8+",),
        tags=("study",),
    ),
    Record(
        "8/8/7p/3KNN1k/2p4p/8/3P2p1/8 w - - 0 1",
        "Kc6 is the only move that draws. K. Behting, Baltische Schachblätter 1908; engines see no defence at all.",
        STUMP,
        right=("Kc6",),
        tags=("study", BEYOND),
    ),
    Record(
        "8/6pp/5p2/k7/3p4/1Q2p3/3prpp1/3Kbqrb w - - 0 1",
        "Qc4 begins a mate in 57 by zugzwang; engines see a draw by repetition.",
        "https://chess.stackexchange.com/questions/23837 (studies that computers fail to crack)",
        right=("Qc4",),
        tags=("zugzwang", BEYOND),
    ),
    Record(
        "8/q2pB3/p2N2r1/p1N5/p1p5/k7/P1P1PPPP/K7 w - - 0 1",
        "The quiet c3 wins; Stockfish preferred Nd3 after minutes.",
        "https://computerswithchess.blogspot.com (tricky positions engines don't get right)",
        right=("c3",),
        tags=("study", BEYOND),
    ),
    Record(
        "8/3P3k/n2K3p/2p3n1/1b4N1/2p1p1P1/8/3B4 w - - 0 1",
        "Nf6+ begins the solution; after Kg7 Nh5+ Kg6 comes Bc2+, which engines did not find. Plaskett's puzzle, by "
        "G. van Breukelen, Schakend Nederland 1990; the win against the best defence came to light later.",
        "https://en.wikipedia.org/wiki/Plaskett%27s_Puzzle",
        right=("Nf6+",),
        tags=("study", BEYOND),
    ),
    Record(
        "7K/8/k1P5/7p/8/8/8/8 w - - 0 1",
        "Kg7 draws: the king runs after the pawn and to its own at once. R. Réti, Kagans Neueste Schachnachrichten "
        "1921.",
        "https://en.wikipedia.org/wiki/R%C3%A9ti_endgame_study",
        right=("Kg7",),
        tags=("study",),
    ),
    Record(
        "8/8/1KP5/3r4/8/8/8/k7 w - - 0 1",
        "Only c7 wins, and five moves later c8=R. F. Saavedra and G. Barbier, Weekly Citizen 1895.",
        "https://en.wikipedia.org/wiki/Saavedra_position",
        right=("c7",),
        tags=("study", "promotion"),
    ),
    Record(
        "8/2P5/8/8/3r4/8/2K5/k7 w - - 0 1",
        "c8=Q only draws: Rc4+ Qxc4 is stalemate. c8=R wins. The end of Saavedra's study.",
        "https://en.wikipedia.org/wiki/Saavedra_position",
        wrong=("c8=Q",),
        tags=("study", "promotion", "stalemate"),
    ),
    Record(
        "8/6Pn/7k/7q/8/8/r7/4K1R1 w - - 0 1",
        "g8=N is mate; a queen does not even save the game. Reported because a program showed a queen instead.",
        "https://github.com/lichess-org/lila/issues/2822 (2017)",
        right=("g8=N#",),
        tags=("promotion", "mate"),
    ),
    Record(
        "8/k7/3p4/p2P1p2/P2P1P2/8/8/K7 w - - 0 1",
        "Only Kb1 wins, by corresponding squares. Emanuel Lasker and G. Reichhelm 1901; number 70 of R. Fine, Basic "
        "Chess Endings (1941), known as a test of programs since.",
        "https://www.chessprogramming.org/Lasker-Reichhelm_Position",
        right=("Kb1",),
        tags=("study", "corresponding squares"),
    ),
    Record(
        "8/2K5/1P5r/2k5/8/8/8/8 w - - 0 1",
        "b7 alone draws: after Rh7+ Kc8 Kc6 White must promote to a knight.",
        "N. Elkies, Endgame Explorations 6: Underpromotion, http://chabris.com/pub/acj/extra/Elkies/Elkies06.html",
        right=("b7",),
        tags=("study", "promotion"),
    ),
    Record(
        "2K5/1P5r/2k5/8/8/8/8/8 w - - 0 1",
        "b8=N+ is the only move that draws; a queen is met by Rh8 mate.",
        "N. Elkies, Endgame Explorations 6: Underpromotion, http://chabris.com/pub/acj/extra/Elkies/Elkies06.html",
        right=("b8=N+",),
        tags=("study", "promotion"),
    ),
    Record(
        "8/8/8/1k6/8/K7/6P1/8 w - - 0 1",
        "Only Kb3 wins: the king must take the opposition before the pawn moves.",
        "https://github.com/marianogappa/nowinalgebraic (textbook endings, number 10)",
        right=("Kb3",),
        tags=("opposition",),
    ),
    Record(
        "8/3k4/8/8/3PK3/8/8/8 w - - 0 1", "Only Kd5 wins: opposition.", ZUGZWANG, right=("Kd5",), tags=("zugzwang",)
    ),
    Record("2k5/8/1K1P4/8/8/8/8/8 w - - 0 1", "Only Kc6 wins.", ZUGZWANG, right=("Kc6",), tags=("zugzwang",)),
    Record(
        "8/8/8/4N3/8/7p/8/5K1k w - - 0 1",
        "Only Ng4 wins, mate in 2: Black must play h2.",
        ZUGZWANG,
        right=("Ng4",),
        tags=("zugzwang", "mate"),
    ),
    Record(
        "8/8/1p1K4/Pp6/2k1p3/8/1P6/8 w - - 0 1",
        "Only a6 wins: both sides promote, and the queen comes to d3 with zugzwang. L. Kubbel 1927.",
        ZUGZWANG,
        right=("a6",),
        tags=("zugzwang", "study"),
    ),
    Record(
        "8/1p5k/1P1p4/3p4/3Pp2p/2K1P2p/7P/8 w - - 0 1",
        "Only Kb2 draws: the king hides at a1.",
        ZUGZWANG,
        right=("Kb2",),
        tags=("zugzwang", "study"),
    ),
    Record(
        "8/4N3/8/8/8/2b1p3/p1K1P3/k7 w - - 0 1",
        "Only Nc6 wins, mate in 3.",
        ZUGZWANG,
        right=("Nc6",),
        tags=("zugzwang", "mate"),
    ),
    Record(
        "8/8/7p/2R5/4pp1K/8/8/3k2b1 w - - 0 1",
        "Only Rc4 draws (e3, Rd4+ and Rxf4). Kricheli 1986.",
        ZUGZWANG,
        right=("Rc4",),
        tags=("zugzwang", "study"),
    ),
    Record(
        "8/8/p3R3/1p5p/1P5p/6rp/5K1p/7k w - - 0 1",
        "Only Re1+ wins: Black runs out of moves of the pawn.",
        ZUGZWANG,
        right=("Re1+",),
        tags=("zugzwang",),
    ),
    Record(
        "k2N2K1/8/8/8/5R2/3n4/3p4/8 w - - 0 1",
        "Only Rf7 draws.",
        ZUGZWANG,
        right=("Rf7",),
        tags=("zugzwang",),
    ),
    Record(
        "6k1/3p4/P2P4/8/5Kp1/1p4Q1/p5p1/b7 w - - 0 1",
        "Only Qxg2 wins, then the a-pawn runs.",
        ZUGZWANG,
        right=("Qxg2",),
        tags=("zugzwang",),
    ),
    Record(
        "8/8/1p1r1k2/p1pPN1p1/P3KnP1/1P6/8/3R4 b - - 0 1",
        "Only Nxd5 holds.",
        ZUGZWANG,
        right=("Nxd5",),
        tags=("zugzwang", BEYOND),
    ),
    Record(
        "8/6B1/p5p1/Pp4kp/1P5r/5P1Q/4q1PK/8 w - - 0 1",
        "Only Qxh4+ wins: Black's king has no moves left, and his pawns soon have none.",
        ZUGZWANG,
        right=("Qxh4+",),
        tags=("zugzwang",),
    ),
    Record(
        "4B3/8/p7/k2N4/7p/K6p/PP5P/2q5 w - - 0 1",
        "Only Ba4 wins: b4 mate is threatened, and the queen cannot give check.",
        ZUGZWANG,
        right=("Ba4",),
        tags=("zugzwang",),
    ),
    Record(
        "8/6pp/1K6/N5P1/3N4/8/npn1P3/k7 w - - 0 1",
        "Nab3+ wins; Stockfish needed a change of its null moves to find it.",
        "https://github.com/jhellis3/Stockfish/pull/1 (2018)",
        right=("Nab3+",),
        tags=("zugzwang",),
    ),
    Record(
        "n1QBq1k1/5p1p/5KP1/p7/8/8/8/8 w - - 0 1",
        "Bc7 wins: the queens stand still, and Black's moves run out. Null moves hide it.",
        ZUGZWANG,
        right=("Bc7",),
        tags=("zugzwang", BEYOND),
    ),
    Record(
        "5r2/4PB1k/p4pR1/2pP4/8/4n3/q5PP/1r3RK1 w - - 1 35",
        "Only exf8=N+ wins, mate next; a queen is too slow. Leela Chess was asked for it in 2018 as a tactical test.",
        LEELA + "190 (2018)",
        right=("exf8=N+",),
        tags=("promotion", "mate"),
    ),
    Record(
        "rnbqk1nr/ppp2ppp/8/4P3/1BP5/8/PP2KpPP/RN1Q1BNR b kq - 1 7",
        "The pawn must become a knight, with check: after any other piece Qxd8+ is level again. The Lasker trap of the "
        "Albin counter-gambit.",
        "N. Elkies, Endgame Explorations 6: Underpromotion, http://chabris.com/pub/acj/extra/Elkies/Elkies06.html",
        wrong=("fxg1=Q", "fxg1=R", "fxg1=B"),
        tags=("promotion", "opening"),
    ),
)


def published(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """All of them, in order; there is nothing to draw."""
    game = load_game(GAME)
    for record in RECORDS:
        state = game.new_initial_state(record.fen)
        moves = Moves(
            tuple(action_of(state, move) for move in record.right),
            tuple(action_of(state, move) for move in record.wrong),
        )
        yield Probe(
            id="",
            family="",
            game=GAME,
            history=(),
            fen=record.fen,
            expectations=(moves,),
            truth="published",
            oracle="",
            why=record.why,
            source=record.source,
            tags=record.tags,
            player=state.current_player(),
        )
