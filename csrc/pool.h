// Many games at once: self-play and matches.
#ifndef TESUJI_CSRC_POOL_H_
#define TESUJI_CSRC_POOL_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "csrc/game_record.h"
#include "csrc/params.h"
#include "csrc/worker.h"

namespace tesuji {

// A game to play, for matches: it begins with `history`; seats[p] is the index
// of the PlayerParams that moves for player p; games with the same seed share
// their chance outcomes.
struct Opening {
  std::vector<Action> history;
  std::vector<int32_t> seats;
  uint64_t seed = 0;
};

struct PoolStatistics {
  BatchStatistics batch;
  int64_t simulations = 0;
  int64_t terminal_hits = 0;
  int64_t positions = 0;  // recorded decisions
  int64_t games = 0;
  int64_t resignations = 0;
  int64_t resignation_checks = 0;  // checked games in which a seat gave up
  int64_t resignation_errors = 0;  // of those, not lost after all
  double seconds = 0.0;            // inside Run, wall clock

  PoolStatistics& operator+=(const PoolStatistics& other);
};

class GameSlot;

// Game g is played in slot g mod (number of slots), and depends on the seed, g
// and the evaluators' answers alone: not on the number of workers nor on
// timing. Methods are called from one thread; construct, destroy and restore
// where sessions may be opened.
class Pool {
 public:
  // Seconds of a run that is not cut short.
  static constexpr double kEndless = std::numeric_limits<double>::infinity();

  // players[0] is the learner, whose decisions are recorded; players[1], if
  // any, takes one seat in `past_share` of the games. With `openings`, game g
  // is openings[g] instead and nothing is recorded but histories and returns.
  Pool(GamePtr game, std::vector<EvaluatorPtr> evaluators,
       std::vector<PlayerParams> players, const SelfPlayParams& selfplay,
       int workers, int games_per_worker, uint64_t seed,
       std::vector<Opening> openings = {});
  ~Pool();

  // Plays until every worker has recorded its share of `positions`, or for so
  // many seconds. Games go on in the next call; their trees are rebuilt.
  // Returns the games that finished, in order of id.
  std::vector<GameRecord> RunPositions(int64_t positions,
                                       const std::function<void()>& poll,
                                       double seconds = kEndless);
  // Plays the games with ids below `games` to their end, or for so many
  // seconds.
  std::vector<GameRecord> RunGames(int64_t games,
                                   const std::function<void()>& poll,
                                   double seconds = kEndless);

  // The games in progress, as bytes; Restore() continues exactly there in a
  // pool with the same arguments. Throws Error if the bytes do not fit this
  // pool.
  std::string Snapshot() const;
  void Restore(std::string_view bytes);

  void set_resign_threshold(double threshold) {
    selfplay_.resign_threshold = threshold;
  }
  PoolStatistics statistics() const;
  const Game& game() const { return *game_; }
  size_t input_size() const;

 private:
  friend class GameSlot;

  std::vector<GameRecord> Run(int64_t positions, int64_t games,
                              const std::function<void()>& poll,
                              double seconds);
  int64_t num_slots() const;
  // What a snapshot must agree with.
  std::vector<char> Identity() const;
  void CheckOpening(const Opening& opening) const;
  // Throws Error unless a slot can go on with this game in progress.
  void CheckRecord(const GameRecord& record, int64_t next_id) const;

  GamePtr game_;
  std::vector<EvaluatorPtr> evaluators_;
  std::vector<PlayerParams> players_;
  SelfPlayParams selfplay_;
  SearchParams fast_search_;  // of the learner, for fast decisions
  uint64_t seed_;
  std::vector<Opening> openings_;
  bool can_resign_;
  int64_t end_id_ = 0;  // games with this id or above are not begun
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::vector<std::unique_ptr<GameSlot>>> slots_;  // per worker
  double seconds_ = 0.0;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_POOL_H_
