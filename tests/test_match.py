"""Matches: openings, pairing, results."""

import json
import math

import numpy as np
import pyspiel
import pytest
from positions import played

from engine.agents.agent import BatchAgent, Decision, one_hot
from engine.agents.bots import MctsAgent, RandomAgent
from engine.agents.network_agent import NetworkAgent
from engine.agents.parser import parse_agent
from engine.config import NetworkConfig
from engine.errors import TesujiError
from engine.evaluate.evaluation import evaluate
from engine.evaluate.match import MatchGame, draw_openings, draw_rows, margin, match, play_in_pool, rate
from engine.evaluate.speed import measure
from engine.game import LabelledPosition, encoder_shape, facts, load_game
from engine.native import core
from engine.network import build, save_checkpoint


class First(BatchAgent):
    """Always the lowest legal action."""

    name = "first"

    def decide(self, states, budget, seed):
        return [
            Decision(one_hot(state.legal_actions()[0], state.num_distinct_actions()), np.zeros(2)) for state in states
        ]


def test_openings_are_distinct_undecided_and_seeded(connect_four: pyspiel.Game) -> None:
    openings, distinct = draw_openings(connect_four, 200, 4, seed=5)
    boards = [str(played(connect_four, opening.actions)) for opening in openings]
    assert distinct == len(set(boards)) == 200
    assert all(len(opening.actions) == 4 for opening in openings)
    assert [o.actions for o in openings] == [o.actions for o in draw_openings(connect_four, 200, 4, seed=5)[0]]
    assert [o.actions for o in openings] != [o.actions for o in draw_openings(connect_four, 200, 4, seed=6)[0]]


def test_openings_repeat_when_the_game_has_too_few(connect_four: pyspiel.Game) -> None:
    openings, distinct = draw_openings(connect_four, 20, 1, seed=0)
    assert distinct == 7
    assert len(openings) == 20


def test_openings_are_shorter_than_the_shortest_game() -> None:
    game = pyspiel.load_game("kuhn_poker")  # at most three decisions after two chance moves
    openings, _ = draw_openings(game, 10, 8, seed=0)
    assert not any(played(game, opening.actions).is_terminal() for opening in openings)
    assert max(len(opening.actions) for opening in openings) == 4


def test_every_opening_is_played_from_both_sides(connect_four: pyspiel.Game) -> None:
    result = match(RandomAgent(), First(), connect_four, games=40, seed=2)
    assert len(result.games) == 40
    for one, other in zip(result.games[::2], result.games[1::2], strict=True):
        assert one.opening == other.opening == one.history[:4] == other.history[:4]
        assert (one.seats, other.seats) == ((0, 1), (1, 0))
        for game in (one, other):
            assert tuple(played(connect_four, game.history).returns()) == game.returns


def test_results_follow_from_the_games(connect_four: pyspiel.Game) -> None:
    result = match(MctsAgent(connect_four, 50), RandomAgent(), connect_four, games=20, seed=1)
    points = [game.returns[game.seats.index(0)] for game in result.games]
    assert (result.wins, result.draws, result.losses) == (points.count(1), points.count(0), points.count(-1))
    assert result.score == (result.wins + result.draws / 2) / 20
    assert result.difference == pytest.approx(2 * np.mean(points))
    assert result.mean_length == np.mean([len(game.history) for game in result.games])
    assert result.elo is not None and result.elo > 100
    assert result.elo_low < result.elo <= result.elo_high


def test_an_agent_against_itself_is_even(connect_four: pyspiel.Game) -> None:
    result = match(First(), First(), connect_four, games=60)
    assert result.score == 0.5
    assert result.elo == 0
    assert result.elo_low <= 0 <= result.elo_high


def test_the_seed_decides_everything(connect_four: pyspiel.Game) -> None:
    results = [
        match(RandomAgent(), MctsAgent(connect_four, 10), connect_four, games=10, seed=seed) for seed in (4, 4, 5)
    ]
    assert results[0].games == results[1].games != results[2].games


