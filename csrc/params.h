// Every number the core can be told, with its scale and source. The Python
// side (engine/config.py) holds the same fields under the same names.
#ifndef TESUJI_CSRC_PARAMS_H_
#define TESUJI_CSRC_PARAMS_H_

#include <cstdint>

namespace tesuji {

struct SearchParams {
  // Simulations run for one decision, besides those that a reused tree already
  // holds. 0 = the network alone: one evaluation of the root.
  int simulations = 64;
  // Exploration constant of PUCT (Silver et al., 2018, "AlphaZero"), on the
  // scale of normalised values.
  double c_puct = 1.5;
  // log((visits + base + 1) / base) is added to c_puct (AlphaZero: 19652).
  double c_puct_base = 19652.0;
  // An unvisited move is worth its parent's value less this times
  // sqrt(visited policy mass) (Leela Zero); 0 = the parent's value.
  double fpu_reduction = 0.25;
  // Root noise Dir(alpha), mixed into the prior with weight `fraction`
  // (AlphaZero); 0 = none.
  double dirichlet_alpha = 0.0;
  double dirichlet_fraction = 0.0;
  // Leaves of one tree evaluated together, kept apart by virtual loss. Above 1
  // only when one position is searched alone.
  int leaves_in_flight = 1;
  // Most game states kept in one tree; the others are stepped again from their
  // nearest kept ancestor. 0 = keep all.
  int64_t max_cached_states = 0;
  // In games: keep the visits of the subtree of the move played for the next
  // decision. Off, only its evaluations are kept, and every decision counts
  // anew: that costs little, the root noise reaches every simulation, and a
  // move is the one that the position searched alone gives.
  bool reuse_tree = false;
};

// How one contestant of a game thinks and moves.
struct PlayerParams {
  int evaluator = 0;  // index into the evaluators of the pool
  SearchParams search;
  // Moves are drawn with probability visits^(1/temperature) during the first
  // `temperature_plies` plies of the game, with `final_temperature` after them;
  // 0 = the most visited move.
  double temperature = 0.0;
  int temperature_plies = 0;
  double final_temperature = 0.0;
};

struct SelfPlayParams {
  // Share of games that begin with 1..random_opening_plies uniformly random
  // moves, which are not recorded: the cheapest source of diversity.
  double random_opening_share = 0.0;
  int random_opening_plies = 0;
  // Share of games in which player 1 (a past checkpoint) takes one seat.
  double past_share = 0.0;
  // A seat resigns after `resign_plies` of its own decisions in a row with a
  // root value below -resign_threshold (normalised); 0 = never. In
  // `resign_check_share` of the games nobody resigns, which measures how often
  // a resigned game would not have been lost (AlphaGo Zero).
  double resign_threshold = 0.0;
  int resign_plies = 2;
  double resign_check_share = 0.1;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_PARAMS_H_
