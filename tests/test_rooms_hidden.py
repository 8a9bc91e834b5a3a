"""The rooms of games with hidden information: what a player is shown, symmetries, and the inputs of networks."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pyspiel
import pytest
from positions import played

from engine.agents.parser import parse_agent
from engine.cli import main
from engine.errors import TesujiError
from engine.frontends.terminal import PROMPT, TerminalGame
from engine.game import Room, Symmetry, encoder_shape, room
from engine.native import core

KUHN = "kuhn_poker"
LEDUC = "leduc_poker"
LIARS_DICE = "liars_dice(dice_sides=4)"
DARK_HEX = "dark_hex(board_size=3,gameversion=adh)"
HANABI = "hanabi(players=2,colors=2,ranks=5,hand_size=2,max_information_tokens=3,max_life_tokens=1)"


def room_of(name: str) -> Room:
    return room(name.partition("(")[0])


def view(state: pyspiel.State, player: int) -> str:
    return room(state.get_game().get_type().short_name).view(state, player)


def render(state: pyspiel.State) -> str:
    return room(state.get_game().get_type().short_name).render(state)


def after(name: str, moves: str) -> pyspiel.State:
    """The state after moves by their names, split at semicolons."""
    state = played(name)
    for move in moves.split(";"):
        mover = state.current_player()
        (action,) = (action for action in state.legal_actions() if state.action_to_string(mover, action) == move)
        state.apply_action(action)
    return state


def tree(state: pyspiel.State) -> Iterator[pyspiel.State]:
    """All states of the game from this one on."""
    yield state
    if not state.is_terminal():
        for action in state.legal_actions():
            yield from tree(state.child(action))


def random_games(name: str, count: int, seed: int = 0) -> Iterator[list[pyspiel.State]]:
    """Random games, all states of each; those at chance nodes too."""
    game = pyspiel.load_game(name)
    generator = random.Random(seed)
    for _ in range(count):
        states = [game.new_initial_state()]
        while not states[-1].is_terminal():
            states.append(states[-1].child(generator.choice(states[-1].legal_actions())))
        yield states


def information(states: list[pyspiel.State], player: int) -> Hashable:
    """What a player knows at the end of a game's states: of observations alone, everything that it ever saw and did."""
    state = states[-1]
    if state.get_game().get_type().provides_information_state_string:
        return state.information_state_string(player)
    own = tuple(move.action if move.player == player else -1 for move in state.full_history())
    return own, tuple((each.observation_string(player), *each.observation_tensor(player)) for each in states)


def assert_one_to_one(pairs: list[tuple[Hashable, str]]) -> None:
    """Equal information, equal view; different information, different views."""
    views, sources = defaultdict(set), defaultdict(set)
    for known, text in pairs:
        views[known].add(text)
        sources[text].add(known)
    for known, texts in views.items():
        assert len(texts) == 1, f"{known} is shown as {texts}"
    for text, knowns in sources.items():
        assert len(knowns) == 1, f"{text}\nstands for {knowns}"


# What a player is shown


@pytest.mark.parametrize(
    "name",
    [
        KUHN,
        LEDUC,
        LIARS_DICE,
        "kuhn_poker(players=3)",
        "leduc_poker(suit_isomorphism=true)",
        "dark_hex(board_size=2,gameversion=adh)",
        "dark_hex(board_size=2,gameversion=cdh)",
        "dark_hex(num_rows=1,num_cols=3,gameversion=adh,obstype=reveal-numturns)",
    ],
)
def test_a_view_is_the_information_state_in_other_words(name: str) -> None:
    """In all states of the game. At chance nodes nobody is shown anything."""
    pairs: list[tuple[Hashable, str]] = []
    for state in tree(played(name)):
        if not state.is_chance_node():
            for player in range(state.num_players()):
                pairs.append(((player, state.information_state_string(player)), view(state, player)))
    assert_one_to_one(pairs)


