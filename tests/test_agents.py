"""Agents by name, the built-in bots, and what every agent promises."""

import hashlib
import re
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyspiel
import pytest
import torch
from positions import played

from engine.agents.agent import Decision, one_hot, sharpen
from engine.agents.bots import MctsAgent, RandomAgent
from engine.agents.card import read_card
from engine.agents.network_agent import NetworkAgent
from engine.agents.oracle_agent import OracleAgent
from engine.agents.parser import parse_agent, resolve_checkpoint, shipped_agents, split_spec
from engine.cli import make_parser
from engine.cli.common import read_settings
from engine.config import NetworkConfig, SearchConfig, load_config
from engine.errors import TesujiError
from engine.evaluate.agreement import agreement, labelled_positions
from engine.game import encoder_shape, facts, load_game
from engine.native import core
from engine.network import build, save_checkpoint, values_of
from engine.search.ismcts import ismcts
from engine.search.search import search
from engine.search.seeds import state_seed

# x to move wins in column 3; x elsewhere lets o win there.
WIN_IN_THREE = [3, 0, 3, 0, 3, 0]


def test_specs_split_into_name_and_options() -> None:
    assert split_spec("random") == ("random", {})
    assert split_spec("mcts:1000") == ("mcts", {"simulations": "1000"})
    assert split_spec("mcts:1000,c=1.5") == ("mcts", {"simulations": "1000", "c": "1.5"})
    assert split_spec("runs/a:simulations=4,temperature=0") == ("runs/a", {"simulations": "4", "temperature": "0"})
    with pytest.raises(TesujiError, match="'fast' is not an option"):
        split_spec("runs/a:fast")


def test_a_path_with_a_colon_is_a_path(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run:a=1").mkdir()
    assert split_spec("run:a=1") == ("run:a=1", {})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mcts:simulation=10", r"unknown option 'simulation' \(did you mean 'simulations'\?\)"),
        ("mcts:0", "simulations=0 must be a whole number from 1 to 2147483647"),
        ("mcts:-5", "simulations=-5 must be"),
        ("mcts:many", "simulations=many must be a whole number"),
        ("mcts:c=nan", "c=nan must be a number"),
        ("random:simulations=3", "unknown option 'simulations'; it takes none"),
        ("randon", r"no such checkpoint folder or shipped agent \(did you mean 'random'\?\)"),
        ("no/such/folder", "no such checkpoint folder"),
        ("imitation:leaves_in_flight=0", "leaves_in_flight: 0 is out of range"),
        ("imitation:selection=best", "selection: 'best' is not one of puct, gumbel"),
        ("imitation:proofs=perhaps", "proofs"),
        ("imitation:seconds=-1", "seconds=-1 must be a number from 0"),
    ],
)
def test_wrong_specs_say_what_is_wrong(spec: str, message: str) -> None:
    with pytest.raises(TesujiError, match=message):
        parse_agent(spec, "connect_four")


def test_bots_need_a_game() -> None:
    with pytest.raises(TesujiError, match="say which game"):
        parse_agent("random")


def test_games_without_a_perfect_player_say_so() -> None:
    with pytest.raises(TesujiError, match=r"agent 'oracle': tic_tac_toe\(\) has no perfect player$"):
        parse_agent("oracle", "tic_tac_toe")


@pytest.mark.parametrize("variant", ["connect_four(rows=7)", "connect_four(x_in_row=3)"])
def test_the_standard_games_perfect_player_does_not_play_variants(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitbully", None)  # told even where the solver is not installed
    with pytest.raises(TesujiError, match=r"connect_four\(.*\) has no perfect player: .* the standard game only"):
        parse_agent("oracle", variant)
    with pytest.raises(TesujiError, match="needs the solver bitbully"):
        parse_agent("oracle", "connect_four")


@pytest.mark.parametrize("name", ["random", "oracle", "mcts:9", "mcts:9,c=1"])
def test_bots_are_no_checkpoints(name: str) -> None:
    with pytest.raises(TesujiError, match=f"^'{name}' is no checkpoint: give a checkpoint or run folder"):
        resolve_checkpoint(name)


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path) -> None:
    with pytest.raises(TesujiError, match="no checkpoint here"):
        parse_agent(str(tmp_path))


