#include "csrc/search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "csrc/positions.h"
#include "csrc/rng.h"
#include "csrc/tests/evaluators.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

int Visits(const SearchResult& result) {
  return std::accumulate(result.visits.begin(), result.visits.end(), 0);
}

void ExpectSame(const SearchResult& a, const SearchResult& b) {
  ExpectEqual(a.actions, b.actions);
  ExpectEqual(a.visits, b.visits);
  ExpectEqual(a.prior, b.prior);
  ExpectEqual(a.q, b.q);
  ExpectEqual(a.values, b.values);
  ExpectEqual(a.raw_values, b.raw_values);
  ExpectEqual(a.principal_variation, b.principal_variation);
  ExpectEqual(a.simulations, b.simulations);
  ExpectEqual(a.max_depth, b.max_depth);
}

void ExpectSame(const std::vector<SearchResult>& a,
                const std::vector<SearchResult>& b) {
  ExpectEqual(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ExpectSame(a[i], b[i]);
}

void ExpectSound(const SearchResult& result, const State& state,
                 double tolerance) {
  ExpectEqual(result.actions, state.LegalActions());
  ExpectEqual(result.player, state.CurrentPlayer());
  ExpectEqual(Visits(result), result.simulations);
  ExpectNear(std::accumulate(result.prior.begin(), result.prior.end(), 0.0),
             1.0, 1e-5);
  for (double q : result.q) Expect(std::abs(q) <= 1.0 + tolerance);
  ExpectEqual(result.values.size(), state.NumPlayers());
  for (double value : result.values) {
    Expect(std::abs(value) <= 1.0 + tolerance);
  }
  for (const double temperature : {0.0, 0.01, 1.0}) {
    const std::vector<double> policy = result.Policy(temperature);
    ExpectNear(std::accumulate(policy.begin(), policy.end(), 0.0), 1.0, 1e-9);
  }
  Expect(!result.principal_variation.empty());
  const StatePtr line = state.Clone();
  for (Action action : result.principal_variation) {
    const std::vector<Action> legal = line->LegalActions();
    Expect(std::ranges::find(legal, action) != legal.end());
    line->ApplyAction(action);
  }
}

struct Positions {
  explicit Positions(const std::string& name, int count) : game(Load(name)) {
    for (int i = 0; i < count; ++i) {
      states.push_back(RandomState(*game, i, i));
      views.push_back(states.back().get());
    }
  }
  GamePtr game;
  std::vector<StatePtr> states;
  std::vector<const State*> views;
};

const char* const kGames[] = {"tic_tac_toe", "connect_four",
                              "pig(players=3,winscore=20)", "backgammon"};
// Every kind of draw that a search makes.
const SearchParams kNoisy = {
    .simulations = 40, .dirichlet_alpha = 0.5, .dirichlet_fraction = 0.5};

TEST(SearchesAreSound) {
  for (const char* name : kGames) {
    const Positions positions(name, 4);
    const EvaluatorPtr evaluator =
        MakeFakeEvaluator(positions.game, "auto", 1, 0);
    const auto results = SearchAll(evaluator, positions.views, kNoisy, 2);
    for (size_t i = 0; i < results.size(); ++i) {
      ExpectSound(results[i], *positions.states[i], 1e-9);
    }
  }
}

TEST(WorkersHalvesAndCachesChangeNothing) {
  for (const char* name : kGames) {
    const Positions positions(name, 5);
    const EvaluatorPtr plain = MakeFakeEvaluator(positions.game, "auto", 1, 0);
    const auto expected = SearchAll(plain, positions.views, kNoisy, 1);
    for (const int workers : {2, 5, 9}) {
      for (const size_t entries : {0, 64}) {
        const EvaluatorPtr evaluator =
            MakeFakeEvaluator(positions.game, "auto", 1, entries);
        for (const EvaluatorPtr& answers :
             {evaluator, MakeAsynchronous(evaluator)}) {
          ExpectSame(SearchAll(answers, positions.views, kNoisy, workers),
                     expected);
        }
      }
    }
  }
}

TEST(RolloutsAreTheSameInAnyThread) {
  for (const char* name : {"connect_four", "pig(winscore=20)"}) {
    const Positions positions(name, 4);
    const EvaluatorPtr evaluator =
        MakeRolloutEvaluator(positions.game, /*rollouts=*/2, 3);
    const auto expected = SearchAll(evaluator, positions.views, kNoisy, 1);
    ExpectSame(SearchAll(evaluator, positions.views, kNoisy, 3), expected);
    ExpectSame(
        SearchAll(MakeAsynchronous(evaluator), positions.views, kNoisy, 2),
        expected);
  }
  ExpectThrow<Error>("at least 1",
                     [] { MakeRolloutEvaluator(Load("pig"), 0, 1); });
}

TEST(ABoundOnKeptStatesChangesNothing) {
  for (const char* name : kGames) {
    const Positions positions(name, 2);
    const EvaluatorPtr evaluator =
        MakeFakeEvaluator(positions.game, "auto", 1, 0);
    SearchParams params = kNoisy;
    const auto expected = SearchAll(evaluator, positions.views, params, 1);
    for (const int64_t bound : {1, 5}) {
      params.max_cached_states = bound;
      ExpectSame(SearchAll(evaluator, positions.views, params, 1), expected);
    }
  }
}

TEST(EarlierPositionsAreEncodedAcrossTheRoot) {
  const Positions positions("connect_four", 4);
  const EvaluatorPtr evaluator =
      MakeFakeEvaluator(positions.game, "observation_pair", 1, 0);
  const auto expected = SearchAll(evaluator, positions.views, kNoisy, 1);
  ExpectSame(SearchAll(MakeAsynchronous(evaluator), positions.views, kNoisy, 3),
             expected);
}

TEST(LeavesInFlight) {
  for (const char* name : kGames) {
    const GamePtr game = Load(name);
    const StatePtr state = RandomState(*game, 3, 4);
    const EvaluatorPtr fake = MakeFakeEvaluator(game, "auto", 1, 0);
    for (const EvaluatorPtr& evaluator : {fake, MakeAsynchronous(fake)}) {
      const SearchResult result = SearchOne(
          evaluator, *state, {.simulations = 101, .leaves_in_flight = 8});
      ExpectSound(result, *state, 1e-9);
    }
  }
}

TEST(AWinInOneIsFoundAndIsWorthOne) {
  struct Case {
    const char* game;
    std::vector<Action> history;
    Action win;
  };
  for (const Case& c : {Case{"tic_tac_toe", {0, 3, 1, 4}, 2},
                        Case{"connect_four", {3, 0, 3, 0, 3, 0}, 3}}) {
    const GamePtr game = Load(c.game);
    const SearchResult result =
        SearchOne(MakeFakeEvaluator(game, "auto", 1, 0),
                  *Played(*game, c.history), {.simulations = 400});
    const std::vector<double> policy = result.Policy(0.0);
    const size_t best = std::ranges::find(policy, 1.0) - policy.begin();
    ExpectEqual(result.actions[best], c.win);
    ExpectEqual(result.q[best], 1.0);
    ExpectEqual(result.principal_variation, std::vector<Action>{c.win});
  }
}

TEST(WithoutSimulationsTheNetworkAnswers) {
  const GamePtr game = Load("pig(players=3)");
  const EvaluatorPtr evaluator = MakeFunctionEvaluator(
      game, [](const State&, std::span<float> logits, std::span<float> values) {
        logits[1] = std::log(3.0f);
        values[0] = 0.5f;
        values[1] = -0.25f;
      });
  StatePtr state = game->NewInitialState();
  state->ApplyAction(1);  // player 0 stops
  const SearchResult result = SearchOne(evaluator, *state, {.simulations = 0});
  ExpectEqual(result.player, 1);
  ExpectEqual(result.raw_values, std::vector<double>{0.0, 0.5, -0.25});
  ExpectEqual(result.values, result.raw_values);
  ExpectNear(result.prior[1], 0.75, 1e-6);
  ExpectNear(result.Policy(1.0)[0], 0.25, 1e-6);
  ExpectEqual(Visits(result), 0);
}

// Priors 0.4, 0.3, 0.2 and 0.1; everything below move 0 is worth -0.5 to the
// mover, below move 1 0.5, elsewhere 0. c_puct is 1 and sqrt(0) counts as 1:
//
//   N   parent    fpu      move 0    move 1    move 2    most
//   0   0         0        0.4       0.3       0.2       0
//   1  -0.25     -0.4081  -0.3      -0.1081   -0.2081    1
//   2   0        -0.2092  -0.2172    0.7121    0.0737    1
//   3   0.125    -0.0842  -0.1536    0.6732    0.2622    1
//   4   0.2      -0.0092  -0.1       0.65      0.3908    1
//   5   0.25      0.0408  -0.0528    0.6342    0.4880    1
//   6   0.2857    0.0765  -0.0101    0.6225    0.5664    1
//   7   0.3125    0.1033   0.0292    0.6134    0.6325    2
//
// where fpu = parent - 0.25 sqrt(prior of the moves visited).
TEST(PuctByHand) {
  const GamePtr game = Load("connect_four");
  const EvaluatorPtr evaluator = MakeFunctionEvaluator(
      game,
      [](const State& leaf, std::span<float> logits, std::span<float> values) {
        constexpr float kPrior[] = {0.4f, 0.3f, 0.2f, 0.1f};
        for (size_t i = 0; i < logits.size(); ++i) {
          logits[i] = i < 4 ? std::log(kPrior[i]) : -100.0f;
        }
        const std::vector<Action> history = leaf.History();
        if (history.empty() || history[0] > 1) return;
        const float value = history[0] == 0 ? -0.5f : 0.5f;
        values[0] = leaf.CurrentPlayer() == 0 ? value : -value;
        values[1] = -values[0];
      });
  std::vector<int> visits(7, 0);
  int simulations = 0;
  for (const int move : {0, 1, 1, 1, 1, 1, 1, 2}) {
    ++visits[move];
    ++simulations;
    const SearchResult result = SearchOne(evaluator, *game->NewInitialState(),
                                          {.simulations = simulations,
                                           .c_puct = 1.0,
                                           .c_puct_base = 1e12,
                                           .fpu_reduction = 0.25});
    ExpectEqual(result.visits, visits);
    ExpectEqual(result.q[0], -0.5);
    ExpectNear(result.values[0], (visits[1] - visits[0]) * 0.5 / simulations,
               1e-12);
  }
}

// The same algorithm in as few words as possible: a map from histories.
class PlainSearch {
 public:
  PlainSearch(AnswerFunction answer, const SearchParams& params)
      : answer_(std::move(answer)), params_(params) {}

  std::vector<int> Visits(const State& root) {
    Simulate(root);
    for (int i = 0; i < params_.simulations; ++i) Simulate(root);
    return nodes_[root.History()].edge_visits;
  }

 private:
  struct Node {
    int visits = 0;
    double value_sum = 0.0;
    std::vector<double> prior;
    std::vector<int> edge_visits;
    std::vector<double> edge_sums;
  };

  // The values, by player.
  std::vector<double> Simulate(const State& state) {
    Expect(!state.IsTerminal() && !state.IsChanceNode());
    const Player player = state.CurrentPlayer();
    const std::vector<Action> legal = state.LegalActions();
    const bool is_new = !nodes_.contains(state.History());
    Node& node = nodes_[state.History()];
    const std::vector<double> values =
        is_new ? Expand(state, legal, node) : Descend(state, legal, node);
    ++node.visits;
    node.value_sum += values[player];
    return values;
  }

  std::vector<double> Expand(const State& state,
                             const std::vector<Action>& legal, Node& node) {
    const size_t players = state.NumPlayers();
    std::vector<float> logits(state.NumDistinctActions(), 0.0f);
    std::vector<float> observed(players, 0.0f);
    answer_(state, logits, observed);
    double total = 0.0;
    for (Action action : legal) total += std::exp(logits[action]);
    for (Action action : legal) {
      node.prior.push_back(std::exp(logits[action]) / total);
    }
    node.edge_visits.resize(legal.size());
    node.edge_sums.resize(legal.size());
    std::vector<double> values(players);
    for (size_t k = 0; k < players; ++k) {
      values[(state.CurrentPlayer() + k) % players] = observed[k];
    }
    return values;
  }

  std::vector<double> Descend(const State& state,
                              const std::vector<Action>& legal, Node& node) {
    int total = 0;
    double visited = 0.0;
    for (size_t i = 0; i < legal.size(); ++i) {
      total += node.edge_visits[i];
      if (node.edge_visits[i] > 0) visited += node.prior[i];
    }
    const double c =
        params_.c_puct +
        std::log((total + params_.c_puct_base + 1.0) / params_.c_puct_base);
    size_t best = 0;
    double best_score = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < legal.size(); ++i) {
      const double q = node.edge_visits[i] > 0
                           ? node.edge_sums[i] / node.edge_visits[i]
                           : node.value_sum / node.visits -
                                 params_.fpu_reduction * std::sqrt(visited);
      const double score = q + c * node.prior[i] *
                                   std::sqrt(std::max(total, 1)) /
                                   (1 + node.edge_visits[i]);
      if (score > best_score) {
        best_score = score;
        best = i;
      }
    }
    std::vector<double> values = Simulate(*Child(state, legal[best]));
    ++node.edge_visits[best];
    node.edge_sums[best] += values[state.CurrentPlayer()];
    return values;
  }

  AnswerFunction answer_;
  const SearchParams& params_;
  std::map<std::vector<Action>, Node> nodes_;
};

