#include "csrc/evaluator.h"

#include <string>
#include <utility>

#include "csrc/checked.h"
#include "csrc/hash.h"
#include "csrc/rng.h"

namespace tesuji {
namespace {

// Buffers in plain memory, for sessions that answer inside the core.
class NativeSession : public Session {
 public:
  NativeSession(int rows, size_t input_size, size_t num_actions,
                size_t num_players)
      : rows_(rows), num_actions_(num_actions), num_players_(num_players) {
    for (Half& half : halves_) {
      half.inputs.resize(rows * input_size);
      half.legal_mask.resize(rows * num_actions);
      half.prior_logits.resize(rows * num_actions);
      half.values.resize(rows * num_players);
    }
  }

  int rows() const override { return rows_; }
  BatchBuffers buffers(int half) override {
    Half& h = halves_[half];
    return {h.inputs.data(), h.legal_mask.data(), h.prior_logits.data(),
            h.values.data()};
  }
  void Launch(int half, std::span<const Leaf> leaves) override {
    for (size_t row = 0; row < leaves.size(); ++row) {
      Answer(half, row, leaves[row]);
    }
  }
  void Wait(int) override {}

 protected:
  virtual void Answer(int half, size_t row, const Leaf& leaf) = 0;

  std::span<float> prior_logits(int half, size_t row) {
    return {halves_[half].prior_logits.data() + row * num_actions_,
            num_actions_};
  }
  std::span<float> values(int half, size_t row) {
    return {halves_[half].values.data() + row * num_players_, num_players_};
  }

 private:
  struct Half {
    std::vector<float> inputs;
    std::vector<uint8_t> legal_mask;
    std::vector<float> prior_logits;
    std::vector<float> values;
  };

  int rows_;
  size_t num_actions_;
  size_t num_players_;
  Half halves_[kHalves];
};

// Any number of workers: nothing is shared.
constexpr int kManyWorkers = 1 << 16;
constexpr int kMaxRows = 256;

class FakeSession : public NativeSession {
 public:
  FakeSession(int rows, const Game& game, size_t input_size, uint64_t seed)
      : NativeSession(rows, input_size, game.NumDistinctActions(),
                      game.NumPlayers()),
        input_size_(input_size),
        seed_(seed),
        zero_sum_(IsTwoPlayerZeroSum(game)) {}

 protected:
  void Answer(int half, size_t row, const Leaf&) override {
    const float* input = buffers(half).inputs + row * input_size_;
    Rng rng(HashBytes(input, input_size_ * sizeof(float), {seed_, ~seed_}).low);
    const auto draw = [&rng] {
      return static_cast<float>(2.0 * rng.Uniform() - 1.0);
    };
    for (float& logit : prior_logits(half, row)) logit = draw();
    std::span<float> value = values(half, row);
    for (float& v : value) v = draw();
    if (zero_sum_) value[1] = -value[0];
  }

 private:
  size_t input_size_;
  uint64_t seed_;
  bool zero_sum_;
};

class FakeEvaluator : public Evaluator {
 public:
  FakeEvaluator(GamePtr game, const std::string& encoder, uint64_t seed,
                size_t cache_entries)
      : Evaluator(game, MakeEncoder(encoder, *game), DefaultValueScale(*game),
                  cache_entries),
        seed_(seed) {}
  int max_workers() const override { return kManyWorkers; }
  int max_rows() const override { return kMaxRows; }
  int worthwhile_rows() const override { return 1; }
  std::unique_ptr<Session> Open(int, int rows) const override {
    return std::make_unique<FakeSession>(rows, game(), encoder()->size(),
                                         seed_);
  }

 private:
  uint64_t seed_;
};

class RolloutSession : public NativeSession {
 public:
  RolloutSession(int rows, const Game& game, double value_scale, int rollouts,
                 uint64_t seed)
      : NativeSession(rows, 0, game.NumDistinctActions(), game.NumPlayers()),
        value_scale_(value_scale),
        rollouts_(rollouts),
        seed_(seed) {}

