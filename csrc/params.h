// Every number the core can be told, with its scale and source. The Python
// side (engine/config.py) holds the same fields under the same names.
#ifndef TESUJI_CSRC_PARAMS_H_
#define TESUJI_CSRC_PARAMS_H_

#include <cstdint>

namespace tesuji {

// How the root's moves share the simulations, and what is learnt from it.
enum class Selection : uint8_t {
  kPuct,    // AlphaZero: visits follow value and prior; the target is visits
  kGumbel,  // Danihelka et al., 2022: sequential halving; the target is the
            // prior improved by the values
};

// Where values stand between "worst" and "best" when moves are compared.
enum class ValueRange : uint8_t {
  kDeclared,  // utility / value_scale, as the game declares it
  kTree,      // between the smallest and largest value of the tree (MuZero)
};

struct SearchParams {
  // Simulations run for one decision, besides those that a reused tree already
  // holds. 0 = the network alone: one evaluation of the root.
  int simulations = 64;
  Selection selection = Selection::kPuct;

  // --- PUCT ---
  // Exploration constant of PUCT (Silver et al., 2018, "AlphaZero"), on the
  // scale of normalised values.
  double c_puct = 1.5;
  // log((visits + base + 1) / base) is added to c_puct (AlphaZero: 19652).
  double c_puct_base = 19652.0;
  // An unvisited move is worth its parent's value less this times
  // sqrt(visited policy mass) (Leela Zero); 0 = the parent's value.
  double fpu_reduction = 0.25;
  // The root's prior is raised to 1/this before any noise (KataGo: 1.1 to
  // 1.25); 1 = as it is.
  double root_policy_temperature = 1.0;
  // Root noise Dir(alpha), mixed into the prior with weight `fraction`
  // (AlphaZero); 0 = none.
  double dirichlet_alpha = 0.0;
  double dirichlet_fraction = 0.0;
  // Above 0, alpha is this divided by the number of legal moves, whatever
  // dirichlet_alpha says (KataGo: 10.83).
  double dirichlet_total = 0.0;
  // Root moves with a visit get at least sqrt(this * prior * simulations) of
  // them, and the target forgets what a move would not have had without
  // (KataGo: 2); 0 = none.
  double forced_playouts = 0.0;

  // --- Gumbel ---
  // Root moves that compete for the simulations; the others are never visited.
  int max_considered_actions = 16;
  // Scale of the Gumbel noise that draws them; 0 = the likeliest, for play.
  double gumbel_scale = 1.0;
  // A value in [0, 1] weighs (c_visit + most visits) * c_scale beside the
  // prior's logit. The paper has 50, and 1 for board games: too sharp for few
  // simulations of networks that err (BENCHMARKS.md, "Which search learns
  // best").
  double c_visit = 50.0;
  double c_scale = 0.2;

  // --- values ---
  ValueRange value_range = ValueRange::kDeclared;
  // Wins, losses and draws known for certain propagate through the tree, lost
  // moves are left alone, and a proven root ends the search (Winands,
  // Bjornsson and Saito, 2008, "MCTS-Solver", in vectors of values).
  bool proofs = true;

  // --- chance ---
  // Outcomes are visited close to their probabilities, and a chance node is
  // worth the expectation over those visited. Off, each visit draws an outcome,
  // and it is worth their mean.
  bool expected_chance = true;
  // At most this times sqrt(visits) outcomes of a chance node are looked at
  // (progressive widening: Couetoux et al., 2011); 0 = all.
  double chance_widening = 0.0;
  // Games that draw chance inside a state: so many drawn successors stand for
  // all.
  int chance_samples = 16;

  // --- simultaneous moves ---
  // Share of the prior in the strategy that is played while searching; the rest
  // is regret matching (Lanctot et al., 2014).
  double joint_exploration = 0.1;

  // --- limits ---
  // Leaves of one tree evaluated together, kept apart by virtual loss. Above 1
  // only when one position is searched alone.
  int leaves_in_flight = 1;
  // Most game states kept in one tree; the others are stepped again from their
  // nearest kept ancestor. 0 = keep all.
  int64_t max_cached_states = 0;
  // Most bytes of one tree, states included; at the bound the search goes on
  // without growing. 0 = no bound.
  int64_t max_bytes = 0;
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
  // Playout-cap randomisation (KataGo: 0.75): this share of decisions is made
  // with `fast_simulations`, without noise, and not recorded.
  double fast_share = 0.0;
  int fast_simulations = 0;
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
