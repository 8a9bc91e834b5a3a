#include "csrc/batch.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace tesuji {
EvaluationCache::EvaluationCache(size_t entries, size_t num_actions,
                                 size_t num_players)
    : num_actions_(num_actions), num_players_(num_players) {
  const size_t bytes =
      sizeof(Key) + sizeof(float) * (num_actions + num_players);
  const size_t buckets = std::min(entries, kMostBytes / bytes) / kWays;
  keys_.resize(buckets * kWays);
  oldest_.resize(buckets, 0);
  if (enabled()) {
    answers_ = std::make_unique_for_overwrite<float[]>(
        keys_.size() * (num_actions + num_players));
  }
}

void EvaluationCache::Clear() {
  std::fill(keys_.begin(), keys_.end(), Key());
  std::fill(oldest_.begin(), oldest_.end(), 0);
}

Answer EvaluationCache::Find(const Key& key) const {
  const size_t bucket = Bucket(key);
  for (size_t way = 0; way < kWays; ++way) {
    if (keys_[bucket + way] == key) {
      const float* answer =
          answers_.get() + (bucket + way) * (num_actions_ + num_players_);
      return {answer, answer + num_actions_};
    }
  }
  return {};
}

void EvaluationCache::Insert(const Key& key, const Answer& answer) {
  const size_t bucket = Bucket(key);
  uint8_t& oldest = oldest_[bucket / kWays];
  const size_t entry = bucket + oldest;
  oldest = (oldest + 1) % kWays;
  keys_[entry] = key;
  float* out = answers_.get() + entry * (num_actions_ + num_players_);
  std::copy_n(answer.prior_logits, num_actions_, out);
  std::copy_n(answer.values, num_players_, out + num_actions_);
}

Batch::Batch(const Evaluator& evaluator, int worker, int rows)
    : evaluator_(evaluator),
      input_size_(evaluator.encoder() ? evaluator.encoder()->size() : 0),
      num_actions_(evaluator.game().NumDistinctActions()),
      num_players_(evaluator.game().NumPlayers()),
      session_(evaluator.Open(worker, rows)),
      cache_(input_size_ > 0 ? evaluator.cache_entries() : 0, num_actions_,
             num_players_) {
  if (session_->rows() < rows) {
    throw Error("a session has " + std::to_string(session_->rows()) +
                " rows, but one half of a worker's batch needs " +
                std::to_string(rows) + ": open sessions with more rows");
  }
}

int Batch::Ask(int half, std::span<const State* const> recent_states,
               Player observer, std::span<const Action> legal_actions,
               Answer* answer) {
  Half& h = halves_[half];
  const auto row = static_cast<int>(h.leaves.size());
  const BatchBuffers buffers = session_->buffers(half);
  uint8_t* mask = buffers.legal_mask + row * num_actions_;
  std::fill_n(mask, num_actions_, uint8_t{0});
  for (Action action : legal_actions) mask[action] = 1;
  Key key;
  if (input_size_ > 0) {
    // Straight into the next free row: if the answer is known, the next
    // question overwrites it.
    float* input = buffers.inputs + row * input_size_;
    evaluator_.encoder()->encode(recent_states, observer, {input, input_size_});
    if (cache_.enabled()) {
      // Never zero, the key of an empty entry.
      key = HashBytes(input, input_size_ * sizeof(float), {1, 2});
      key = HashBytes(mask, num_actions_, key);
      *answer = cache_.Find(key);
      if (answer->values != nullptr) {
        ++statistics_.cache_hits;
        return kAnswered;
      }
      // A batch is short: looking through it beats any map.
      const auto asked = std::find(h.keys.begin(), h.keys.end(), key);
      if (asked != h.keys.end()) {
        ++statistics_.cache_hits;
        return static_cast<int>(asked - h.keys.begin());
      }
    }
  }
  h.leaves.push_back({recent_states.back(), observer});
  h.keys.push_back(key);
  return row;
}

template <typename Body>
void Batch::Timed(Body body) {
  // Single rows would spend more on the clock than it is worth.
  if (evaluator_.worthwhile_rows() == 1) {
    body();
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  body();
  statistics_.seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
}

void Batch::Launch(int half) {
  Half& h = halves_[half];
  if (h.leaves.empty()) return;
  Timed([&] { session_->Launch(half, h.leaves); });
  h.launched = true;
  statistics_.evaluations += static_cast<int64_t>(h.leaves.size());
  ++statistics_.batches;
}

void Batch::Finish(int half) {
  Half& h = halves_[half];
  // Waited for once, whether it succeeds or throws.
  if (std::exchange(h.launched, false)) {
    Timed([&] { session_->Wait(half); });
    if (cache_.enabled()) {
      for (size_t row = 0; row < h.leaves.size(); ++row) {
        cache_.Insert(h.keys[row], Row(half, static_cast<int>(row)));
      }
    }
  }
  h.leaves.clear();
  h.keys.clear();
}

Answer Batch::Row(int half, int row) const {
  const BatchBuffers buffers = session_->buffers(half);
  return {buffers.prior_logits + row * num_actions_,
          buffers.values + row * num_players_};
}

}  // namespace tesuji
