// A random game as the core sees it, for comparison with OpenSpiel's own Python
// interface.
#ifndef TESUJI_CSRC_PLAYTHROUGH_H_
#define TESUJI_CSRC_PLAYTHROUGH_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "csrc/checked.h"
#include "csrc/rng.h"

namespace tesuji {

struct PlaythroughStep {
  Player player = 0;
  Action action = 0;
  std::vector<Action> legal_actions;                       // of a decision
  std::vector<std::pair<Action, double>> chance_outcomes;  // of a chance node
  std::vector<float> observation;        // of the player to move, if the game
  std::vector<float> information_state;  // provides such a tensor
};

struct Playthrough {
  std::vector<PlaythroughStep> steps;
  std::vector<double> returns;  // of the last state, terminal or not
  bool terminal = false;
};

// Plays uniformly random moves for at most `max_steps` steps. Every state is
// cloned before it is stepped, as a search does.
inline Playthrough Play(const Game& game, uint64_t seed, int max_steps) {
  RequireCopyable(game);
  const auto& type = game.GetType();
  if (type.dynamics != open_spiel::GameType::Dynamics::kSequential) {
    throw Error("game '" + type.short_name + "' has simultaneous moves");
  }
  std::optional<TensorOf> observation;
  std::optional<TensorOf> information_state;
  if (type.provides_observation_tensor) {
    observation.emplace(game, TensorOf::kObservation);
  }
  if (type.provides_information_state_tensor) {
    information_state.emplace(game, TensorOf::kInformationState);
  }
  Playthrough playthrough;
  Rng rng(seed);
  StatePtr state = game.NewInitialState();
  Player mover = Mover(*state);
  while (mover != kTerminalPlayer &&
         static_cast<int>(playthrough.steps.size()) < max_steps) {
    PlaythroughStep& step = playthrough.steps.emplace_back();
    step.player = mover;
    if (mover == kChancePlayer) {
      step.chance_outcomes = ChanceOutcomes(*state);
      std::vector<double> probabilities;
      for (const auto& outcome : step.chance_outcomes) {
        probabilities.push_back(outcome.second);
      }
      step.action = step.chance_outcomes[rng.Categorical(probabilities)].first;
    } else {
      step.legal_actions = LegalActions(*state);
      step.action = step.legal_actions[rng.Below(step.legal_actions.size())];
      if (observation.has_value()) {
        step.observation.resize(game.ObservationTensorSize());
        observation->Write(*state, step.player, step.observation);
      }
      if (information_state.has_value()) {
        step.information_state.resize(game.InformationStateTensorSize());
        information_state->Write(*state, step.player, step.information_state);
      }
    }
    state = Within(*state, [&] { return Child(*state, step.action); });
    mover = Mover(*state);
  }
  playthrough.terminal = mover == kTerminalPlayer;
  playthrough.returns = Returns(*state);
  return playthrough;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_PLAYTHROUGH_H_
