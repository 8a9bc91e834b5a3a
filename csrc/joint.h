// Simultaneous moves: every player chooses without seeing the others' choice,
// so each has statistics of its own, and what follows depends on all.
//
// Regret matching over the means of joint moves (Lanctot, Lisy and Bowling,
// 2014, "Search in imperfect information games using online Monte Carlo
// counterfactual regret minimization"; Lisy et al., 2013). The strategy that
// approaches an equilibrium is the average one, never the last.
#ifndef TESUJI_CSRC_JOINT_H_
#define TESUJI_CSRC_JOINT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "csrc/node.h"
#include "csrc/rng.h"

namespace tesuji {

// Statistics of one simultaneous node. An "edge" counts from the node's first;
// a joint move is known by its key, a number below the product of the players'
// numbers of actions.
class Joint {
 public:
  struct Cell {
    uint32_t child = kNoNode;
    uint32_t visits = 0;
    std::vector<double> sum;  // [P], of values
  };

  // first[p], first[p + 1]: the edges of player p. A player without legal
  // actions has none and does not choose.
  explicit Joint(std::vector<uint32_t> first)
      : first_(std::move(first)),
        regret_(first_.back(), 0.0),
        strategy_(first_.back(), 0.0) {
    double moves = 1.0;
    for (int p = 0; p < num_players(); ++p) moves *= std::max(1u, count(p));
    if (moves > UINT32_MAX) {
      throw Error("a state has more joint moves than a search can number");
    }
  }

  std::span<const uint32_t> first() const { return first_; }
  int num_players() const { return static_cast<int>(first_.size()) - 1; }
  uint32_t count(int player) const {
    return first_[player + 1] - first_[player];
  }
  // Sum of the strategies so far, by edge: what the average is made of.
  std::span<const double> strategy() const { return strategy_; }

  // The edge that is player p's part of a joint move; p has some.
  uint32_t Choice(uint32_t key, int player) const {
    for (int p = num_players() - 1; p > player; --p) {
      key /= std::max(1u, count(p));
    }
    return first_[player] + key % count(player);
  }

  // Null if nothing is known of this joint move.
  Cell* Find(uint32_t key) {
    const auto found = cells_.find(key);
    return found == cells_.end() ? nullptr : &found->second;
  }
  Cell& Make(uint32_t key) {
    return cells_
        .try_emplace(key, Cell{.sum = std::vector<double>(num_players(), 0.0)})
        .first->second;
  }

  // Draws a joint move. `exploration` is the share of the prior in what is
  // played; it is no part of the average.
  uint32_t Select(std::span<const Edge> edges, double exploration, Rng& rng) {
    uint32_t key = 0;
    for (int p = 0; p < num_players(); ++p) {
      if (count(p) == 0) continue;
      double positive = 0.0;
      for (uint32_t edge = first_[p]; edge < first_[p + 1]; ++edge) {
        positive += std::max(regret_[edge], 0.0);
      }
      weights_.clear();
      for (uint32_t edge = first_[p]; edge < first_[p + 1]; ++edge) {
        const double matched = positive > 0.0
                                   ? std::max(regret_[edge], 0.0) / positive
                                   : edges[edge].prior;
        strategy_[edge] += matched;
        weights_.push_back(exploration * edges[edge].prior +
                           (1.0 - exploration) * matched);
      }
      key = key * count(p) + static_cast<uint32_t>(rng.Categorical(weights_));
    }
    return key;
  }

  // Takes in the values [P] that followed a joint move. `cell`: of it, null
  // where there was no room.
  void Update(uint32_t key, Cell* cell, std::span<const double> values) {
    uint32_t stride = 1;  // between the keys of neighbouring choices
    for (int p = num_players() - 1; p >= 0; --p) {
      if (count(p) == 0) continue;
      const uint32_t choice = key / stride % count(p);
      for (uint32_t i = 0; i < count(p); ++i) {
        // What another choice would have given: its mean so far. Where nothing
        // is known of it, there is nothing to regret.
        if (i == choice) continue;
        const Cell* other = Find(key + (i - choice) * stride);
        if (other != nullptr && other->visits > 0) {
          regret_[first_[p] + i] += other->sum[p] / other->visits - values[p];
        }
      }
      stride *= count(p);
    }
    if (cell == nullptr) return;
    ++cell->visits;
    for (int p = 0; p < num_players(); ++p) cell->sum[p] += values[p];
  }

  // Memory of a joint without cells, and of a cell, with what the map takes.
  static int64_t Bytes(size_t edges) {
    return static_cast<int64_t>(sizeof(Joint) + 20 * edges);
  }
  int64_t bytes() const { return Bytes(first_.back()); }
  int64_t cell_bytes() const {
    return static_cast<int64_t>(sizeof(Cell) + 48 + 8 * num_players());
  }

 private:
  std::vector<uint32_t> first_;
  std::vector<double> regret_;
  std::vector<double> strategy_;
  std::vector<double> weights_;
  std::unordered_map<uint32_t, Cell> cells_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_JOINT_H_
