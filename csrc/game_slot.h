// One place in a pool: plays one game after another.
#ifndef TESUJI_CSRC_GAME_SLOT_H_
#define TESUJI_CSRC_GAME_SLOT_H_

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "csrc/checked.h"
#include "csrc/pool.h"
#include "csrc/search.h"

namespace tesuji {

class GameSlot : public Slot {
 public:
  GameSlot(const Pool& pool, int64_t first_id);

  bool Advance(std::span<const std::unique_ptr<Batch>> batches,
               int half) override;

  // Forgets the search under way, its draws included, and all trees.
  void DropTrees();
  // Hands over the games that finished since the last call.
  std::vector<GameRecord> TakeFinished();
  const PoolStatistics& statistics() const { return statistics_; }

  // The game in progress (id -1: none) and the id of the next one.
  const GameRecord& record();
  int64_t next_id() const { return next_id_; }
  void Restore(GameRecord record, int64_t next_id);

 private:
  bool Play(std::span<const std::unique_ptr<Batch>> batches, int half);
  bool Begin();
  void BeginSelfPlay();
  void BeginOpening(const Opening& opening);
  void Apply(Action action);
  void PlayChance();
  bool PlayOpeningMove();
  void BeginSearch();
  void Decide();
  void Record(const SearchResult& result);
  // True if the mover gives the game up.
  bool Resigns(const SearchResult& result);
  void Finish(std::vector<double> returns);
  const PlayerParams& mover() const {
    return pool_.players_[record_.seats[Mover(*state_)]];
  }
  std::vector<const State*> Past(const Evaluator& evaluator) const;
  void Encode(const State& state, const std::vector<const State*>& past,
              Player player);

  const Pool& pool_;
  int64_t next_id_;
  int history_depth_;  // the deepest of the evaluators' encoders
  GameRecord record_;
  StatePtr state_;  // null: no game in progress
  Rng rng_;
  Rng chance_rng_;
  std::deque<StatePtr> past_;  // states before this, oldest first
  std::vector<std::unique_ptr<Tree>> trees_;  // per player params
  std::optional<Search> search_;
  Rng::State search_rng_ = {};  // of rng_ when search_ began
  bool fast_ = false;           // of search_: few simulations, not recorded
  std::vector<GameRecord> finished_;
  PoolStatistics statistics_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_GAME_SLOT_H_
