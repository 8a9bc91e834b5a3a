// Hidden information: what a player knows, and its belief, the distribution
// over the states it may be in.
#ifndef TESUJI_CSRC_INFOSET_H_
#define TESUJI_CSRC_INFOSET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csrc/batch.h"
#include "csrc/evaluator.h"
#include "csrc/hash.h"
#include "csrc/spiel.h"

namespace tesuji {

// A hash of everything that one player has seen. Where the game has
// information-state strings, of that string; else of all observation strings
// since the start, one a state, and the player's own actions.
class Information {
 public:
  // For "no action of this player".
  static constexpr Action kNone = open_spiel::kInvalidAction;
  // What is known before the game starts. Not zero: no hash would move it.
  static constexpr Key kNothing = {1, 2};

  // With `own_turns`, the player sees nothing but the states in which it moves.
  // Throws Error for a game that has strings of neither kind.
  Information(const Game& game, Player player, bool own_turns = false);

  bool Sees(const State& state) const;
  // What the player knows in `state`, having known `before` one step earlier
  // (kNothing at the start); `own` is the action it took then, if it moved.
  Key After(Key before, Action own, const State& state) const;

 private:
  bool recall_;     // the string stands for all that was seen before
  bool own_turns_;  // see the constructor
  Player player_;
};

// What the player to move knows, whatever came before: its information-state
// string or, in games without, its observation, as text and tensor. An
// evaluator without history answers from no more than that.
Key MoverInformation(const State& state);

// How the opponents are believed to play.
class Policy {
 public:
  virtual ~Policy() = default;
  // Row i: the probabilities of the legal actions of states[i], in their order.
  virtual std::vector<std::vector<double>> Probabilities(
      std::span<const State* const> states) = 0;
};

std::unique_ptr<Policy> MakeUniformPolicy();
// The softmax of an evaluator's prior_logits over the legal actions. Opens
// session 0 of the evaluator: construct and destroy where that may be done.
std::unique_ptr<Policy> MakeEvaluatorPolicy(EvaluatorPtr evaluator);

// The softmax of what an evaluator answered, `prior_logits` [A], over the legal
// actions. Throws Error if it is not finite.
std::vector<float> LegalSoftmax(const Evaluator& evaluator,
                                const float* prior_logits,
                                std::span<const Action> legal_actions,
                                const State& state);

// Throws Error where answers of the evaluator for `game` would be meaningless,
// or need more than the state itself.
void RequireAnswers(const Evaluator& evaluator, const Game& game);

struct BeliefOptions {
  // "exact": every state, within `max_nodes`. "replay": the same walk, but cut
  // down to `particles` at each step, more where none is left in the end.
  // "resampling": `particles` draws of the
  // game's own ResampleFromInfostate, reweighted. "auto": exact as far as
  // `max_nodes` goes; beyond, resampling where it is sound, else replay.
  std::string method = "auto";
  int particles = 1000;
  // States stepped before an enumeration gives way to particles.
  int64_t max_nodes = 20000;
};

// States in which the player to move may be, all different.
struct Belief {
  GamePtr game;
  Player player = 0;
  Key information;  // what the player knows, the same in all states
  std::vector<StatePtr> states = {};
  std::vector<double> weights = {};  // sum to 1
  // 1 / sum w^2 over the particles, as they were before equal ones were merged,
  // or over their ancestors at the first cut if that is less (Chan and Lai,
  // 2013): hidden moves made after it tell copies apart, and no more.
  double effective_sample_size = 0.0;
  std::string method = "";  // what was done: exact, resampling or replay
};

// The belief of the player to move in `state`: chance and `policy` weigh a
// history, the player's own actions do not. Depends on the state only through
// what the player has seen. Throws Error if nothing is left.
Belief FindBelief(const State& state, Policy& policy,
                  const BeliefOptions& options, uint64_t seed,
                  const std::function<void()>& poll);

}  // namespace tesuji

#endif  // TESUJI_CSRC_INFOSET_H_
