// What a fixed policy is worth, and what one player could gain by leaving it:
// exactly, by all histories of the game.
#ifndef TESUJI_CSRC_BEST_RESPONSE_H_
#define TESUJI_CSRC_BEST_RESPONSE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "csrc/encoder.h"
#include "csrc/hash.h"
#include "csrc/spiel.h"

namespace tesuji {

// Numbers keys 0, 1, 2, ... as they come. 16 bytes a key and 8 to 16 for its
// place in the table.
class KeyIndex {
 public:
  static constexpr int32_t kAbsent = -1;

  int32_t size() const { return static_cast<int32_t>(keys_.size()); }
  // The number of `key`, and whether it is new.
  std::pair<int32_t, bool> Add(Key key);
  int32_t Find(Key key) const;
  // No more are coming.
  void ShrinkToFit() { keys_.shrink_to_fit(); }

 private:
  // Where `key` is, or would be.
  size_t Place(Key key) const;

  std::vector<Key> keys_;
  std::vector<int32_t> table_ = std::vector<int32_t>(16, kAbsent);
};

// Of a whole policy: a probability for every legal action of every information
// state.
struct Response {
  std::vector<double> values;                // [P] if all follow the policy
  std::vector<double> best_response_values;  // [P] if that player leaves it
  std::vector<int32_t> choices;  // [I] an index into the legal actions
};

// All histories of a game, in the order of a depth-first walk. Each is a word
// of 4 bytes: an information state, a distribution of chance, or the returns at
// the end, all stored once. How many children it has follows from that, so a
// walk over the words needs no pointers, and reads memory in order. An
// information state takes 41 to 49 bytes, 4 more for each legal action, and 8
// for each action on the way to its first history that no other such way
// shares.
//
// Perfect recall is required, and checked: all histories of an information
// state share the player's own last information state and action, and so all
// before them. Immutable, for any number of threads.
class InformationTree {
 public:
  // Called now and then with the number of histories so far and the share of
  // the tree that they are, were all children of a history equally large. May
  // throw.
  using Report = std::function<void(int64_t, double)>;

  static constexpr int64_t kMaxHistories = 10'000'000;

  // Enumerates the game, in its turn-based form if moves are simultaneous.
  // Throws Error for games that cannot be enumerated, have more histories (also
  // if the first ones make that certain in all but name), or forget.
  InformationTree(GamePtr game, int64_t max_histories, const Report& report);

  const Game& game() const { return *game_; }
  const GamePtr& game_ptr() const { return game_; }
  int64_t num_histories() const {
    return static_cast<int64_t>(histories_.size());
  }
  int32_t num_information_states() const { return index_.size(); }

  // Information states are numbered as the walk first met them: an earlier one
  // is never below a later one of the same player.
  std::span<const int8_t> players() const { return players_; }  // [I]
  // The legal actions of information state i are actions()[offsets()[i]] to
  // before actions()[offsets()[i + 1]].
  std::span<const int64_t> offsets() const { return offsets_; }  // [I + 1]
  std::span<const int32_t> actions() const { return actions_; }

  // By replay, the first history of the walk that has this information state.
  StatePtr Representative(int32_t information_state) const;
  std::string Name(int32_t information_state) const;
  // For the representatives of `count` information states from `first` on:
  // inputs [count, D] and legal_mask [count, A], zero before.
  void Encode(int32_t first, int32_t count, const Encoder& encoder,
              std::span<float> inputs, std::span<uint8_t> legal_mask) const;
  // The information state of the player to move. Throws Error for a state that
  // is not of this game.
  int32_t Find(const State& state) const;

  // What the policy `probabilities` [offsets().back()] is worth to each player,
  // and what a best response to the others is. Where the others never let an
  // information state come, its choice is the first legal action; of equally
  // good actions it is the first. Throws Error unless every row is a
  // distribution. `poll` is called now and then and may throw.
  Response Respond(std::span<const double> probabilities,
                   const std::function<void()>& poll) const;

 private:
  class Enumeration;

  // The words of a history: an information state is its number, the others are
  // negative.
  static int32_t ChanceWord(int32_t distribution) {
    return ~(2 * distribution + 1);
  }
  static int32_t TerminalWord(int32_t returns) { return ~(2 * returns); }
  static bool IsTerminal(int32_t word) { return (~word & 1) == 0; }
  static int32_t Number(int32_t word) { return ~word >> 1; }

  // One player's view: sums over terminals of its return times the reach of the
  // others, by its last own action, into `gains`; returns its value.
  double Walk(Player player, std::span<const double> probabilities,
              std::span<double> gains,
              const std::atomic<bool>& cancelled) const;
  void RequireDistributions(std::span<const double> probabilities) const;
  std::vector<Action> PathTo(int32_t information_state) const;

  GamePtr game_;
  std::vector<int32_t> histories_;

  KeyIndex index_;  // of information states
  std::vector<int8_t> players_;
  std::vector<int64_t> offsets_ = {0};
  std::vector<int32_t> actions_;
  // The place in actions_ of the player's last own action, -1 if there is none.
  std::vector<int32_t> last_own_;
  std::vector<int32_t> path_;  // to the first history, below

  // Ways to the first histories, as a tree; its first entry is the root.
  struct Step {
    int32_t parent;
    int32_t action;
  };
  std::vector<Step> steps_ = {{-1, -1}};

  std::vector<int64_t> chance_offsets_ = {0};
  std::vector<double> chance_probabilities_;
  std::vector<double> returns_;  // [distinct, P]
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_BEST_RESPONSE_H_
