// Exact values where they are known.
#include "csrc/solver.h"

#include <string>
#include <vector>

#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

Solution Solved(const std::string& name, const std::vector<Action>& history,
                SolverParams params) {
  const GamePtr game = Load(name);
  return Solve(*Played(*game, history), params, NoPoll);
}

TEST(TicTacToeIsADraw) {
  // Small tables forget; what is left must be true.
  for (const int64_t bytes : {0, 1 << 12, 1 << 22}) {
    for (const bool every_move : {false, true}) {
      const Solution solution = Solved("tic_tac_toe", {},
                                       {.table_bytes = bytes,
                                        .string_keys = true,
                                        .every_move = every_move});
      Expect(solution.proven);
      ExpectEqual(solution.bounds[0].lower, 0.0);
      ExpectEqual(solution.bounds[0].upper, 0.0);
      if (every_move) ExpectEqual(solution.best_actions.size(), 9);
    }
  }
}

TEST(ABudgetGivesBounds) {
  const Solution solution = Solved("connect_four", {}, {.nodes = 5000});
  Expect(!solution.proven);
  ExpectEqual(solution.nodes, 5000);
  ExpectEqual(solution.bounds[0].lower, -1.0);
  ExpectEqual(solution.bounds[0].upper, 1.0);
}

TEST(ThreePlayersAndDiceGiveTrueBounds) {
  // Another path through the solver than alpha-beta's; more nodes never widen.
  std::vector<Interval> before(3, {-1.0, 1.0});
  for (const int64_t nodes : {100, 10'000, 200'000}) {
    const Solution solution =
        Solved("pig(players=3,winscore=6,horizon=12)", {}, {.nodes = nodes});
    ExpectEqual(solution.bounds.size(), 3);
    for (size_t player = 0; player < 3; ++player) {
      Expect(solution.bounds[player].lower <= solution.bounds[player].upper);
      Expect(solution.bounds[player].lower >= before[player].lower);
      Expect(solution.bounds[player].upper <= before[player].upper);
    }
    before = solution.bounds;
  }
}

}  // namespace
}  // namespace tesuji
