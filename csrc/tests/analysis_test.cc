// One tree, several threads: what the thread sanitizer is for.
#include "csrc/analysis.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "csrc/tests/evaluators.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

int Visits(const SearchResult& result, Player owner) {
  int visits = 0;
  for (size_t i = 0; i < result.visits.size(); ++i) {
    if (result.owners[i] == owner) visits += result.visits[i];
  }
  return visits;
}

TEST(ThreadsShareATree) {
  for (const std::string name :
       {"connect_four", "backgammon",
        "goofspiel(num_cards=4,points_order=descending)"}) {
    for (const int leaves : {1, 4}) {
      const GamePtr game = Load(name);
      const StatePtr state =
          RandomState(*game, HasSimultaneousMoves(*game) ? 0 : 2, 1);
      SearchParams params;
      params.leaves_in_flight = leaves;
      params.proofs = false;
      Analysis analysis(MakeFakeEvaluator(game, "auto", 1, 0), *state, params,
                        7, 4);
      for (const int part : {1, 200, 400}) {
        analysis.Begin(part, std::nullopt);
        analysis.Run(NoPoll);
      }
      const SearchResult result = analysis.Result(NoPoll);
      ExpectEqual(result.simulations, 601);
      for (Player owner : result.owners) {
        ExpectEqual(Visits(result, owner), 601);
      }
      for (double q : result.q) Expect(std::abs(q) <= 1.0 + 1e-9);
    }
  }
}

TEST(ThreadsProveAWin) {
  const GamePtr game = Load("connect_four");
  const StatePtr state = Played(*game, {2, 2, 3, 3, 4, 6});
  for (int round = 0; round < 5; ++round) {
    Analysis analysis(MakeFakeEvaluator(game, "auto", round, 0), *state, {},
                      round, 4);
    analysis.Begin(20000, std::nullopt);
    analysis.Run(NoPoll);
    const SearchResult result = analysis.Result(NoPoll);
    Expect(result.root_proven);
    ExpectEqual(result.values, std::vector<double>{1.0, -1.0});
  }
}

TEST(AnAnalysisIsReadAndStoppedFromOutside) {
  const GamePtr game = Load("connect_four");
  SearchParams params;
  params.proofs = false;
  Analysis analysis(MakeRolloutEvaluator(game, 1, 1), *Played(*game, {3}),
                    params, 7, 3);
  ExpectThrow<Error>("run it first", [&] { analysis.Result(NoPoll); });
  analysis.Begin(std::nullopt, std::nullopt);
  std::thread runner([&] { analysis.Run(NoPoll); });
  int64_t seen = 0;
  for (int i = 0; i < 20 || seen == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const SearchResult result = analysis.Result(NoPoll);
    Expect(result.simulations >= seen);
    // What is in flight is not counted.
    ExpectEqual(Visits(result, 1), result.simulations);
    seen = result.simulations;
  }
  analysis.Stop();
  runner.join();
  Expect(analysis.Result(NoPoll).simulations >= seen);
}

TEST(AnAnalysisEndsWhereNoSimulationNeedsTheEvaluator) {
  // All joint moves end the game, and nothing is ever proven.
  const GamePtr game = Load("matrix_rps");
  Analysis analysis(MakeFakeEvaluator(game, "auto", 1, 0),
                    *game->NewInitialState(), {}, 7, 2);
  analysis.Begin(std::nullopt, 0.05);
  analysis.Run(NoPoll);
  const int64_t seen = analysis.Result(NoPoll).simulations;
  Expect(seen > 0);
  analysis.Begin(std::nullopt, std::nullopt);
  std::thread runner([&] { analysis.Run(NoPoll); });
  while (analysis.Result(NoPoll).simulations < seen + 1000) {
    std::this_thread::yield();
  }
  analysis.Stop();
  runner.join();
}

TEST(AFailingAnalysisEndsAndStaysEnded) {
  const GamePtr game = Load("connect_four");
  std::atomic<int> asked = 0;
  const auto evaluator = std::make_shared<FunctionEvaluator>(
      game, [&asked](const State&, std::span<float>, std::span<float>) {
        if (++asked > 50) throw std::runtime_error("no device");
      });
  Analysis analysis(evaluator, *Played(*game, {3}), {}, 7, 4);
  analysis.Begin(1000, std::nullopt);
  ExpectThrow<std::runtime_error>("no device", [&] { analysis.Run(NoPoll); });
  ExpectThrow<Error>("make a new one",
                     [&] { analysis.Begin(1, std::nullopt); });
}

}  // namespace
}  // namespace tesuji
