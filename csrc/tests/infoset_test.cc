// Beliefs and the search from them, over several threads.
#include "csrc/infoset.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "csrc/ismcts.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

Belief Believed(const State& state, const std::string& method, Policy& policy) {
  return FindBelief(state, policy,
                    {.method = method, .particles = 4, .max_nodes = 100000}, 1,
                    NoPoll);
}

TEST(BeliefsByEveryMethodHoldWhatThePlayerKnows) {
  const GamePtr game = Load("leduc_poker");
  const EvaluatorPtr evaluator =
      MakeFakeEvaluator(game, "information_state", 1, 100);
  for (const bool asked : {false, true}) {
    const std::unique_ptr<Policy> policy =
        asked ? MakeEvaluatorPolicy(evaluator) : MakeUniformPolicy();
    for (const std::string method : {"exact", "replay", "resampling"}) {
      const StatePtr state = RandomState(*game, 4, 3);
      const Belief belief = Believed(*state, method, *policy);
      ExpectEqual(belief.method, method);
      double total = 0.0;
      for (size_t i = 0; i < belief.states.size(); ++i) {
        ExpectEqual(belief.states[i]->InformationStateString(belief.player),
                    state->InformationStateString(belief.player));
        total += belief.weights[i];
      }
      ExpectNear(total, 1.0, 1e-9);
      Expect(belief.effective_sample_size <= 4.0 + 1e-9 || method == "exact");
    }
  }
}

// Beliefs of several states, searched at once.
struct Searches {
  explicit Searches(const std::string& name) : game(Load(name)) {
    const std::unique_ptr<Policy> policy = MakeUniformPolicy();
    for (int i = 0; i < 12; ++i) {
      const StatePtr state = RandomState(*game, i % 5, i);
      beliefs.push_back(
          std::make_shared<Belief>(Believed(*state, "auto", *policy)));
      seeds.push_back(i);
    }
  }
  std::vector<SearchResult> Run(const SearchParams& params, int workers) {
    BeliefSearch job(MakeFakeEvaluator(game, "information_state", 1, 0),
                     beliefs, seeds, params, workers);
    job.Run(NoPoll);
    return job.results();
  }

  GamePtr game;
  std::vector<std::shared_ptr<const Belief>> beliefs;
  std::vector<uint64_t> seeds;
};

TEST(SearchesOfBeliefsDoNotDependOnWorkers) {
  for (const std::string name : {"leduc_poker", "liars_dice"}) {
    Searches searches(name);
    const SearchParams params = {.simulations = 200,
                                 .value_range = ValueRange::kTree};
    const std::vector<SearchResult> alone = searches.Run(params, 1);
    const std::vector<SearchResult> shared = searches.Run(params, 4);
    for (size_t i = 0; i < alone.size(); ++i) {
      ExpectEqual(shared[i].visits, alone[i].visits);
      ExpectEqual(shared[i].q, alone[i].q);
    }
  }
}

TEST(ABoundInBytesHoldsForInformationSets) {
  Searches searches("leduc_poker");
  for (const SearchResult& free : searches.Run({.simulations = 400}, 1)) {
    Expect(!free.full);
    Expect(free.bytes > 2000);
  }
  for (const SearchResult& bounded :
       searches.Run({.simulations = 400, .max_bytes = 2000}, 1)) {
    Expect(bounded.full);
    Expect(bounded.bytes <= 2000);
    ExpectEqual(bounded.simulations, 400);
    int visits = 0;
    for (const int each : bounded.visits) visits += each;
    Expect(visits <= 400);
  }
}

TEST(WhatASearchOfBeliefsRefuses) {
  Searches searches("kuhn_poker");
  const auto refuses = [&](const char* text, const SearchParams& params) {
    ExpectThrow<Error>(text, [&] { searches.Run(params, 1); });
  };
  refuses("selection is 'gumbel'", {.selection = Selection::kGumbel});
  refuses("forced_playouts", {.forced_playouts = 2.0});
  refuses("leaves_in_flight", {.leaves_in_flight = 2});
}

}  // namespace
}  // namespace tesuji
