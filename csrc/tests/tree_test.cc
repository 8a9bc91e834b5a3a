#include "csrc/tree.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "csrc/batch.h"
#include "csrc/search.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

constexpr int kSimulations = 200;

// A game followed by one tree, as a GameSlot does.
class Follower {
 public:
  Follower(const std::string& game, const SearchParams& params)
      : game_(Load(game)),
        evaluator_(MakeFakeEvaluator(game_, "auto", 1, 0)),
        batch_(*evaluator_, 0, 1),
        params_(params),
        tree_(*game_, evaluator_->value_scale(), params),
        state_(RandomState(*game_, 2, 1)) {}

  Tree& tree() { return tree_; }
  const State& state() const { return *state_; }
  int64_t evaluations() const { return batch_.statistics().evaluations; }

  SearchResult Decide() {
    if (tree_.empty()) tree_.Reset(*state_, params_.simulations, 0);
    Search search(tree_, params_, rng_);
    while (!search.Run(batch_, 0)) {
      batch_.Launch(0);
      batch_.Finish(0);
    }
    batch_.Finish(0);
    return search.Result();
  }

  void Apply(Action action, bool keep_visits) {
    state_->ApplyAction(action);
    tree_.Advance(action, keep_visits);
  }

 private:
  GamePtr game_;
  EvaluatorPtr evaluator_;
  Batch batch_;
  SearchParams params_;
  Rng rng_{5};
  Tree tree_;
  StatePtr state_;
};

int Visits(const SearchResult& result) {
  return std::accumulate(result.visits.begin(), result.visits.end(), 0);
}

size_t MostVisited(const SearchResult& result) {
  return std::ranges::max_element(result.visits) - result.visits.begin();
}

TEST(AnAdvancedTreeKeepsTheVisitsBelowTheMove) {
  Follower game("connect_four", {.simulations = kSimulations});
  const SearchResult before = game.Decide();
  const size_t best = MostVisited(before);
  game.Apply(before.actions[best], /*keep_visits=*/true);
  Expect(!game.tree().empty());
  Expect(game.tree().num_nodes() < static_cast<size_t>(before.nodes));
  const SearchResult after = game.Decide();
  // The first visit of the move evaluated it; the others went on below it.
  ExpectEqual(Visits(after), before.visits[best] - 1 + kSimulations);
  ExpectEqual(after.player, 1 - before.player);
}

TEST(AnAdvancedTreeKeepsTheEvaluationsWithoutTheVisits) {
  const SearchParams params = {.simulations = kSimulations};
  Follower game("connect_four", params);
  const SearchResult before = game.Decide();
  game.Apply(before.actions[MostVisited(before)], /*keep_visits=*/false);
  const int64_t evaluations = game.evaluations();
  const SearchResult after = game.Decide();
  Expect(after.known_hits > 0);
  // The root and each simulation: asked, remembered or exact.
  ExpectEqual(
      game.evaluations() - evaluations + after.known_hits + after.terminal_hits,
      1 + kSimulations);
  const SearchResult anew =
      SearchOne(MakeFakeEvaluator(Load("connect_four"), "auto", 1, 0),
                game.state(), params);
  ExpectEqual(after.visits, anew.visits);
  ExpectEqual(after.q, anew.q);
  ExpectEqual(after.prior, anew.prior);
}

TEST(AMoveNeverLookedAtEmptiesTheTree) {
  Follower game("connect_four", {.simulations = 1});
  game.tree().Advance(0, true);  // nothing to lose yet
  Expect(game.tree().empty());
  const SearchResult result = game.Decide();
  const size_t visited = MostVisited(result);
  game.Apply(result.actions[visited == 0 ? 1 : 0], true);
  Expect(game.tree().empty());
  ExpectEqual(Visits(game.Decide()), 1);
  game.tree().Clear();
  ExpectEqual(game.tree().num_nodes(), 0);
}

// To the end of whole games, with states kept or stepped again.
TEST(ATreeFollowsAGame) {
  for (const char* name : {"tic_tac_toe", "connect_four", "pig(winscore=15)"}) {
    for (const bool keep_visits : {false, true}) {
      std::vector<Action> reference;
      for (const int64_t bound : {0, 1, 7}) {
        Follower game(name, {.simulations = 40, .max_cached_states = bound});
        Rng chance(8);
        std::vector<Action> played;
        while (!game.state().IsTerminal() && played.size() < 40) {
          if (game.state().IsChanceNode()) {
            const std::vector<Action> outcomes = game.state().LegalActions();
            played.push_back(outcomes[chance.Below(outcomes.size())]);
          } else {
            const SearchResult result = game.Decide();
            ExpectEqual(result.actions, game.state().LegalActions());
            ExpectEqual(result.player, game.state().CurrentPlayer());
            played.push_back(result.actions[MostVisited(result)]);
          }
          game.Apply(played.back(), keep_visits);
        }
        if (bound == 0) reference = played;
        ExpectEqual(played, reference);
      }
    }
  }
}

}  // namespace
}  // namespace tesuji
