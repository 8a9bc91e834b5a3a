#include "csrc/batch.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/hash.h"
#include "csrc/rng.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

constexpr size_t kActions = 3;
constexpr size_t kPlayers = 2;

Key KeyOf(uint64_t index) { return {index + 1, Mix(index)}; }

// An answer that tells whose it is.
struct StoredAnswer {
  explicit StoredAnswer(int index)
      : prior_logits(kActions, static_cast<float>(index)),
        values(kPlayers, static_cast<float>(-index)) {}
  Answer view() const { return {prior_logits.data(), values.data()}; }
  std::vector<float> prior_logits;
  std::vector<float> values;
};

void Insert(EvaluationCache& cache, int index) {
  const StoredAnswer answer(index);
  cache.Insert(KeyOf(index), answer.view());
}

bool Knows(const EvaluationCache& cache, int index) {
  const Answer found = cache.Find(KeyOf(index));
  if (found.values == nullptr) return false;
  const StoredAnswer answer(index);
  Expect(std::equal(answer.prior_logits.begin(), answer.prior_logits.end(),
                    found.prior_logits));
  Expect(std::equal(answer.values.begin(), answer.values.end(), found.values));
  return true;
}

TEST(AFullBucketForgetsTheOldest) {
  EvaluationCache cache(4, kActions, kPlayers);  // one bucket
  Expect(cache.enabled());
  for (int i = 0; i < 4; ++i) {
    Expect(!Knows(cache, i));
    Insert(cache, i);
  }
  for (int i = 0; i < 4; ++i) Expect(Knows(cache, i));
  for (int i = 4; i < 20; ++i) {
    Insert(cache, i);
    for (int j = 0; j <= i; ++j) ExpectEqual(Knows(cache, j), j > i - 4);
  }
  cache.Clear();
  for (int i = 0; i < 20; ++i) Expect(!Knows(cache, i));
  // Anew from the first way.
  for (int i = 0; i < 5; ++i) Insert(cache, i);
  for (int i = 0; i < 5; ++i) ExpectEqual(Knows(cache, i), i > 0);
}

TEST(TheCacheIsBounded) {
  for (const size_t entries : {size_t{4}, size_t{64}, size_t{1000}}) {
    EvaluationCache cache(entries, kActions, kPlayers);
    size_t known = 0;
    for (int i = 0; i < 4000; ++i) Insert(cache, i);
    for (int i = 0; i < 4000; ++i) known += Knows(cache, i);
    Expect(known <= entries && known >= entries * 9 / 10);
    Expect(Knows(cache, 3999));
  }
  // Fewer than a bucket: none.
  for (const size_t entries : {0, 3}) {
    Expect(!EvaluationCache(entries, kActions, kPlayers).enabled());
  }
  const size_t wide = EvaluationCache::kMostBytes / sizeof(float) / 4;
  Expect(EvaluationCache(SIZE_MAX, wide - 100, kPlayers).enabled());
  Expect(!EvaluationCache(SIZE_MAX, wide, kPlayers).enabled());
}

// The position after `actions` of tic_tac_toe.
struct Question {
  explicit Question(const std::vector<Action>& actions)
      : state(open_spiel::LoadGame("tic_tac_toe")->NewInitialState()) {
    for (Action action : actions) state->ApplyAction(action);
    recent = {state.get()};
    legal = state->LegalActions();
  }
  StatePtr state;
  std::vector<const State*> recent;
  std::vector<Action> legal;
};

int Ask(Batch& batch, int half, const Question& question, Answer* answer) {
  return batch.Ask(half, question.recent, question.state->CurrentPlayer(),
                   question.legal, answer);
}

TEST(AQuestionIsAskedOnce) {
  const EvaluatorPtr evaluator = MakeFakeEvaluator(
      open_spiel::LoadGame("tic_tac_toe"), "auto", 1, /*cache_entries=*/64);
  Batch batch(*evaluator, 0, /*rows=*/4);
  const Question first({0});
  const Question second({0, 1});
  const Question transposed({2, 1, 0});
  const Question direct({0, 1, 2});
  Answer answer;
  ExpectEqual(Ask(batch, 0, first, &answer), 0);
  ExpectEqual(Ask(batch, 0, second, &answer), 1);
  ExpectEqual(Ask(batch, 0, first, &answer), 0);
  ExpectEqual(Ask(batch, 0, transposed, &answer), 2);
  ExpectEqual(Ask(batch, 0, direct, &answer), 2);
  ExpectEqual(batch.pending(0), 3);
  // The other half knows nothing of these yet.
  ExpectEqual(Ask(batch, 1, first, &answer), 0);
  batch.Launch(0);
  batch.Launch(1);
  batch.Finish(0);
  ExpectEqual(batch.pending(0), 0);
  const Answer row = batch.Row(0, 0);
  const std::vector<float> logits(row.prior_logits, row.prior_logits + 9);
  const std::vector<float> values(row.values, row.values + 2);
  ExpectEqual(values[0], -values[1]);
  ExpectEqual(Ask(batch, 0, first, &answer), Batch::kAnswered);
  Expect(std::equal(logits.begin(), logits.end(), answer.prior_logits));
  Expect(std::equal(values.begin(), values.end(), answer.values));
  batch.Finish(1);
  ExpectEqual(batch.statistics().evaluations, 4);
  ExpectEqual(batch.statistics().batches, 2);
  ExpectEqual(batch.statistics().cache_hits, 3);
  batch.ClearCache();
  ExpectEqual(Ask(batch, 0, first, &answer), 0);
}

TEST(WithoutACacheEveryQuestionIsARow) {
  const EvaluatorPtr evaluator =
      MakeFakeEvaluator(open_spiel::LoadGame("tic_tac_toe"), "auto", 1, 0);
  Batch batch(*evaluator, 0, /*rows=*/2);
  const Question question({4});
  Answer answer;
  ExpectEqual(Ask(batch, 0, question, &answer), 0);
  ExpectEqual(Ask(batch, 0, question, &answer), 1);
  batch.Launch(0);
  batch.Finish(0);
  Expect(std::equal(batch.Row(0, 0).prior_logits,
                    batch.Row(0, 0).prior_logits + 9,
                    batch.Row(0, 1).prior_logits));
  ExpectEqual(batch.statistics().evaluations, 2);
}

}  // namespace
}  // namespace tesuji