@pytest.mark.parametrize(
    ("name", "games"),
    [
        (DARK_HEX, 400),
        ("dark_hex(num_rows=2,num_cols=3,gameversion=cdh,obstype=reveal-numturns)", 400),
        ("leduc_poker(players=3)", 400),
        ("leduc_poker(action_mapping=true)", 400),
        ("liars_dice(numdice=2)", 200),
        (HANABI, 300),
        ("hanabi(players=3,colors=5,ranks=5)", 5),
        ("hanabi(colors=2,ranks=3,hand_size=3,observation_type=minimal)", 100),
    ],
)
def test_a_view_is_what_was_seen_in_random_games(name: str, games: int) -> None:
    pairs: list[tuple[Hashable, str]] = []
    for states in random_games(name, games):
        for length, state in enumerate(states, start=1):
            if not state.is_chance_node():
                for player in range(state.num_players()):
                    pairs.append(((player, information(states[:length], player)), view(state, player)))
    assert_one_to_one(pairs)
    assert len({text for _, text in pairs}) > games


def dealt_anew(state: pyspiel.State, player: int, generator: random.Random) -> list[pyspiel.State]:
    """The states of the same Hanabi moves, each card that `player` drew perhaps another; empty if that cannot be."""
    states = [played(state.get_game())]
    history = state.full_history()
    for index, move in enumerate(history):
        if states[-1].current_player() != move.player:
            return []
        action = move.action
        # Two cards go to seat 0 and two to seat 1; later cards to who has just moved.
        drawn_by = index // 2 if index < 4 else history[index - 1].player
        if move.player == pyspiel.PlayerId.CHANCE and drawn_by == player:
            action = generator.choice(states[-1].legal_actions())
        if action not in states[-1].legal_actions():
            return []
        states.append(states[-1].child(action))
    return states


@pytest.mark.parametrize("player", [0, 1])
def test_hanabi_hides_the_own_hand(player: int) -> None:
    """A game with other cards in the own hand looks the same, unless a hint or a move tells them apart."""
    generator = random.Random(0)
    compared = set()
    for states in random_games(HANABI, 400):
        for length in range(5, min(len(states), 12) + 1):
            shown = states[length - 1]
            anew = dealt_anew(shown, player, generator)
            if shown.is_chance_node() or not anew or anew[-1].history() == shown.history():
                continue
            if information(anew, player) == information(states[:length], player):
                assert view(anew[-1], player) == view(shown, player)
                assert render(anew[-1]) != render(shown)
                compared.add(len(shown.full_history()))
            else:
                assert view(anew[-1], player) != view(shown, player)
    assert len(compared) > 4


def test_hanabi_dealt_anew_by_hand() -> None:
    dealt = "(Deal R4);(Deal Y5);(Deal Y4);(Deal R3)"
    other = "(Deal R4);(Deal Y5);(Deal Y2);(Deal R1)"  # another hand of seat 1
    moves = "(Reveal player +1 color R);(Reveal player +1 rank 5)"
    one, two = after(HANABI, f"{dealt};{moves}"), after(HANABI, f"{other};{moves}")
    assert view(one, 1) == view(two, 1)
    assert view(one, 0) != view(two, 0)
    assert render(one) != render(two)


def test_views_of_poker_end_without_a_showdown() -> None:
    for deal in ("Deal:0;Deal:1", "Deal:0;Deal:2"):
        assert view(after(KUHN, f"{deal};Bet;Bet"), 0).splitlines()[-1] == "The betting is over."
    one, two = after(KUHN, "Deal:0;Deal:1;Bet;Bet"), after(KUHN, "Deal:0;Deal:2;Bet;Bet")
    assert view(one, 0) == view(two, 0) and render(one) != render(two)


# Word for word


def test_kuhn_poker_in_words() -> None:
    state = after(KUHN, "Deal:2;Deal:1;Pass;Bet")
    assert view(state, 0).splitlines() == [
        "You are seat 0 and hold the king.",
        "Pot 3: 1 from you, 2 from seat 1.",
        "Bets: you checked, seat 1 bet.",
        "You may fold (Pass) or call (Bet).",
    ]
    assert view(state, 1).splitlines() == [
        "You are seat 1 and hold the queen.",
        "Pot 3: 1 from seat 0, 2 from you.",
        "Bets: seat 0 checked, you bet.",
        "Seat 0 is to move.",
    ]
    state.apply_action(1)
    assert render(state).splitlines() == [
        "Seat 0 holds the king.",
        "Seat 1 holds the queen.",
        "Pot 4: 2 from seat 0, 2 from seat 1.",
        "Bets: seat 0 checked, seat 1 bet, seat 0 called.",
        "Returns: seat 0 +2, seat 1 -2",
    ]
    assert view(played(KUHN), 0).splitlines()[0] == "You are seat 0 and have no card yet."
    assert "hold card 3." in view(played("kuhn_poker(players=3)", [3, 0, 1]), 0)