// Noise that depends on the history alone.
void AnswerByHistory(const State& leaf, std::span<float> logits,
                     std::span<float> values) {
  uint64_t seed = 11;
  for (Action action : leaf.History()) seed = DeriveSeed(seed, action);
  Rng rng(seed);
  for (float& logit : logits) logit = static_cast<float>(3.0 * rng.Uniform());
  for (float& value : values) {
    value = static_cast<float>(2.0 * rng.Uniform() - 1.0);
  }
}

TEST(TheSearchIsPlainPuct) {
  for (const char* name : {"connect_four(rows=8,columns=9,x_in_row=6)",
                           "breakthrough", "chinese_checkers(players=3)"}) {
    const GamePtr game = Load(name);
    const EvaluatorPtr evaluator = MakeFunctionEvaluator(game, AnswerByHistory);
    for (uint64_t seed = 0; seed < 3; ++seed) {
      // Too far from any end for a proof.
      const StatePtr state = RandomState(*game, 1, seed);
      SearchParams params = {.simulations = 100};
      if (seed == 1) params.c_puct = 0.4;
      if (seed == 2) params.fpu_reduction = 0.0;
      PlainSearch plain(AnswerByHistory, params);
      ExpectEqual(SearchOne(evaluator, *state, params).visits,
                  plain.Visits(*state));
    }
  }
}

