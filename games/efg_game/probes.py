"""Trees in which a search that plans with guesses at what is hidden errs, however long it searches.

A generator reads the tree of a probe from the room's folder `trees`, where it has a name that its content decides; a
new one is written into a folder that lasts as long as the process, from which `write_probes` takes it.
"""

from __future__ import annotations

import hashlib
from atexit import register
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyspiel

from engine.game import load_game
from engine.probing.cooperation import JointPolicies
from engine.probing.equilibrium import Equilibria, SequenceForm
from engine.probing.expectations import Moves
from engine.probing.families.proven import proven_probe
from engine.probing.family import Family
from engine.probing.oracles import Verdict
from engine.probing.probe import Probe
from games.efg_game.tree import Chance, Decision, End, Tree, decision, to_efg

TREES = Path(__file__).with_name("trees")
LETTERS = "ABCDEF"
MOST = 10
"""The largest payoff, and the least but for its sign."""
ALWAYS = 1.0 - 1e-3
"""An action at least so probable is taken for certain: linear programs are no more exact."""
ATTEMPTS = 2_000
"""Trees tried before a generator ends."""


class Enumeration:
    """Every line of the tree: equilibria by linear programs where the players are opposed, the best joint policies
    where they want the same. The worth of an action is what the mover (or the pair) gets in the whole game by a
    strategy that takes it for certain; only actions that keep the game's value are best.
    """

    name = "enumeration"
    truth = "exact"

    def judge(self, state: pyspiel.State) -> Verdict | None:
        """The worth of all actions. None where the players are neither opposed nor of one mind."""
        return worths(solved(str(state.get_game())), state)


Solution = Equilibria | JointPolicies | None


def solve(game: pyspiel.Game) -> Solution:
    """All that can be known of a tree; None where its players are neither opposed nor of one mind."""
    form = SequenceForm(game)
    if form.zero_sum:
        return Equilibria(game)
    return JointPolicies(game) if form.common else None


@cache
def solved(game: str) -> Solution:
    """`solve` of a game's string, once a process."""
    return solve(load_game(game))


def worths(solution: Solution, state: pyspiel.State) -> Verdict | None:
    """What is known of the actions in a state of a solved tree."""
    if solution is None:
        return None
    player, information = state.current_player(), state.information_state_string()
    values = {action: solution.committed(player, information, action) for action in state.legal_actions()}
    opposed_to_first = isinstance(solution, Equilibria) and player == 1
    return Verdict(values, -solution.value if opposed_to_first else solution.value)


ORACLE = Enumeration()
ORACLES = {ORACLE.name: ORACLE}


@dataclass(frozen=True)
class Trap:
    """A tree and the decision in it that counts."""

    tree: Tree
    way: tuple[str, ...]
    """Names of chance's outcomes and of actions that lead to the decision."""
    right: str
    """The action that is right there."""
    why: str
    tags: tuple[str, ...]


def bluff(rng: np.random.Generator, worlds: int) -> Trap:
    """The mover knows which world it is, the opponent does not and has to name it after `risk`. A search from what the
    mover knows lets the opponent name the right one every time.
    """
    caught, passed = -int(rng.integers(4, MOST + 1)), int(rng.integers(4, MOST + 1))
    names = [*LETTERS[:worlds]]
    guessed = (caught + (worlds - 1) * passed) / worlds
    sure = int(rng.integers(caught + 2, max(caught + 3, int(np.ceil(guessed)))))
    mild = str(rng.choice(names))

    def play(world: str) -> Tree:
        risk = decision(1, "after risk", names, lambda named: opposed(caught if named == world else passed))
        safe = decision(1, "after safe", names, lambda named: opposed(sure if named == mild else MOST))
        return Decision(0, f"world {world}", {"risk": risk, "safe": safe})

    tree = Chance({world: (Fraction(1, worlds), play(world)) for world in names})
    why = (
        f"'risk' pays {caught} if seat 1 names the world and {passed} if not, and seat 1 cannot know it: one guess in "
        f"{worlds} is right, {guessed:.3g} on average. 'safe' pays {sure}. A search from what seat 0 knows believes "
        "that seat 1 guesses right in every world."
    )
    return Trap(tree, (str(rng.choice(names)),), "risk", why, ("opponent",))


