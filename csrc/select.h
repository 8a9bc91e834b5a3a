// Selection functions: which edge a simulation follows.
#ifndef TESUJI_CSRC_SELECT_H_
#define TESUJI_CSRC_SELECT_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "csrc/node.h"
#include "csrc/params.h"
#include "csrc/rng.h"

namespace tesuji {

// c(N) * sqrt(N) of PUCT, remembered for small N: a simulation asks for it at
// every node of its path, and the logarithm is dear.
class Exploration {
 public:
  explicit Exploration(const SearchParams& params)
      : c_puct_(params.c_puct), base_(params.c_puct_base) {}

  double operator()(uint32_t visits) {
    if (visits >= kRemembered) return Compute(visits);
    while (known_.size() <= visits) known_.push_back(Compute(known_.size()));
    return known_[visits];
  }

 private:
  static constexpr uint32_t kRemembered = 4096;
  double Compute(double visits) const {
    const double c = c_puct_ + std::log((visits + base_ + 1.0) / base_);
    // The first visit follows the prior: sqrt(0) would make every move equal.
    return c * std::sqrt(std::max(visits, 1.0));
  }

  double c_puct_;
  double base_;
  std::vector<double> known_;
};

// PUCT (Rosin, 2011; in the form of AlphaZero, 2018) with first-play urgency.
// Returns the index of the edge with the largest
//     q + c(N) * prior * sqrt(N) / (1 + visits),
// N = visits of the node's edges; ties go to the earlier edge.
inline size_t SelectPuct(const Node& node, std::span<const Edge> edges,
                         double fpu_reduction, Exploration& exploration) {
  uint32_t total_visits = 0;
  double visited_mass = 0.0;
  for (const Edge& edge : edges) {
    if (edge.visits == 0) continue;
    total_visits += edge.visits;
    visited_mass += edge.prior;
  }
  const double parent_q = node.visits > 0 ? node.value_sum / node.visits : 0.0;
  const double fpu = parent_q - fpu_reduction * std::sqrt(visited_mass);
  const double explored = exploration(total_visits);
  size_t best = 0;
  double best_score = -INFINITY;
  for (size_t i = 0; i < edges.size(); ++i) {
    const Edge& edge = edges[i];
    const double q = edge.visits > 0 ? edge.value_sum / edge.visits : fpu;
    const double score = q + explored * edge.prior / (1.0 + edge.visits);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

// A chance outcome, by its probability.
inline size_t SelectChance(std::span<const Edge> edges, Rng& rng) {
  double remaining = rng.Uniform();
  for (size_t i = 0; i + 1 < edges.size(); ++i) {
    remaining -= edges[i].prior;
    if (remaining < 0.0) return i;
  }
  return edges.size() - 1;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_SELECT_H_
