#include "csrc/search.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

namespace tesuji {
namespace {

// The most visited edge; ties go to the larger value, then the larger prior.
size_t MostVisited(std::span<const Edge> edges) {
  const auto rank = [](const Edge& edge) {
    const double q = edge.visits > 0 ? edge.value_sum / edge.visits : -INFINITY;
    return std::make_tuple(edge.visits, q, edge.prior);
  };
  size_t best = 0;
  for (size_t i = 1; i < edges.size(); ++i) {
    if (rank(edges[i]) > rank(edges[best])) best = i;
  }
  return best;
}

}  // namespace

std::vector<double> SearchResult::Policy(double temperature) const {
  std::vector<double> policy(actions.size(), 0.0);
  const int most = *std::max_element(visits.begin(), visits.end());
  const double largest = *std::max_element(prior.begin(), prior.end());
  // Shares of the largest: however low the temperature, one stays 1.
  const auto weight = [&](size_t i) {
    return most == 0 ? prior[i] / largest
                     : static_cast<double>(visits[i]) / most;
  };
  if (temperature <= 0.0) {
    size_t best = 0;
    const auto rank = [&](size_t i) {
      return std::make_tuple(visits[i], visits[i] > 0 ? q[i] : -INFINITY,
                             prior[i]);
    };
    for (size_t i = 1; i < actions.size(); ++i) {
      if (rank(i) > rank(best)) best = i;
    }
    policy[best] = 1.0;
    return policy;
  }
  double total = 0.0;
  for (size_t i = 0; i < actions.size(); ++i) {
    policy[i] = std::pow(weight(i), 1.0 / temperature);
    total += policy[i];
  }
  for (double& p : policy) p /= total;
  return policy;
}

Search::Search(Tree& tree, const SearchParams& params, Rng& rng,
               std::vector<const State*> history)
    : tree_(tree),
      params_(params),
      rng_(rng),
      exploration_(params),
      history_(std::move(history)),
      virtual_loss_(params.leaves_in_flight > 1),
      value_sum_(tree.num_players(), 0.0) {}

bool Search::Run(Batch& batch, int half) {
  if (!root_ready_) CheckRoot(batch.evaluator());
  for (Pending& pending : pending_) {
    const State& state = pending.state != nullptr
                             ? *pending.state
                             : *tree_.node(pending.leaf).state;
    Expand(pending.leaf, state, batch.Row(half, pending.row));
    if (virtual_loss_) ApplyVirtualLoss(pending.path, -1);
    Backup(pending.path, pending.leaf);
  }
  pending_.clear();
  if (!root_ready_) {
    const Node& root = tree_.node(Tree::kRoot);
    if (root.kind == NodeKind::kWaiting) {
      path_.clear();
      states_ = history_;
      states_.push_back(root.state.get());
      if (Evaluate(batch, half, Tree::kRoot, nullptr, *root.state) ==
          Outcome::kWaits) {
        return false;
      }
    } else if (root.visits == 0) {  // evaluated by an earlier search
      path_.clear();
      ++known_hits_;
      Backup(path_, Tree::kRoot);
    }
    AddNoise();
    root_ready_ = true;
  }
  while (started_ < params_.simulations &&
         static_cast<int>(pending_.size()) < params_.leaves_in_flight) {
    if (Simulate(batch, half) == Outcome::kCollision) break;
    ++started_;
  }
  return pending_.empty();
}

void Search::CheckRoot(const Evaluator& evaluator) {
  const Node& root = tree_.node(Tree::kRoot);
  if (root.kind == NodeKind::kTerminal || root.kind == NodeKind::kChance) {
    throw Error(
        std::string("a search starts where a player moves, not at a ") +
        (root.kind == NodeKind::kChance ? "chance node" : "terminal state"));
  }
  if (evaluator.encoder() != nullptr) {
    history_depth_ = evaluator.encoder()->history_depth();
  }
  if (history_depth_ > 0 && params_.max_cached_states > 0) {
    throw Error(
        "max_cached_states must be 0 with an encoder that reads earlier "
        "positions: they are taken from the tree");
  }
}

Search::Outcome Search::Simulate(Batch& batch, int half) {
  path_.clear();
  states_.clear();
  if (history_depth_ > 0) states_ = history_;
  uint32_t index = Tree::kRoot;
  const State* state = tree_.node(index).state.get();
  StatePtr scratch;  // the current state where its node keeps none
  while (true) {
    const Node& node = tree_.node(index);
    if (node.kind == NodeKind::kTerminal) {
      ++terminal_hits_;
      Backup(path_, index);
      return Outcome::kBackedUp;
    }
    if (node.kind == NodeKind::kWaiting) return Outcome::kCollision;
    if (node.kind == NodeKind::kDecision && node.visits == 0) {
      ++known_hits_;
      Backup(path_, index);
      return Outcome::kBackedUp;
    }
    if (history_depth_ > 0) states_.push_back(state);
    const std::span<const Edge> edges = std::as_const(tree_).edges(node);
    const size_t choice =
        node.kind == NodeKind::kChance
            ? SelectChance(edges, rng_)
            : SelectPuct(node, edges, params_.fpu_reduction, exploration_);
    const uint32_t edge_index = node.first_edge + static_cast<uint32_t>(choice);
    path_.push_back({index, edge_index});
    const Edge& edge = tree_.edge(edge_index);
    const Action action = edge.action;
    const bool is_new = edge.child == kNoNode;
    if (!is_new && tree_.node(edge.child).state != nullptr) {
      index = edge.child;
      state = tree_.node(index).state.get();
      continue;
    }
    if (!is_new && tree_.node(edge.child).kind == NodeKind::kTerminal) {
      index = edge.child;
      continue;
    }
    // A state must be made: a new node's, or one that was not kept.
    if (scratch != nullptr && state == scratch.get()) {
      scratch->ApplyAction(action);
    } else {
      scratch = Child(*state, action);
    }
    state = scratch.get();
    if (!is_new) {
      index = edge.child;
      continue;
    }
    const uint32_t child = tree_.Add(scratch);
    tree_.edge(edge_index).child = child;
    const Node& added = tree_.node(child);
    if (added.kind == NodeKind::kTerminal) {
      index = child;
      continue;
    }
    if (added.state != nullptr) state = added.state.get();
    if (added.kind == NodeKind::kChance) {
      index = child;
      continue;
    }
    states_.push_back(state);
    return Evaluate(batch, half, child, std::move(scratch), *state);
  }
}

Search::Outcome Search::Evaluate(Batch& batch, int half, uint32_t leaf,
                                 StatePtr state, const State& leaf_state) {
  if (leaf_state.CurrentPlayer() < 0) {
    throw Error("simultaneous moves cannot be searched: " +
                Describe(leaf_state));
  }
  const size_t wanted = std::min(states_.size(), history_depth_ + 1);
  const Node& node = tree_.node(leaf);
  legal_.clear();
  for (const Edge& edge : tree_.edges(node)) legal_.push_back(edge.action);
  Answer answer;
  const int row =
      batch.Ask(half, std::span(states_).last(wanted), legal_, &answer);
  if (row == Batch::kAnswered) {
    Expand(leaf, leaf_state, answer);
    Backup(path_, leaf);
    return Outcome::kBackedUp;
  }
  if (virtual_loss_) ApplyVirtualLoss(path_, 1);
  pending_.push_back({path_, leaf, std::move(state), row});
  return Outcome::kWaits;
}

void Search::Expand(uint32_t leaf, const State& state, const Answer& answer) {
  Node& node = tree_.node(leaf);
  std::span<Edge> edges = tree_.edges(node);
  float largest = -INFINITY;
  for (const Edge& edge : edges) {
    largest = std::max(largest, answer.prior_logits[edge.action]);
  }
  float total = 0.0f;
  for (Edge& edge : edges) {
    edge.prior = std::exp(answer.prior_logits[edge.action] - largest);
    total += edge.prior;
  }
  if (!std::isfinite(total)) {
    throw Error("the evaluator answered a prior_logit that is not finite; " +
                Describe(state));
  }
  for (Edge& edge : edges) edge.prior /= total;
  std::span<float> values = tree_.values(leaf);
  for (size_t k = 0; k < values.size(); ++k) {
    if (!std::isfinite(answer.values[k])) {
      throw Error("the evaluator answered a value that is not finite; " +
                  Describe(state));
    }
    values[(node.player + k) % values.size()] = answer.values[k];
  }
  node.kind = NodeKind::kDecision;
}

void Search::AddNoise() {
  Node& root = tree_.node(Tree::kRoot);
  std::span<Edge> edges = tree_.edges(root);
  root_prior_.clear();
  for (const Edge& edge : edges) root_prior_.push_back(edge.prior);
  if (params_.dirichlet_fraction <= 0.0 || params_.dirichlet_alpha <= 0.0) {
    return;
  }
  const std::vector<double> noise =
      rng_.Dirichlet(params_.dirichlet_alpha, edges.size());
  for (size_t i = 0; i < edges.size(); ++i) {
    edges[i].prior =
        static_cast<float>((1.0 - params_.dirichlet_fraction) * edges[i].prior +
                           params_.dirichlet_fraction * noise[i]);
  }
}

void Search::Backup(const std::vector<Step>& path, uint32_t leaf) {
  const std::span<const float> values = tree_.values(leaf);
  const auto visit = [&](Node& node) {
    ++node.visits;
    if (node.player >= 0) node.value_sum += values[node.player];
  };
  visit(tree_.node(leaf));
  for (const Step& step : path) {
    Node& node = tree_.node(step.node);
    Edge& edge = tree_.edge(step.edge);
    visit(node);
    ++edge.visits;
    if (node.player >= 0) edge.value_sum += values[node.player];
  }
  if (!path.empty()) {
    ++backups_;
    max_depth_ = std::max(max_depth_, static_cast<int>(path.size()));
    for (size_t player = 0; player < values.size(); ++player) {
      value_sum_[player] += values[player];
    }
  }
}

void Search::ApplyVirtualLoss(const std::vector<Step>& path, int sign) {
  for (const Step& step : path) {
    Edge& edge = tree_.edge(step.edge);
    edge.visits += sign;
    edge.value_sum -= sign;  // as if the mover had lost
  }
}

SearchResult Search::Result() const {
  const Node& root = tree_.node(Tree::kRoot);
  const std::span<const Edge> edges = std::as_const(tree_).edges(root);
  const std::span<const float> raw = tree_.values(Tree::kRoot);
  SearchResult result;
  result.player = root.player;
  result.raw_values.assign(raw.begin(), raw.end());
  for (size_t player = 0; player < raw.size(); ++player) {
    result.values.push_back(backups_ > 0 ? value_sum_[player] / backups_
                                         : raw[player]);
  }
  for (const Edge& edge : edges) {
    result.actions.push_back(edge.action);
    result.visits.push_back(static_cast<int>(edge.visits));
    result.q.push_back(edge.visits > 0 ? edge.value_sum / edge.visits
                                       : result.values[root.player]);
  }
  result.prior = root_prior_;
  result.simulations = backups_;
  result.terminal_hits = terminal_hits_;
  result.known_hits = known_hits_;
  result.nodes = static_cast<int64_t>(tree_.num_nodes());
  result.edges = static_cast<int64_t>(tree_.num_edges());
  result.max_depth = max_depth_;
  uint32_t index = Tree::kRoot;
  while (true) {
    const std::span<const Edge> next =
        std::as_const(tree_).edges(tree_.node(index));
    if (next.empty()) break;
    const Edge& edge = next[MostVisited(next)];
    if (edge.visits == 0 || edge.child == kNoNode) break;
    result.principal_variation.push_back(edge.action);
    index = edge.child;
  }
  return result;
}

}  // namespace tesuji
