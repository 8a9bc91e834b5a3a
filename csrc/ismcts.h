// Information-set Monte Carlo tree search from a player's belief.
#ifndef TESUJI_CSRC_ISMCTS_H_
#define TESUJI_CSRC_ISMCTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "csrc/infoset.h"
#include "csrc/params.h"
#include "csrc/rng.h"
#include "csrc/search.h"
#include "csrc/select.h"
#include "csrc/worker.h"

namespace tesuji {

struct KeyHash {
  size_t operator()(const Key& key) const { return key.low; }
};

// Single-observer IS-MCTS (Cowling, Powley and Whitehouse, 2012) with priors
// and values of an evaluator instead of rollouts. Each simulation plays in a
// state drawn from the belief; the tree knows only what the observer, the
// player to move at the root, sees of it. A resumable state machine like
// Search, with one leaf in flight. Not thread-safe.
//
// Of the parameters those of PUCT count, the root's prior and noise, the range
// of values and max_bytes (of the tree; the belief is the caller's). Nothing
// here is proven: what a state leads to says nothing of another one.
class InformationSearch {
 public:
  // `belief` and `params` outlive the search. `value_scale` divides returns.
  InformationSearch(const Belief& belief, const SearchParams& params,
                    double value_scale, uint64_t seed);

  // As Search::Run.
  bool Run(Batch& batch, int half);
  SearchResult Result() const;

 private:
  struct Edge {
    Action action;
    double value_sum = 0.0;  // of the player who moves here, normalised
    uint32_t visits = 0;
    uint32_t available = 0;  // selections here while the action was legal
  };
  struct Node {
    Player player;
    double value_sum = 0.0;  // of that player, over all visits, normalised
    uint32_t visits = 0;
    std::vector<Edge> edges = {};  // in order of action, as they become legal

    // Where the action's edge is, or would be.
    size_t Place(Action action) const;
    const Edge* Find(Action action) const;
  };
  // Where a simulation stands: a state and what the observer knows of it.
  struct World {
    StatePtr state;
    Key known;
    // Since the observer moved. Tells apart the nodes of opponents whose moves
    // it does not notice.
    int steps = 0;
  };
  struct Step {
    uint32_t node;
    Action action;
  };

  World Draw();
  void Advance(World& world, Action action) const;
  Key NodeKey(const World& world) const;
  // Whether so many bytes more fit into max_bytes; takes them. False from the
  // first time that they do not.
  bool Take(size_t bytes);
  // kNoNode where it is new and there is no room; `legal` has its edges to be.
  uint32_t FindOrAdd(Key key, Player player, size_t legal, bool* is_new);
  // Null where it is new and there is no room.
  Edge* FindOrAdd(Node& node, Action action);
  // The action's index in `legal`; its size if there is room for none of them.
  size_t Select(Node& node, const std::vector<Action>& legal,
                const std::vector<float>& prior);
  // Both return false if the answer is still to come.
  bool Simulate(Batch& batch, int half);
  bool Evaluate(Batch& batch, int half);
  void Expand(const Evaluator& evaluator, const Answer& answer);
  void Backup(const std::vector<double>& values);

  const Belief& belief_;
  const SearchParams& params_;
  double value_scale_;
  Information information_;
  Rng rng_;
  Exploration exploration_;
  ValueRanges ranges_;
  std::vector<double> cumulative_;  // of the belief's weights
  std::vector<Node> nodes_;         // the first is the root
  std::unordered_map<Key, uint32_t, KeyHash> index_;
  // By what the mover knows, over its legal actions in order. Opponents decide
  // by their own information, which the observer's nodes do not have.
  std::unordered_map<Key, std::vector<float>, KeyHash> priors_;
  int64_t bytes_ = 0;  // of the tree, with what the containers take
  bool full_ = false;
  bool root_ready_ = false;
  bool waits_ = false;
  // Of the simulation under way.
  World world_;
  std::vector<Step> path_;
  uint32_t leaf_ = kNoNode;  // also where it ends outside the tree
  std::vector<Action> legal_;
  Key prior_key_;
  int row_ = 0;
  // For the result.
  std::vector<Action> root_legal_;
  std::vector<float> root_prior_;
  std::vector<double> raw_values_;
  std::vector<double> value_sum_;  // [P], over the simulations
  int64_t simulations_ = 0;
  int64_t terminal_hits_ = 0;
  int max_depth_ = 0;
};

class BeliefSlot;

// Searches many beliefs at once, like PositionSearch: results depend neither on
// the number of workers nor on what is searched beside. Construct and destroy
// where sessions may be opened.
class BeliefSearch {
 public:
  // beliefs[i] is searched with seeds[i]; all are of the evaluator's game.
  BeliefSearch(EvaluatorPtr evaluator,
               std::vector<std::shared_ptr<const Belief>> beliefs,
               std::vector<uint64_t> seeds, const SearchParams& params,
               int workers);
  ~BeliefSearch();

  void Run(const std::function<void()>& poll);
  // In the order of the beliefs.
  const std::vector<SearchResult>& results() const { return results_; }

 private:
  friend class BeliefSlot;

  EvaluatorPtr evaluator_;
  std::vector<std::shared_ptr<const Belief>> beliefs_;
  std::vector<uint64_t> seeds_;
  SearchParams params_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::vector<std::unique_ptr<BeliefSlot>>> slots_;
  std::vector<SearchResult> results_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_ISMCTS_H_
