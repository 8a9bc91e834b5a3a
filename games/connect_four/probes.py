"""Families of probes of Connect Four; every truth is proven by the solver bitbully (`oracle.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.expectations import Moves, Value
from engine.probing.families.only_moves import random_prefixes, starved_moves
from engine.probing.families.perturbations import mirrors, transpositions
from engine.probing.families.proven import Positions, from_games, in_turn, label, looks, proven_probe
from engine.probing.families.traps import level_k_traps
from engine.probing.family import Family
from engine.probing.oracles import Referee
from engine.probing.positions import can_end, careful_game
from engine.probing.probe import Probe
from games.connect_four.oracle import CELLS, Line, lines

GAME = "connect_four"
REFEREE = Referee()
LOST, WON = (-1.0, -0.5), (0.5, 1.0)
"""Values that admit a proven loss, or a proven win."""
ONLY_MOVES = 3
"""Turns of the winner, the first included, in which one move alone wins, for a sequence to be a forced one."""
BOOK = 11
"""Plies at the last position all of whose moves are in the solver's opening book."""
SUBTLE = 4
"""Plies to a loss that one glance ahead does not show."""


def between(fewest: int, most: int) -> Positions:
    """Draws games of players who let nobody win at once while they can help it, from one ply to another."""
    return lambda generator: careful_game(load_game(GAME), fewest, most, generator)


def lost_in(state: pyspiel.State, actions: Sequence[int], plies: int) -> list[int]:
    """As `engine.probing.families.proven.lost_in`."""
    after = lines(state) if actions else {}
    return [action for action in actions if after[action] == (-1, plies + 1)]


def value_of(after: Mapping[int, Line]) -> int:
    """The class of the position for the player to move."""
    return max(line.value for line in after.values())


def keeping(after: Mapping[int, Line]) -> tuple[int, ...]:
    """The moves that keep it."""
    return tuple(action for action, line in after.items() if line.value == value_of(after))


def perfect_move(after: Mapping[int, Line]) -> int:
    """The quickest of the winning moves, else the slowest of the best."""
    return max(after, key=lambda action: (after[action].value, -after[action].value * after[action].plies, -action))


def forcing(state: pyspiel.State, action: int) -> bool:
    """Whether the move threatens to win at once, and leaves the opponent, who cannot do so, one reply at most."""
    child = state.child(action)
    if child.is_terminal() or can_end(child):
        return False
    replies = (child.child(reply) for reply in child.legal_actions())
    return sum(1 for reply in replies if reply.is_terminal() or not can_end(reply)) <= 1


def delays(state: pyspiel.State, after: Mapping[int, Line]) -> int:
    """How many forcing moves put off the loss that the quiet losing moves bring: by so many moves the slowest defence
    lasts longer than all of those, and it begins with at least so many forcing moves. 0 if it does not.
    """
    losing = {action: line.plies for action, line in after.items() if line.value < 0}
    quiet = [plies for action, plies in losing.items() if not forcing(state, action)]
    if not quiet or len(quiet) == len(losing):
        return 0
    gained = (max(losing.values()) - max(quiet)) // 2
    return gained if 0 < gained <= threats(state, max(losing, key=lambda each: (losing[each], -each))) else 0


def threats(state: pyspiel.State, action: int) -> int:
    """Forcing moves in a row of the player to move, the first of them `action`, with perfect play after it."""
    count = 0
    while forcing(state, action):
        count += 1
        state = state.child(action)
        state = state.child(perfect_move(lines(state)))
        if state.is_terminal():
            break
        action = perfect_move(lines(state))
    return count