def trust(rng: np.random.Generator, worlds: int) -> Trap:
    """Two partners: after `trust` the one who does not see the world has to name it, after `safe` the one who does, for
    less. A search from what the mover will know lets the partner name the right one every time.
    """
    prize, miss = int(rng.integers(7, MOST + 1)), -int(rng.integers(1, 5))
    names = [*LETTERS[:worlds]]
    guessed = (prize + (worlds - 1) * miss) / worlds
    less = int(rng.integers(int(np.floor(guessed)) + 1, max(int(np.floor(guessed)) + 2, prize - 1)))

    def trusted(world: str) -> Tree:
        guess = decision(1, "asked", names, lambda named: shared(prize if named == world else miss))
        return Decision(0, f"sees {world}, asks", {"ask": guess})

    def alone(world: str) -> Tree:
        return decision(0, f"sees {world}", names, lambda named: shared(less if named == world else -MOST))

    def drawn(play: Callable[[str], Tree]) -> Tree:
        return Chance({world: (Fraction(1, worlds), play(world)) for world in names})

    tree = Decision(0, "start", {"trust": drawn(trusted), "safe": drawn(alone)})
    why = (
        f"After 'trust' seat 1 has to name the world without seeing it: {prize} if right, {miss} if wrong, "
        f"{guessed:.3g} at best. After 'safe' seat 0, who sees it, names it for {less}. A search from what seat 0 will "
        "know lets seat 1 name the right world every time."
    )
    return Trap(tree, (), "safe", why, ("partner",))


def steered(rng: np.random.Generator, steps: int) -> Trap:
    """The opponent knows the world. In all but one there is an exit on the way that it would have taken."""
    strong = 3 if steps < 3 else 2
    names = [*LETTERS[: strong + 1]]
    rng.shuffle(names)
    weak, likely = names[0], names[1]
    of_twenty = dict.fromkeys(names[2:], int(rng.integers(2, 4))) | {weak: int(rng.integers(1, 3))}
    of_twenty[likely] = 20 - sum(of_twenty.values())
    exits = {world: int(rng.integers(steps)) for world in names[1:]}
    right = {world: int(rng.integers(4, MOST)) for world in names}
    wrong = -int(rng.integers(4, MOST))
    order = sorted(names)

    def play(world: str, step: int) -> Tree:
        if step == steps:
            return decision(
                0, "name the world", order, lambda named: opposed(right[world] if named == world else wrong)
            )
        out = opposed(-MOST if exits.get(world) == step else MOST)
        return Decision(1, f"{world} {step}", {"stay": play(world, step + 1), "leave": out})

    tree = Chance({world: (Fraction(of_twenty[world], 20), play(world, 0)) for world in order})
    why = (
        f"In every world but {weak} seat 1 can leave on the way and take {MOST}; it stayed, so it is {weak}. Chance "
        f"deals {likely} {of_twenty[likely]} times in 20, and a search that believes seat 1 to move at random names "
        "that."
    )
    return Trap(tree, (weak, *["stay"] * steps), weak, why, ())


def opposed(payoff: int) -> End:
    """An end of a zero-sum game, by what seat 0 gets."""
    return End((payoff, -payoff))


def shared(payoff: int) -> End:
    """An end of a game in which both get the same."""
    return End((payoff, payoff))


def probes_of(traps: Iterator[Trap], name: str) -> Iterator[Probe]:
    """The probes of those trees in which exactly the one action is right."""
    for trap in traps:
        text = to_efg(trap.tree, name)
        file = TREES / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.efg"
        game = pyspiel.load_efg_game(text)
        state = game.new_initial_state()
        for step in trap.way:
            state.apply_action(action_named(state, step))
        right = action_named(state, trap.right)
        if not is_certain(solve(game), state, right):
            continue
        place = f"trees/{file.name}"
        if not file.exists():
            place = str(made_trees() / file.name)
            Path(place).write_text(text)
        moves = Moves((right,), tuple(action for action in state.legal_actions() if action != right))
        yield proven_probe(f"efg_game(filename={place})", state, ORACLE, trap.why, moves, tags=trap.tags)


