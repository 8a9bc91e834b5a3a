// A game in progress and what is kept of it once finished.
#ifndef TESUJI_CSRC_GAME_RECORD_H_
#define TESUJI_CSRC_GAME_RECORD_H_

#include <cstdint>
#include <vector>

#include "csrc/rng.h"
#include "csrc/spiel.h"

namespace tesuji {

// One game. Decisions are those of the learner that were searched; per-decision
// arrays are row-major and concatenated. All of it but `inputs`,
// `legal_mask` and `paid` (which replaying the history gives back) makes up the
// snapshot of a game in progress.
struct GameRecord {
  int64_t id = -1;
  std::vector<Action> history;  // chance outcomes included
  std::vector<double> returns;  // [P], by player, normalised; once finished
  std::vector<int32_t> seats;   // [P], index of each player's PlayerParams

  std::vector<int32_t> plies;       // [T], index into history of the decision
  std::vector<int8_t> players;      // [T], who decided
  std::vector<float> policy;        // [T, A], targets of the search
  std::vector<float> root_values;   // [T, P], returns still to come,
                                    // normalised, observer first
  std::vector<float> inputs;        // [T, D]
  std::vector<uint8_t> legal_mask;  // [T, A]
  std::vector<float> paid;          // [T, P], returns so far, normalised,
                                    // observer first

  int32_t opening_plies = 0;       // random moves still to play
  bool check_resignation = false;  // nobody resigns in this game
  bool resigned = false;
  int32_t would_resign = -1;      // first seat to give up in a checked game
  std::vector<int32_t> hopeless;  // [P], own bad decisions in a row
  Rng::State rng = {};
  Rng::State chance_rng = {};
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_GAME_RECORD_H_
