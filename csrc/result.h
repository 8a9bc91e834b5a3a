// What a search found at its root.
#ifndef TESUJI_CSRC_RESULT_H_
#define TESUJI_CSRC_RESULT_H_

#include <cstdint>
#include <vector>

#include "csrc/spiel.h"

namespace tesuji {

// Arrays over the n legal actions run in order of action; where players move
// simultaneously, those of player 0 first, then those of player 1, and so on.
// Values are normalised.
struct SearchResult {
  std::vector<Action> actions;
  std::vector<Player> owners;  // whose action it is
  std::vector<int> visits;
  std::vector<float> prior;     // of the network, before any noise
  std::vector<double> q;        // mean value for the owner, exact where proven;
                                // the root's value where a move has no visit,
                                // with Gumbel the completed value
  std::vector<uint8_t> proven;  // 1: q is exact
  std::vector<double> target;   // what a network should learn: sums to 1 over
                                // the actions of an owner
  std::vector<double> values;   // [P], by player: mean over the simulations,
                                // with Gumbel of q under the target; exact if
                                // the root is proven
  std::vector<double> raw_values;  // [P], by player: the evaluator's own
  std::vector<Action> principal_variation;
  std::vector<std::vector<Action>> variations;  // [n], each from its action on;
                                                // empty if not asked for
  int best = 0;  // index of the move to play; of no meaning where players move
                 // simultaneously
  int player = 0;  // negative where players move simultaneously
  bool root_proven = false;
  bool full = false;          // the tree reached its bound in bytes
  int64_t simulations = 0;    // of this search, without the reused ones
  int64_t terminal_hits = 0;  // simulations that ended in a state whose value
                              // is exact
  int64_t nodes = 0;
  int64_t edges = 0;
  int64_t bytes = 0;       // of the tree, states only where it is bounded
  int64_t known_hits = 0;  // simulations that ended at a node which an earlier
                           // search of the tree had evaluated
  int max_depth = 0;       // moves below the root

  // Distribution over `actions`, for each owner: target^(1/temperature), and
  // the move to play if temperature is 0.
  std::vector<double> Policy(double temperature) const;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_RESULT_H_