def saved(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
    """One move alone saves; as many delaying moves as the difficulty says put off the loss that the others bring."""
    after = delayed(state, difficulty)
    if after is None or len(best := keeping(after)) != 1 or value_of(after) < 0:
        return None
    why = f"Only {label(state, best[0])} meets the opponent's threat. {story(state, after)}, and lose as well."
    return proven_probe(GAME, state, REFEREE, why, Moves(best))


def lost(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
    """Every move loses, and as many delaying moves as the difficulty says put it off."""
    after = delayed(state, difficulty)
    if after is None or value_of(after) >= 0:
        return None
    why = f"Every move loses. {story(state, after)}, but do not avert it."
    return proven_probe(GAME, state, REFEREE, why, Value(*LOST))


def won(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
    """Only threats win, as many in a row as the difficulty says, and at least one quiet move loses."""
    if can_end(state) or not any(forcing(state, action) for action in state.legal_actions()):
        return None
    after = lines(state)
    best = keeping(after)
    if value_of(after) <= 0 or not all(forcing(state, action) for action in best):
        return None
    if not any(line.value < 0 and not forcing(state, action) for action, line in after.items()):
        return None
    first = perfect_move(after)
    if threats(state, first) != difficulty:
        return None
    row = "one threat" if difficulty == 1 else f"{difficulty} threats in a row"
    why = f"The mover wins by {row}, the first of them {label(state, first)}; no quiet move wins, and some lose."
    return proven_probe(GAME, state, REFEREE, why, Value(*WON))


def values(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """Positions that threats do not save, and such as they win, in turn."""
    found = (from_games(between(16, 36), find)(generator, difficulty) for find in (lost, won))
    yield from in_turn(*found)


def delayed(state: pyspiel.State, difficulty: int) -> Mapping[int, Line] | None:
    """How the game goes on after each move of a position with so many delaying moves; None for other positions."""
    if can_end(state) or not any(forcing(state, action) for action in state.legal_actions()):
        return None
    after = lines(state)
    return after if delays(state, after) == difficulty else None


def story(state: pyspiel.State, after: Mapping[int, Line]) -> str:
    """What the delaying moves do, in words."""
    losing = {action: line.plies for action, line in after.items() if line.value < 0}
    slowest = max(losing, key=losing.__getitem__)
    quickly = max(plies for action, plies in losing.items() if not forcing(state, action))
    return (
        f"Quiet losing moves lose in {quickly} plies at the latest; threats that have to be answered, the first of "
        f"them {label(state, slowest)}, put that off to {losing[slowest]}"
    )


def long_sequence(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
    """One move alone wins, in as many plies as the difficulty says."""
    if can_end(state):
        return None
    verdict = REFEREE.judge(state)
    if verdict is None or verdict.value < 1.0 or len(verdict.best) > 1:
        return None
    after = lines(state)
    best = keeping(after)
    if after[best[0]].plies != difficulty or only_wins(state) < ONLY_MOVES:
        return None
    means = looks(state, generator)
    liked = max(means, key=means.__getitem__)
    if liked == best[0]:
        return None
    why = (
        f"Only {label(state, best[0])} wins, in {difficulty} plies against the best defence; in each of the first "
        f"{ONLY_MOVES} turns of the winner no other move does. Random play prefers {label(state, liked)}."
    )
    return proven_probe(GAME, state, REFEREE, why, Moves(best))


def only_wins(state: pyspiel.State) -> int:
    """Turns of the player to move, from here on and along the slowest defence, in which one move alone wins."""
    count = 0
    while len(keeping(after := lines(state))) == 1:
        count += 1
        state = state.child(perfect_move(after))
        if state.is_terminal():
            break
        state = state.child(perfect_move(lines(state)))
    return count


def parity(generator: np.random.Generator, difficulty: int) -> Iterator[Probe]:
    """The difficulty is the number of empty squares."""
    yield from from_games(between(CELLS - difficulty, CELLS - difficulty), counted)(generator, difficulty)


def counted(state: pyspiel.State, generator: np.random.Generator, difficulty: int) -> Probe | None:
    """No win is near, the choice matters, and it decides who ends in zugzwang."""
    if can_end(state):
        return None
    after = lines(state)
    best, value = keeping(after), value_of(after)
    wrong = [action for action, line in after.items() if line.value < value]
    subtle = [action for action in wrong if after[action].value == 0 or after[action].plies >= SUBTLE]
    if value < 0 or not subtle or len(best) > 1:
        return None
    # After which move somebody wins: the mover, where that is possible, or the opponent after a wrong one.
    decided = best[0] if value > 0 else max(subtle, key=lambda action: after[action].plies)
    if after[decided].plies <= SUBTLE + 2:
        return None
    column = zugzwang(state, decided)
    if column is None:
        return None
    winner = "the mover" if value > 0 else "the opponent"
    why = (
        f"{difficulty} squares are empty and no win is near: the squares have to be counted. After "
        f"{label(state, decided)} {winner} wins, since in the end the other side has to move into column {column}. "
        f"Right: {label(state, best[0])}."
    )
    return proven_probe(GAME, state, REFEREE, why, Moves(best))


def zugzwang(state: pyspiel.State, action: int) -> int | None:
    """Where the loser has to move in the end, if after this move and perfect play on both sides it is the duty to move
    that loses: no threat stands, but every move lets the winner play above it and win. None if the game ends otherwise.
    """
    state = state.child(action)
    while not state.is_terminal():
        after = lines(state)
        chosen = perfect_move(after)
        if all(line == (-1, 2) for line in after.values()):
            return chosen if all(wins_at(state.child(each)) == [each] for each in after) else None
        state = state.child(chosen)
    return None


def wins_at(state: pyspiel.State) -> list[int]:
    """The moves that win at once."""
    player = state.current_player()
    return [action for action in state.legal_actions() if state.child(action).returns()[player] > 0.0]


SOLVER = "class of every move by the solver bitbully, checked again for each probe"
FAMILIES = (
    Family(
        name="level_k_traps",
        kind="search",
        game=GAME,
        fails="A move that random play prefers to the right ones lets the opponent win by force in k plies.",
        reason="Sampling averages over the many replies that do not win, and comes to the one that does late.",
        described_by="Ramanujan, Sabharwal and Selman 2010, On adversarial search spaces and sampling-based planning",
        truth=f"{SOLVER}; k is its distance to the win",
        dial="k, plies that the opponent needs to win after the trap",
        difficulties=(1, 3, 5, 7),
        generate=level_k_traps(GAME, REFEREE, between(16, 36), lost_in),
    ),
    Family(
        name="horizon",
        kind="search",
        game=GAME,
        fails="The opponent's threat has one answer; threats of one's own, which must be answered, only put it off.",
        reason="Each threat and its reply take two plies of a search's depth: the loss slips behind its horizon.",
        described_by="Berliner 1973, Some necessary conditions for a master chess program",
        truth=f"{SOLVER}; delays are differences of its distances to the end",
        dial="delaying threats in a row",
        difficulties=(1, 2),
        generate=from_games(between(16, 36), saved),
    ),
    Family(
        name="horizon_value",
        kind="search",
        game=GAME,
        fails="A lost position is thought tenable as long as threats that must be answered put the loss off, or one "
        "that threats win is not thought won.",
        reason="Each threat and its reply take two plies of a search's depth: the loss, or the win, slips behind its "
        "horizon.",
        described_by="Berliner 1973, Some necessary conditions for a master chess program",
        truth=f"{SOLVER}; delays are differences of its distances to the end",
        dial="threats in a row, which delay the loss or win",
        difficulties=(1, 2, 3),
        generate=values,
    ),
    Family(
        name="starved_move",
        kind="search",
        game=GAME,
        fails="The only winning move looks worse than several others and is hardly ever searched.",
        reason="PUCT gives simulations by prior and mean value, and a move with neither waits for most of the budget. "
        "Random play likes other moves better here; no prior is looked at, but a network that has learnt from ordinary "
        "games gives such a move little.",
        described_by="Rosin 2011, Multi-armed bandits with episode context (PUCT); the failure: Lan et al. 2022, "
        "Are AlphaZero-like agents robust to adversarial perturbations?",
        truth=SOLVER,
        dial="other moves that look better to random play",
        difficulties=(3, 4, 5),
        generate=starved_moves(GAME, REFEREE, between(6, BOOK)),
    ),
    Family(
        name="long_sequences",
        kind="search",
        game=GAME,
        fails="One move alone wins, and only a long chain of only moves shows it.",
        reason="The win lies deeper than the tree, and one slip anywhere on the way loses it in evaluation.",
        described_by="Allis 1988, A knowledge-based approach of Connect-Four",
        truth=f"{SOLVER}; the length is its distance to the end",
        dial="plies to the end of the game against the best defence",
        difficulties=(9, 13, 17, 21),
        generate=from_games(between(16, 34), long_sequence),
    ),
    Family(
        name="parity",
        kind="search",
        game=GAME,
        fails="Nobody can win by force, and the game is decided by who runs out of harmless moves.",
        reason="The outcome hangs on counting the squares that are left; no local pattern and no short line shows it.",
        described_by="Allis 1988, A knowledge-based approach of Connect-Four (odd and even threats, zugzwang)",
        truth=f"{SOLVER}; its best line ends in zugzwang",
        dial="empty squares",
        difficulties=(8, 10, 12, 14, 16, 18),
        generate=parity,
    ),
    Family(
        name="random_prefixes",
        kind="learning",
        game=GAME,
        fails="Positions that good play never reaches are misjudged.",
        reason="A network that has learnt from its own games is asked about something else.",
        described_by="Wang et al. 2023, Adversarial policies beat superhuman Go AIs",
        truth=SOLVER,
        dial="random moves before the position",
        difficulties=(6, 10, 14, 18, 22, 26),
        generate=random_prefixes(GAME, REFEREE),
    ),
    Family(
        name="mirror",
        kind="learning",
        game=GAME,
        fails="The mirror image of a position gets another answer, or neither gets the right one.",
        reason="Nothing in the network makes it symmetric; the symmetry is learnt, where it is learnt, from data.",
        described_by="Silver et al. 2017, Mastering the game of Go without human knowledge (averages over symmetries)",
        truth=f"{SOLVER}: both positions have the same classes",
        dial="the two moves that look best to random play differ by at most 0.64 / 2^difficulty",
        difficulties=(1, 2, 3, 4),
        generate=mirrors(GAME, REFEREE, between(16, 36)),
    ),
    Family(
        name="transpositions",
        kind="learning",
        game=GAME,
        fails="The same board gets another answer when it was reached by another order of moves, or a wrong one both "
        "times.",
        reason="Seeds, caches and inputs that hang on the history let it through into the answer.",
        described_by="Silver et al. 2018, A general reinforcement learning algorithm (history planes as input)",
        truth=f"{SOLVER}: both positions have the same classes",
        dial="plies at which the two orders differ, at least",
        difficulties=(4, 8, 12, 16),
        generate=transpositions(GAME, REFEREE, between(16, 36)),
    ),
)