def test_random_is_uniform_over_legal_actions(connect_four: pyspiel.Game) -> None:
    state = played(connect_four, [0, 0, 0, 0, 0, 0])
    decision = RandomAgent().policy(state)
    assert decision.probabilities.tolist() == [0.0] + [1 / 6] * 6
    assert np.isnan(decision.values).all()


def test_mcts_takes_the_win_and_proves_it(connect_four: pyspiel.Game) -> None:
    decision = MctsAgent(connect_four, 200).policy(played(connect_four, WIN_IN_THREE), seed=1)
    assert decision.action == 3
    assert decision.values.tolist() == [1.0, -1.0]


def test_mcts_shares_visits_at_temperature_one(connect_four: pyspiel.Game) -> None:
    agent = parse_agent("mcts:100,temperature=1", "connect_four")
    decision = agent.policy(connect_four.new_initial_state(), seed=3)
    visits = {move.action: move.visits for move in decision.statistics["moves"]}
    assert np.allclose(decision.probabilities * sum(visits.values()), [visits[action] for action in range(7)])


@pytest.mark.parametrize("spec", ["random", "mcts:50", "mcts:50,temperature=1"])
def test_answers_depend_on_state_and_seed_not_on_the_batch(connect_four: pyspiel.Game, spec: str) -> None:
    agent = parse_agent(spec, connect_four)
    states = [played(connect_four, actions) for actions in ([], [3], [3, 3], [0, 1, 2])]
    together = agent.policy(states, None, 7)
    alone = [agent.policy(state, None, 7) for state in reversed(states)][::-1]
    for first, second in zip(together, alone, strict=True):
        assert first.probabilities.tolist() == second.probabilities.tolist()
        assert np.array_equal(first.values, second.values, equal_nan=True)


def test_a_budget_overrides_the_simulations(connect_four: pyspiel.Game) -> None:
    agent = MctsAgent(connect_four, 10)
    state = connect_four.new_initial_state()
    assert agent.policy(state, budget=30).statistics["simulations"] == 30
    with pytest.raises(TesujiError, match="a whole number from 0 to 2147483647"):
        agent.policy(state, budget=-1)
    with pytest.raises(TesujiError, match="at least 1 simulation"):
        agent.policy(state, budget=0)


@pytest.mark.parametrize(("game", "reason"), [("kuhn_poker", "hides information"), ("goofspiel", "simultaneous")])
def test_mcts_refuses_games_it_is_not_sound_in(game: str, reason: str) -> None:
    with pytest.raises(TesujiError, match=reason):
        parse_agent("mcts:10", game)


def test_states_without_a_decision_are_refused(connect_four: pyspiel.Game) -> None:
    over = played(connect_four, [*WIN_IN_THREE, 3])
    with pytest.raises(TesujiError, match="the game is over"):
        RandomAgent().policy(over)
    with pytest.raises(TesujiError, match="chance is to move"):
        RandomAgent().policy(pyspiel.load_game("kuhn_poker").new_initial_state())
    with pytest.raises(TesujiError, match="turn_based_simultaneous_game"):
        RandomAgent().policy(pyspiel.load_game("matrix_rps").new_initial_state())


def test_the_oracle_plays_only_moves_that_keep_the_value(connect_four: pyspiel.Game) -> None:
    pytest.importorskip("bitbully", reason="the perfect solver is an optional extra")
    agent = parse_agent("oracle", connect_four)
    empty, win = agent.policy([connect_four.new_initial_state(), played(connect_four, WIN_IN_THREE)])
    assert empty.probabilities.tolist() == [0, 0, 0, 1, 0, 0, 0]  # the first player wins in the middle only
    assert empty.values.tolist() == [1.0, -1.0]
    assert win.probabilities.tolist() == [0.5, 0, 0, 0.5, 0, 0, 0]  # blocking first wins, too


