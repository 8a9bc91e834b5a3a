// A search tree over one game: arenas, the root, and moving the root along
// with the game.
#ifndef TESUJI_CSRC_TREE_H_
#define TESUJI_CSRC_TREE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "csrc/node.h"
#include "csrc/spiel.h"

namespace tesuji {

// Not thread-safe: a tree belongs to one search at a time.
class Tree {
 public:
  // `value_scale` divides the returns of terminal states. `max_states` bounds
  // the states kept (0 = all).
  Tree(int num_players, double value_scale, int64_t max_states)
      : num_players_(num_players),
        value_scale_(value_scale),
        max_states_(max_states) {}

  bool empty() const { return nodes_.empty(); }
  size_t num_nodes() const { return nodes_.size(); }
  size_t num_edges() const { return edges_.size(); }
  int num_players() const { return num_players_; }

  // Forgets everything; the root is `state`, not yet expanded. About so many
  // simulations are to come: room for their nodes is made at once, within
  // reason.
  void Reset(const State& state, int simulations);
  void Clear();

  // Makes the root's child by `action` the root and keeps its subtree: with its
  // visits, or as if never visited, with states, priors and values alone.
  // Without such a child the tree becomes empty.
  void Advance(Action action, bool keep_visits);

  static constexpr uint32_t kRoot = 0;
  Node& node(uint32_t index) { return nodes_[index]; }
  const Node& node(uint32_t index) const { return nodes_[index]; }
  std::span<Edge> edges(const Node& node) {
    return {edges_.data() + node.first_edge, node.num_edges};
  }
  std::span<const Edge> edges(const Node& node) const {
    return {edges_.data() + node.first_edge, node.num_edges};
  }
  Edge& edge(uint32_t index) { return edges_[index]; }
  // float[P], normalised, in order of player: the network's values of an
  // expanded node, the returns of a terminal one.
  std::span<float> values(uint32_t index) {
    return {values_.data() + static_cast<size_t>(index) * num_players_,
            static_cast<size_t>(num_players_)};
  }

  // Adds a node for `state` and, unless it is terminal, its edges (priors of a
  // decision still 0). May invalidate references to nodes and edges. Keeps
  // `state` in the node if the bound allows and leaves it to the caller if not.
  uint32_t Add(StatePtr& state);

 private:
  // Takes over the subtree of `from` below `index`; this tree must be empty.
  void Move(Tree& from, uint32_t index, bool keep_visits);

  int num_players_;
  double value_scale_;
  int64_t max_states_;
  int64_t num_states_ = 0;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<float> values_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_TREE_H_