 protected:
  void Answer(int half, size_t row, const Leaf& leaf) override {
    Within(*leaf.state, [&] { PlayOut(half, row, leaf); });
  }

 private:
  void PlayOut(int half, size_t row, const Leaf& leaf) {
    for (float& logit : prior_logits(half, row)) logit = 0.0f;
    uint64_t seed = seed_;
    for (const auto& [player, action] : leaf.state->FullHistory()) {
      seed = DeriveSeed(seed, action);
    }
    Rng rng(seed);
    std::vector<double> total(leaf.state->NumPlayers(), 0.0);
    // Chance inside states would be drawn from the stream of the leaf's game,
    // which is another's.
    const Game& game = *leaf.state->GetGame();
    const bool sampled = SamplesChance(game);
    const GamePtr own = sampled ? OwnGame(game, seed) : nullptr;
    const StatePtr moved =
        sampled ? own->DeserializeState(leaf.state->Serialize()) : nullptr;
    const State& start = sampled ? *moved : *leaf.state;
    for (int i = 0; i < rollouts_; ++i) {
      const StatePtr end = RandomGame(start, rng);
      const std::vector<double> returns = Returns(*end);
      for (size_t player = 0; player < total.size(); ++player) {
        total[player] += returns[player];
      }
    }
    if (PaysOnTheWay(*leaf.state->GetGame())) {
      const std::vector<double> paid = Returns(*leaf.state);
      for (size_t player = 0; player < total.size(); ++player) {
        total[player] -= rollouts_ * paid[player];
      }
    }
    std::span<float> value = values(half, row);
    const size_t observer = leaf.observer;
    for (size_t k = 0; k < value.size(); ++k) {
      value[k] = static_cast<float>(total[(observer + k) % total.size()] /
                                    (rollouts_ * value_scale_));
    }
  }

  static StatePtr RandomGame(const State& leaf, Rng& rng) {
    StatePtr state = leaf.Clone();
    while (true) {
      const Player mover = Mover(*state);
      if (mover == kTerminalPlayer) return state;
      if (mover == kChancePlayer) {
        state->ApplyAction(
            open_spiel::SampleAction(ChanceOutcomes(*state), rng.Uniform())
                .first);
      } else if (mover == kSimultaneousPlayer) {
        std::vector<Action> choice;
        for (Player p = 0; p < state->NumPlayers(); ++p) {
          const std::vector<Action> actions = LegalActions(*state, p);
          choice.push_back(
              actions.empty() ? kNoAction : actions[rng.Below(actions.size())]);
        }
        state->ApplyActions(choice);
      } else {
        const std::vector<Action> actions = LegalActions(*state);
        state->ApplyAction(actions[rng.Below(actions.size())]);
      }
    }
  }

  double value_scale_;
  int rollouts_;
  uint64_t seed_;
};

class RolloutEvaluator : public Evaluator {
 public:
  RolloutEvaluator(GamePtr game, int rollouts, uint64_t seed)
      : Evaluator(game, nullptr, DefaultValueScale(*game), 0),
        rollouts_(rollouts),
        seed_(seed) {
    if (rollouts < 1) {
      throw Error("rollouts is " + std::to_string(rollouts) +
                  "; give at least 1");
    }
  }
  int max_workers() const override { return kManyWorkers; }
  int max_rows() const override { return kMaxRows; }
  int worthwhile_rows() const override { return 1; }
  std::unique_ptr<Session> Open(int, int rows) const override {
    return std::make_unique<RolloutSession>(rows, game(), value_scale(),
                                            rollouts_, seed_);
  }

 private:
  int rollouts_;
  uint64_t seed_;
};

}  // namespace

EvaluatorPtr MakeFakeEvaluator(GamePtr game, const std::string& encoder,
                               uint64_t seed, size_t cache_entries) {
  return std::make_shared<FakeEvaluator>(std::move(game), encoder, seed,
                                         cache_entries);
}

EvaluatorPtr MakeRolloutEvaluator(GamePtr game, int rollouts, uint64_t seed) {
  return std::make_shared<RolloutEvaluator>(std::move(game), rollouts, seed);
}

}  // namespace tesuji
