// The only file of the core that names OpenSpiel: everything the search asks of
// a game goes through here.
#ifndef TESUJI_CSRC_SPIEL_H_
#define TESUJI_CSRC_SPIEL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "open_spiel/abseil-cpp/absl/types/span.h"
#include "open_spiel/game_transforms/turn_based_simultaneous_game.h"
#include "open_spiel/spiel.h"

namespace tesuji {

using Action = open_spiel::Action;
using Player = open_spiel::Player;
using Game = open_spiel::Game;
using State = open_spiel::State;
using GamePtr = std::shared_ptr<const Game>;
using StatePtr = std::unique_ptr<State>;

inline constexpr Player kChancePlayer = open_spiel::kChancePlayerId;
inline constexpr Player kSimultaneousPlayer = open_spiel::kSimultaneousPlayerId;
inline constexpr Player kTerminalPlayer = open_spiel::kTerminalPlayerId;
// Of a player who does not choose where others move simultaneously.
inline constexpr Action kNoAction = 0;

// A mistake the user can mend. The bindings turn it into
// engine.errors.TesujiError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether `holds` is true of a game or of one that it wraps, which is known by
// its parameters; `unknown` where these do not give that game back.
template <typename Predicate>
bool AnyLayer(const Game& game, Predicate holds, bool unknown) {
  if (holds(game)) return true;
  const open_spiel::GameParameters parameters = game.GetParameters();
  return std::any_of(
      parameters.begin(), parameters.end(), [&](const auto& parameter) {
        if (!parameter.second.has_game_value()) return false;
        const open_spiel::GameParameters& inside =
            parameter.second.game_value();
        if (!open_spiel::IsGameRegistered(inside.at("name").string_value())) {
          return unknown;
        }
        GamePtr layer;
        try {
          layer = open_spiel::LoadGame(inside);
        } catch (const std::exception&) {
          return unknown;  // a transform may leave out what it wraps
        }
        return AnyLayer(*layer, holds, unknown);
      });
}

// Whether the game itself is written in Python, not one that it wraps.
inline bool IsPythonLayer(const Game& game) {
  return std::string(typeid(game).name()).find("PyGame") != std::string::npos;
}

// Games written in Python clone, step and die only under the interpreter lock,
// which OpenSpiel's trampolines do not all take: whoever runs them holds it. A
// game that nobody registered may be one.
inline bool IsPythonGame(const Game& game) {
  return AnyLayer(game, IsPythonLayer, true);
}

// Games of OpenSpiel 2.0.2 whose states write into memory that they share,
// without a lock: cached_tree its nodes, colored_trails its trades, twixt the
// table that every new game fills anew, bridge_uncontested_bidding its solver.
// One thread at a time steps them.
inline bool SharesMemory(const Game& game) {
  const auto shares = [](const Game& layer) {
    const std::string& name = layer.GetType().short_name;
    return name == "cached_tree" || name == "colored_trails" ||
           name == "twixt" || name == "bridge_uncontested_bidding";
  };
  return AnyLayer(game, shares, false);
}

// Several threads must not step such games, even if each has states of its own.
inline bool OneThreadOnly(const Game& game) {
  return IsPythonGame(game) || SharesMemory(game);
}

// Utilities divided by this are the search's "normalised values". Utilities
// within [-1, 1] stay as they are.
inline double DefaultValueScale(const Game& game) {
  const double widest =
      std::max(std::abs(game.MinUtility()), std::abs(game.MaxUtility()));
  return std::isfinite(widest) && widest > 1.0 ? widest : 1.0;
}

inline bool HasChance(const Game& game) {
  return game.GetType().chance_mode !=
         open_spiel::GameType::ChanceMode::kDeterministic;
}

// Chance is drawn inside a state, by a generator that all states of the game
// object share: the same action may lead to different states.
inline bool SamplesChance(const Game& game) {
  return game.GetType().chance_mode ==
         open_spiel::GameType::ChanceMode::kSampledStochastic;
}

inline bool HasSimultaneousMoves(const Game& game) {
  return game.GetType().dynamics ==
         open_spiel::GameType::Dynamics::kSimultaneous;
}

// OpenSpiel's turn-based form of a game: players who move at once choose one
// after the other, in order, and see nothing of each other's choices.
inline GamePtr TurnBased(const GamePtr& game) {
  return HasSimultaneousMoves(*game) ? open_spiel::ConvertToTurnBased(*game)
                                     : game;
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

inline void RequireNoMeanField(const Game& game) {
  if (game.GetType().dynamics == open_spiel::GameType::Dynamics::kMeanField) {
    throw Error("game '" + game.GetType().short_name +
                "' is a mean-field game: its states depend on the distribution "
                "of a population; choose another game");
  }
}

// Throws Error for games whose states this search cannot visit soundly.
inline void RequireSearchable(const Game& game) {
  RequireCopyable(game);
  RequireNoMeanField(game);
  using open_spiel::GameType;
  const GameType& type = game.GetType();
  // A tree draws from a game object of its own, to which a state moves as text.
  if (SamplesChance(game) &&
      type.information != GameType::Information::kPerfectInformation) {
    throw Error("game '" + type.short_name +
                "' draws hidden chance inside its states, which do not move "
                "to a search's own stream; choose another game");
  }
}

// Throws Error unless one player moves at a time and chance lists its outcomes.
inline void RequireSequential(const Game& game) {
  RequireCopyable(game);
  const std::string name = "game '" + game.GetType().short_name + "'";
  if (game.GetType().dynamics != open_spiel::GameType::Dynamics::kSequential) {
    throw Error(name +
                " has simultaneous moves, which only the search of a position "
                "knows; choose a sequential game");
  }
  if (SamplesChance(game)) {
    throw Error(name +
                " samples its chance inside the state: its outcomes cannot be "
                "listed; choose a game with explicit chance");
  }
}

// Throws Error unless every history can be listed, and it is told what a player
// knows when it moves.
inline void RequireEnumerable(const Game& game) {
  RequireCopyable(game);
  const auto& type = game.GetType();
  const std::string name = "game '" + type.short_name + "'";
  if (type.dynamics == open_spiel::GameType::Dynamics::kMeanField) {
    throw Error(name +
                " is a mean-field game: what a policy is worth depends on a "
                "distribution over all players; choose another game");
  }
  if (SamplesChance(game)) {
    throw Error(name +
                " samples its chance inside the state: its outcomes cannot be "
                "listed; choose a game with explicit chance");
  }
  if (!type.provides_information_state_string &&
      type.information !=
          open_spiel::GameType::Information::kPerfectInformation) {
    throw Error(name +
                " has no information-state strings, which tell what a player "
                "knows when it moves; choose a game that has them");
  }
}

inline StatePtr Child(const State& state, Action action) {
  StatePtr child = state.Clone();
  child->ApplyAction(action);
  return child;
}

// Players are paid before the end, so that returns grow during a game.
inline bool PaysOnTheWay(const Game& game) {
  return game.GetType().reward_model ==
         open_spiel::GameType::RewardModel::kRewards;
}

// The most edges that a node may have: legal actions, or outcomes of chance.
inline size_t MostEdges(const Game& game, int chance_samples) {
  const int actions = game.NumDistinctActions() *
                      (HasSimultaneousMoves(game) ? game.NumPlayers() : 1);
  const int outcomes = SamplesChance(game) ? chance_samples
                       : HasChance(game)   ? game.MaxChanceOutcomes()
                                           : 0;
  return static_cast<size_t>(std::max(actions, outcomes));
}

// The same game with a generator of its own, for games that draw chance inside
// their states.
inline GamePtr OwnGame(const Game& game, uint64_t seed) {
  open_spiel::GameParameters parameters = game.GetParameters();
  parameters["rng_seed"] = open_spiel::GameParameter(
      static_cast<int>((seed ^ (seed >> 32)) & 0x7fffffff));
  return open_spiel::LoadGame(game.GetType().short_name, parameters);
}

// From how many seats a state in which somebody moves is looked at.
inline int Observers(const Game& game) {
  return HasSimultaneousMoves(game) ? game.NumPlayers() : 1;
}

inline void RequireSameGame(const State& state, const Game& game) {
  if (state.GetGame()->ToString() != game.ToString()) {
    throw Error("the evaluator plays '" + game.ToString() +
                "', but the state belongs to '" + state.GetGame()->ToString() +
                "'");
  }
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

// The state that the history of `state` begins from: the game's own start, or a
// position that it was set up with.
inline StatePtr StartOf(const State& state) {
  if (StatePtr start = state.StartingState()) return start;  // set up by JSON
  // Chess and crazyhouse keep their FEN to themselves, but for their text.
  constexpr std::string_view kFen = "FEN: ";
  const std::string text = state.Serialize();
  const std::string line = text.substr(0, text.find('\n'));
  return line.starts_with(kFen) && line.size() > kFen.size()
             ? state.GetGame()->NewInitialState(line.substr(kFen.size()))
             : state.GetGame()->NewInitialState();
}

// At most `depth` states that led to this one, oldest first, by replay. Throws
// Error where the history does not lead here.
inline std::vector<StatePtr> Predecessors(const State& state, int depth) {
  std::vector<StatePtr> past;
  const std::vector<Action> history = state.History();
  if (depth == 0 || history.empty()) return past;
  StatePtr replayed = StartOf(state);
  for (size_t next = 0; next < history.size();) {
    past.push_back(replayed->Clone());
    if (static_cast<int>(past.size()) > depth) past.erase(past.begin());
    if (replayed->IsSimultaneousNode()) {
      const auto joint = history.begin() + static_cast<std::ptrdiff_t>(next);
      next += replayed->NumPlayers();
      replayed->ApplyActions({joint, joint + replayed->NumPlayers()});
      continue;
    }
    const std::vector<Action> legal = replayed->LegalActions();
    if (std::find(legal.begin(), legal.end(), history[next]) == legal.end()) {
      break;
    }
    replayed->ApplyAction(history[next++]);
  }
  if (replayed->ToString() != state.ToString()) {
    throw Error(
        "the network reads earlier positions, but replaying the moves leads to "
        "another position than this one: begin from the game's start, or from "
        "a position whose game remembers it; " +
        Describe(state));
  }
  return past;
}

// What is worth telling of an exception.
inline std::string FirstLine(const std::exception& exception) {
  const std::string text = exception.what();
  return text.substr(0, std::min(text.find('\n'), text.find(" (#define ")));
}

// For a catch block: what a game threw at or below `state` goes on as an Error
// that names both. Errors of the core say where they arose already, and an
// interrupt is nobody's error.
[[noreturn]] inline void RethrowFrom(const State& state) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& exception) {
    const std::string text = FirstLine(exception);
    if (text.starts_with("KeyboardInterrupt")) throw;
    throw Error(text + "; " + Describe(state));
  }
}

// Runs `body`, which asks something of the game at or below `state`; see above.
template <typename Body>
auto Within(const State& state, Body body) {
  try {
    return body();
  } catch (const std::exception&) {
    RethrowFrom(state);
  }
}

// A copy for somebody outside the core.
inline StatePtr Copy(const State& state) {
  return Within(state, [&] { return state.Clone(); });
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_SPIEL_H_