def test_leduc_poker_in_words() -> None:
    state = after(LEDUC, "Chance outcome:1;Chance outcome:5;Call;Raise;Call;Chance outcome:2")
    assert view(state, 0).splitlines() == [
        "You are seat 0 and hold the jack of hearts.",
        "On the table: the queen of spades.",
        "Pot 6: 3 from you, 3 from seat 1.",
        "Round 1: you checked, seat 1 raised 2, you called.",
        "Round 2: no bets yet.",
        "You may check (Call) or raise 4.",
    ]
    state.apply_action(2)
    assert view(state, 1).splitlines() == [
        "You are seat 1 and hold the king of hearts.",
        "On the table: the queen of spades.",
        "Pot 10: 7 from seat 0, 3 from you.",
        "Round 1: seat 0 checked, you raised 2, seat 0 called.",
        "Round 2: seat 0 raised 4.",
        "You may fold, call or raise 4.",
    ]
    state.apply_action(1)
    assert render(state).splitlines() == [
        "Seat 0 holds the jack of hearts.",
        "Seat 1 holds the king of hearts.",
        "On the table: the queen of spades.",
        "The pot is paid out: seat 0 -7, seat 1 +7.",
        "Round 1: seat 0 checked, seat 1 raised 2, seat 0 called.",
        "Round 2: seat 0 raised 4, seat 1 called.",
    ]
    assert state.returns() == [-7.0, 7.0]


def test_a_fold_in_leduc_poker() -> None:
    state = after(LEDUC, "Chance outcome:0;Chance outcome:3;Raise;Fold")
    assert view(state, 1).splitlines() == [
        "You are seat 1 and hold the queen of hearts.",
        "On the table: no card yet.",
        "The pot is paid out: seat 0 +1, you -1.",
        "Round 1: seat 0 raised 2, you folded.",
    ]


def test_liars_dice_in_words() -> None:
    state = after(LIARS_DICE, "Roll 2;Roll 4;1-2;2-2")
    assert view(state, 0).splitlines() == [
        "You are seat 0. Your die shows 2.",
        "2 dice in all; a 4 counts as any face.",
        "Bids: you bid one 2, seat 1 bid two 2s.",
        "You may bid higher (1-2 is one 2) or call the last bid a lie (Liar).",
    ]
    assert view(state, 1).splitlines()[-1] == "Seat 0 is to move."
    state.apply_action(8)
    assert state.returns() == [-1.0, 1.0]
    assert render(state).splitlines() == [
        "Seat 0's die shows 2.",
        "Seat 1's die shows 4.",
        "2 dice in all; a 4 counts as any face.",
        "Bids: seat 0 bid one 2, seat 1 bid two 2s, seat 0 called it a lie.",
        "There are two 2s: seat 1 wins.",
    ]
    first = view(after(LIARS_DICE, "Roll 1;Roll 1"), 0).splitlines()
    assert first[2:] == ["Bids: none yet.", "You bid first (1-2 is one 2)."]
    top = view(after(LIARS_DICE, "Roll 1;Roll 1;2-4"), 1).splitlines()
    assert top[-1] == "You can only call the last bid a lie (Liar)."
    lie = render(after(LIARS_DICE, "Roll 1;Roll 3;1-3;2-3;Liar")).splitlines()
    assert lie[-1] == "There is one 3: seat 0 wins."


@pytest.mark.parametrize("name", [LIARS_DICE, "liars_dice(numdice=2)"])
def test_the_count_of_liars_dice_is_the_games(name: str) -> None:
    for *_, state in random_games(name, 100):
        count = {"no": 0, "one": 1, "two": 2, "three": 3, "four": 4}[render(state).splitlines()[-1].split()[2]]
        bid = int(state.action_to_string(0, state.history()[-2])[0])
        assert (count >= bid) == (state.returns()[state.full_history()[-2].player] > 0)


