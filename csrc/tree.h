// A search tree over one game: arenas, the root, and moving the root along
// with the game.
#ifndef TESUJI_CSRC_TREE_H_
#define TESUJI_CSRC_TREE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "csrc/joint.h"
#include "csrc/node.h"
#include "csrc/params.h"
#include "csrc/spiel.h"

namespace tesuji {

// Not thread-safe: a tree belongs to one search at a time.
class Tree {
 public:
  // `value_scale` divides the returns of terminal states.
  Tree(const Game& game, double value_scale, const SearchParams& params);

  bool empty() const { return nodes_.empty(); }
  size_t num_nodes() const { return nodes_.size(); }
  size_t num_edges() const { return edges_.size(); }
  int num_players() const { return settings_.num_players; }
  double value_scale() const { return settings_.value_scale; }
  // Two players, one's gain is the other's loss.
  bool zero_sum() const { return settings_.zero_sum; }
  bool sampled_chance() const { return settings_.sampled_chance; }
  // Returns grow during the game: answers are about what is still to come.
  bool pays_on_the_way() const { return settings_.pays_on_the_way; }
  // Bounds of a player's normalised utility; infinite if the game has none.
  float worst() const { return settings_.worst; }
  float best() const { return settings_.best; }

  // Forgets everything; the root is `state`, not yet expanded. About so many
  // simulations are to come: room for their nodes is made at once, within
  // reason. `seed` is for games that draw chance inside their states: the tree
  // draws from a stream of its own.
  void Reset(const State& state, int simulations, uint64_t seed);
  void Clear();

  // Makes the root's child by `action` the root and keeps its subtree: with its
  // visits and proofs, or as if never visited, with states, priors and the
  // evaluator's values alone. Without such a child the tree becomes empty.
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
  // Those that are `player`'s moves.
  std::span<Edge> edges_of(const Node& node, Player player) {
    return Own(edges(node), node, player);
  }
  std::span<const Edge> edges_of(const Node& node, Player player) const {
    return Own(edges(node), node, player);
  }
  Edge& edge(uint32_t index) { return edges_[index]; }
  const Edge& edge(uint32_t index) const { return edges_[index]; }
  // float[P], normalised, in order of player: the network's values of an
  // expanded node, exact ones of a proven node.
  std::span<float> values(uint32_t index) {
    return {values_.data() + static_cast<size_t>(index) * settings_.num_players,
            static_cast<size_t>(settings_.num_players)};
  }
  std::span<const float> values(uint32_t index) const {
    return {values_.data() + static_cast<size_t>(index) * settings_.num_players,
            static_cast<size_t>(settings_.num_players)};
  }
  // double[P + 1] of one outcome of a chance node: sum of its values, in order
  // of player, and how many.
  std::span<double> outcome(const Node& chance, size_t index) {
    const size_t width = static_cast<size_t>(settings_.num_players) + 1;
    return {outcomes_.data() + chance.extra + index * width, width};
  }
  // Of a chance node: where the sequence of its visits begins, in [0, 1).
  double& offset(const Node& chance) {
    return *outcome(chance, chance.num_edges).data();
  }
  Joint& joint(const Node& simultaneous) { return joints_[simultaneous.extra]; }
  const Joint& joint(const Node& simultaneous) const {
    return joints_[simultaneous.extra];
  }
  // Of a joint move; null where nothing is known of it and there is no room.
  // May invalidate references to nodes and edges.
  Joint::Cell* MakeCell(const Node& simultaneous, uint32_t key);

  // Whether a node more fits into max_bytes; makes room for it. False from the
  // first time that it does not.
  bool MakeRoom();
  bool full() const { return full_; }
  int64_t bytes() const;

  // Adds a node for `state` and, unless it is terminal, its edges (priors of a
  // decision still 0). May invalidate references to nodes and edges. Keeps
  // `state` in the node if the bound allows and leaves it to the caller if not.
  uint32_t Add(StatePtr& state);

 private:
  // What stays the same when the root moves.
  struct Settings {
    int num_players;
    double value_scale;
    bool zero_sum;
    bool has_chance;
    bool sampled_chance;
    bool pays_on_the_way;
    bool expected_chance;
    int chance_samples;
    float worst;
    float best;
    int64_t max_states;
    int64_t max_bytes;
    size_t most_edges;  // of one node
    int64_t
        most_joint;  // bytes of what one node of joint moves has beside them
    int64_t state_bytes;
  };

  explicit Tree(const Settings& settings) : settings_(settings) {}
  template <typename E>
  std::span<E> Own(std::span<E> edges, const Node& node, Player player) const {
    if (node.player >= 0) return edges;
    const std::span<const uint32_t> first = joint(node).first();
    return edges.subspan(first[player], first[player + 1] - first[player]);
  }
  // Takes over the subtree of `from` below `index`; this tree must be empty.
  void Move(Tree& from, uint32_t index, bool keep_visits);
  void AddOutcomes(Node& chance);

  Settings settings_;
  int64_t joint_bytes_ = 0;
  bool full_ = false;
  GamePtr game_;  // where chance is drawn inside states: the tree's own
  int64_t num_states_ = 0;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<float> values_;
  std::vector<double> outcomes_;
  std::vector<Joint> joints_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_TREE_H_
