// Searches many positions at once, one leaf of each in flight.
#ifndef TESUJI_CSRC_POSITIONS_H_
#define TESUJI_CSRC_POSITIONS_H_

#include <functional>
#include <memory>
#include <vector>

#include "csrc/search.h"
#include "csrc/worker.h"

namespace tesuji {

class PositionSlot;

// Positions are dealt to workers in turn; every one is searched in a tree of
// its own with a random stream of its own, so results do not depend on the
// number of workers. Construct and destroy where sessions may be opened.
class PositionSearch {
 public:
  // states[i] is searched with seeds[i]; all belong to the evaluator's game.
  // `variations`: results hold the line of every move.
  PositionSearch(EvaluatorPtr evaluator, std::vector<StatePtr> states,
                 std::vector<uint64_t> seeds, const SearchParams& params,
                 int workers, bool variations = false);
  ~PositionSearch();

  void Run(const std::function<void()>& poll);

  // In the order of the states.
  const std::vector<SearchResult>& results() const { return results_; }
  BatchStatistics statistics() const;

 private:
  friend class PositionSlot;

  EvaluatorPtr evaluator_;
  std::vector<StatePtr> states_;
  std::vector<uint64_t> seeds_;
  SearchParams params_;
  bool variations_;
  int num_workers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::vector<std::unique_ptr<PositionSlot>>> slots_;
  std::vector<SearchResult> results_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_POSITIONS_H_
