// The only file of the core that names OpenSpiel: everything the search asks of
// a game goes through here.
#ifndef TESUJI_CSRC_SPIEL_H_
#define TESUJI_CSRC_SPIEL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "open_spiel/abseil-cpp/absl/types/span.h"
#include "open_spiel/spiel.h"

namespace tesuji {

using Action = open_spiel::Action;
using Player = open_spiel::Player;
using Game = open_spiel::Game;
using State = open_spiel::State;
using GamePtr = std::shared_ptr<const Game>;
using StatePtr = std::unique_ptr<State>;

inline constexpr Player kChancePlayer = open_spiel::kChancePlayerId;

// A mistake the user can mend. The bindings turn it into
// engine.errors.TesujiError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Games written in Python clone, step and die only under the interpreter lock,
// which OpenSpiel's trampolines do not all take: whoever runs them holds it.
inline bool IsPythonGame(const Game& game) {
  return std::string(typeid(game).name()).find("PyGame") != std::string::npos ||
         game.ToString().find("python_") != std::string::npos;
}

// Utilities divided by this are the search's "normalised values". Utilities
// within [-1, 1] stay as they are.
inline double DefaultValueScale(const Game& game) {
  const double widest =
      std::max(std::abs(game.MinUtility()), std::abs(game.MaxUtility()));
  return std::isfinite(widest) && widest > 1.0 ? widest : 1.0;
}

inline bool IsTwoPlayerZeroSum(const Game& game) {
  return game.NumPlayers() == 2 &&
         game.GetType().utility == open_spiel::GameType::Utility::kZeroSum;
}

// Copies of morpion_solitaire's states in OpenSpiel 2.0.2 use memory of the
// state they were copied from: stepping one after that has gone crashes, from
// Python too.
inline void RequireCopyable(const Game& game) {
  if (game.GetType().short_name == "morpion_solitaire") {
    throw Error(
        "game 'morpion_solitaire' cannot be copied safely in OpenSpiel 2.0.2: "
        "choose another game");
  }
}

// Throws Error for games whose states this search cannot visit soundly.
inline void RequireSearchable(const Game& game) {
  RequireCopyable(game);
  using open_spiel::GameType;
  const GameType& type = game.GetType();
  const std::string name = "game '" + type.short_name + "'";
  if (type.dynamics != GameType::Dynamics::kSequential) {
    throw Error(name +
                " has simultaneous moves: tree search over its states "
                "is not sound; choose a sequential game");
  }
  if (type.chance_mode == GameType::ChanceMode::kSampledStochastic) {
    throw Error(name +
                " samples its chance inside the state: its outcomes "
                "cannot be kept in a tree; choose a game with explicit chance");
  }
}

inline StatePtr Child(const State& state, Action action) {
  StatePtr child = state.Clone();
  child->ApplyAction(action);
  return child;
}

// For error messages: the game and the actions that lead to the state.
inline std::string Describe(const State& state) {
  std::string text = state.GetGame()->ToString() + ", history [";
  const char* separator = "";
  for (Action action : state.History()) {
    text += separator + std::to_string(action);
    separator = ", ";
  }
  return text + "]";
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_SPIEL_H_