def test_odd_numbers_of_games_are_rounded_up_to_pairs(connect_four: pyspiel.Game) -> None:
    assert len(match(First(), RandomAgent(), connect_four, games=3).games) == 4


def test_pairs_share_the_luck_of_the_dice() -> None:
    game = pyspiel.load_game("pig(winscore=20)")
    result = match(First(), First(), game, games=10, opening_plies=2, seed=3)
    for one, other in zip(result.games[::2], result.games[1::2], strict=True):
        assert one.history == other.history  # the same agent in both seats, the same dice
    assert len({game.history for game in result.games}) > 1


def test_hidden_information_games_are_played() -> None:
    game = pyspiel.load_game("leduc_poker")
    result = match(RandomAgent(), RandomAgent(), game, games=100, opening_plies=0, seed=1)
    assert result.elo is not None
    assert abs(result.difference) < 8


def test_information_set_search_meets_chance() -> None:
    game = load_game("leduc_poker")
    result = match(parse_agent("ismcts:100", game), RandomAgent(), game, games=100, opening_plies=0, seed=1)
    assert result.difference_low > 0.0


def test_more_players_rotate_through_the_seats() -> None:
    game = pyspiel.load_game("pig(players=3,winscore=10)")
    result = match(RandomAgent(), RandomAgent(), game, games=9, opening_plies=1)
    assert [each.seats for each in result.games[:3]] == [(0, 1, 1), (1, 0, 1), (1, 1, 0)]
    assert result.elo is None
    assert result.wins + result.draws + result.losses == 9
    assert result.difference_low < result.difference < result.difference_high


def test_one_player_games_compare_returns() -> None:
    game = pyspiel.load_game("catch")
    result = match(RandomAgent(), First(), game, games=20, opening_plies=0, seed=1)
    assert result.wins + result.draws + result.losses == 10
    own = [each.returns[0] for each in result.games[::2]]
    other = [each.returns[0] for each in result.games[1::2]]
    assert result.difference == pytest.approx(np.mean(own) - np.mean(other))
    assert result.elo is None


def test_difference_is_against_the_mean_of_the_others() -> None:
    assert MatchGame((), (1, 0, 1), (), (3.0, 1.0, -4.0)).difference == 1.5
    assert margin([0, 1], [1.0, -1.0]) == 2.0
    assert margin([0], [3.0]) == 3.0 and margin([1], [3.0]) == -3.0


def test_a_rating_counts_openings_and_who_did_better() -> None:
    won, drawn = MatchGame((), (0, 1), (), (1.0, -1.0)), MatchGame((), (1, 0), (), (0.0, 0.0))
    rating = rate([won, drawn], by_points=True)
    assert (rating.score, rating.pairs) == (0.75, 1)
    # The first seat of three wins in every game, whoever sits there: nobody is better.
    seats = ((0, 1, 1), (1, 0, 1), (1, 1, 0))
    equal = [MatchGame((), each, (), (0.2, 0.1, 0.1)) for each in seats]
    assert rate(equal, by_points=False).score == pytest.approx(0.5)
    # `a` wins in two seats of three: 1.5 + 1.5 of 3.75 gained and lost.
    returns = ((1.0, -0.5, -0.5), (-0.5, 1.0, -0.5), (1.0, -0.5, -0.5))
    played = [MatchGame((), each, (), values) for each, values in zip(seats, returns, strict=True)]
    assert rate(played, by_points=False).score == pytest.approx(3.0 / 3.75)
    # Alone at the board, the better return of the two games wins the pair.
    better, worse = (MatchGame((), (turn,), (), (value,)) for turn, value in ((0, 7.0), (1, 5.0)))
    assert rate([better, worse], by_points=False).score == 1.0


@pytest.mark.parametrize("name", ["pig(players=3,winscore=15)", "pig(players=1,winscore=15,horizon=60)"])
def test_equals_score_half_however_many_play(name: str) -> None:
    game = pyspiel.load_game(name)
    same = match(First(), First(), game, games=60, opening_plies=2, seed=1)
    assert same.score == 0.5 and same.difference == 0.0
    assert same.difference_low < 0.0 < same.difference_high
    result = match(RandomAgent(), RandomAgent(), game, games=900, opening_plies=1, seed=2)
    assert result.score == pytest.approx(0.5, abs=0.06)
    assert result.difference_low < 0.0 < result.difference_high
    assert result.to_json()["score"] == result.score


