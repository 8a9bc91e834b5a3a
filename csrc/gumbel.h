// Gumbel search (Danihelka, Guez, Schrittwieser and Silver, 2022, "Policy
// improvement by planning with Gumbel"): the root's simulations are shared by
// sequential halving among moves drawn without replacement, and what is learnt
// is the prior improved by the values, which is an improvement however few the
// simulations.
#ifndef TESUJI_CSRC_GUMBEL_H_
#define TESUJI_CSRC_GUMBEL_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "csrc/node.h"
#include "csrc/params.h"
#include "csrc/rng.h"
#include "csrc/select.h"

namespace tesuji {

// Sequential halving as a list: simulation i goes to one of the moves that have
// exactly schedule[i] visits. All `considered` moves get the same number of
// visits, then the better half of them, and so on, at least two to the end.
inline std::vector<uint32_t> HalvingSchedule(int considered, int simulations) {
  std::vector<uint32_t> schedule;
  schedule.reserve(simulations);
  if (considered <= 1) {
    for (int i = 0; i < simulations; ++i) schedule.push_back(i);
    return schedule;
  }
  const int phases = std::bit_width(static_cast<unsigned>(considered - 1));
  uint32_t visits = 0;  // of every move still considered
  for (int left = considered; static_cast<int>(schedule.size()) < simulations;
       left = std::max(2, left / 2)) {
    const int each = std::max(1, simulations / (phases * left));
    for (int round = 0; round < each; ++round, ++visits) {
      schedule.insert(schedule.end(), left, visits);
    }
  }
  schedule.resize(simulations);
  return schedule;
}

// Completes a player's values of the edges, those without a visit, by a mixture
// of `raw_value`, the evaluator's for the node, and of the values known
// (equation 33).
inline void CompleteValues(std::span<const Edge> edges, double raw_value,
                           std::span<double> values) {
  uint32_t total = 0;
  double mass = 0.0;
  double mean = 0.0;
  for (size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].visits == 0) continue;
    total += edges[i].visits;
    // A prior may underflow; the visit is there all the same.
    const double prior = std::max(edges[i].prior, 1e-30f);
    mass += prior;
    mean += prior * values[i];
  }
  const double mixed = total == 0
                           ? raw_value
                           : (raw_value + total * mean / mass) / (1.0 + total);
  for (size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].visits == 0) values[i] = mixed;
  }
}

// What the edges are worth to the player who moves, on the scale of logits:
// (c_visit + most visits) * c_scale * completed value, values in [0, 1].
inline void TransformedValues(std::span<const Edge> edges, double raw_value,
                              const SearchParams& params,
                              const ValueScale& scale,
                              std::vector<double>& out) {
  uint32_t most = 0;
  out.clear();
  for (const Edge& edge : edges) {
    most = std::max(most, static_cast<uint32_t>(edge.visits));
    out.push_back(edge.visits > 0 ? edge.value_sum / edge.visits : 0.0);
  }
  CompleteValues(edges, raw_value, out);
  const double weight = (params.c_visit + most) * params.c_scale;
  for (double& value : out) value = weight * 0.5 * (scale(value) + 1.0);
}

inline double LogPrior(double prior) {
  return std::log(std::max(prior, 1e-30));
}

// softmax(logits + transformed values): float64[n], in place of `transformed`.
inline void ImprovePolicy(std::span<const Edge> edges,
                          std::vector<double>& transformed) {
  double largest = -INFINITY;
  for (size_t i = 0; i < edges.size(); ++i) {
    transformed[i] += LogPrior(edges[i].prior);
    largest = std::max(largest, transformed[i]);
  }
  double total = 0.0;
  for (double& x : transformed) total += x = std::exp(x - largest);
  for (double& x : transformed) x /= total;
}

// Of the root's moves with the wanted number of visits, the one with the
// largest gumbel + logit + transformed value; `gumbel` is -infinity for moves
// that are not considered. Where all considered ones are left alone, the others
// get their turn.
inline size_t SelectGumbelRoot(std::span<const Edge> edges,
                               std::span<const double> gumbel,
                               std::span<const double> transformed,
                               uint32_t wanted_visits) {
  const LeftAlone left_alone(edges);
  const auto best = [&](bool considered, auto allowed) {
    size_t found = edges.size();
    double largest = -INFINITY;
    for (size_t i = 0; i < edges.size(); ++i) {
      if (left_alone(edges[i]) || !allowed(edges[i])) continue;
      if (considered && !(gumbel[i] > -INFINITY)) continue;
      const double score = (considered ? gumbel[i] : 0.0) +
                           LogPrior(edges[i].prior) + transformed[i];
      if (found == edges.size() || score > largest) {
        largest = score;
        found = i;
      }
    }
    return found;
  };
  const auto any = [](const Edge&) { return true; };
  size_t found = best(
      true, [&](const Edge& edge) { return edge.visits == wanted_visits; });
  // The move whose turn it is may have been proven lost.
  if (found == edges.size()) found = best(true, any);
  if (found == edges.size()) found = best(false, any);
  return found;
}

// Below the root: the move whose share of the visits lags furthest behind the
// improved policy.
inline size_t SelectGumbelInterior(std::span<const Edge> edges,
                                   std::span<const double> improved) {
  uint32_t total = 0;
  for (const Edge& edge : edges) total += edge.visits;
  size_t best = 0;
  double largest = -INFINITY;
  const LeftAlone left_alone(edges);
  for (size_t i = 0; i < edges.size(); ++i) {
    if (left_alone(edges[i])) continue;
    const double lag = improved[i] - edges[i].visits / (1.0 + total);
    if (lag > largest) {
      largest = lag;
      best = i;
    }
  }
  return best;
}

// Standard Gumbel noise times `scale` for the `considered` moves with the
// largest noise + logit, -infinity for the others.
inline std::vector<double> DrawGumbel(std::span<const Edge> edges,
                                      int considered, double scale, Rng& rng) {
  std::vector<double> gumbel(edges.size());
  std::vector<double> score(edges.size());
  for (size_t i = 0; i < edges.size(); ++i) {
    gumbel[i] = -scale * std::log(-std::log(1.0 - rng.Uniform()));
    // Uniform() may be 0 and the noise infinite: as good as very large.
    if (!std::isfinite(gumbel[i])) gumbel[i] = scale * 40.0;
    score[i] = gumbel[i] + LogPrior(edges[i].prior);
  }
  if (static_cast<size_t>(considered) < edges.size()) {
    std::vector<double> sorted = score;
    std::nth_element(sorted.begin(), sorted.begin() + considered - 1,
                     sorted.end(), std::greater<>());
    const double least = sorted[considered - 1];
    auto ties = considered - std::count_if(score.begin(), score.end(),
                                           [&](double x) { return x > least; });
    for (size_t i = 0; i < edges.size(); ++i) {
      const bool in = score[i] > least || (score[i] == least && ties-- > 0);
      if (!in) gumbel[i] = -INFINITY;
    }
  }
  return gumbel;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_GUMBEL_H_
