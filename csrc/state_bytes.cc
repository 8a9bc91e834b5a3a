#include "csrc/state_bytes.h"

#include <algorithm>
#include <vector>

#include "csrc/checked.h"

// Only glibc tells, from version 2.33 on.
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
#include <malloc.h>
#define TESUJI_ALLOCATOR_TELLS
#endif

namespace tesuji {

int64_t EstimatedStateBytes(const State& state) {
  // Few games keep more than a word for each letter that they print.
  constexpr int64_t kFixed = 1024;
  constexpr int64_t kWord = 8;
  return kFixed +
         kWord * static_cast<int64_t>(
                     Asked(state, "string", [&] { return state.ToString(); })
                         .size()) +
         static_cast<int64_t>(state.FullHistory().size() *
                              sizeof(State::PlayerAction));
}

#ifdef TESUJI_ALLOCATOR_TELLS
int64_t StateBytes(const State& state) {
  constexpr int kCopies = 64;
  const Player mover = Mover(state);
  const bool moves = (mover >= 0 || mover == kChancePlayer) &&
                     !SamplesChance(*state.GetGame());
  const Action action = !moves ? kNoAction
                        : mover == kChancePlayer
                            ? ChanceOutcomes(state)[0].first
                            : LegalActions(state)[0];
  std::vector<StatePtr> copies(kCopies);
  const size_t before = mallinfo2().uordblks;
  for (StatePtr& copy : copies) {
    copy = state.Clone();
    if (moves) copy->ApplyAction(action);
  }
  const size_t after = mallinfo2().uordblks;
  const auto least = static_cast<int64_t>(sizeof(State));
  return std::max(
      least,
      (static_cast<int64_t>(after) - static_cast<int64_t>(before)) / kCopies);
}
#else
int64_t StateBytes(const State& state) { return EstimatedStateBytes(state); }
#endif

}  // namespace tesuji
