// Who answers leaves. An Evaluator serves a run; each worker thread opens a
// Session of its own, so that workers share nothing.
#ifndef TESUJI_CSRC_EVALUATOR_H_
#define TESUJI_CSRC_EVALUATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csrc/encoder.h"
#include "csrc/spiel.h"

namespace tesuji {

// Batches come in two halves, so that search fills one while a device computes
// the other.
inline constexpr int kHalves = 2;

// Buffers of one half, each row-major and owned by whoever made the session.
struct BatchBuffers {
  float* inputs = nullptr;        // [rows, D]
  uint8_t* legal_mask = nullptr;  // [rows, A], 1 = legal
  float* prior_logits = nullptr;  // [rows, A], unused where illegal
  float* values = nullptr;  // [rows, P], returns still to come, normalised;
                            // column k belongs to player (observer + k)
                            // mod P
};

struct Leaf {
  const State* state;
  Player observer;  // whose seat the question is asked from
};

// Used by one worker thread at a time.
class Session {
 public:
  virtual ~Session() = default;
  virtual int rows() const = 0;
  virtual BatchBuffers buffers(int half) = 0;
  // Starts answering the first `leaves.size()` rows of a half. The states stay
  // valid until Wait() returns.
  virtual void Launch(int half, std::span<const Leaf> leaves) = 0;
  // Returns when the answers of Launch(half) are in the buffers.
  virtual void Wait(int half) = 0;
};

class Evaluator {
 public:
  virtual ~Evaluator() = default;
  const Game& game() const { return *game_; }
  // For error messages.
  virtual std::string name() const { return "the evaluator"; }
  // Null if answers do not come from an encoding of the state.
  const EncoderPtr& encoder() const { return encoder_; }
  double value_scale() const { return value_scale_; }
  // Answers kept by each worker, as far as they fit into
  // EvaluationCache::kMostBytes; 0 = none.
  size_t cache_entries() const { return cache_entries_; }
  // Changes with the weights, and only between runs, which begin with empty
  // caches: the answers in a cache are of one version.
  uint64_t version() const { return version_; }
  void set_version(uint64_t version) { version_ = version; }
  // The most workers that can open a session, and the most rows of each half.
  virtual int max_workers() const = 0;
  virtual int max_rows() const = 0;
  // Rows of a half that are worth filling with other searches, where there is a
  // choice: every tree more competes for the processor's caches.
  virtual int worthwhile_rows() const { return max_rows(); }
  virtual std::unique_ptr<Session> Open(int worker, int rows) const = 0;

 protected:
  Evaluator(GamePtr game, EncoderPtr encoder, double value_scale,
            size_t cache_entries)
      : game_(std::move(game)),
        encoder_(std::move(encoder)),
        value_scale_(value_scale),
        cache_entries_(cache_entries) {}

 private:
  GamePtr game_;
  EncoderPtr encoder_;
  double value_scale_;
  size_t cache_entries_;
  uint64_t version_ = 0;
};

using EvaluatorPtr = std::shared_ptr<Evaluator>;

// Throws Error: what it answered of `state` in this field is not finite.
[[noreturn]] inline void RejectAnswer(const Evaluator& evaluator,
                                      const char* field, const State& state) {
  throw Error(evaluator.name() + " answered a " + field +
              " that is not finite; " + Describe(state));
}

// Answers are a hash of the input: as irregular as a real network's and the
// same everywhere, so tests of the search need no torch. `cache_entries` as
// above.
EvaluatorPtr MakeFakeEvaluator(GamePtr game, const std::string& encoder,
                               uint64_t seed, size_t cache_entries);

// Uniform priors; values are the mean returns still to come of `rollouts`
// uniformly random games from the leaf, each leaf with a random stream of its
// own.
EvaluatorPtr MakeRolloutEvaluator(GamePtr game, int rollouts, uint64_t seed);

}  // namespace tesuji

#endif  // TESUJI_CSRC_EVALUATOR_H_
