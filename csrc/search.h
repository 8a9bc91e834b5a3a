// One search over one tree: simulate, ask for leaves, expand, back up.
#ifndef TESUJI_CSRC_SEARCH_H_
#define TESUJI_CSRC_SEARCH_H_

#include <cstdint>
#include <vector>

#include "csrc/batch.h"
#include "csrc/params.h"
#include "csrc/rng.h"
#include "csrc/select.h"
#include "csrc/tree.h"

namespace tesuji {

// What a search found at its root. Arrays over the legal actions run in order
// of action; values are normalised.
struct SearchResult {
  std::vector<Action> actions;
  std::vector<int> visits;
  std::vector<float> prior;        // of the network, before any noise
  std::vector<double> q;           // mean value of the player to move; its
                                   // root value where a move has no visit
  std::vector<double> values;      // [P], by player: mean over the simulations
  std::vector<double> raw_values;  // [P], by player: the evaluator's own
  std::vector<Action> principal_variation;
  int player = 0;
  int64_t simulations = 0;    // of this search, without the reused ones
  int64_t terminal_hits = 0;  // simulations that ended in a terminal state
  int64_t nodes = 0;
  int64_t edges = 0;
  int64_t known_hits = 0;  // simulations that ended at a node which an earlier
                           // search of the tree had evaluated
  int max_depth = 0;       // moves below the root

  // Distribution over `actions`: visits^(1/temperature), the most visited move
  // if temperature is 0, and the prior if nothing was simulated.
  std::vector<double> Policy(double temperature) const;
};

// A resumable state machine. Begin() once; then Run() until it is done, with
// Batch::Launch and Finish between the calls. Not thread-safe.
class Search {
 public:
  // The caller keeps all arguments alive while the search runs. `history` holds
  // the states before the root that the encoder wants, oldest first.
  Search(Tree& tree, const SearchParams& params, Rng& rng,
         std::vector<const State*> history = {});

  // Takes the answers that arrived in `half`, simulates on, and returns true
  // when done, false when it waits for rows of `half`.
  bool Run(Batch& batch, int half);

  SearchResult Result() const;

 private:
  struct Step {
    uint32_t node;
    uint32_t edge;  // index into the tree's arena
  };
  struct Pending {
    std::vector<Step> path;
    uint32_t leaf;
    StatePtr state;  // of the leaf, if its node does not keep it
    int row;
  };
  enum class Outcome { kBackedUp, kWaits, kCollision };

  void CheckRoot(const Evaluator& evaluator);
  Outcome Simulate(Batch& batch, int half);
  Outcome Evaluate(Batch& batch, int half, uint32_t leaf, StatePtr state,
                   const State& leaf_state);
  void Expand(uint32_t leaf, const State& state, const Answer& answer);
  void AddNoise();
  void Backup(const std::vector<Step>& path, uint32_t leaf);
  void ApplyVirtualLoss(const std::vector<Step>& path, int sign);

  Tree& tree_;
  const SearchParams& params_;
  Rng& rng_;
  Exploration exploration_;
  std::vector<const State*> history_;
  size_t history_depth_ = 0;
  bool virtual_loss_;
  bool root_ready_ = false;
  int64_t started_ = 0;
  int64_t terminal_hits_ = 0;
  int64_t known_hits_ = 0;
  int max_depth_ = 0;
  std::vector<Step> path_;
  std::vector<const State*> states_;  // history, then the states of the path
  std::vector<Action> legal_;
  std::vector<Pending> pending_;
  std::vector<float> root_prior_;
  std::vector<double> value_sum_;  // [P], over this search's simulations
  int64_t backups_ = 0;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_SEARCH_H_
