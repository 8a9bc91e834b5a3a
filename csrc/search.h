// One search over one tree: simulate, ask for leaves, expand, back up.
#ifndef TESUJI_CSRC_SEARCH_H_
#define TESUJI_CSRC_SEARCH_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "csrc/batch.h"
#include "csrc/params.h"
#include "csrc/result.h"
#include "csrc/rng.h"
#include "csrc/select.h"
#include "csrc/tree.h"

namespace tesuji {

inline double Mean(const Edge& edge) { return edge.value_sum / edge.visits; }

// A step of a simulation: an edge of the tree's arena, or the key of a joint
// move of a simultaneous node.
struct Step {
  uint32_t node;
  uint32_t edge;
};

// A leaf that waits for one player's answer; `last` of those it waits for.
struct Pending {
  std::vector<Step> path;
  uint32_t leaf;       // kNoNode: the tree is full, nothing is kept of it
  const State* state;  // of the leaf
  StatePtr owned;      // it, if its node does not keep it; in the last one
  Player observer;
  int row;
  bool last;
};

// What one thread needs to simulate in a tree. Several share a search only
// under a lock (analysis.h).
struct Lane {
  Lane(Rng& rng, const SearchParams& params) : rng(rng), exploration(params) {}

  Rng& rng;
  Exploration exploration;
  std::vector<Step> path;
  std::vector<const State*> states;  // history, then the states of the path
  std::vector<StatePtr> scratch;     // of those, what no node keeps
  std::vector<Action> legal;
  std::vector<double> scores;
  std::vector<Pending> pending;
};

// A resumable state machine. Run() until it is done, with Batch::Launch and
// Finish between the calls. Not thread-safe.
class Search {
 public:
  // The caller keeps all arguments alive while the search runs. `history` holds
  // the states before the root that the encoder wants, oldest first. `lanes`
  // above 1: several of them will simulate.
  Search(Tree& tree, const SearchParams& params, Rng& rng,
         std::vector<const State*> history = {}, int lanes = 1);

  // Takes the answers that arrived in `half`, simulates on, and returns true
  // when done, false when it waits for rows of `half`.
  bool Run(Batch& batch, int half) {
    return Run(lane_, batch, half, std::numeric_limits<int64_t>::max());
  }
  // The same for one of several lanes, and `most` simulations: true if it waits
  // for nothing, be it that the search is done, that other lanes are to go on
  // first, or that `most` were all known.
  bool Run(Lane& lane, Batch& batch, int half, int64_t most);
  // Takes the virtual losses of what a lane waits for out of the tree, with -1,
  // and puts them back, with 1.
  void SuspendVirtualLoss(const Lane& lane, int sign);

  // No simulation begins beyond this number; params.simulations at first.
  void set_limit(int64_t limit) { limit_ = limit; }
  int64_t started() const { return started_; }
  // The root is evaluated: there is a result.
  bool ready() const { return root_ready_; }
  // No more simulations will begin.
  bool exhausted() const {
    return root_ready_ &&
           (started_ >= limit_ || tree_.node(Tree::kRoot).proven);
  }

  // `variations`: the line of every move too.
  SearchResult Result(bool variations = false) const;

 private:
  enum class Outcome { kBackedUp, kWaits, kCollision };

  void CheckEvaluator(const Evaluator& evaluator);
  // Keeps the evaluator's opinion, draws the noise.
  void PrepareRoot(Rng& rng);
  // Takes the means of an earlier search into the ranges of values.
  void SeeTree();

  Outcome Simulate(Lane& lane, Batch& batch, int half);
  // Goes on from `state`, of which no node is kept.
  Outcome SimulateOutside(Lane& lane, Batch& batch, int half, StatePtr state);
  size_t SelectMove(Lane& lane, uint32_t index);
  std::vector<Action> JointAction(const Node& node, uint32_t key) const;

  // Asks for the leaf's answer, or answers. The node keeps `state`, or `owned`
  // does.
  Outcome Evaluate(Lane& lane, Batch& batch, int half, uint32_t leaf,
                   StatePtr owned, const State& state);
  // Takes in the answer to one observer, the `last` one that is awaited.
  void Expand(uint32_t leaf, Player observer, bool last, const State& state,
              const Answer& answer);
  void Complete(uint32_t leaf);
  // float[P]: an answer's values and what has been paid before, in order of
  // player. Throws Error if they are not finite. Valid until the next call.
  std::span<const float> Ordered(const Answer& answer, Player observer,
                                 const State& state);

  // Adds values [P], in order of player, along the path. Each step may change
  // what is passed on: `delta_` is the change of the sums above it.
  void Backup(std::span<const Step> path, uint32_t leaf,
              std::span<const float> values);
  void BackupMove(const Node& node, Edge& edge, bool proven);
  // Without virtual losses, which nodes do not have; of an edge just counted.
  double MeanOfAnswers(const Edge& edge) const;
  void BackupChance(const Node& node, Edge& edge, bool proven);
  void BackupJoint(const Node& node, uint32_t key);
  void ApplyVirtualLoss(std::span<const Step> path, int sign);

  // --- result.cc ---
  // 1 for the moves worth playing: proven wins, else those not proven worse.
  std::vector<uint8_t> Playable(std::span<const Edge> edges) const;
  std::vector<double> VisitTarget(std::span<const Edge> edges) const;
  // Fills in the target and the best move.
  void Judge(SearchResult& result) const;
  // What a root's move with a visit is worth to a player.
  double Worth(size_t move, Player player) const;
  // Gumbel: takes the values of the policy that is learnt, and completes q.
  void ImproveValues(SearchResult& result) const;
  std::vector<Action> Variation(uint32_t index) const;

  Tree& tree_;
  const SearchParams& params_;
  Lane lane_;
  const Evaluator* evaluator_ = nullptr;
  std::vector<const State*> history_;
  size_t history_depth_ = 0;
  bool virtual_loss_;
  bool root_asked_ = false;
  bool root_ready_ = false;
  int64_t limit_;
  int64_t started_ = 0;
  int64_t terminal_hits_ = 0;
  int64_t known_hits_ = 0;
  int max_depth_ = 0;
  std::vector<float> root_prior_;
  std::vector<double> root_values_;  // [P], the evaluator's
  std::vector<double> gumbel_;       // of the root's edges
  std::vector<uint32_t> schedule_;
  ValueRanges ranges_;
  bool reused_ = false;            // the tree has visits of an earlier search
  std::vector<double> value_sum_;  // [P], over this search's simulations
  std::vector<float> ordered_;     // [P], of Ordered()
  std::vector<double> delta_;      // [P], of Backup()
  std::vector<double> before_;     // [P], of BackupChance()
  int64_t backups_ = 0;
  // [n, P + 1], where ImproveValues() needs it: of the simulations through each
  // root's move, the sum of the values, and how many.
  std::vector<double> move_sums_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_SEARCH_H_
