"""Games of a run that teach little are told of."""

import numpy as np
import pyspiel

from engine.training.stalling import FEWEST, stalling


def said(name, lengths, returns):
    game = pyspiel.load_game(name)
    return stalling(game, 3, np.array(lengths), np.array(returns, np.float64).reshape(-1, game.num_players()))


def test_all_draws():
    note = said("connect_four", [30] * 24, [[0.0, 0.0]] * 24)
    assert "all 24 games of iteration 3 were draws" in note and "selfplay.random_opening_share" in note
    assert "\n" not in note
    assert said("connect_four", [30] * 24, [[0.0, 0.0]] * 23 + [[1.0, -1.0]]) is None
    assert said("connect_four", [30] * (FEWEST - 1), [[0.0, 0.0]] * (FEWEST - 1)) is None
    assert said("connect_four", [], []) is None


def test_all_ended_by_the_limit():
    note = said("pig(winscore=10,horizon=60)", [60, 61] * 15, [[0.0, 0.0]] * 30)
    assert "ended by the limit of 60 moves and were draws" in note and "pig(...)" in note
    note = said("pig(players=1,winscore=10,horizon=60)", [60] * 30, [[0.0]] * 30)
    assert "ended by the limit of 60 moves: nobody" in note
    assert said("pig(players=1,winscore=10,horizon=60)", [60] * 29 + [40], [[0.0]] * 30) is None


def test_games_that_are_always_so_long_are_none_the_worse():
    game = pyspiel.load_game("dots_and_boxes")
    length = game.max_game_length()
    assert said("dots_and_boxes", [length] * 30, [[1.0, -1.0]] * 30) is None
