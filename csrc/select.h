// Selection functions: which edge a simulation follows.
#ifndef TESUJI_CSRC_SELECT_H_
#define TESUJI_CSRC_SELECT_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
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

// Maps a player's values to the scale on which moves are compared: [-1, 1]
// between the worst and the best.
struct ValueScale {
  double middle = 0.0;
  double factor = 1.0;
  double operator()(double value) const { return (value - middle) * factor; }
};

// The ranges that each player's mean values in a tree span, where moves are
// compared by them (MuZero); with ValueRange::kDeclared nothing is watched.
class ValueRanges {
 public:
  ValueRanges(ValueRange kind, int players) {
    if (kind == ValueRange::kTree) {
      ranges_.assign(players, {INFINITY, -INFINITY});
    }
  }

  void See(Player player, double mean) {
    if (ranges_.empty()) return;
    Range& range = ranges_[player];
    range.low = std::min(range.low, mean);
    range.high = std::max(range.high, mean);
  }
  ValueScale Scale(Player player) const {
    if (ranges_.empty()) return {};
    const auto [low, high] = ranges_[player];
    if (!(high - low > 1e-9)) return {std::isfinite(low) ? low : 0.0, 0.0};
    return {0.5 * (low + high), 2.0 / (high - low)};
  }

 private:
  struct Range {
    double low;
    double high;
  };
  std::vector<Range> ranges_;  // [P]
};

// Flattens a root's prior.
inline void Temper(std::span<float> prior, const SearchParams& params) {
  if (params.root_policy_temperature == 1.0) return;
  const auto exponent =
      static_cast<float>(1.0 / params.root_policy_temperature);
  // Shares of the largest: however low the temperature, one stays 1.
  const float largest = *std::max_element(prior.begin(), prior.end());
  float total = 0.0f;
  for (float& p : prior) total += p = std::pow(p / largest, exponent);
  for (float& p : prior) p /= total;
}

// Mixes Dirichlet noise into a root's prior.
inline void AddNoise(std::span<float> prior, const SearchParams& params,
                     Rng& rng) {
  const double fraction = params.dirichlet_fraction;
  const double alpha = params.dirichlet_total > 0.0
                           ? params.dirichlet_total / prior.size()
                           : params.dirichlet_alpha;
  if (fraction <= 0.0 || alpha <= 0.0) return;
  const std::vector<double> noise = rng.Dirichlet(alpha, prior.size());
  for (size_t i = 0; i < prior.size(); ++i) {
    prior[i] =
        static_cast<float>((1.0 - fraction) * prior[i] + fraction * noise[i]);
  }
}

// The moves that a selection leaves alone: those proven lost, unless all are,
// which settles no node where others' values differ (proof.h).
class LeftAlone {
 public:
  explicit LeftAlone(std::span<const Edge> edges)
      : all_lost_(std::all_of(edges.begin(), edges.end(), Lost)) {}
  bool operator()(const Edge& edge) const { return !all_lost_ && Lost(edge); }

 private:
  static bool Lost(const Edge& edge) { return edge.proof == Proof::kLoss; }
  bool all_lost_;
};

// PUCT (Rosin, 2011; in the form of AlphaZero, 2018) with first-play urgency.
// Returns the index of the edge with the largest
//     q + c(N) * prior * sqrt(N) / (1 + visits),
// N = visits of the node's edges; ties go to the earlier edge.
// `forced_playouts`: see SearchParams; 0 below the root.
inline size_t SelectPuct(const Node& node, std::span<const Edge> edges,
                         double fpu_reduction, Exploration& exploration,
                         const ValueScale& scale, double forced_playouts) {
  uint32_t total_visits = 0;
  double visited_mass = 0.0;
  for (const Edge& edge : edges) {
    if (edge.visits == 0) continue;
    total_visits += edge.visits;
    visited_mass += edge.prior;
  }
  const double parent_q =
      node.visits > 0 ? scale(node.value_sum / node.visits) : 0.0;
  const double fpu = parent_q - fpu_reduction * std::sqrt(visited_mass);
  const double explored = exploration(total_visits);
  const LeftAlone left_alone(edges);
  if (forced_playouts > 0.0) {
    for (size_t i = 0; i < edges.size(); ++i) {
      const Edge& edge = edges[i];
      const double forced =
          std::sqrt(forced_playouts * edge.prior * total_visits);
      if (edge.visits > 0 && edge.visits < forced && !left_alone(edge)) {
        return i;
      }
    }
  }
  size_t best = 0;
  double best_score = -INFINITY;
  for (size_t i = 0; i < edges.size(); ++i) {
    const Edge& edge = edges[i];
    if (left_alone(edge)) continue;
    const double q =
        edge.visits > 0 ? scale(edge.value_sum / edge.visits) : fpu;
    const double score = q + explored * edge.prior / (1.0 + edge.visits);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

// A chance outcome, by its probability.
inline size_t SelectSampled(std::span<const Edge> edges, Rng& rng) {
  double remaining = rng.Uniform();
  for (size_t i = 0; i + 1 < edges.size(); ++i) {
    remaining -= edges[i].prior;
    if (remaining < 0.0) return i;
  }
  return edges.size() - 1;
}

// A chance outcome: visit n (from 0) goes to the outcome at `offset` +
// n * golden ratio (mod 1) of the distribution. `offset` belongs to the node
// and is drawn here before its first visit. So each visit, the first one too,
// follows the probabilities, whatever order the game lists them in, and all
// together stay close to them (a Weyl sequence with a random shift). Proven
// outcomes are left out: a visit would tell nothing new. With widening > 0,
// once widening * sqrt(visits) outcomes have a visit only those are looked at.
inline size_t SelectExpected(const Node& node, std::span<const Edge> edges,
                             double widening, double& offset, Rng& rng) {
  uint64_t visits = 0;
  double visited = 0.0;
  for (const Edge& edge : edges) {
    visits += edge.visits;
    if (edge.visits > 0) visited += 1.0;
  }
  if (visits == 0) offset = rng.Uniform();
  const double most =
      std::max(1.0, std::ceil(widening * std::sqrt(node.visits + 1.0)));
  const bool visited_only =
      widening > 0.0 &&
      visited >= std::min(most, static_cast<double>(edges.size()));
  const auto open = [visited_only](const Edge& edge) {
    return edge.proof == Proof::kNone && edge.prior > 0.0f &&
           (edge.visits > 0 || !visited_only);
  };
  double mass = 0.0;
  for (const Edge& edge : edges) {
    if (open(edge)) mass += edge.prior;
  }
  // Where successors are drawn, a node with nothing but ends is not proven.
  if (mass <= 0.0) return SelectSampled(edges, rng);
  const double point =
      offset + static_cast<double>(visits) * (std::numbers::phi - 1.0);
  double remaining = (point - std::floor(point)) * mass;
  size_t chosen = edges.size();
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!open(edges[i])) continue;
    chosen = i;
    remaining -= edges[i].prior;
    if (remaining < 0.0) break;
  }
  return chosen;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_SELECT_H_
