// A random game as the core sees it, for comparison with OpenSpiel's own Python
// interface.
#ifndef TESUJI_CSRC_PLAYTHROUGH_H_
#define TESUJI_CSRC_PLAYTHROUGH_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "csrc/rng.h"
#include "csrc/spiel.h"

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
  Playthrough playthrough;
  Rng rng(seed);
  StatePtr state = game.NewInitialState();
  while (!state->IsTerminal() &&
         static_cast<int>(playthrough.steps.size()) < max_steps) {
    PlaythroughStep& step = playthrough.steps.emplace_back();
    step.player = state->CurrentPlayer();
    if (state->IsChanceNode()) {
      step.chance_outcomes = state->ChanceOutcomes();
      std::vector<double> probabilities;
      for (const auto& outcome : step.chance_outcomes) {
        probabilities.push_back(outcome.second);
      }
      step.action = step.chance_outcomes[rng.Categorical(probabilities)].first;
    } else {
      step.legal_actions = state->LegalActions();
      step.action = step.legal_actions[rng.Below(step.legal_actions.size())];
      if (type.provides_observation_tensor) {
        step.observation = state->ObservationTensor(step.player);
      }
      if (type.provides_information_state_tensor) {
        step.information_state = state->InformationStateTensor(step.player);
      }
    }
    state = Child(*state, step.action);
  }
  playthrough.terminal = state->IsTerminal();
  playthrough.returns = state->Returns();
  return playthrough;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_PLAYTHROUGH_H_