def test_openings_are_not_played_twice_the_same_way(connect_four: pyspiel.Game) -> None:
    twice = match(First(), MctsAgent(connect_four, 10), connect_four, games=100, opening_plies=1, seed=3)
    assert (twice.distinct_openings, len(twice.games)) == (7, 14)
    assert (
        twice.games
        == match(First(), MctsAgent(connect_four, 10), connect_four, games=14, opening_plies=1, seed=3).games
    )
    drawn = match(First(), RandomAgent(), connect_four, games=100, opening_plies=1, seed=3)
    assert (drawn.distinct_openings, len(drawn.games)) == (7, 100)
    assert len({game.history for game in drawn.games}) > 50
    # Dice make another game of the same opening; once they are cast it is the same one.
    pig = pyspiel.load_game("pig(winscore=10)")
    assert len(match(First(), First(), pig, games=60, opening_plies=0).games) == 60
    kuhn = pyspiel.load_game("kuhn_poker")
    dealt = match(First(), First(), kuhn, games=200, opening_plies=1)
    assert len(dealt.games) == 2 * dealt.distinct_openings < 200


def test_agents_that_vary_by_themselves_play_an_opening_again(connect_four: pyspiel.Game) -> None:
    class Moody(First):
        """Plays the lowest action in one call, the highest in the next."""

        calls = 0

        def decide(self, states, budget, seed):
            self.calls += 1
            chosen = [state.legal_actions()[-(self.calls % 2)] for state in states]
            return [Decision(one_hot(action, 7), np.zeros(2)) for action in chosen]

    result = match(Moody(), First(), connect_four, games=40, opening_plies=0)
    assert (result.distinct_openings, len(result.games)) == (1, 40)


def test_wrong_requests_are_refused(connect_four: pyspiel.Game) -> None:
    with pytest.raises(TesujiError, match="play at least 1"):
        match(First(), First(), connect_four, games=0)
    with pytest.raises(TesujiError, match="opening plies -1"):
        match(First(), First(), connect_four, opening_plies=-1)
    with pytest.raises(TesujiError, match="simulations -1"):
        match(First(), First(), connect_four, simulations=-1)
    with pytest.raises(TesujiError, match="turn_based_simultaneous_game"):
        match(First(), First(), pyspiel.load_game("matrix_rps"))


def test_turn_based_forms_of_simultaneous_games_play() -> None:
    game = pyspiel.load_game("turn_based_simultaneous_game(game=matrix_rps())")
    assert match(parse_agent("random", game), First(), game, games=10, opening_plies=0).game == str(game)


def test_progress_counts_up_to_all_games(connect_four: pyspiel.Game) -> None:
    seen: list[tuple[str, int, int]] = []
    match(First(), RandomAgent(), connect_four, games=6, on_progress=lambda *report: seen.append(report))
    assert seen[-1] == ("games", 6, 6)
    assert seen == sorted(seen)


def test_the_pool_reports_part_by_part_and_plays_the_same_games(connect_four: pyspiel.Game) -> None:
    evaluator = core.FakeEvaluator(connect_four, seed=1)
    players = [
        core.PlayerParams(0, core.SearchParams(simulations=budget), temperature=1.0, temperature_plies=9)
        for budget in (4, 16)
    ]
    rows, _ = draw_rows(connect_four, 20, 4, seed=2)
    played = []
    seen: list[tuple[str, int, int]] = []

    def note(*report: str | int) -> None:
        seen.append(report)

    for workers, games_per_worker, reports in ((1, 20, [20]), (2, 3, [6, 12, 18, 20]), (1, 1, list(range(1, 21)))):
        seen.clear()
        played.append(play_in_pool(connect_four, [evaluator], players, rows, workers, games_per_worker, note))
        assert seen == [("games", done, 20) for done in reports]
    assert played[0] == played[1] == played[2]
    assert [(game.opening, game.seats) for game in played[0]] == [(each.actions, seats) for each, seats in rows]


