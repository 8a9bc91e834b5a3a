"""Tables of payoffs that are worth the most to those who tell their partner by what they play which card they hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.game import load_game
from engine.probing.cooperation import JointEnumeration, JointPolicies
from engine.probing.expectations import Moves, PlayOut
from engine.probing.families.proven import proven_probe
from engine.probing.family import Family
from engine.probing.probe import Probe, reach

KNOWN = "tiny_hanabi"
"""OpenSpiel's table: two cards, three actions."""
MOST = 10
"""The largest payoff; the least is 0."""
WORTH = 1.0
"""What signals have to gain at least, on average over the deals."""
TOLERANCE = 0.5
"""A return this close to the best is taken for it: what a policy loses that errs in one game out of twenty."""
ATTEMPTS = 2_000
"""Tables tried before the generator ends."""

Table = NDArray[np.int64]
"""[cards of seat 0, cards of seat 1, actions of seat 0, actions of seat 1]."""

ORACLE = JointEnumeration()
ORACLES = {ORACLE.name: ORACLE}


def game_string(table: Table) -> str:
    """The game with these payoffs."""
    cards, _, actions, _ = table.shape
    payoffs = ";".join(map(str, table.reshape(-1)))
    return f"tiny_hanabi(num_chance={cards},num_actions={actions},payoff={payoffs})"


def table_of(game: str) -> Table:
    """The payoffs of a game."""
    told = load_game(game).get_parameters()
    shape = told["num_chance"], told["num_chance"], told["num_actions"], told["num_actions"]
    return np.array([int(payoff) for payoff in told["payoff"].split(";")]).reshape(shape)


def silent(table: Table) -> tuple[float, Table]:
    """The best that two can do of whom the second does not listen: the expected return, and int64[deals, policies, 2],
    what each of the best such policies gets in each deal, at least and at most.
    """
    cards, _, actions, _ = table.shape
    seconds = list(product(range(actions), repeat=cards))
    found: list[tuple[float, Table]] = []
    for second in seconds:
        # gains[c0, c1, a0]: the second plays by its own card.
        gains = table[:, np.arange(cards), :, list(second)].transpose(1, 0, 2)
        means = gains.mean(axis=1)
        best = means.max(axis=1)
        allowed = means >= best[:, None] - 1e-9
        low = np.where(allowed[:, None, :], gains, MOST + 1).min(axis=2)
        high = np.where(allowed[:, None, :], gains, -1).max(axis=2)
        found.append((float(best.mean()), np.stack([low, high], axis=-1)))
    most = max(value for value, _ in found)
    return most, np.stack([ends for value, ends in found if value >= most - 1e-9], axis=2)


def make_signalling(rng: np.random.Generator, cards: int) -> Iterator[Probe]:
    """Probes of tables with so many cards a seat."""
    games = [KNOWN] if cards == 2 else []
    for game in games:
        deals = [(first, second) for first in range(cards) for second in range(cards)]
        yield from filter(None, (probe_of(game, table_of(game), deal) for deal in deals))
    for _ in range(ATTEMPTS):
        actions = max(3, cards)
        table = rng.integers(0, MOST + 1, size=(cards, cards, actions, actions))
        deal = int(rng.integers(cards)), int(rng.integers(cards))
        probe = probe_of(game_string(table), table, deal)
        if probe is not None:
            yield probe


def probe_of(game: str, table: Table, deal: tuple[int, int]) -> Probe | None:
    """The probe of a deal; None if silence does about as well, on average or in this deal, or if the best joint
    policies do not agree about what this deal brings.
    """
    value, ends = silent(table)
    policies = JointPolicies(load_game(game))
    if policies.value - value < WORTH:
        return None
    state = reach(game, "", deal)
    returns = policies.returns(state)
    low, high = returns - TOLERANCE, returns + TOLERANCE
    # All silent policies have to miss the range; a NaN fails every comparison.
    missed = (ends[deal][:, 1] < low) | (ends[deal][:, 0] > high)
    if not (missed.all() and low > 0):
        return None
    worths = {
        action: policies.committed(0, state.information_state_string(), action) for action in state.legal_actions()
    }
    best = tuple(action for action, worth in worths.items() if worth >= policies.value - 1e-9)
    why = (
        f"The best joint policy gets {policies.value:.3g} on average over the deals, {returns:g} in this one; "
        f"without signals no more than {value:.3g} can be had. With card {deal[0]} seat 0 has to play "
        f"{' or '.join(map(str, best))}, and seat 1 has to read from it which card that is."
    )
    moves = Moves(best, tuple(action for action in worths if action not in best))
    return proven_probe(game, state, ORACLE, why, PlayOut("self", low, high), moves)


FAMILIES = [
    Family(
        name="signalling",
        kind="hidden information",
        game=KNOWN,
        fails="Two copies of an agent that have to cooperate play as if the partner's action told nothing.",
        reason=(
            "What an action tells is worth something only if the partner has learnt to listen, and listening only if "
            "the other tells: joint policies without signals are local optima of learning, and a search for one's own "
            "best action takes the partner's reading of it for given, or for random."
        ),
        described_by=(
            "Foerster et al. 2019, 'Bayesian action decoder for deep multi-agent reinforcement learning' (the table "
            "that OpenSpiel ships); Sokota et al. 2021, 'Solving common-payoff games with approximate policy "
            "iteration'"
        ),
        truth=(
            "exact: all deterministic policies of the first player, with the best answers of the second to each; a "
            "mixture is never better. Only deals in which all best joint policies get the same, and no best silent "
            "one does."
        ),
        dial="cards of each player (three actions, or as many as cards)",
        difficulties=(2, 3, 4),
        generate=make_signalling,
    )
]
