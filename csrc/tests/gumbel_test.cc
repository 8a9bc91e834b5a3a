// Sequential halving and the moves that compete in it, by hand.
#include "csrc/gumbel.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

std::vector<Edge> Edges(const std::vector<float>& priors) {
  std::vector<Edge> edges;
  for (const float prior : priors) {
    Edge& edge = edges.emplace_back();
    edge.prior = prior;
    edge.action = static_cast<int32_t>(edges.size()) - 1;
  }
  return edges;
}

TEST(HalvingByHand) {
  // 16 simulations, 4 moves, 2 phases: 2 rounds of 4, then 4 of 2.
  const std::vector<uint32_t> expected = {0, 0, 0, 0, 1, 1, 1, 1,
                                          2, 2, 3, 3, 4, 4, 5, 5};
  ExpectEqual(HalvingSchedule(4, 16), expected);
  // Fewer simulations than moves, and a single move.
  ExpectEqual(HalvingSchedule(4, 3), std::vector<uint32_t>{0, 0, 0});
  ExpectEqual(HalvingSchedule(1, 3), std::vector<uint32_t>{0, 1, 2});
}

TEST(TiedMovesLeaveRoomForBetterOnes) {
  const std::vector<Edge> edges =
      Edges({0.1f, 0.1f, 0.1f, 0.1f, 0.3f, 0.2f, 0.1f});
  Rng rng(1);
  const std::vector<double> gumbel = DrawGumbel(edges, 4, 0.0, rng);
  std::vector<size_t> considered;
  for (size_t i = 0; i < gumbel.size(); ++i) {
    if (gumbel[i] > -INFINITY) considered.push_back(i);
  }
  ExpectEqual(considered, std::vector<size_t>{0, 1, 4, 5});
}

TEST(WhereAllConsideredMovesAreLostTheOthersAreTried) {
  std::vector<Edge> edges = Edges({0.4f, 0.3f, 0.2f, 0.1f});
  const std::vector<double> gumbel = {0.0, 0.0, -INFINITY, -INFINITY};
  const std::vector<double> transformed(4, 0.0);
  ExpectEqual(SelectGumbelRoot(edges, gumbel, transformed, 0), 0);
  edges[0].proof = Proof::kLoss;
  ExpectEqual(SelectGumbelRoot(edges, gumbel, transformed, 0), 1);
  edges[1].proof = Proof::kLoss;
  ExpectEqual(SelectGumbelRoot(edges, gumbel, transformed, 0), 2);
}

TEST(GumbelSearchesDoNotDependOnWorkers) {
  const GamePtr game = Load("connect_four");
  const EvaluatorPtr evaluator = MakeFakeEvaluator(game, "auto", 1, 0);
  std::vector<StatePtr> states;
  std::vector<const State*> views;
  for (int i = 0; i < 20; ++i) {
    states.push_back(RandomState(*game, i, i));
    views.push_back(states.back().get());
  }
  const SearchParams params = {
      .simulations = 50, .selection = Selection::kGumbel, .proofs = false};
  const std::vector<SearchResult> alone =
      SearchAll(evaluator, views, params, 1);
  const std::vector<SearchResult> shared =
      SearchAll(evaluator, views, params, 4);
  for (size_t i = 0; i < views.size(); ++i) {
    ExpectEqual(shared[i].visits, alone[i].visits);
    ExpectEqual(shared[i].target, alone[i].target);
    double total = 0.0;
    for (const double share : alone[i].target) total += share;
    ExpectNear(total, 1.0, 1e-9);
  }
}

}  // namespace
}  // namespace tesuji