def test_dark_hex_in_words() -> None:
    state = after(DARK_HEX, "b2;b2;a1;c3;c3")
    assert view(state, 0).splitlines() == [
        "You are x (seat 0) and join top and bottom.",
        "   a b c",
        " 1 x · ·",
        "  2 · x ·",
        "   3 · · o",
        "Moves so far, of both: 5. Yours: b2, a1, c3 (taken).",
    ]
    assert view(state, 1).splitlines() == [
        "You are o (seat 1) and join left and right.",
        "   a b c",
        " 1 · · ·",
        "  2 · x ·",
        "   3 · · o",
        "Moves so far, of both: 5. Yours: b2 (taken), c3.",
    ]
    assert render(state).splitlines() == [
        "   a b c",
        " 1 x · ·",
        "  2 · x ·",
        "   3 · · o",
        "Moves: x b2, o b2 (taken), x a1, o c3, x c3 (taken).",
        "o to move.",
    ]
    # b2 touches b1, c1, a2, c2, a3 and b3, not a1 and c3.
    won = after(DARK_HEX, "b2;b2;c1;c3;a3")
    assert won.is_terminal() and render(won).splitlines()[-1] == "x has joined top and bottom."
    won = after(DARK_HEX, "a1;b2;c3;c1;c2;a3")
    assert won.is_terminal() and render(won).splitlines()[-1] == "o has joined left and right."


def test_dark_hex_may_tell_when_the_other_moved() -> None:
    state = after("dark_hex(num_rows=2,num_cols=3,gameversion=cdh,obstype=reveal-numturns)", "a1;a1;c1;b2")
    assert view(state, 0).splitlines()[-1] == "Moves so far, of both: 4. Yours: a1, -, -, b2."
    assert view(state, 1).splitlines()[-1] == "Moves so far, of both: 4. Yours: -, a1 (taken), c1, -."


def test_hanabi_in_words() -> None:
    first = "(Deal R4);(Deal Y5);(Deal Y4);(Deal R3);(Reveal player +1 color R);(Reveal player +1 rank 5)"
    then = "(Discard 1);(Deal R1);(Reveal player +1 rank 4);(Play 1);(Deal R2)"
    state = after(HANABI, f"{first};{then}")
    log = [
        "Moves: you told seat 1 of red (card 1), seat 1 told you of 5 (card 1), you discarded card 1 (Y5),",
        "  seat 1 told you of 4 (card 0), you played card 1 (R1).",
    ]
    assert view(state, 0).splitlines() == [
        "You are seat 0.",
        "Lives 1, hints to give 1, cards in the deck 14.",
        "Fireworks: red 1, yellow 0.",
        "Discards: Y5.",
        "Your hand:",
        "  card 0: told 4; may be red or yellow, 4",
        "  card 1: told nothing; may be red or yellow, 1 2 3 4 5",
        "Hand of seat 1:",
        "  card 0: Y4; told nothing; may be yellow, 1 2 3 4 5",
        "  card 1: R3; told red; may be red, 1 2 3 4 5",
        *log,
        "Seat 1 is to move.",
    ]
    theirs = view(state, 1).splitlines()
    assert theirs[4:10] == [
        "Your hand:",
        "  card 0: told nothing; may be yellow, 1 2 3 4 5",
        "  card 1: told red; may be red, 1 2 3 4 5",
        "Hand of seat 0:",
        "  card 0: R4; told 4; may be red or yellow, 4",
        "  card 1: R2; told nothing; may be red or yellow, 1 2 3 4 5",
    ]
    assert theirs[-1] == "It is your move."
    assert render(state).splitlines()[3:6] == [
        "Hand of seat 0:",
        "  card 0: R4; told 4; may be red or yellow, 4",
        "  card 1: R2; told nothing; may be red or yellow, 1 2 3 4 5",
    ]
    state.apply_action(state.string_to_action("(Play 1)"))  # a 3 on a 1: the only life is lost
    assert render(state).splitlines()[-1] == "The game is over, with 0 points."


def test_hanabi_names_all_cards_of_a_hint() -> None:
    state = after(HANABI, "(Deal R4);(Deal Y5);(Deal R2);(Deal R3);(Reveal player +1 color R)")
    assert "Moves: seat 0 told you of red (cards 0 1)." in view(state, 1).splitlines()


# Rooms without words of their own


