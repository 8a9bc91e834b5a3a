// One position, all cores: several threads simulate in one tree.
#ifndef TESUJI_CSRC_ANALYSIS_H_
#define TESUJI_CSRC_ANALYSIS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "csrc/batch.h"
#include "csrc/search.h"

namespace tesuji {

// Tree-parallel search with virtual loss (Chaslot, Winands and van den Herik,
// 2008). A lock guards the tree; evaluators answer outside it, and they are
// nearly all of the time. With more than one worker the result depends on
// timing. Begin() and Run() are for one thread at a time, Stop() and Result()
// for any.
class Analysis {
 public:
  // `params.simulations` has no meaning here. Construct and destroy where
  // sessions may be opened; nobody else uses the evaluator meanwhile.
  Analysis(EvaluatorPtr evaluator, const State& state,
           const SearchParams& params, uint64_t seed, int workers);

  // Sets the bounds of the next Run(): so many more simulations, so many
  // seconds from now, or until Stop(); a billion simulations in all. From here
  // on it counts as running.
  void Begin(std::optional<int64_t> simulations, std::optional<double> seconds);
  // Searches on from where the last call ended, to the bounds or until the root
  // is proven.
  void Run(const std::function<void()>& poll);
  // Ends what was begun within a batch's time.
  void Stop() { stop_ = true; }

  // What is known by now; waits for the root's evaluation if that was begun.
  // Throws Error before the first Begin(). `poll` is called meanwhile, and may
  // throw.
  SearchResult Result(const std::function<void()>& poll);

  const Game& game() const { return evaluator_->game(); }

 private:
  using Clock = std::chrono::steady_clock;

  void Work(int worker, const std::atomic<bool>& cancelled);
  // Whether the lane then waits for nothing.
  bool Simulate(Lane& lane, Batch& batch);

  EvaluatorPtr evaluator_;
  SearchParams params_;
  std::vector<StatePtr> past_;
  Tree tree_;
  std::vector<Rng> rngs_;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::optional<Search> search_;

  std::atomic<bool> running_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> broken_ = false;  // a worker left in the middle
  std::atomic<int> reporting_ = 0;    // threads that wait to report
  Clock::time_point deadline_;
  std::mutex mutex_;  // of the tree and the search
  std::condition_variable changed_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_ANALYSIS_H_
