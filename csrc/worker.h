// Worker threads: each drives its own slots against its own batches, in two
// halves, so that search fills one half while the evaluator computes the other.
#ifndef TESUJI_CSRC_WORKER_H_
#define TESUJI_CSRC_WORKER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "csrc/batch.h"

namespace tesuji {

// Something that needs answers now and then: a game in progress, a position
// being searched.
class Slot {
 public:
  virtual ~Slot() = default;
  // Goes on until it waits for rows of `half` (true) or has nothing left to do
  // (false). `batches` holds one batch per evaluator.
  virtual bool Advance(std::span<const std::unique_ptr<Batch>> batches,
                       int half) = 0;
};

// Touched by one thread at a time. Workers share nothing, so what they compute
// does not depend on timing.
class Worker {
 public:
  // Opens session `index` of every evaluator with `rows` rows a half.
  Worker(std::span<const EvaluatorPtr> evaluators, int index, int rows);

  // Drives `slots` until all are idle, `enough()` or `cancelled`. Answers still
  // on their way then are awaited and dropped. Caches start empty, so that what
  // is computed does not depend on earlier runs.
  void Run(std::span<Slot* const> slots, const std::function<bool()>& enough,
           const std::atomic<bool>& cancelled);

  BatchStatistics statistics() const;

 private:
  std::vector<std::unique_ptr<Batch>> batches_;
};

// Calls body(i, cancelled) for i in [0, workers) on a thread each, `poll` every
// few milliseconds on this one meanwhile. The first exception, of a body or of
// poll, cancels the others and is thrown here once all have returned. With
// `here`, the bodies run on this thread, one after the other (see
// OneThreadOnly).
void RunWorkers(int workers, bool here, const std::function<void()>& poll,
                const std::function<void(int, const std::atomic<bool>&)>& body);

}  // namespace tesuji

#endif  // TESUJI_CSRC_WORKER_H_