@pytest.mark.parametrize("name", ["tiny_bridge_2p", "phantom_ttt", "goofspiel(imp_info=True)", "bargaining"])
def test_without_a_room_the_information_state_is_shown(name: str) -> None:
    *_, state = next(random_games(name, 1))[:-1]
    assert view(state, 0) == state.information_state_string(0)


@pytest.mark.parametrize("name", ["coin_game", "crazy_eights", "phantom_go(board_size=3)"])
def test_without_information_states_the_observation_is_shown(name: str) -> None:
    *_, state = next(random_games(name, 1))[:-1]
    assert view(state, 1) == state.observation_string(1)


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four", "othello"])
def test_where_nothing_is_hidden_the_state_is_shown(name: str) -> None:
    *_, state = next(random_games(name, 1))[:-1]
    assert view(state, 0) == view(state, 1) == render(state)


def test_every_game_of_hidden_information_has_words() -> None:
    """In the terminal, where one player moves at a time."""
    for kind in pyspiel.registered_games():
        hides = kind.information != pyspiel.GameType.Information.PERFECT_INFORMATION
        if hides and kind.dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL:
            assert kind.provides_information_state_string or kind.provides_observation_string, kind.short_name


def test_a_game_without_words_says_so() -> None:
    class Mute:
        class Kind:
            short_name = "mute"
            information = pyspiel.GameType.Information.IMPERFECT_INFORMATION
            provides_information_state_string = provides_observation_string = False

        def get_game(self) -> Any:
            return self

        def get_type(self) -> Any:
            return self.Kind

    with pytest.raises(TesujiError, match="mute does not say in words"):
        Room("mute").view(Mute(), 0)


# What networks read


@pytest.mark.parametrize(
    ("name", "encoder", "size", "actions"),
    [
        (KUHN, "auto", 11, 2),
        (LEDUC, "auto", 30, 3),
        (LIARS_DICE, "auto", 15, 9),
        (DARK_HEX, "auto", 162, 9),
        (DARK_HEX, "seated", 164, 9),
        (HANABI, "observation", 171, 11),
    ],
)
def test_sizes(name: str, encoder: str, size: int, actions: int) -> None:
    game = pyspiel.load_game(name)
    assert (encoder_shape(game, encoder), game.num_distinct_actions()) == ((size,), actions)


@pytest.mark.parametrize(("name", "count"), [(KUHN, 12), (LEDUC, 936), (LIARS_DICE, 1024)])
def test_inputs_identify_information_states(name: str, count: int) -> None:
    states = [state for state in tree(played(name)) if state.current_player() >= 0]
    strings = [(state.current_player(), state.information_state_string()) for state in states]
    inputs = [row.tobytes() for row in core.encode(states)]
    assert len(set(strings)) == len(set(inputs)) == len(set(zip(strings, inputs, strict=True))) == count


def test_the_tensor_of_dark_hex_does_not_tell_the_seat() -> None:
    """x with a stone at a2, o having bumped into one there; which of the two is to move decides what to do."""
    own, bumped = after(DARK_HEX, "a2;c1"), after(DARK_HEX, "a2;a2;c1")
    assert (own.current_player(), bumped.current_player()) == (0, 1)
    np.testing.assert_array_equal(core.encode([own]), core.encode([bumped]))
    np.testing.assert_array_equal(core.legal_mask([own]), core.legal_mask([bumped]))


def test_the_seated_encoder_tells_the_seat_in_dark_hex() -> None:
    for state in (after(DARK_HEX, "a2;c1"), after(DARK_HEX, "a2;a2;c1")):
        player = state.current_player()
        expected = [*state.information_state_tensor(player), *np.eye(2)[player]]
        np.testing.assert_array_equal(core.encode([state], "seated"), [expected])


def test_the_seated_encoder_identifies_the_information_states_of_dark_hex() -> None:
    states = [state for states in random_games(DARK_HEX, 400) for state in states[:-1]]
    strings = [(state.current_player(), state.information_state_string()) for state in states]
    inputs = [row.tobytes() for row in core.encode(states, "seated")]
    assert len(set(strings)) == len(set(inputs)) == len(set(zip(strings, inputs, strict=True))) > 1000


