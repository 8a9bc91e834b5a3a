// Games, states and searches that several tests need.
#ifndef TESUJI_CSRC_TESTS_GAMES_H_
#define TESUJI_CSRC_TESTS_GAMES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "csrc/evaluator.h"
#include "csrc/positions.h"
#include "csrc/rng.h"
#include "csrc/spiel.h"

namespace tesuji {

inline void NoPoll() {}

inline GamePtr Load(const std::string& name) {
  return open_spiel::LoadGame(name);
}

inline StatePtr Played(const Game& game, const std::vector<Action>& actions) {
  StatePtr state = game.NewInitialState();
  for (Action action : actions) state->ApplyAction(action);
  return state;
}

// A state where a player moves, after about so many random moves.
inline StatePtr RandomState(const Game& game, int moves, uint64_t seed) {
  Rng rng(seed);
  StatePtr state = game.NewInitialState();
  while (moves > 0 || state->IsChanceNode()) {
    const std::vector<Action> legal = state->LegalActions();
    StatePtr child = Child(*state, legal[rng.Below(legal.size())]);
    if (child->IsTerminal()) return RandomState(game, moves, seed + 1);
    state = std::move(child);
    --moves;
  }
  return state;
}

// states[i] is searched with seed i.
inline std::vector<SearchResult> SearchAll(
    const EvaluatorPtr& evaluator, const std::vector<const State*>& states,
    const SearchParams& params, int workers) {
  std::vector<StatePtr> clones;
  std::vector<uint64_t> seeds;
  for (const State* state : states) {
    seeds.push_back(clones.size());
    clones.push_back(state->Clone());
  }
  PositionSearch search(evaluator, std::move(clones), std::move(seeds), params,
                        workers);
  search.Run(NoPoll);
  return search.results();
}

inline SearchResult SearchOne(const EvaluatorPtr& evaluator, const State& state,
                              const SearchParams& params) {
  return SearchAll(evaluator, {&state}, params, 1)[0];
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_TESTS_GAMES_H_
