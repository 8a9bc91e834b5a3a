// Exact values of positions of perfect-information games, or "unknown" when a
// budget of nodes does not suffice.
#ifndef TESUJI_CSRC_SOLVER_H_
#define TESUJI_CSRC_SOLVER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "csrc/spiel.h"
#include "csrc/transposition.h"

namespace tesuji {

struct SolverParams {
  int64_t nodes = 1'000'000;      // states that may be visited
  int64_t table_bytes = 1 << 26;  // of the transposition table
  // What identifies a position in the table. OpenSpiel's states have no hash,
  // and their strings need not be complete: EinStein wuerfelt nicht! prints
  // neither the die nor who moves next, chess no repetitions, pig and
  // backgammon not how many moves are left. So the default is the path from the
  // root, which is always right: it carries results from one depth to the next,
  // but meets no transpositions. True takes State::ToString and the player to
  // move instead, for games in which they decide all that can follow.
  bool string_keys = false;
  bool every_move = false;  // prove each move's value, not only the best one's
};

// Utilities as State::Returns has them at the end of the game.
struct Solution {
  bool proven = false;           // bounds are points
  Player player = 0;             // to move; kChancePlayer at a chance node
  std::vector<Interval> bounds;  // [P], by player; true in any case
  std::vector<Action> actions;   // [n], legal; none at a chance node
  std::vector<std::vector<Interval>> move_bounds;  // [n][P], after each action
  std::vector<Action> best_actions;  // proven to reach the mover's value
  int64_t nodes = 0;                 // states visited
};

// Searches deeper and deeper until the value is proven or the budget spent.
// Two players with a constant sum, or one player: alpha-beta, at chance nodes
// with the windows of Star1 (Ballard, 1983). Else max^n (Luckhart and Irani,
// 1986), in which a player indifferent between moves plays the first of them.
// Throws Error for games with simultaneous moves, hidden information or sampled
// chance, terminal states, and utilities that contradict what the game
// declares. `poll` is called now and then and may throw.
Solution Solve(const State& state, const SolverParams& params,
               const std::function<void()>& poll);

}  // namespace tesuji

#endif  // TESUJI_CSRC_SOLVER_H_
