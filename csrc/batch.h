// Gathers the questions of many searches into one batch for one evaluator,
// answers known ones from a cache, and asks each question once.
#ifndef TESUJI_CSRC_BATCH_H_
#define TESUJI_CSRC_BATCH_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "csrc/evaluator.h"
#include "csrc/hash.h"

namespace tesuji {

// Columns as in BatchBuffers; valid until the next Launch of the half (a row)
// or the next insertion (a cached answer): read it at once.
struct Answer {
  const float* prior_logits = nullptr;  // [A]
  const float* values = nullptr;        // [P], normalised, observer first
};

// Answers of one version of the weights, by input and legal mask. Bounded in
// entries and bytes: four entries a bucket, the oldest gives way. Which one
// that is depends on the questions alone.
class EvaluationCache {
 public:
  static constexpr size_t kMostBytes = size_t{256} << 20;

  EvaluationCache(size_t entries, size_t num_actions, size_t num_players);

  bool enabled() const { return !keys_.empty(); }
  void Clear();
  // Null members if unknown.
  Answer Find(const Key& key) const;
  void Insert(const Key& key, const Answer& answer);

 private:
  static constexpr size_t kWays = 4;
  size_t Bucket(const Key& key) const {
    return static_cast<size_t>(key.high % (keys_.size() / kWays)) * kWays;
  }

  size_t num_actions_;
  size_t num_players_;
  std::vector<Key> keys_;
  std::vector<uint8_t> oldest_;       // way to replace next, per bucket
  std::unique_ptr<float[]> answers_;  // [entries, A + P], untouched until used
};

struct BatchStatistics {
  int64_t evaluations = 0;  // rows answered by the evaluator
  int64_t cache_hits = 0;   // questions answered by the cache or by another
                            // question of the same batch
  int64_t batches = 0;
  double seconds = 0.0;  // spent in Launch and Wait

  BatchStatistics& operator+=(const BatchStatistics& other) {
    evaluations += other.evaluations;
    cache_hits += other.cache_hits;
    batches += other.batches;
    seconds += other.seconds;
    return *this;
  }
};

// One worker's access to one evaluator: two halves, one cache.
class Batch {
 public:
  static constexpr int kAnswered = -1;

  Batch(const Evaluator& evaluator, int worker, int rows);

  const Evaluator& evaluator() const { return evaluator_; }
  int rows() const { return session_->rows(); }
  int pending(int half) const {
    return static_cast<int>(halves_[half].leaves.size());
  }

  // Asks for the last of `recent_states` (its history before it, oldest first)
  // from the seat of `observer`, who may choose among `legal_actions`. Returns
  // kAnswered and fills `answer`, or the row that will hold it after the next
  // Finish(half).
  int Ask(int half, std::span<const State* const> recent_states,
          Player observer, std::span<const Action> legal_actions,
          Answer* answer);
  void Launch(int half);
  void Finish(int half);
  Answer Row(int half, int row) const;

  // Forgets the answers of other weights, and of other runs: what is computed
  // must not depend on them.
  void ClearCache() { cache_.Clear(); }
  const BatchStatistics& statistics() const { return statistics_; }

 private:
  struct Half {
    std::vector<Leaf> leaves;
    std::vector<Key> keys;  // of the rows, where there is a cache
    bool launched = false;
  };

  // Runs `body` and adds the time that it took to the statistics.
  template <typename Body>
  void Timed(Body body);

  const Evaluator& evaluator_;
  size_t input_size_;
  size_t num_actions_;
  size_t num_players_;
  std::unique_ptr<Session> session_;
  EvaluationCache cache_;
  Half halves_[kHalves];
  BatchStatistics statistics_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_BATCH_H_