def test_the_observation_of_hanabi_forgets() -> None:
    """Two orders of the same hints: the players know, the network does not."""
    dealt = "(Deal R4);(Deal Y5);(Deal Y4);(Deal R3)"
    hints = ("(Reveal player +1 color R)", "(Reveal player +1 color Y)")
    one, two = (
        after(HANABI, ";".join([dealt, first, "(Reveal player +1 rank 5)", second]))
        for first, second in (hints, hints[::-1])
    )
    assert view(one, 0) != view(two, 0)
    assert one.observation_string(0) == two.observation_string(0)
    differs = np.flatnonzero(np.array(one.observation_tensor(0)) != np.array(two.observation_tensor(0)))
    assert len(differs) == 4  # the colour of the last hint and the card it touched, each one-hot


def test_the_network_reads_the_observation_of_hanabi() -> None:
    """The game has no information-state tensor."""
    assert encoder_shape(pyspiel.load_game(HANABI)) == encoder_shape(pyspiel.load_game(HANABI), "observation") == (171,)


# Symmetries


def symmetries(name: str, encoder: str = "auto") -> dict[str, Symmetry]:
    return {each.name: each for each in room_of(name).symmetries(pyspiel.load_game(name), encoder)}


@pytest.mark.parametrize("encoder", ["information_state", "observation"])
@pytest.mark.parametrize("rank", range(3))
def test_the_cards_of_a_rank_of_leduc_poker_are_alike(rank: int, encoder: str) -> None:
    """In the whole game: the other four symmetries are products of these three."""
    symmetry = symmetries(LEDUC, encoder)["suits of " + ("jack", "queen", "king")[rank]]
    card_of = list(range(6))
    card_of[2 * rank], card_of[2 * rank + 1] = 2 * rank + 1, 2 * rank
    states, images = [], []

    def walk(state: pyspiel.State, image: pyspiel.State) -> None:
        assert (state.current_player(), state.returns()) == (image.current_player(), image.returns())
        if state.is_chance_node():
            chances, others = dict(state.chance_outcomes()), dict(image.chance_outcomes())
            assert {card_of[card]: chance for card, chance in chances.items()} == others
        elif not state.is_terminal():
            assert state.legal_actions() == image.legal_actions()
            states.append(state)
            images.append(image)
        for action in state.legal_actions():
            walk(state.child(action), image.child(card_of[action] if state.is_chance_node() else action))

    walk(played(LEDUC), played(LEDUC))
    assert len(states) == 3780
    for player in range(2):
        seen, turned = (
            np.array([getattr(state, f"{encoder}_tensor")(player) for state in each]) for each in (states, images)
        )
        np.testing.assert_array_equal(seen[:, symmetry.inputs], turned)
    assert symmetry.actions.tolist() == [0, 1, 2]


def test_the_seven_of_leduc_poker_are_closed() -> None:
    known = symmetries(LEDUC)
    images = {tuple(each.inputs.tolist()) for each in known.values()} | {tuple(range(30))}
    assert len(known) == 7 and len(images) == 8
    assert {tuple(np.array(a)[list(b)].tolist()) for a in images for b in images} == images
    suits = known["suits of jack queen king"].inputs.tolist()
    assert suits == [0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, *range(14, 30)]


ENCODERS = ["information_state", "observation", "seated"]


def check_half_turn(name: str, games: Iterator[list[pyspiel.State]], encoder: str) -> None:
    """Every state of the games and its turned image agree in all that a network reads and in how the game goes on."""
    symmetry = symmetries(name, encoder)["180 degrees"]
    cells = len(symmetry.actions)
    compared = 0
    for states in games:
        for state in states:
            image = played(name, [cells - 1 - action for action in state.history()])
            assert (image.current_player(), image.returns()) == (state.current_player(), state.returns())
            if state.is_terminal():
                continue
            seen, turned = core.encode([state, image], encoder)
            np.testing.assert_array_equal(seen[symmetry.inputs], turned)
            np.testing.assert_array_equal(core.legal_mask([state])[:, symmetry.actions], core.legal_mask([image]))
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_half_turn_of_all_of_a_small_dark_hex(encoder: str) -> None:
    name = "dark_hex(board_size=2,gameversion=adh)"
    check_half_turn(name, iter([list(tree(played(name)))]), encoder)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", [DARK_HEX, "dark_hex(num_rows=2,num_cols=4)"])
