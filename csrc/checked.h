// What a game says of a state, checked: the only place where the core asks.
// Games are not trusted, since anybody may write one in Python: an answer that
// no state can give is an Error with the game, its method, the answer and the
// history. The checks are the same for all games, and cheap beside the answer.
#ifndef TESUJI_CSRC_CHECKED_H_
#define TESUJI_CSRC_CHECKED_H_

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "csrc/spiel.h"
#include "open_spiel/observer.h"

namespace tesuji {

// Of a chance node; the probabilities sum to 1, but for rounding.
using ChanceOutcomeList = std::vector<std::pair<Action, double>>;

// --- checked.cc: when something is wrong ---

// Throws Error: `method` of the game returned `answer`, but `rule`.
[[noreturn]] void Reject(const State& state, const char* method,
                         const std::string& answer, const std::string& rule);
[[noreturn]] void RejectLegalActions(const State& state,
                                     std::span<const Action> actions);
// For a catch block: what `method` threw goes on as an Error.
[[noreturn]] void RethrowFrom(const State& state, const char* method);
bool MayMove(const State& state, Player nobody);
bool AllDifferent(std::vector<Action> actions);
void RequireOutcomes(const State& state, const ChanceOutcomeList& outcomes);
void RequireReturns(const State& state, std::span<const double> returns);
// Throws Error if a game in Python has gone on for longer than it declares.
void RequireEnd(const State& state);

// Runs `body`, which asks `method` of the state.
template <typename Body>
auto Asked(const State& state, const char* method, Body body) {
  try {
    return body();
  } catch (const std::exception&) {
    RethrowFrom(state, method);
  }
}

// --- what the core asks ---

// The start of a game.
StatePtr InitialState(const Game& game);

// Who moves: a player, kChancePlayer or kSimultaneousPlayer, or kTerminalPlayer
// where the game is over.
inline Player Mover(const State& state) {
  constexpr int kBetweenLooks = 64;  // moves, a power of 2
  if (Asked(state, "is_terminal", [&] { return state.IsTerminal(); })) {
    return kTerminalPlayer;
  }
  if (state.MoveNumber() % kBetweenLooks == kBetweenLooks - 1) {
    RequireEnd(state);
  }
  const Player player =
      Asked(state, "current_player", [&] { return state.CurrentPlayer(); });
  if (player >= 0 ? player < state.NumPlayers() : MayMove(state, player)) {
    return player;
  }
  Reject(state, "current_player", std::to_string(player),
         "players are numbered 0 to " + std::to_string(state.NumPlayers() - 1) +
             ", and others move only in games that say so");
}

inline bool IsOver(const State& state) {
  return Mover(state) == kTerminalPlayer;
}

inline void RequireActions(const State& state,
                           std::span<const Action> actions) {
  const auto most = static_cast<Action>(state.NumDistinctActions());
  Action before = -1;
  bool ascending = true;
  for (const Action action : actions) {
    if (action < 0 || action >= most) RejectLegalActions(state, actions);
    ascending = ascending && action > before;
    before = action;
  }
  if (!ascending && !AllDifferent({actions.begin(), actions.end()})) {
    RejectLegalActions(state, actions);
  }
}

// Where one player moves: at least one action.
inline std::vector<Action> LegalActions(const State& state) {
  std::vector<Action> actions =
      Asked(state, "legal_actions", [&] { return state.LegalActions(); });
  if (actions.empty()) RejectLegalActions(state, actions);
  RequireActions(state, actions);
  return actions;
}

// Of one player where all move at once: none, if this one has no choice.
inline std::vector<Action> LegalActions(const State& state, Player player) {
  std::vector<Action> actions =
      Asked(state, "legal_actions", [&] { return state.LegalActions(player); });
  RequireActions(state, actions);
  return actions;
}

inline ChanceOutcomeList ChanceOutcomes(const State& state) {
  ChanceOutcomeList outcomes =
      Asked(state, "chance_outcomes", [&] { return state.ChanceOutcomes(); });
  RequireOutcomes(state, outcomes);
  return outcomes;
}

// [P], finite.
inline std::vector<double> Returns(const State& state) {
  std::vector<double> returns =
      Asked(state, "returns", [&] { return state.Returns(); });
  RequireReturns(state, returns);
  return returns;
}

// One of the two tensors that games have.
class TensorOf {
 public:
  enum Kind { kObservation, kInformationState };
  TensorOf(const Game& game, Kind kind);

  // Fills `out`, of the size that the game declares. Of games in Python size
  // and numbers are checked.
  void Write(const State& state, Player player, std::span<float> out) const;

 private:
  Kind kind_;
  bool is_python_;
  // Of a game that is in Python itself: what it declares to OpenSpiel.
  std::shared_ptr<open_spiel::Observer> observer_;
};

// Throws Error unless a search may start here.
inline void RequireDecision(const State& state) {
  const Player mover = Mover(state);
  if (mover != kTerminalPlayer && mover != kChancePlayer) return;
  throw Error(
      std::string("a search starts where a player moves, not at a ") +
      (mover == kTerminalPlayer ? "terminal state; " : "chance node; ") +
      Describe(state));
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_CHECKED_H_