def test_json_and_saved_games(connect_four: pyspiel.Game, tmp_path) -> None:
    result = match(First(), RandomAgent(), connect_four, games=4, seed=9)
    values = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert (values["a"], values["b"], values["game"], values["seed"]) == ("first", "random", "connect_four()", 9)
    assert "games" not in values
    result.save_games(tmp_path / "games.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "games.jsonl").read_text().splitlines()]
    assert [tuple(line["history"]) for line in lines] == [game.history for game in result.games]


def test_unbounded_elo_is_null_in_json(connect_four: pyspiel.Game) -> None:
    result = match(MctsAgent(connect_four, 400), First(), connect_four, games=4, seed=0)
    assert result.wins == 4
    assert result.elo == result.elo_high == math.inf
    assert result.to_json()["elo"] is None
    assert result.to_json()["elo_low"] == result.elo_low


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two small untrained networks for connect_four."""
    root = tmp_path_factory.mktemp("match")
    game = load_game("connect_four")
    for name, channels in (("a", 8), ("b", 16)):
        config = NetworkConfig(channels=channels, blocks=1)
        network = build(config, facts(game), encoder_shape(game, facts(game).encoder), seed=channels)
        save_checkpoint(root / name, network, config, "connect_four", "none", {}, {}, "An untrained network.")
    return str(root / "a"), str(root / "b")


def test_networks_play_in_the_pool_as_they_play_by_themselves(connect_four: pyspiel.Game, networks) -> None:
    a, b = (parse_agent(f"{path}:simulations=16,backend=torch,precision=fp32", connect_four) for path in networks)
    result = match(a, b, connect_four, games=8, seed=3)
    assert [game.seats for game in result.games[:2]] == [(0, 1), (1, 0)]
    for game in result.games:
        state = played(connect_four, game.history)
        assert state.is_terminal()
        assert tuple(state.returns()) == game.returns
        assert game.history[: len(game.opening)] == game.opening
    # The first move after the opening starts from a fresh tree in both.
    for game in result.games:
        state = played(connect_four, game.opening)
        mover = (a, b)[game.seats[state.current_player()]]
        assert mover.policy(state).action == game.history[len(game.opening)]


def test_an_agents_workers_play_its_matches(
    connect_four: pyspiel.Game, networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    play_match = core.play_match

    def spy(*arguments, workers: int, **options):
        used.append(workers)
        return play_match(*arguments, workers=workers, **options)

    monkeypatch.setattr(core, "play_match", spy)
    a, b = (parse_agent(f"{path}:backend=torch,precision=fp32", connect_four, workers=3) for path in networks)
    match(a, b, connect_four, games=2)
    assert used == [3]


def test_agents_with_leaves_in_flight_meet_outside_the_pool(
    connect_four: pyspiel.Game, networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(core, "play_match")
    options = "backend=torch,precision=fp32,simulations=24"
    flying = parse_agent(f"{networks[0]}:{options},leaves_in_flight=8", connect_four)
    other = parse_agent(f"{networks[1]}:{options}", connect_four)
    result = match(flying, other, connect_four, games=4, seed=3)
    assert result.wins + result.draws + result.losses == 4
    for game in result.games:
        state = played(connect_four, game.opening)
        mover = (flying, other)[game.seats[state.current_player()]]
        assert mover.policy(state, seed=3).action == game.history[len(game.opening)]


def test_the_simulations_of_a_match_override_the_agents(connect_four: pyspiel.Game, networks) -> None:
    plain = parse_agent(networks[0], connect_four)
    strong = parse_agent(f"{networks[0]}:simulations=100", connect_four)
    searched = match(strong, RandomAgent(), connect_four, games=20, seed=1)
    overridden = match(plain, RandomAgent(), connect_four, games=20, seed=1, simulations=100)
    assert searched.games == overridden.games
    assert searched.score > 0.8


def test_raw_networks_play_their_prior_in_the_pool(connect_four: pyspiel.Game, networks) -> None:
    a, b = (parse_agent(path, connect_four) for path in networks)
    first, second = (match(a, b, connect_four, games=10, seed=seed, opening_plies=0) for seed in (1, 2))
    assert first.distinct_openings == 1
    assert len({game.history for game in first.games}) > 5  # sampled, not the same game again and again
    assert first.games != second.games
    assert first.games == match(a, b, connect_four, games=10, seed=1, opening_plies=0).games


def test_an_agent_of_another_game_is_refused(networks) -> None:
    agent = parse_agent(networks[0])
    with pytest.raises(TesujiError, match=r"plays connect_four\(\), not tic_tac_toe\(\)"):
        match(agent, RandomAgent(), load_game("tic_tac_toe"))


def test_one_checkpoint_at_two_budgets(connect_four: pyspiel.Game, networks) -> None:
    weak = parse_agent(f"{networks[0]}:simulations=2", connect_four)
    strong = weak.with_simulations(200)
    assert match(strong, weak, connect_four, games=20, seed=1).score > 0.75


HOW = (", raw", ", 100 simulations")


def test_evaluation_compares_before_and_after(connect_four: pyspiel.Game, networks) -> None:
    after, before = (parse_agent(path, connect_four) for path in networks)
    scores = {3: 1, **dict.fromkeys((0, 1, 2, 4, 5, 6), -1)}
    positions = [LabelledPosition((3, 0, 3, 0, 3, 1), scores)]
    seen: dict[str, list[tuple[int, int]]] = {}
    result = evaluate(
        after,
        connect_four,
        before,
        games=8,
        simulations=(0, 100),
        positions=positions,
        on_progress=lambda stage, *counts: seen.setdefault(stage, []).append(counts),
    )
    assert seen == {
        "games": [(8, 8)],
        **{f"positions, {agent.name}{how}": [(1, 1)] for agent in (after, before) for how in HOW},
    }
    assert result.match is not None and len(result.match.games) == 8
    assert result.after.agreements[100].optimal_share == 1
    header, *rows = result.table()
    assert header == ["", before.name, after.name]
    assert [row[0] for row in rows] == [
        "optimal moves, raw",
        "optimal moves, 100 simulations",
        "value-sign error, raw",
        "value-sign error, 100 simulations",
        "Elo, 100 simulations (8 games)",
    ]
    assert rows[1][2].startswith("100.0%")
    json.dumps(result.to_json(), allow_nan=False)


def test_evaluation_leaves_an_agent_its_seconds(connect_four: pyspiel.Game, networks, monkeypatch) -> None:
    thought = []
    think = NetworkAgent._think

    def counted(self, state, seed):
        thought.append(self.name)
        return think(self, state, seed)

    monkeypatch.setattr(NetworkAgent, "_think", counted)
    thinking = parse_agent(f"{networks[0]}:seconds=0.001", connect_four)
    result = evaluate(thinking, connect_four, RandomAgent(), games=2, simulations=(0,), positions=[])
    assert set(thought) == {thinking.name}
    assert [row[0] for row in result.table()[1:]] == ["Elo (2 games)"]


def test_evaluation_without_referee_is_only_the_match() -> None:
    game = load_game("tic_tac_toe")
    result = evaluate(parse_agent("mcts:50", game), game, RandomAgent(), games=4)
    assert [row[0] for row in result.table()[1:]] == ["Elo (4 games)"]


def test_speed_measures_network_and_search(networks) -> None:
    speeds = measure(parse_agent(networks[0]), simulations=4, seconds=1e-3)
    assert [speed.unit for speed in speeds] == ["evaluations/s", "evaluations/s", "simulations/s", "simulations/s"]
    assert all(speed.rate > 0 for speed in speeds)
    with pytest.raises(TesujiError, match="seconds 0: must be a number above 0"):
        measure(parse_agent(networks[0]), seconds=0.0)
