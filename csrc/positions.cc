#include "csrc/positions.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "csrc/checked.h"

namespace tesuji {

// Works through every `stride`-th position from `first` on.
class PositionSlot : public Slot {
 public:
  PositionSlot(PositionSearch& job, size_t first, size_t stride)
      : job_(job),
        next_(first),
        stride_(stride),
        tree_(job.evaluator_->game(), job.evaluator_->value_scale(),
              job.params_) {}

  bool Advance(std::span<const std::unique_ptr<Batch>> batches,
               int half) override {
    if (next_ >= job_.states_.size()) return false;
    return Within(*job_.states_[next_], [&] { return Go(*batches[0], half); });
  }

 private:
  bool Go(Batch& batch, int half) {
    while (true) {
      if (!search_.has_value()) {
        if (next_ >= job_.states_.size()) return false;
        const State& state = *job_.states_[next_];
        tree_.Reset(state, job_.params_.simulations, job_.seeds_[next_]);
        rng_ = Rng(job_.seeds_[next_]);
        search_.emplace(tree_, job_.params_, rng_, Past(state));
      }
      if (!search_->Run(batch, half)) return true;
      job_.results_[next_] = search_->Result(job_.variations_);
      search_.reset();
      next_ += stride_;
    }
  }

  // The positions before `state` that the encoder reads, by replay.
  std::vector<const State*> Past(const State& state) {
    const EncoderPtr& encoder = job_.evaluator_->encoder();
    past_ = Predecessors(state, encoder ? encoder->history_depth() : 0);
    std::vector<const State*> past;
    for (const StatePtr& earlier : past_) past.push_back(earlier.get());
    return past;
  }

  PositionSearch& job_;
  size_t next_;
  size_t stride_;
  Tree tree_;
  Rng rng_;
  std::vector<StatePtr> past_;
  std::optional<Search> search_;
};

PositionSearch::PositionSearch(EvaluatorPtr evaluator,
                               std::vector<StatePtr> states,
                               std::vector<uint64_t> seeds,
                               const SearchParams& params, int workers,
                               bool variations)
    : evaluator_(std::move(evaluator)),
      states_(std::move(states)),
      seeds_(std::move(seeds)),
      params_(params),
      variations_(variations),
      results_(states_.size()) {
  RequireSearchable(evaluator_->game());
  for (const StatePtr& state : states_) {
    RequireSameGame(*state, evaluator_->game());
    RequireDecision(*state);
  }
  if (params.leaves_in_flight > 1 && states_.size() > 1) {
    throw Error(
        "leaves_in_flight above 1 is for one position searched alone; "
        "many positions fill the batch by themselves");
  }
  const bool python = IsPythonGame(evaluator_->game());
  num_workers_ =
      std::clamp<int>(workers, 1, python ? 1 : evaluator_->max_workers());
  num_workers_ = std::min(num_workers_,
                          std::max<int>(1, static_cast<int>(states_.size())));
  // Where players move simultaneously, a leaf is asked about for each of them.
  const int asked = Observers(evaluator_->game());
  const int most = evaluator_->max_rows();
  if (params.leaves_in_flight * asked > most) {
    throw Error(
        "leaves_in_flight is " + std::to_string(params.leaves_in_flight) +
        ", but the evaluator's batch has " + std::to_string(most) + " rows");
  }
  for (int worker = 0; worker < num_workers_; ++worker) {
    const int share = static_cast<int>(
        (states_.size() + num_workers_ - 1 - worker) / num_workers_);
    const int slots = std::min(
        share, kHalves * std::max(1, evaluator_->worthwhile_rows() / asked));
    const int leaves =
        std::max((slots + kHalves - 1) / kHalves, params.leaves_in_flight);
    const int rows = leaves * asked;
    workers_.push_back(
        std::make_unique<Worker>(std::span(&evaluator_, 1), worker, rows));
    auto& own = slots_.emplace_back();
    for (int slot = 0; slot < slots; ++slot) {
      own.push_back(std::make_unique<PositionSlot>(
          *this, worker + slot * num_workers_,
          static_cast<size_t>(slots) * num_workers_));
    }
  }
}

PositionSearch::~PositionSearch() = default;

void PositionSearch::Run(const std::function<void()>& poll) {
  RunWorkers(num_workers_, OneThreadOnly(evaluator_->game()), poll,
             [this](int worker, const std::atomic<bool>& cancelled) {
               std::vector<Slot*> slots;
               for (const auto& slot : slots_[worker]) {
                 slots.push_back(slot.get());
               }
               workers_[worker]->Run(slots, [] { return false; }, cancelled);
             });
}

BatchStatistics PositionSearch::statistics() const {
  BatchStatistics total;
  for (const auto& worker : workers_) total += worker->statistics();
  return total;
}

}  // namespace tesuji
