// Evaluators for tests: answers by hand, and answers from another thread.
#ifndef TESUJI_CSRC_TESTS_EVALUATORS_H_
#define TESUJI_CSRC_TESTS_EVALUATORS_H_

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "csrc/evaluator.h"
#include "csrc/spiel.h"

namespace tesuji {

// Fills [A] prior logits and [P] values, observer first, both zero before. May
// throw: the exception leaves Wait(). Called by every worker's thread.
using AnswerFunction = std::function<void(
    const State& leaf, std::span<float> prior_logits, std::span<float> values)>;

class FunctionEvaluator : public Evaluator {
 public:
  FunctionEvaluator(GamePtr game, AnswerFunction answer)
      : Evaluator(game, nullptr, DefaultValueScale(*game), 0),
        answer_(std::move(answer)) {}
  int max_workers() const override { return 64; }
  int max_rows() const override { return 64; }
  std::unique_ptr<Session> Open(int, int rows) const override {
    return std::make_unique<FunctionSession>(*this, rows);
  }

 private:
  class FunctionSession : public Session {
   public:
    FunctionSession(const FunctionEvaluator& evaluator, int rows)
        : evaluator_(evaluator),
          num_actions_(evaluator.game().NumDistinctActions()),
          num_players_(evaluator.game().NumPlayers()),
          rows_(rows) {
      for (Half& half : halves_) {
        half.legal_mask.resize(rows * num_actions_);
        half.prior_logits.resize(rows * num_actions_);
        half.values.resize(rows * num_players_);
      }
    }
    int rows() const override { return rows_; }
    BatchBuffers buffers(int half) override {
      Half& h = halves_[half];
      return {nullptr, h.legal_mask.data(), h.prior_logits.data(),
              h.values.data()};
    }
    void Launch(int half, std::span<const Leaf> leaves) override {
      halves_[half].leaves.assign(leaves.begin(), leaves.end());
    }
    void Wait(int half) override {
      Half& h = halves_[half];
      std::ranges::fill(h.prior_logits, 0.0f);
      std::ranges::fill(h.values, 0.0f);
      for (size_t row = 0; row < h.leaves.size(); ++row) {
        evaluator_.answer_(
            *h.leaves[row].state,
            std::span(h.prior_logits).subspan(row * num_actions_, num_actions_),
            std::span(h.values).subspan(row * num_players_, num_players_));
      }
    }

   private:
    struct Half {
      std::vector<uint8_t> legal_mask;
      std::vector<float> prior_logits;
      std::vector<float> values;
      std::vector<Leaf> leaves;
    };
    const FunctionEvaluator& evaluator_;
    size_t num_actions_;
    size_t num_players_;
    int rows_;
    Half halves_[kHalves];
  };

  AnswerFunction answer_;
};

inline EvaluatorPtr MakeFunctionEvaluator(GamePtr game, AnswerFunction answer) {
  return std::make_shared<FunctionEvaluator>(std::move(game),
                                             std::move(answer));
}

// Answers as another evaluator does, but computes each half in a thread of its
// own while the search goes on with the other, as a device would. Whoever
// touches a launched half, or lets go of a state in it, is seen by the
// sanitizers.
class AsynchronousEvaluator : public Evaluator {
 public:
  explicit AsynchronousEvaluator(EvaluatorPtr answers)
      : Evaluator(answers->game().shared_from_this(), answers->encoder(),
                  answers->value_scale(), answers->cache_entries()),
        answers_(std::move(answers)) {}
  int max_workers() const override { return answers_->max_workers(); }
  int max_rows() const override { return answers_->max_rows(); }
  std::unique_ptr<Session> Open(int worker, int rows) const override {
    return std::make_unique<AsynchronousSession>(answers_->Open(worker, rows),
                                                 answers_->Open(worker, rows));
  }

 private:
  class AsynchronousSession : public Session {
   public:
    // A session for each half, for a session may be used by one thread only.
    AsynchronousSession(std::unique_ptr<Session> first,
                        std::unique_ptr<Session> second)
        : halves_{{std::move(first), {}, {}, {}},
                  {std::move(second), {}, {}, {}}} {}
    ~AsynchronousSession() override {
      for (Half& half : halves_) {
        if (half.thread.joinable()) half.thread.join();
      }
    }
    int rows() const override { return halves_[0].answers->rows(); }
    BatchBuffers buffers(int half) override {
      return halves_[half].answers->buffers(half);
    }
    void Launch(int half, std::span<const Leaf> leaves) override {
      Half& h = halves_[half];
      h.leaves.assign(leaves.begin(), leaves.end());
      h.thread = std::thread([&h, half] {
        try {
          h.answers->Launch(half, h.leaves);
          h.answers->Wait(half);
        } catch (...) {
          h.failure = std::current_exception();
        }
      });
    }
    void Wait(int half) override {
      Half& h = halves_[half];
      h.thread.join();
      if (h.failure != nullptr) {
        std::rethrow_exception(std::exchange(h.failure, nullptr));
      }
    }

   private:
    struct Half {
      std::unique_ptr<Session> answers;
      std::vector<Leaf> leaves;
      std::exception_ptr failure;
      std::thread thread;
    };
    Half halves_[kHalves];
  };

  EvaluatorPtr answers_;
};

inline EvaluatorPtr MakeAsynchronous(EvaluatorPtr answers) {
  return std::make_shared<AsynchronousEvaluator>(std::move(answers));
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_TESTS_EVALUATORS_H_