@cache
def made_trees() -> Path:
    """The folder of trees that no probe file refers to yet; it is deleted when the process ends."""
    folder = TemporaryDirectory(prefix="tesuji-trees-")
    register(folder.cleanup)
    return Path(folder.name)


def is_certain(solution: Solution, state: pyspiel.State, right: int) -> bool:
    """Whether the action is the only best one, and no equilibrium mixes it with another."""
    verdict = worths(solution, state)
    if verdict is None or verdict.best != (right,):
        return False
    if not isinstance(solution, Equilibria):
        return True  # a mixture of joint policies is worth the mean of its parts
    least, _ = solution.range(state.current_player(), state.information_state_string(), right)
    return least > ALWAYS


def action_named(state: pyspiel.State, name: str) -> int:
    """The action, or chance's outcome, with this name in the file."""
    return next(int(action) for action in state.legal_actions() if state.action_to_string(action) == name)


def make_fused(rng: np.random.Generator, worlds: int) -> Iterator[Probe]:
    """Trees of both kinds in turn."""
    return probes_of((maker(rng, worlds) for _ in range(ATTEMPTS) for maker in (bluff, trust)), "fusion")


def make_steered(rng: np.random.Generator, steps: int) -> Iterator[Probe]:
    """Trees whose exits lie on a way of so many steps."""
    return probes_of((steered(rng, steps) for _ in range(ATTEMPTS)), "steered")


FAMILIES = [
    Family(
        name="strategy_fusion",
        kind="hidden information",
        game="efg_game(filename=trees/fusion-14dc2e4c0f.efg)",
        fails=(
            "A search believes that a player will do the right thing in each of several worlds, though that player "
            "cannot tell them apart and has to do the same in all of them."
        ),
        reason=(
            "A determinised search solves every world by itself and so fuses strategies that do not go together. "
            "Searches of information sets do not fuse the searcher's own moves, but a single-observer tree has a node "
            "for what the observer knows, also where another moves who knows less: a partner seems to know what it "
            "was never told, an opponent to see every bluff. More simulations only make that belief firmer (the "
            "room's README has the proof)."
        ),
        described_by=(
            "Frank and Basin 1998, 'Search in games with incomplete information: a case study using Bridge card "
            "play'; Long, Sturtevant, Buro and Furtak 2010, 'Understanding the success of perfect information Monte "
            "Carlo sampling in game tree search'; Cowling, Powley and Whitehouse 2012, 'Information set Monte Carlo "
            "tree search'"
        ),
        truth=(
            "exact: where the two are opposed the accepted action is taken for certain in every equilibrium (linear "
            "programs), where they are partners in every best joint policy (enumeration); both kinds by turns"
        ),
        dial="number of worlds",
        difficulties=(2, 3, 4, 5),
        generate=make_fused,
    ),
    Family(
        name="non_locality",
        kind="hidden information",
        game="efg_game(filename=trees/steered-8bf80159f1.efg)",
        fails="Worlds are weighed by how often chance deals them, even those in which the opponent would not be here.",
        reason=(
            "How likely a world is here depends on what the opponent, who knows it, could have had elsewhere: the "
            "worth of a node is not decided below it. A search that believes earlier moves to be random, as ours does "
            "without a policy of the opponent, never sees what was passed by; its estimates converge to the wrong "
            "action."
        ),
        described_by=(
            "Frank and Basin 1998, 'Search in games with incomplete information: a case study using Bridge card "
            "play'; Long, Sturtevant, Buro and Furtak 2010, 'Understanding the success of perfect information Monte "
            "Carlo sampling in game tree search'"
        ),
        truth=(
            "exact: in every equilibrium the accepted action is taken for certain (linear programs); with other "
            "words, the opponent has a strictly better exit in every other world, so one answer survives"
        ),
        dial="opponent's moves that lie between the deal and the decision, on any of which the exits may be",
        difficulties=(1, 2, 3, 4),
        generate=make_steered,
    ),
]
