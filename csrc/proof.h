// Proven values: what is known for certain spreads from the end of the game
// towards the root (MCTS-Solver; Winands, Bjornsson and Saito, 2008), as
// vectors with a value for every player, so that it holds for any number of
// them.
#ifndef TESUJI_CSRC_PROOF_H_
#define TESUJI_CSRC_PROOF_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "csrc/tree.h"

namespace tesuji {

inline Proof ProofOf(const Tree& tree, float exact_value) {
  if (exact_value >= tree.best()) return Proof::kWin;
  if (exact_value <= tree.worst()) return Proof::kLoss;
  return Proof::kExact;
}

// Writes the exact values of a chance node whose outcomes are all proven. Those
// drawn inside a state are never all there are.
inline bool ProveChance(Tree& tree, uint32_t index) {
  if (tree.sampled_chance()) return false;
  const Node& node = tree.node(index);
  const std::span<const Edge> edges = std::as_const(tree).edges(node);
  if (std::any_of(edges.begin(), edges.end(), [](const Edge& edge) {
        return edge.proof == Proof::kNone && edge.prior > 0.0f;
      })) {
    return false;
  }
  double mass = 0.0;
  for (const Edge& edge : edges) mass += edge.prior;
  for (int player = 0; player < tree.num_players(); ++player) {
    double mean = 0.0;
    for (const Edge& edge : edges) {
      if (edge.prior > 0.0f) {
        mean += edge.prior * tree.values(edge.child)[player];
      }
    }
    tree.values(index)[player] = static_cast<float>(mean / mass);
  }
  return true;
}

// Writes the exact values of a decision that is settled: by a win, where one
// player's gain fixes the other's or there is no other, or because all moves
// are proven. Where the best moves give the others different values, what the
// mover would choose is not known, and neither is the node.
inline bool ProveDecision(Tree& tree, uint32_t index) {
  const Node& node = tree.node(index);
  const std::span<const Edge> edges = std::as_const(tree).edges(node);
  const Edge* best = nullptr;
  const auto value = [&](const Edge& edge) {
    return tree.values(edge.child)[node.player];
  };
  bool all = true;
  for (const Edge& edge : edges) {
    if (edge.proof == Proof::kNone) {
      all = false;
      continue;
    }
    if (best == nullptr || value(edge) > value(*best)) best = &edge;
  }
  if (best == nullptr) return false;
  const bool fixed = tree.zero_sum() || tree.num_players() == 1;
  if (!all && !(fixed && best->proof == Proof::kWin)) return false;
  const std::span<const float> exact = tree.values(best->child);
  if (!fixed) {
    for (const Edge& edge : edges) {
      const std::span<const float> other = tree.values(edge.child);
      if (other[node.player] == exact[node.player] &&
          !std::equal(exact.begin(), exact.end(), other.begin())) {
        return false;
      }
    }
  }
  std::copy(exact.begin(), exact.end(), tree.values(index).begin());
  return true;
}

// Whether the node's values are exact now that one more child's are; then they
// are written.
inline bool Prove(Tree& tree, uint32_t index) {
  Node& node = tree.node(index);
  if (node.proven) return false;
  node.proven = node.kind == NodeKind::kChance     ? ProveChance(tree, index)
                : node.kind == NodeKind::kDecision ? ProveDecision(tree, index)
                                                   : false;
  return node.proven;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_PROOF_H_