TEST(WhatASearchRefuses) {
  const GamePtr game = Load("tic_tac_toe");
  const EvaluatorPtr evaluator = MakeFakeEvaluator(game, "auto", 1, 0);
  const SearchParams params = {.simulations = 4};
  const auto refuses = [&](const char* text, const char* name,
                           const std::vector<Action>& history) {
    const GamePtr other = Load(name);
    ExpectThrow<Error>(
        text, [&] { SearchOne(evaluator, *Played(*other, history), params); });
  };
  refuses("terminal", "tic_tac_toe", {0, 3, 1, 4, 2});
  refuses("belongs to", "connect_four", {});
  const GamePtr poker = Load("kuhn_poker");
  ExpectThrow<Error>("chance node", [&] {
    SearchOne(MakeFakeEvaluator(poker, "auto", 1, 0), *poker->NewInitialState(),
              params);
  });
  const StatePtr state = game->NewInitialState();
  ExpectThrow<Error>("alone", [&] {
    SearchAll(evaluator, {state.get(), state.get()}, {.leaves_in_flight = 2},
              1);
  });
  ExpectThrow<Error>("rows", [&] {
    SearchOne(evaluator, *state, {.leaves_in_flight = 1000});
  });
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    for (const bool value : {false, true}) {
      const EvaluatorPtr broken = MakeFunctionEvaluator(
          game, [&](const State& leaf, std::span<float> logits,
                    std::span<float> values) {
            if (leaf.History().size() == 1)
              (value ? values : logits)[0] = wrong;
          });
      ExpectThrow<Error>(
          value ? "a value that is not finite; tic_tac_toe"
                : "a prior_logit that is not finite; tic_tac_toe",
          [&] { SearchOne(broken, *state, {.simulations = 50}); });
    }
  }
}

TEST(AnEvaluatorsExceptionReachesTheCallerOnce) {
  const Positions positions("connect_four", 6);
  std::atomic<int> answers = 0;
  const EvaluatorPtr failing = MakeFunctionEvaluator(
      positions.game, [&](const State&, std::span<float>, std::span<float>) {
        if (++answers > 20) throw Error("the device is gone, said its driver");
      });
  for (const EvaluatorPtr& evaluator : {failing, MakeAsynchronous(failing)}) {
    for (const int workers : {1, 4}) {
      answers = 0;
      ExpectThrow<Error>("the device is gone", [&] {
        SearchAll(evaluator, positions.views, {.simulations = 100}, workers);
      });
    }
  }
}

}  // namespace
}  // namespace tesuji
