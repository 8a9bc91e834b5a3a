#include "csrc/tree.h"

#include <algorithm>
#include <utility>

namespace tesuji {
namespace {

constexpr int kMostReserved = 4096;  // nodes

}  // namespace

void Tree::Clear() {
  nodes_.clear();
  edges_.clear();
  values_.clear();
  num_states_ = 0;
}

void Tree::Reset(const State& state, int simulations) {
  Clear();
  StatePtr root = state.Clone();
  Add(root);
  const size_t nodes = std::clamp<int>(simulations, 0, kMostReserved) + 1;
  nodes_.reserve(nodes);
  values_.reserve(nodes * num_players_);
  edges_.reserve(nodes * nodes_[kRoot].num_edges);
  if (root != nullptr) {  // the root's state is kept whatever the bound
    nodes_[kRoot].state = std::move(root);
    ++num_states_;
  }
}

uint32_t Tree::Add(StatePtr& state) {
  const auto index = static_cast<uint32_t>(nodes_.size());
  Node& node = nodes_.emplace_back();
  values_.resize(values_.size() + num_players_, 0.0f);
  node.first_edge = static_cast<uint32_t>(edges_.size());
  if (state->IsTerminal()) {
    node.kind = NodeKind::kTerminal;
    const std::vector<double> returns = state->Returns();
    std::span<float> out = values(index);
    for (int player = 0; player < num_players_; ++player) {
      out[player] = static_cast<float>(returns[player] / value_scale_);
    }
  } else if (state->IsChanceNode()) {
    node.kind = NodeKind::kChance;
    for (const auto& [outcome, probability] : state->ChanceOutcomes()) {
      edges_.push_back({.prior = static_cast<float>(probability),
                        .action = static_cast<int32_t>(outcome)});
    }
  } else {
    for (Action action : state->LegalActions()) {
      edges_.push_back({.action = static_cast<int32_t>(action)});
    }
  }
  node.player = static_cast<int16_t>(state->CurrentPlayer());
  node.num_edges = static_cast<uint32_t>(edges_.size()) - node.first_edge;
  // A terminal node never needs its state again.
  if (node.kind == NodeKind::kTerminal) {
    state.reset();
  } else if (max_states_ == 0 || num_states_ < max_states_) {
    node.state = std::move(state);
    ++num_states_;
  }
  return index;
}

void Tree::Advance(Action action, bool keep_visits) {
  if (empty()) return;
  uint32_t child = kNoNode;
  StatePtr rebuilt;
  for (const Edge& edge : edges(nodes_[kRoot])) {
    if (edge.action == action && edge.child != kNoNode) {
      child = edge.child;
      if (nodes_[child].state == nullptr) {
        rebuilt = Child(*nodes_[kRoot].state, action);
      }
    }
  }
  if (child == kNoNode) {
    Clear();
    return;
  }
  Tree kept(num_players_, value_scale_, max_states_);
  kept.nodes_.reserve(nodes_.capacity());
  kept.edges_.reserve(edges_.capacity());
  kept.values_.reserve(values_.capacity());
  kept.Move(*this, child, keep_visits);
  if (rebuilt != nullptr && kept.nodes_[kRoot].kind != NodeKind::kTerminal) {
    kept.nodes_[kRoot].state = std::move(rebuilt);
    ++kept.num_states_;
  }
  *this = std::move(kept);
}

void Tree::Move(Tree& from, uint32_t index, bool keep_visits) {
  // Breadth first, so that the edges of a node stay contiguous.
  std::vector<uint32_t> queue = {index};
  for (size_t next = 0; next < queue.size(); ++next) {
    Node& source = from.nodes_[queue[next]];
    const auto first_edge = static_cast<uint32_t>(edges_.size());
    for (Edge edge : from.edges(source)) {
      if (edge.child != kNoNode) {
        queue.push_back(edge.child);
        edge.child = static_cast<uint32_t>(queue.size() - 1);
      }
      if (!keep_visits) {
        edge.visits = 0;
        edge.value_sum = 0.0;
      }
      edges_.push_back(edge);
    }
    const std::span<float> source_values = from.values(queue[next]);
    values_.insert(values_.end(), source_values.begin(), source_values.end());
    Node& node = nodes_.emplace_back(std::move(source));
    node.first_edge = first_edge;
    if (!keep_visits) {
      node.visits = 0;
      node.value_sum = 0.0;
    }
    if (node.state != nullptr) ++num_states_;
  }
}

}  // namespace tesuji
