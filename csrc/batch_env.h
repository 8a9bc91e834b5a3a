// Thousands of games stepped at once, for learning without search: a policy
// chooses all their actions outside, chance is played in here.
#ifndef TESUJI_CSRC_BATCH_ENV_H_
#define TESUJI_CSRC_BATCH_ENV_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csrc/crew.h"
#include "csrc/encoder.h"
#include "csrc/rng.h"
#include "csrc/spiel.h"

namespace tesuji {

// The decision that each game waits at, seen by its player to move. Row-major
// and owned by the caller: N games, D floats of the encoder, A actions.
struct Observations {
  float* inputs = nullptr;        // [N, D]
  uint8_t* legal_mask = nullptr;  // [N, A], 1 = legal
  int32_t* players = nullptr;     // [N], who moves
};

// What came of a step.
struct Outcomes {
  float* rewards = nullptr;  // [N, P], utilities by player
  uint8_t* done = nullptr;   // [N], 1 = the game ended, and another has begun
};

struct BatchEnvOptions {
  std::string encoder = "auto";
  uint64_t seed = 0;
  int workers = 1;
  // Slots [kG, (k + 1)G) begin their r-th games alike.
  int group = 1;
  // Histories, chance outcomes included, that games begin after; none: at the
  // beginning.
  std::vector<std::vector<Action>> starts = {};
  // Called now and then on the caller's thread, with how many of its games have
  // been stepped (or begun) of how many; what it throws ends the call.
  std::function<void(size_t done, size_t total)> poll = {};
};

// Game r of slot i depends on the seed, i, r and the actions alone: its start,
// and what chance does up to the first decision, are drawn from a stream of the
// seed, the slot's group and r, the rest from one of the seed, i and r. Games
// that draw chance inside their states have a game object for each instead.
//
// Players who move at once choose one after the other (see TurnBased): they see
// nothing of each other's choices, so that this is the same game to a policy.
//
// Methods are called from one thread at a time; another one meanwhile gets an
// Error. If a game fails in a step, the others may have been stepped or not:
// from then on only Restore() is of use.
class BatchEnv {
 public:
  BatchEnv(GamePtr game, int size, const BatchEnvOptions& options);

  void Observe(const Observations& observations);
  // actions: [N]. If one is illegal, throws Error before any game is stepped.
  // Rewards are what the returns have changed by since the decision, so that
  // those of a game sum to its returns; before the end only in games that say
  // so (reward_model). Not State::Rewards(): hanabi repeats its own after
  // every card dealt.
  void Step(std::span<const int64_t> actions, const Outcomes& outcomes,
            const Observations& observations);

  // A copy of one game, where it waits. One that draws chance inside shares its
  // generator with the game: it is there to be looked at, not stepped.
  StatePtr CopyOf(int64_t index);

  // The games in progress, as bytes, and what future ones depend on; Restore()
  // continues exactly there, in an environment with the same arguments but for
  // seed, encoder and workers. Throws Error if the bytes do not fit this one.
  std::string Save();
  void Restore(std::string_view bytes);

  size_t size() const { return slots_.size(); }
  // The game really played.
  const GamePtr& game() const { return game_; }
  const std::string& encoder_name() const { return encoder_name_; }
  size_t input_size() const { return input_size_; }
  size_t num_actions() const { return num_actions_; }
  size_t num_players() const { return num_players_; }
  // Whether every call must hold the interpreter lock.
  bool is_python() const { return is_python_; }

 private:
  // Where a game has got to, and what the encoder wants of its past.
  struct Position {
    StatePtr state;
    std::vector<StatePtr> past;  // oldest first
  };
  struct Slot {
    Position now;
    Player player = 0;            // who moves
    std::vector<Action> legal;    // of that player
    std::vector<double> returns;  // so far, in games with rewards on the way
    Rng rng;                      // of chance after the first decision
    uint64_t games = 0;           // begun so far

    // Lets the processor fetch the state, with what was allocated beside it.
    void Prefetch() const {
      constexpr uintptr_t kLine = 64;
      constexpr uintptr_t kLines = 8;
      const auto state = reinterpret_cast<uintptr_t>(now.state.get());
      for (uintptr_t line = 0; line < kLines; ++line) {
        __builtin_prefetch(reinterpret_cast<void*>(state + line * kLine));
      }
      __builtin_prefetch(legal.data());
    }
  };

  // For as long as a method runs; throws Error if one is running already.
  class Use {
   public:
    explicit Use(BatchEnv& env, bool must_work = true);
    ~Use() { env_.used_ = false; }

   private:
    BatchEnv& env_;
  };

  // body(slot, index) for every slot, on the slot's own thread.
  template <typename Body>
  void ForEach(std::vector<Slot>& slots, Body body);

  void Apply(Position& position, Action action) const;
  Position Clone(const Position& position) const;
  // Plays `history`, which somebody gave; `what` names it in the Error that an
  // illegal action is.
  void Replay(Position& position, std::span<const Action> history,
              const std::string& what) const;
  // Plays chance until somebody moves (true) or the game is over (false).
  bool Settle(Position& position, Rng& rng) const;
  // Begins the slot's next game.
  void Begin(Slot& slot, size_t index) const;
  Position FirstPosition(uint64_t seed, Rng& shared) const;
  // Asks whose turn it is, what is legal, and what has been earned.
  void Look(Slot& slot) const;
  void Write(const Slot& slot, size_t index,
             const Observations& observations) const;
  void RequireSavable() const;

  GamePtr given_;  // by the caller: may have simultaneous moves
  GamePtr game_;
  bool is_python_;
  bool samples_chance_;
  bool pays_on_the_way_;
  std::string encoder_name_;
  EncoderPtr encoder_;
  size_t input_size_;
  size_t num_actions_;
  size_t num_players_;
  size_t history_depth_;
  uint64_t seed_;
  size_t group_;
  std::vector<std::vector<Action>> histories_;  // of the starts, as given
  std::vector<Position> starts_;  // at least one; cloned where a game begins
  size_t beginning_ = 0;  // actions in the history of a state that is new
  std::vector<Slot> slots_;
  bool failed_ = false;
  std::atomic<bool> used_ = false;
  std::function<void(size_t done, size_t total)> poll_;
  Crew crew_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_BATCH_ENV_H_