def test_the_half_turn_of_dark_hex(name: str, encoder: str) -> None:
    check_half_turn(name, random_games(name, 150), encoder)


def test_a_half_turn_by_hand() -> None:
    symmetry = symmetries(DARK_HEX)["180 degrees"]
    assert symmetry.actions.tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert symmetry.inputs[:9].tolist() == list(range(72, 81))  # the states of a1 and c3
    assert symmetry.inputs[81:90].tolist() == list(range(89, 80, -1))  # the first move
    assert symmetry.inputs[153:].tolist() == list(range(161, 152, -1))  # the ninth


def test_no_symmetry_is_claimed_elsewhere() -> None:
    assert symmetries(KUHN) == symmetries(LIARS_DICE) == symmetries("leduc_poker(suit_isomorphism=true)") == {}
    assert symmetries(HANABI, "observation") == {}
    assert symmetries("dark_hex(obstype=reveal-numturns)") == {}
    assert len(symmetries("leduc_poker(players=3)")) == 15
    for name in (LEDUC, DARK_HEX):
        find = room_of(name).find_symmetries
        assert find is not None and find(pyspiel.load_game(name), (3, 3)) == []


# In the terminal


def play(name: str, lines: list[str], seat: int = 0, seed: int = 0) -> tuple[bool, str]:
    game = pyspiel.load_game(name)
    sink, source = io.StringIO(), io.StringIO("".join(line + "\n" for line in lines))
    finished = TerminalGame(game, parse_agent("random", game), [seat], source, sink, seed).play()
    return finished, sink.getvalue()


def test_play_kuhn_poker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Bet\nBet\n"))
    assert main(["play", "random", "--game", KUHN, "--seed", "1"]) == 0
    text = capsys.readouterr().out
    asked, *_, end = text.split(PROMPT)
    assert "You are seat 0 and hold the " in asked and "Bets: none yet." in asked
    assert "Seat 1 holds" not in asked and "seat 1 holds" not in asked
    assert "Seat 0 holds the " in end and "Seat 1 holds the " in end
    assert "The game is over. You win." in end or "The game is over. random wins." in end


@pytest.mark.parametrize("name", [KUHN, LEDUC, LIARS_DICE, DARK_HEX, HANABI, "crazy_eights(players=2)"])
@pytest.mark.parametrize("seat", [0, 1])
def test_every_room_is_played_to_the_end(name: str, seat: int) -> None:
    """By the lowest action, typed by its number; a game asks no more often than it is long."""
    game = pyspiel.load_game(name)
    lines = [str(action) for _ in range(game.max_game_length()) for action in range(game.num_distinct_actions())][:4000]
    finished, text = play(name, lines, seat)
    assert finished
    assert "The game is over. " in text
    before = text.split("The game is over")[0]
    assert before.count(PROMPT) >= 1


def test_hanabi_against_random_in_the_terminal() -> None:
    finished, text = play(HANABI, ["moves", "9", "(Reveal player +1 color R)", "5", "6", "8", "9"], seed=1)
    assert finished
    blocks = text.split(PROMPT)
    assert "It is your move." in blocks[0]
    assert blocks[0].split("Your hand:\n")[1].splitlines()[:5] == [
        "  card 0: told nothing; may be red or yellow, 1 2 3 4 5",
        "  card 1: told nothing; may be red or yellow, 1 2 3 4 5",
        "Hand of seat 1:",
        "  card 0: Y1; told nothing; may be red or yellow, 1 2 3 4 5",
        "  card 1: R1; told nothing; may be red or yellow, 1 2 3 4 5",
    ]
    assert blocks[1].startswith("2:(Play 0)  3:(Play 1)  4:(Reveal player +1 color R)  ")
    assert blocks[2].startswith("'9' is not a legal move")
    assert "Moves: you told seat 1 of red (card 1), seat 1 played card 1 (R1).\n" in blocks[3]
    assert "Fireworks: red 1, yellow 1.\nDiscards: R2.\n" in blocks[5]
    # The life is lost: now the hands are shown, and nobody has won.
    assert "Hand of seat 0:\n  card 0: R4; " in blocks[-1] and "Hand of seat 0:" not in "".join(blocks[:-1])
    assert text.endswith("The game is over. Returns by seat: 0, 0\nnew, undo, save FILE or quit> \n")
