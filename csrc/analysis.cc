#include "csrc/analysis.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "csrc/checked.h"
#include "csrc/worker.h"

namespace tesuji {
namespace {

// Of all runs together: visits of an edge are counted in 30 bits.
constexpr int64_t kMost = 1'000'000'000;
// Simulations between two looks at the clock, where none needs the evaluator.
constexpr int64_t kAtOnce = 64;

}  // namespace

Analysis::Analysis(EvaluatorPtr evaluator, const State& state,
                   const SearchParams& params, uint64_t seed, int workers)
    : evaluator_(std::move(evaluator)),
      params_(params),
      tree_(evaluator_->game(), evaluator_->value_scale(), params) {
  RequireSearchable(evaluator_->game());
  RequireSameGame(state, evaluator_->game());
  RequireDecision(state);
  if (params.selection == Selection::kGumbel) {
    throw Error(
        "selection 'gumbel' shares out a fixed number of simulations: an "
        "analysis, which may go on, needs 'puct'");
  }
  if (workers < 1 || workers > evaluator_->max_workers()) {
    throw Error("workers is " + std::to_string(workers) +
                "; the evaluator has sessions for 1 to " +
                std::to_string(evaluator_->max_workers()));
  }
  if (IsPythonGame(evaluator_->game())) workers = 1;
  const int rows = params.leaves_in_flight * Observers(evaluator_->game());
  if (rows > evaluator_->max_rows()) {
    throw Error("leaves_in_flight is " +
                std::to_string(params.leaves_in_flight) +
                ", but the evaluator's batch has " +
                std::to_string(evaluator_->max_rows()) + " rows");
  }
  const EncoderPtr& encoder = evaluator_->encoder();
  past_ = Predecessors(state, encoder ? encoder->history_depth() : 0);
  std::vector<const State*> history;
  for (const StatePtr& earlier : past_) history.push_back(earlier.get());
  Within(state, [&] { tree_.Reset(state, 0, seed); });
  for (int i = 0; i < workers; ++i) {
    rngs_.emplace_back(DeriveSeed(seed, i));
  }
  for (int i = 0; i < workers; ++i) {
    batches_.push_back(std::make_unique<Batch>(*evaluator_, i, rows));
    lanes_.push_back(std::make_unique<Lane>(rngs_[i], params_));
  }
  search_.emplace(tree_, params_, rngs_[0], std::move(history), workers);
}

void Analysis::Begin(std::optional<int64_t> simulations,
                     std::optional<double> seconds) {
  if (broken_) throw Error("the analysis ended with an error: make a new one");
  if (running_.exchange(true)) {
    throw Error("the analysis is running: stop it, or wait for it");
  }
  stop_ = false;
  // A year stands for no bound.
  deadline_ =
      Clock::now() +
      std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(std::min(seconds.value_or(3e7), 3e7)));
  const int64_t started = search_->started();
  search_->set_limit(started +
                     std::min(simulations.value_or(kMost), kMost - started));
}

void Analysis::Run(const std::function<void()>& poll) {
  try {
    RunWorkers(static_cast<int>(lanes_.size()),
               OneThreadOnly(evaluator_->game()), poll,
               [this](int worker, const std::atomic<bool>& cancelled) {
                 Work(worker, cancelled);
               });
  } catch (...) {
    running_ = false;
    throw;
  }
  running_ = false;
}

void Analysis::Work(int worker, const std::atomic<bool>& cancelled) {
  Lane& lane = *lanes_[worker];
  Batch& batch = *batches_[worker];
  try {
    while (true) {
      // The lock is not fair: who asks for a report would wait for long.
      while (reporting_ > 0) std::this_thread::yield();
      {
        std::unique_lock lock(mutex_);
        if (stop_ || cancelled || Clock::now() >= deadline_) {
          search_->set_limit(search_->started());
        }
        const int64_t started = search_->started();
        const bool idle = Simulate(lane, batch);
        changed_.notify_all();
        if (idle) {
          if (search_->exhausted() || (cancelled && broken_)) return;
          // The leaf that comes next may be another worker's.
          if (search_->started() == started) {
            changed_.wait_for(lock, std::chrono::milliseconds(10));
          }
          continue;
        }
      }
      batch.Launch(0);
      batch.Finish(0);
    }
  } catch (...) {
    broken_ = true;
    throw;
  }
}

bool Analysis::Simulate(Lane& lane, Batch& batch) {
  return Within(*tree_.node(Tree::kRoot).state,
                [&] { return search_->Run(lane, batch, 0, kAtOnce); });
}

SearchResult Analysis::Result(const std::function<void()>& poll) {
  ++reporting_;
  std::unique_lock lock(mutex_);
  --reporting_;
  while (running_ && !search_->ready()) {
    changed_.wait_for(lock, std::chrono::milliseconds(10));
    lock.unlock();
    poll();
    lock.lock();
  }
  if (!search_->ready()) {
    throw Error("the analysis knows nothing yet: run it first");
  }
  for (const auto& lane : lanes_) search_->SuspendVirtualLoss(*lane, -1);
  SearchResult result = search_->Result(true);
  for (const auto& lane : lanes_) search_->SuspendVirtualLoss(*lane, 1);
  return result;
}

}  // namespace tesuji
