#include "csrc/result.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "csrc/gumbel.h"
#include "csrc/search.h"

namespace tesuji {
namespace {

// The move that a player would make: proven wins first, then the most visited;
// ties go to the larger value, then the larger prior.
size_t MostVisited(std::span<const Edge> edges) {
  const auto rank = [](const Edge& edge) {
    return std::make_tuple(
        edge.proof == Proof::kWin, edge.proof != Proof::kLoss,
        static_cast<uint32_t>(edge.visits),
        edge.visits > 0 ? Mean(edge) : -INFINITY, edge.prior);
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
  size_t end = 0;
  for (size_t begin = 0; begin < actions.size(); begin = end) {
    end = begin + 1;
    while (end < actions.size() && owners[end] == owners[begin]) ++end;
    const auto largest =
        std::max_element(target.begin() + begin, target.begin() + end);
    if (temperature <= 0.0) {
      policy[player >= 0 ? best : largest - target.begin()] = 1.0;
      continue;
    }
    // Shares of the largest: however low the temperature, one stays 1.
    double total = 0.0;
    for (size_t i = begin; i < end; ++i) {
      policy[i] = std::pow(target[i] / *largest, 1.0 / temperature);
      total += policy[i];
    }
    for (size_t i = begin; i < end; ++i) policy[i] /= total;
  }
  return policy;
}

std::vector<uint8_t> Search::Playable(std::span<const Edge> edges) const {
  const Node& root = tree_.node(Tree::kRoot);
  const auto where = [&edges](auto wanted) {
    std::vector<uint8_t> playable;
    for (const Edge& edge : edges) playable.push_back(wanted(edge) ? 1 : 0);
    return playable;
  };
  const auto any = [](const std::vector<uint8_t>& flags) {
    return std::find(flags.begin(), flags.end(), 1) != flags.end();
  };
  std::vector<uint8_t> playable =
      where([](const Edge& edge) { return edge.proof == Proof::kWin; });
  if (!any(playable)) {
    playable = where([&](const Edge& edge) {
      if (!root.proven) return edge.proof != Proof::kLoss;
      return edge.proof != Proof::kNone &&
             tree_.values(edge.child)[root.player] ==
                 tree_.values(Tree::kRoot)[root.player];
    });
  }
  return any(playable) ? playable : where([](const Edge&) { return true; });
}

std::vector<double> Search::VisitTarget(std::span<const Edge> edges) const {
  std::vector<double> target;
  for (const Edge& edge : edges) target.push_back(edge.visits);
  if (params_.forced_playouts <= 0.0) return target;
  // KataGo's policy target pruning: a move keeps the visits that it needs for
  // its score not to exceed the most visited one's.
  const double total = std::accumulate(target.begin(), target.end(), 0.0);
  const size_t most = MostVisited(edges);
  if (edges[most].visits == 0) return target;
  Exploration exploration(params_);
  const double explored = exploration(static_cast<uint32_t>(total));
  const ValueScale scale = ranges_.Scale(tree_.node(Tree::kRoot).player);
  const auto q = [&](size_t i) { return scale(Mean(edges[i])); };
  const double score =
      q(most) + explored * edges[most].prior / (1.0 + edges[most].visits);
  for (size_t i = 0; i < edges.size(); ++i) {
    if (i == most || edges[i].visits == 0) continue;
    const double forced =
        std::sqrt(params_.forced_playouts * edges[i].prior * total);
    const double needed = q(i) < score
                              ? explored * edges[i].prior / (score - q(i)) - 1.0
                              : target[i];
    target[i] = std::min(target[i], std::max(target[i] - forced, needed));
    if (target[i] <= 1.0) target[i] = 0.0;
  }
  return target;
}

void Search::Judge(SearchResult& result) const {
  const Node& root = tree_.node(Tree::kRoot);
  const std::span<const Edge> edges = tree_.edges(root);
  if (root.kind == NodeKind::kSimultaneous) {
    const Joint& joint = tree_.joint(root);
    result.target.assign(joint.strategy().begin(), joint.strategy().end());
    for (int p = 0; p < tree_.num_players(); ++p) {
      const auto begin = result.target.begin() + joint.first()[p];
      const auto end = result.target.begin() + joint.first()[p + 1];
      const double total = std::accumulate(begin, end, 0.0);
      for (auto it = begin; it != end; ++it) {
        *it =
            total > 0.0 ? *it / total : root_prior_[it - result.target.begin()];
      }
    }
    return;
  }
  const std::vector<uint8_t> playable = Playable(edges);
  const bool gumbel = params_.selection == Selection::kGumbel;
  std::vector<double> score(edges.size());
  if (gumbel) {
    TransformedValues(edges, root_values_[root.player], params_,
                      ranges_.Scale(root.player), score);
    result.target = score;
    ImprovePolicy(edges, result.target);
    for (size_t i = 0; i < edges.size(); ++i) {
      score[i] += gumbel_[i] + LogPrior(edges[i].prior);
    }
  } else {
    result.target = VisitTarget(edges);
  }
  double total = 0.0;
  for (size_t i = 0; i < edges.size(); ++i) {
    total += result.target[i] *= playable[i];
  }
  if (total <= 0.0) {
    for (size_t i = 0; i < edges.size(); ++i) {
      total += result.target[i] = playable[i] * root_prior_[i];
    }
  }
  const auto rank = [&](size_t i) {
    return std::make_tuple(playable[i],
                           gumbel ? edges[i].visits : result.target[i],
                           gumbel ? score[i] : result.q[i], root_prior_[i]);
  };
  for (size_t i = 1; i < edges.size(); ++i) {
    if (rank(i) > rank(result.best)) result.best = static_cast<int>(i);
  }
  for (size_t i = 0; i < edges.size(); ++i) {
    // Every prior may underflow.
    result.target[i] = total > 0.0 ? result.target[i] / total
                                   : (static_cast<int>(i) == result.best);
  }
}

double Search::Worth(size_t move, Player player) const {
  const Node& root = tree_.node(Tree::kRoot);
  const Edge& edge = tree_.edges(root)[move];
  if (player == root.player) return Mean(edge);
  if (tree_.zero_sum()) return -Mean(edge);
  if (edge.proof != Proof::kNone) return tree_.values(edge.child)[player];
  const size_t players = value_sum_.size();
  const double* sums = move_sums_.data() + move * (players + 1);
  if (sums[players] > 0.0) return sums[player] / sums[players];
  // An earlier search's visits: what they were worth to others is not kept.
  return backups_ > 0 ? value_sum_[player] / static_cast<double>(backups_)
                      : root_values_[player];
}

void Search::ImproveValues(SearchResult& result) const {
  const std::span<const Edge> edges = tree_.edges(tree_.node(Tree::kRoot));
  for (Player p = 0; p < tree_.num_players(); ++p) {
    std::vector<double> worth(edges.size(), 0.0);
    for (size_t i = 0; i < edges.size(); ++i) {
      if (edges[i].visits > 0) worth[i] = Worth(i, p);
    }
    CompleteValues(edges, root_values_[p], worth);
    result.values[p] = std::inner_product(worth.begin(), worth.end(),
                                          result.target.begin(), 0.0);
    if (p == result.player) result.q = std::move(worth);
  }
}

std::vector<Action> Search::Variation(uint32_t index) const {
  std::vector<Action> line;
  while (index != kNoNode) {
    const Node& node = tree_.node(index);
    if (node.kind == NodeKind::kSimultaneous || node.num_edges == 0) break;
    const std::span<const Edge> edges = tree_.edges(node);
    const Edge& edge = edges[MostVisited(edges)];
    if (edge.visits == 0) break;
    line.push_back(edge.action);
    index = edge.child;
  }
  return line;
}

SearchResult Search::Result(bool variations) const {
  const Node& root = tree_.node(Tree::kRoot);
  const std::span<const Edge> edges = tree_.edges(root);
  SearchResult result;
  result.player = root.player;
  result.raw_values = root_values_;
  result.root_proven = root.proven;
  const std::span<const float> exact = tree_.values(Tree::kRoot);
  for (size_t p = 0; p < root_values_.size(); ++p) {
    result.values.push_back(root.proven ? exact[p]
                            : backups_ > 0
                                ? value_sum_[p] / static_cast<double>(backups_)
                                : root_values_[p]);
  }
  for (Player p = 0; p < tree_.num_players(); ++p) {
    if (root.player >= 0 && p != root.player) continue;
    for (const Edge& edge : tree_.edges_of(root, p)) {
      result.owners.push_back(p);
      result.actions.push_back(edge.action);
      result.visits.push_back(static_cast<int>(edge.visits));
      result.q.push_back(edge.visits > 0 ? Mean(edge) : result.values[p]);
      result.proven.push_back(edge.proof != Proof::kNone);
    }
  }
  result.prior = root_prior_;
  Judge(result);
  if (params_.selection == Selection::kGumbel && !root.proven &&
      root.kind == NodeKind::kDecision) {
    ImproveValues(result);
  }
  result.full = tree_.full();
  result.simulations = backups_;
  result.terminal_hits = terminal_hits_;
  result.known_hits = known_hits_;
  result.nodes = static_cast<int64_t>(tree_.num_nodes());
  result.edges = static_cast<int64_t>(tree_.num_edges());
  result.bytes = tree_.bytes();
  result.max_depth = max_depth_;
  if (root.kind == NodeKind::kSimultaneous) return result;
  const Edge& played = edges[result.best];
  if (played.visits > 0) {
    result.principal_variation = Variation(played.child);
    result.principal_variation.insert(result.principal_variation.begin(),
                                      played.action);
  }
  if (variations) {
    for (const Edge& edge : edges) {
      std::vector<Action> line = Variation(edge.child);
      line.insert(line.begin(), edge.action);
      result.variations.push_back(std::move(line));
    }
  }
  return result;
}

}  // namespace tesuji