def test_the_oracle_divides_equally_and_rates_for_both_players() -> None:
    class Referee:
        name = "referee"

        def scores(self, states: list[pyspiel.State]) -> list[dict[int, int]]:
            return [{0: -1, 1: 0, 2: 0} for _ in states]

    game = pyspiel.load_game("tic_tac_toe")
    decision = OracleAgent(Referee()).policy(played(game, [4]))
    assert decision.probabilities.tolist() == [0, 0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert decision.values.tolist() == [0.0, 0.0]


def test_sharpen_is_the_temperature() -> None:
    weights = np.array([1.0, 4.0, 4.0])
    assert sharpen(weights, 0).tolist() == [0, 1, 0]
    assert np.allclose(sharpen(weights, 1), [1 / 9, 4 / 9, 4 / 9])
    assert np.allclose(sharpen(weights, 0.5), [1 / 33, 16 / 33, 16 / 33])
    assert np.isfinite(sharpen(np.array([1e-30, 1.0]), 0.01)).all()


def test_a_decision_samples_in_proportion_and_by_its_seed() -> None:
    decision = Decision(np.array([0.25, 0.0, 0.75]), np.zeros(2))
    drawn = [decision.sample(seed) for seed in range(2000)]
    assert drawn == [decision.sample(seed) for seed in range(2000)]
    assert abs(np.mean(np.array(drawn) == 0) - 0.25) < 0.04
    assert 1 not in drawn
    assert Decision(one_hot(2, 3), np.zeros(2)).sample(0) == 2


def test_state_seeds_differ_by_history_and_seed(connect_four: pyspiel.Game) -> None:
    first, second = played(connect_four, [1, 2, 3, 4]), played(connect_four, [3, 4, 1, 2])
    assert str(first) == str(second)
    assert len({state_seed(0, first), state_seed(0, second), state_seed(1, first)}) == 3


def test_the_start_of_fine_tuning_is_shipped() -> None:
    assert "connect_four/imitation" in shipped_agents()


@pytest.mark.parametrize("name", shipped_agents())
def test_a_shipped_agent_is_what_its_card_says(name: str) -> None:
    """Small, whole, and as good on its game's held-out positions as its configuration (else its card) tells."""
    folder = resolve_checkpoint(name)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert sum(map(len, files.values())) <= 2 * 2**20
    card = read_card(folder)
    assert card.hash == hashlib.sha256(files["model.safetensors"]).hexdigest()
    text = files["README.md"].decode()
    assert text.startswith("# ")
    agent = parse_agent(f"{name}:backend=torch,precision=fp32")
    positions = labelled_positions(agent.game)
    if positions:
        told = card.metrics.get("optimal_share_0")
        if told is None:
            told = float(re.search(r"(\d+(?:\.\d+)?) ?% raw", text)[1]) / 100
        assert agreement(agent, agent.game, positions).optimal_share == pytest.approx(told, abs=0.01)


@pytest.mark.parametrize("name", shipped_agents())
def test_the_command_on_a_card_says_how_the_agent_was_made(name: str) -> None:
    """Read as the command line reads it, it asks for what the checkpoint's lineage names."""
    folder = resolve_checkpoint(name)
    card = read_card(folder)
    text = (folder / "README.md").read_text()
    commands = text.partition("Made by\n")[2].replace("\\\n", "").split("\n\n")
    typed = [shlex.split(command) for command in commands if command.strip()]
    assert all(words[0] == "tesuji" for words in typed)
    options = [make_parser().parse_args(words[1:]) for words in typed][-1]
    parent = card.lineage["parent"]
    if parent is not None:
        # What an earlier command on the card left is no shipped agent; its weights are told.
        start = options.start if len(typed) == 1 else None
        assert parent[:12] in text if start is None else read_card(resolve_checkpoint(start)).hash == parent
        assert options.seed == card.lineage["seed"]
        return
    made = card.lineage["pretraining"]
    config = load_config(options.config, {"game": options.game, **read_settings(options.set)})
    assert str(load_game(options.game)) == card.game
    assert (options.games, options.epochs, options.seed) == (made["games"], made["epochs"], made["seed"])
    assert options.simulations == made["teacher"]["simulations"]
    assert options.solve == made["teacher"].get("solve", False)  # once there was no such choice
    assert (asdict(config.network), asdict(config.learner)) == (card.network, made["learner"])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained network for connect_four."""
    return save_untrained(tmp_path_factory.mktemp("agents") / "untrained", "connect_four")


def save_untrained(folder: Path, game: str) -> Path:
    torch.manual_seed(1)
    config = NetworkConfig(channels=8, blocks=1, hidden=16, layers=1)
    loaded = load_game(game)
    network = build(config, facts(loaded), encoder_shape(loaded, facts(loaded).encoder))
    save_checkpoint(folder, network, config, game, "none", {}, {}, "An untrained network.")
    return folder


def test_a_checkpoint_plays_its_raw_policy(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:backend=torch,precision=fp32", connect_four)
    assert isinstance(agent, NetworkAgent)
    assert agent.search is None
    state = played(connect_four, [3] * 6)
    decision = agent.policy(state)
    assert decision.probabilities[3] == 0
    assert decision.probabilities.sum() == pytest.approx(1)
    network = agent.checkpoint.network
    inputs = torch.from_numpy(core.encode([state], agent.checkpoint.encoder))
    with torch.no_grad():
        logits, value = network(inputs)
    legal = torch.tensor(state.legal_actions())
    assert np.allclose(decision.probabilities[legal], torch.softmax(logits[0, legal], 0), atol=1e-6)
    # Seven or any number of moves later, values stand in the order of the players, not of the mover.
    expected = np.roll(values_of(network, value)[0], state.current_player())
    assert np.allclose(decision.values, expected, atol=1e-6)


def test_raw_values_follow_the_players(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:backend=torch,precision=fp32", connect_four)
    for actions in ([], [3]):
        state = played(connect_four, actions)
        _, values = agent.evaluator().evaluate(core.encode([state], agent.checkpoint.encoder), core.legal_mask([state]))
        decision = agent.policy(state)
        assert decision.values[state.current_player()] == pytest.approx(values[0, 0])
        assert decision.values[1 - state.current_player()] == pytest.approx(values[0, 1])


def test_search_takes_the_win(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:simulations=200", connect_four)
    decision = agent.policy(played(connect_four, [3, 0, 3, 0, 3, 1]))
    assert decision.probabilities.tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert decision.values.tolist() == [1.0, -1.0] and decision.statistics["proven"]
    best = decision.statistics["moves"][0]
    assert (best.action, best.q, best.variation, best.proven) == (3, 1.0, (3,), True)
    assert sum(move.visits for move in decision.statistics["moves"]) == decision.statistics["simulations"] < 200


def test_a_checkpoint_searches_as_the_facade_does(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:backend=torch,precision=fp32,c_puct=3,temperature=1", connect_four)
    state = played(connect_four, [3])
    found = search(state, agent.native_evaluator(), SearchConfig(c_puct=3.0), simulations=40, seed=5)
    decision = agent.policy(state, 40, 5)
    assert decision.probabilities.tolist() == found.policy(1.0).tolist()
    assert decision.values.tolist() == found.values.tolist()
    assert {move.action: move.visits for move in decision.statistics["moves"]} == dict(
        zip(found.actions, found.visits, strict=True)
    )


def test_fields_of_the_search_are_options(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:simulations=30,selection=gumbel,c_scale=0.5,proofs=false", connect_four)
    assert isinstance(agent, NetworkAgent)
    assert agent.search == SearchConfig(simulations=30, selection="gumbel", c_scale=0.5, proofs=False)
    moves = agent.policy(played(connect_four, [3])).statistics["moves"]
    assert sum(move.visits for move in moves) == 30


def test_an_agent_thinks_for_seconds(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    """On all cores, until the time is over, the simulations are spent, or the value is proven."""
    agent = parse_agent(f"{checkpoint}:seconds=0.05", connect_four)
    assert isinstance(agent, NetworkAgent) and agent.searches and agent.alone
    assert agent.policy(played(connect_four, [])).probabilities.sum() == pytest.approx(1)
    assert agent.policy(played(connect_four, []), budget=7).statistics["simulations"] == 7
    patient = parse_agent(f"{checkpoint}:seconds=1000", connect_four)
    win = patient.policy(played(connect_four, [3, 0, 3, 0, 3, 1]))
    assert win.action == 3 and win.statistics["proven"]
    both = parse_agent(f"{checkpoint}:seconds=1000,simulations=5", connect_four)
    assert both.policy(played(connect_four, [])).statistics["simulations"] == 5


def test_an_agent_answers_where_it_is_told(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    agent = parse_agent(f"{checkpoint}:device=cpu,backend=torch")
    assert agent.policy(agent.game.new_initial_state()).probabilities.sum() == pytest.approx(1)
    with pytest.raises(TesujiError, match=r"evaluator.device: cuda, but torch sees no GPU"):
        parse_agent(f"{checkpoint}:device=cuda").policy(agent.game.new_initial_state())


def test_another_number_of_simulations_keeps_the_seconds(checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:seconds=1000")
    assert agent.with_simulations(5).seconds == 1000.0
    assert not agent.with_simulations(0).searches
    assert agent.with_simulations(5).policy(agent.game.new_initial_state()).statistics["simulations"] == 5


def test_a_search_that_fills_its_memory_says_so(checkpoint: Path) -> None:
    for options, full in (("max_bytes=2000", True), ("max_bytes=0", False)):
        agent = parse_agent(f"{checkpoint}:simulations=50,{options}")
        assert agent.policy(agent.game.new_initial_state()).statistics["full"] is full


def test_leaves_in_flight_reach_the_search(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    options = "backend=torch,precision=fp32,simulations=100,temperature=1"
    flying = parse_agent(f"{checkpoint}:{options},leaves_in_flight=8", connect_four)
    assert flying.leaves_in_flight == flying.with_simulations(20).leaves_in_flight == 8
    states = [played(connect_four, actions) for actions in ([], [3], [3, 3, 2])]
    together, alone = flying.policy(states, None, 7), [flying.policy(state, None, 7) for state in states]
    expected = [
        search(state, flying.native_evaluator(), SearchConfig(leaves_in_flight=8), simulations=100, seed=7)
        for state in states
    ]
    for one, other, found in zip(together, alone, expected, strict=True):
        assert one.probabilities.tolist() == other.probabilities.tolist() == found.policy(1.0).tolist()
    single = parse_agent(f"{checkpoint}:{options}", connect_four).policy(states, None, 7)
    assert [each.statistics["moves"] for each in together] != [each.statistics["moves"] for each in single]


def test_more_leaves_than_a_batch_get_a_larger_one(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:simulations=500,leaves_in_flight=300", connect_four)
    assert agent.policy(connect_four.new_initial_state()).statistics["simulations"] == 500


def test_workers_are_threads_of_the_network(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(str(checkpoint), connect_four, workers=3)
    assert agent.native_evaluator().max_workers == agent.with_simulations(9).workers == 3
    with pytest.raises(TesujiError, match="workers 0: must be at least 1"):
        parse_agent(str(checkpoint), connect_four, workers=0)


def test_temperature_shares_the_visits(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:simulations=50,temperature=1", connect_four)
    decision = agent.policy(connect_four.new_initial_state())
    for move in decision.statistics["moves"]:
        assert decision.probabilities[move.action] == pytest.approx(move.visits / 50)


def test_budget_turns_a_raw_policy_into_a_search_and_back(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    raw = parse_agent(str(checkpoint), connect_four)
    searching = parse_agent(f"{checkpoint}:simulations=30", connect_four)
    state = connect_four.new_initial_state()
    assert raw.policy(state, budget=30).statistics["simulations"] == 30
    assert searching.policy(state, budget=0).probabilities.tolist() == raw.policy(state).probabilities.tolist()
    assert raw.with_simulations(30).simulations == 30


@pytest.mark.parametrize("options", ["", ":simulations=20", ":simulations=20,temperature=1"])
def test_network_answers_do_not_depend_on_the_batch(connect_four: pyspiel.Game, checkpoint: Path, options: str) -> None:
    separator = "," if options else ":"
    agent = parse_agent(f"{checkpoint}{options}{separator}backend=torch,precision=fp32", connect_four)
    states = [played(connect_four, actions) for actions in ([], [3], [3, 3], [0, 1, 2])]
    together = agent.policy(states, None, 7)
    alone = [agent.policy(state, None, 7) for state in reversed(states)][::-1]
    for first, second in zip(together, alone, strict=True):
        assert np.allclose(first.probabilities, second.probabilities, atol=1e-6)
        assert np.allclose(first.values, second.values, atol=1e-6)


def test_more_states_than_a_batch_keep_their_order(connect_four: pyspiel.Game, checkpoint: Path) -> None:
    agent = parse_agent(f"{checkpoint}:backend=torch,precision=fp32", connect_four)
    states = [played(connect_four, [a, b, c]) for a in range(7) for b in range(7) for c in range(7)]
    decisions = agent.policy(states)
    assert len(decisions) == 343
    assert np.allclose(decisions[300].probabilities, agent.policy(states[300]).probabilities, atol=1e-6)


def test_an_agent_of_another_game_is_refused(checkpoint: Path) -> None:
    with pytest.raises(TesujiError, match=r"plays connect_four\(\), not tic_tac_toe\(\)"):
        parse_agent(str(checkpoint), "tic_tac_toe")
    agent = parse_agent(str(checkpoint))
    with pytest.raises(TesujiError, match="not tic_tac_toe"):
        agent.policy(load_game("tic_tac_toe").new_initial_state())


def test_search_is_refused_where_information_is_hidden(tmp_path: Path) -> None:
    folder = save_untrained(tmp_path / "kuhn", "kuhn_poker")
    with pytest.raises(TesujiError, match="hides information"):
        parse_agent(f"{folder}:simulations=10")
    agent = parse_agent(str(folder))
    state = played(load_game("kuhn_poker"), [0, 1])
    assert agent.policy(state).probabilities.sum() == pytest.approx(1)
    with pytest.raises(TesujiError, match="hides information"):
        agent.policy(state, budget=5)


def test_information_set_search_is_blind_to_what_is_hidden(tmp_path: Path) -> None:
    folder = save_untrained(tmp_path / "kuhn", "kuhn_poker")
    game = load_game("kuhn_poker")
    states = [played(game, [card, 1, 1]) for card in (0, 2)]
    options = "simulations=60,temperature=1"
    for spec in (f"ismcts:{options}", f"{folder}:search=ismcts,{options},backend=torch,precision=fp32"):
        agent = parse_agent(spec, game)
        jack, king = agent.policy(states, None, 3)
        assert jack.probabilities.tolist() == king.probabilities.tolist()
        assert jack.values.tolist() == king.values.tolist()
        assert jack.probabilities.tolist() == agent.policy(states[0], None, 3).probabilities.tolist()
        moves = jack.statistics["moves"]
        assert sum(move.visits for move in moves) == jack.statistics["simulations"] == 60
        assert {move.action: move.variation for move in moves} == {0: (0,), 1: (1,)}
        assert agent.policy(states[0], budget=9).statistics["simulations"] == 9


def test_a_network_believes_that_opponents_move_as_it_would(tmp_path: Path) -> None:
    folder = save_untrained(tmp_path / "leduc", "leduc_poker")
    agent = parse_agent(f"{folder}:search=ismcts,simulations=200,backend=torch,precision=fp32")
    network = parse_agent(f"{folder}:backend=torch,precision=fp32")
    assert isinstance(network, NetworkAgent)
    evaluator = network.native_evaluator()
    state = played(load_game("leduc_poker"), [0, 3, 2, 2])
    found, blind = (ismcts(state, evaluator, simulations=200, policy=each, seed=3) for each in (evaluator, None))
    decision = agent.policy([state], None, 3)[0]
    assert decision.values.tolist() == (found.values * agent.facts.value_scale).tolist()
    assert found.values.tolist() != blind.values.tolist()


def test_information_set_search_plays_well_in_utilities() -> None:
    """The king calls a bet and gains two; the jack passes and loses one."""
    agent = parse_agent("ismcts:200", "kuhn_poker")
    game = load_game("kuhn_poker")
    king, jack = agent.policy([played(game, [1, 2, 1]), played(game, [1, 0, 1])])
    assert king.probabilities.tolist() == [0, 1] and jack.probabilities.tolist() == [1, 0]
    assert king.statistics["moves"][0].q == pytest.approx(2)
    assert jack.statistics["moves"][0].q == pytest.approx(-1)


@pytest.mark.parametrize(
    ("spec", "game", "message"),
    [
        ("ismcts:9", "goofspiel", r"goofspiel\(.*moves simultaneously: use turn_based_simultaneous_game"),
        ("ismcts:9", "negotiation", "negotiation samples chance inside its states"),
        ("ismcts:9,seconds=1", "kuhn_poker", "unknown option 'seconds'"),
        ("ismcts:9,particles=0", "kuhn_poker", "particles=0 must be a whole number from 1"),
        ("ismcts:0", "kuhn_poker", "simulations=0 must be a whole number from 1"),
        (
            "imitation:search=ismtcs",
            "connect_four",
            r"search=ismtcs must be one of tree, ismcts \(did you mean 'ismcts",
        ),
        ("imitation:search=ismcts,selection=gumbel", "connect_four", "unknown option 'selection'"),
        ("imitation:search=ismcts,seconds=1", "connect_four", "unknown option 'seconds'"),
    ],
)
def test_what_information_set_search_does_not_do_is_refused(spec: str, game: str, message: str) -> None:
    with pytest.raises(TesujiError, match=message) as error:
        parse_agent(spec, game)
    assert "\n" not in str(error.value)


def test_utilities_are_in_the_games_own_units(tmp_path: Path) -> None:
    # One step, and the game is over: -1, or -100 in the cliff.
    agent = parse_agent(
        str(save_untrained(tmp_path / "cliff", "cliff_walking(horizon=1)")) + ":simulations=40,proofs=false"
    )
    assert agent.facts.value_scale > 1
    decision = agent.policy(agent.game.new_initial_state())
    assert {round(move.q, 4) for move in decision.statistics["moves"] if move.visits} == {-1.0, -100.0}
    assert decision.statistics["moves"][0].q == pytest.approx(-1.0)


def test_a_run_folder_means_its_best_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    best = tmp_path / "run" / "checkpoints" / "best"
    shutil.copytree(checkpoint, best)
    assert resolve_checkpoint(str(tmp_path / "run")) == best


def test_the_card_counts_parameters_and_checks_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    card = read_card(checkpoint)
    network = parse_agent(str(checkpoint)).checkpoint.network
    assert card.parameters == sum(
        tensor.numel() for tensor in network.state_dict().values() if tensor.is_floating_point()
    )
    assert card.game == "connect_four()"
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    weights = bytearray((broken / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (broken / "model.safetensors").write_bytes(weights)
    with pytest.raises(TesujiError, match=r"model\.safetensors: damaged"):
        read_card(broken)
    (broken / "config.json").write_text('{"format": 1}')
    with pytest.raises(TesujiError, match="not a checkpoint's configuration"):
        read_card(broken)
