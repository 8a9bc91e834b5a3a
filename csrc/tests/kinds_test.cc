// Trees of games that are more than two players moving in turn: chance nodes,
// proofs, simultaneous moves, bounds on memory. Checked node by node.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "csrc/proof.h"
#include "csrc/search.h"
#include "csrc/select.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"
#include "csrc/tree.h"

namespace tesuji {
namespace {

// A search run to its end, with its tree to look at.
struct Searched {
  Searched(const std::string& name, SearchParams params, int moves = 2)
      : game(Load(name)),
        state(RandomState(*game, moves, 1)),
        evaluator(MakeFakeEvaluator(game, "auto", 1, 0)),
        tree(*game, evaluator->value_scale(), params) {
    Batch batch(*evaluator, 0, Observers(*game));
    Rng rng(3);
    tree.Reset(*state, params.simulations, 3);
    Search search(tree, params, rng);
    while (!search.Run(batch, 0)) {
      batch.Launch(0);
      batch.Finish(0);
    }
    batch.Finish(0);
    result = search.Result(true);
  }

  GamePtr game;
  StatePtr state;
  EvaluatorPtr evaluator;
  Tree tree;
  SearchResult result;
};

const std::vector<std::string> kChanceGames = {"pig", "backgammon", "2048",
                                               "einstein_wurfelt_nicht"};

TEST(ChanceOutcomesFollowTheirProbabilities) {
  for (const std::string& name : kChanceGames) {
    Searched run(name, {.simulations = 2000, .proofs = false});
    int seen = 0;
    for (uint32_t i = 0; i < run.tree.num_nodes(); ++i) {
      const Node& node = run.tree.node(i);
      if (node.kind != NodeKind::kChance) continue;
      ++seen;
      double mass = 0.0;
      uint32_t visits = 0;
      for (const Edge& edge : run.tree.edges(node)) {
        mass += edge.prior;
        visits += edge.visits;
      }
      ExpectNear(mass, 1.0, 1e-4);
      ExpectEqual(visits, node.visits);
      // The discrepancy of a sequence by the golden ratio is logarithmic.
      for (const Edge& edge : run.tree.edges(node)) {
        const double apart = std::abs(edge.visits - edge.prior * visits);
        Expect(apart <= 2.0 + 0.5 * std::log2(1.0 + visits));
      }
    }
    Expect(seen > 10);
  }
}

TEST(ProvenOutcomesAreLeftAlone) {
  std::vector<Edge> edges(4);
  const float probabilities[] = {0.4f, 0.3f, 0.2f, 0.1f};
  for (size_t i = 0; i < edges.size(); ++i) edges[i].prior = probabilities[i];
  edges[1].visits = 3;
  edges[1].proof = Proof::kExact;
  const Node node;
  Rng rng(5);
  double offset = 0.25;
  constexpr int kVisits = 700;
  for (int visit = 0; visit < kVisits; ++visit) {
    ++edges[SelectExpected(node, edges, 0.0, offset, rng)].visits;
  }
  ExpectEqual(edges[1].visits, 3u);
  // The others by their share of what is left: 4, 2 and 1 of 7.
  for (const auto& [index, share] : {std::pair{0, 400}, {2, 200}, {3, 100}}) {
    Expect(std::abs(static_cast<int>(edges[index].visits) - share) <= 4);
  }
}

TEST(SumsOfValuesAreMeansTimesVisits) {
  for (const std::string& name : kChanceGames) {
    Searched run(name, {.simulations = 1500, .proofs = false});
    Tree& tree = run.tree;
    const size_t players = tree.num_players();
    for (uint32_t i = 0; i < tree.num_nodes(); ++i) {
      const Node& node = tree.node(i);
      if (node.kind != NodeKind::kDecision) continue;
      for (const Edge& edge : tree.edges(node)) {
        if (edge.child == kNoNode) continue;
        const Node& child = tree.node(edge.child);
        ExpectEqual(edge.visits, child.visits);
        const double q = edge.value_sum / edge.visits;
        if (child.kind == NodeKind::kChance) {
          double mean = 0.0;
          double mass = 0.0;
          for (size_t k = 0; k < child.num_edges; ++k) {
            const std::span<double> outcome = tree.outcome(child, k);
            if (outcome[players] == 0.0) continue;
            const Edge& way = tree.edges(child)[k];
            ExpectEqual(way.visits, outcome[players]);
            const double weight =
                std::max<double>(way.prior, 1.0 / child.visits);
            mean += weight * outcome[node.player] / outcome[players];
            mass += weight;
          }
          ExpectNear(q, mean / mass, 1e-6);  // probabilities are float32
        } else if (child.player == node.player) {
          ExpectNear(q, child.value_sum / child.visits, 1e-9);
        }
      }
    }
  }
}

TEST(AWideningBoundsTheOutcomesLookedAt) {
  const double widening = 0.7;
  Searched run(
      "backgammon",
      {.simulations = 2000, .proofs = false, .chance_widening = widening});
  int bounded = 0;
  for (uint32_t i = 0; i < run.tree.num_nodes(); ++i) {
    const Node& node = run.tree.node(i);
    if (node.kind != NodeKind::kChance || node.visits == 0) continue;
    const std::span<const Edge> edges = std::as_const(run.tree).edges(node);
    const auto looked_at = std::count_if(
        edges.begin(), edges.end(), [](const Edge& e) { return e.visits > 0; });
    Expect(looked_at <= std::ceil(widening * std::sqrt(node.visits)) + 1e-9);
    if (looked_at < static_cast<int>(edges.size())) ++bounded;
  }
  Expect(bounded > 0);
}

// The exact values of a state, by plain recursion.
std::vector<double> Exact(const State& state) {
  if (state.IsTerminal()) return state.Returns();
  std::vector<double> best;
  if (state.IsChanceNode()) {
    best.assign(state.NumPlayers(), 0.0);
    for (const auto& [outcome, probability] : state.ChanceOutcomes()) {
      const std::vector<double> values = Exact(*Child(state, outcome));
      for (size_t p = 0; p < values.size(); ++p) {
        best[p] += probability * values[p];
      }
    }
    return best;
  }
  const Player mover = state.CurrentPlayer();
  for (Action action : state.LegalActions()) {
    std::vector<double> values = Exact(*Child(state, action));
    if (best.empty() || values[mover] > best[mover]) best = std::move(values);
  }
  return best;
}

TEST(WhatIsProvenIsTrue) {
  for (const auto& [name, moves] : std::vector<std::pair<std::string, int>>{
           {"tic_tac_toe", 3},
           {"nim(pile_sizes=2;3)", 0},
           {"connect_four(rows=4,columns=4,x_in_row=3)", 6}}) {
    Searched run(name, {.simulations = 5000, .c_puct = 4.0}, moves);
    int proven = 0;
    for (uint32_t i = 0; i < run.tree.num_nodes(); ++i) {
      const Node& node = run.tree.node(i);
      if (!node.proven || node.kind == NodeKind::kTerminal) continue;
      ++proven;
      const std::vector<double> exact = Exact(*node.state);
      for (int p = 0; p < run.tree.num_players(); ++p) {
        ExpectEqual(run.tree.values(i)[p], exact[p]);
      }
    }
    Expect(proven > 0);
  }
}

TEST(JointMovesAddUp) {
  for (const std::string name :
       {"goofspiel(num_cards=4,points_order=descending)", "oshi_zumo(coins=5)",
        "matching_pennies_3p"}) {
    Searched run(name, {.simulations = 1000}, 0);
    Tree& tree = run.tree;
    for (uint32_t i = 0; i < tree.num_nodes(); ++i) {
      const Node& node = tree.node(i);
      if (node.kind != NodeKind::kSimultaneous) continue;
      const Joint& joint = tree.joint(node);
      for (int p = 0; p < tree.num_players(); ++p) {
        uint32_t visits = 0;
        for (const Edge& edge : tree.edges_of(node, p)) visits += edge.visits;
        // The node's own evaluation is a visit too.
        if (joint.count(p) > 0) ExpectEqual(visits + 1, node.visits);
      }
    }
    for (double q : run.result.q) Expect(std::abs(q) <= 1.0 + 1e-9);
  }
}

TEST(ABoundInBytesHolds) {
  for (const std::string name :
       {"connect_four", "pig",
        "goofspiel(num_cards=5,points_order=descending)"}) {
    const int moves = name[0] == 'g' ? 0 : 2;
    SearchParams params{.simulations = 4000, .proofs = false};
    params.max_bytes = 300'000;
    Searched run(name, params, moves);
    Expect(run.result.full);
    Expect(run.tree.bytes() <= params.max_bytes);
    ExpectEqual(run.result.simulations, params.simulations);
  }
}

TEST(ValuesOfAReusedTreeStayWithinTheUtilities) {
  for (const std::string name : {"tic_tac_toe", "connect_four", "pig"}) {
    const GamePtr game = Load(name);
    const EvaluatorPtr evaluator = MakeFakeEvaluator(game, "auto", 1, 0);
    for (int seed = 0; seed < 10; ++seed) {
      StatePtr state = RandomState(*game, 2, seed);
      const SearchParams params = {.simulations = 300, .reuse_tree = true};
      Tree tree(*game, evaluator->value_scale(), params);
      Batch batch(*evaluator, 0, 1);
      Rng rng(seed);
      tree.Reset(*state, params.simulations, seed);
      for (int move = 0; move < 6; ++move) {
        Search search(tree, params, rng);
        while (!search.Run(batch, 0)) {
          batch.Launch(0);
          batch.Finish(0);
        }
        batch.Finish(0);
        const SearchResult result = search.Result();
        for (const double value : result.values) {
          Expect(std::abs(value) <= 1.0 + 1e-6);
        }
        Action action = result.actions[result.best];
        state->ApplyAction(action);
        tree.Advance(action, true);
        while (!state->IsTerminal() && state->IsChanceNode()) {
          action = state->ChanceOutcomes().front().first;
          state->ApplyAction(action);
          tree.Advance(action, true);
        }
        if (state->IsTerminal() || tree.empty()) break;
      }
    }
  }
}

}  // namespace
}  // namespace tesuji
