#include "csrc/tree.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "csrc/checked.h"
#include "csrc/state_bytes.h"

namespace tesuji {
namespace {

constexpr int kMostReserved = 4096;  // nodes

// Grows by half at a time; nothing where there is room.
template <typename T>
size_t Grown(const std::vector<T>& arena, size_t more) {
  if (arena.size() + more <= arena.capacity()) return arena.capacity();
  return std::max(arena.size() + more, arena.capacity() * 3 / 2);
}

}  // namespace

Tree::Tree(const Game& game, double value_scale, const SearchParams& params)
    : settings_{
          .num_players = game.NumPlayers(),
          .value_scale = value_scale,
          .zero_sum = IsTwoPlayerZeroSum(game),
          .has_chance = HasChance(game),
          .sampled_chance = SamplesChance(game),
          .pays_on_the_way = PaysOnTheWay(game),
          .expected_chance = params.expected_chance,
          .chance_samples = params.chance_samples,
          .worst = static_cast<float>(game.MinUtility() / value_scale),
          .best = static_cast<float>(game.MaxUtility() / value_scale),
          .max_states = params.max_cached_states,
          .max_bytes = params.max_bytes,
          .most_edges = MostEdges(game, params.chance_samples),
          .most_joint =
              HasSimultaneousMoves(game)
                  ? Joint::Bytes(MostEdges(game, params.chance_samples))
                  : 0,
          .state_bytes = 0,
      } {}

void Tree::Clear() {
  nodes_.clear();
  edges_.clear();
  values_.clear();
  outcomes_.clear();
  joints_.clear();
  if (settings_.max_bytes > 0) {
    // Capacity counts: what was searched before must not.
    nodes_.shrink_to_fit();
    edges_.shrink_to_fit();
    values_.shrink_to_fit();
    outcomes_.shrink_to_fit();
  }
  num_states_ = 0;
  joint_bytes_ = 0;
  full_ = false;
}

void Tree::Reset(const State& state, int simulations, uint64_t seed) {
  Clear();
  if (settings_.max_bytes > 0) settings_.state_bytes = StateBytes(state);
  StatePtr root;
  if (settings_.sampled_chance) {
    game_ = OwnGame(*state.GetGame(), seed);
    root = game_->DeserializeState(state.Serialize());
  } else {
    root = state.Clone();
  }
  Add(root);
  if (settings_.max_bytes == 0) {
    const size_t nodes = std::clamp<int>(simulations, 0, kMostReserved) + 1;
    nodes_.reserve(nodes);
    values_.reserve(nodes * settings_.num_players);
    edges_.reserve(nodes * nodes_[kRoot].num_edges);
  }
  if (root != nullptr) {  // the root's state is kept whatever the bound
    nodes_[kRoot].state = std::move(root);
    ++num_states_;
  }
}

int64_t Tree::bytes() const {
  int64_t total = num_states_ * settings_.state_bytes + joint_bytes_;
  const auto add = [&total](const auto& arena) {
    total += static_cast<int64_t>(arena.capacity() * sizeof(arena[0]));
  };
  add(nodes_);
  add(edges_);
  add(values_);
  add(outcomes_);
  return total;
}

bool Tree::MakeRoom() {
  if (settings_.max_bytes == 0) return true;
  if (full_) return false;
  const auto fits = [this](int64_t more) {
    return bytes() + settings_.state_bytes + settings_.most_joint + more <=
           settings_.max_bytes;
  };
  // An arena that grows holds its old and its new memory for a moment.
  const auto grow = [&](auto& arena, size_t more) {
    const size_t capacity = Grown(arena, more);
    if (capacity == arena.capacity()) return true;
    if (!fits(static_cast<int64_t>(capacity * sizeof(arena[0])))) return false;
    arena.reserve(capacity);
    return true;
  };
  const auto players = static_cast<size_t>(settings_.num_players);
  full_ = !(fits(0) && grow(nodes_, 1) && grow(edges_, settings_.most_edges) &&
            grow(values_, players) &&
            (!settings_.expected_chance || !settings_.has_chance ||
             grow(outcomes_, settings_.most_edges * (players + 1) + 1)));
  return !full_;
}

Joint::Cell* Tree::MakeCell(const Node& simultaneous, uint32_t key) {
  Joint& joint = joints_[simultaneous.extra];
  Joint::Cell* known = joint.Find(key);
  if (known != nullptr) return known;
  if (!MakeRoom()) return nullptr;
  joint_bytes_ += joint.cell_bytes();
  return &joint.Make(key);
}

uint32_t Tree::Add(StatePtr& state) {
  const auto index = static_cast<uint32_t>(nodes_.size());
  Node& node = nodes_.emplace_back();
  values_.resize(values_.size() + settings_.num_players, 0.0f);
  node.first_edge = static_cast<uint32_t>(edges_.size());
  node.player = static_cast<int16_t>(Mover(*state));
  const auto add_edge = [this](Action action, float prior) {
    Edge& edge = edges_.emplace_back();
    edge.prior = prior;
    edge.action = static_cast<int32_t>(action);
  };
  if (node.player == kTerminalPlayer) {
    node.kind = NodeKind::kTerminal;
    node.proven = true;
    const std::vector<double> returns = Returns(*state);
    std::span<float> out = values(index);
    for (int player = 0; player < settings_.num_players; ++player) {
      out[player] = static_cast<float>(returns[player] / settings_.value_scale);
    }
  } else if (node.player == kChancePlayer) {
    node.kind = NodeKind::kChance;
    if (settings_.sampled_chance) {
      // Applied more than once, the one outcome gives more than one state.
      const Action outcome = ChanceOutcomes(*state).front().first;
      for (int i = 0; i < settings_.chance_samples; ++i) {
        add_edge(outcome, 1.0f / static_cast<float>(settings_.chance_samples));
      }
    } else {
      for (const auto& [outcome, probability] : ChanceOutcomes(*state)) {
        add_edge(outcome, static_cast<float>(probability));
      }
    }
  } else if (node.player >= 0) {
    for (Action action : LegalActions(*state)) add_edge(action, 0.0f);
  } else {
    std::vector<uint32_t> first = {0};
    for (Player player = 0; player < settings_.num_players; ++player) {
      for (Action action : LegalActions(*state, player)) add_edge(action, 0.0f);
      first.push_back(static_cast<uint32_t>(edges_.size()) - node.first_edge);
    }
    if (first.back() == 0) RejectLegalActions(*state, {});
    node.extra = joints_.size();
    joint_bytes_ += joints_.emplace_back(std::move(first)).bytes();
  }
  node.num_edges = static_cast<uint32_t>(edges_.size()) - node.first_edge;
  if (node.kind == NodeKind::kChance && settings_.expected_chance)
    AddOutcomes(node);
  // A terminal node never needs its state again.
  if (node.kind == NodeKind::kTerminal) {
    state.reset();
  } else if (settings_.max_states == 0 || num_states_ < settings_.max_states) {
    node.state = std::move(state);
    ++num_states_;
  }
  return index;
}

void Tree::AddOutcomes(Node& chance) {
  chance.extra = outcomes_.size();
  // The last number is its offset.
  outcomes_.resize(
      outcomes_.size() +
      static_cast<size_t>(chance.num_edges) * (settings_.num_players + 1) + 1);
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
  // Where visits are forgotten, so are proofs: they stand on them.
  if (child == kNoNode || (nodes_[child].proven && !keep_visits)) {
    Clear();
    return;
  }
  Tree kept(settings_);
  kept.game_ = game_;
  if (settings_.max_bytes == 0) {
    kept.nodes_.reserve(nodes_.capacity());
    kept.edges_.reserve(edges_.capacity());
    kept.values_.reserve(values_.capacity());
  }
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
      if (!keep_visits) {
        // A proof took the place of the evaluator's values.
        const bool lost = edge.child != kNoNode &&
                          from.nodes_[edge.child].proven &&
                          from.nodes_[edge.child].kind != NodeKind::kTerminal;
        edge.visits = 0;
        edge.value_sum = 0.0;
        edge.proof = Proof::kNone;
        if (lost) edge.child = kNoNode;
      }
      if (edge.child != kNoNode) {
        queue.push_back(edge.child);
        edge.child = static_cast<uint32_t>(queue.size() - 1);
      }
      edges_.push_back(edge);
    }
    const std::span<const float> source_values = from.values(queue[next]);
    values_.insert(values_.end(), source_values.begin(), source_values.end());
    Node& node = nodes_.emplace_back(std::move(source));
    node.first_edge = first_edge;
    if (!keep_visits) {
      node.visits = 0;
      node.value_sum = 0.0;
    }
    if (node.kind == NodeKind::kChance && settings_.expected_chance) {
      const auto* sums = from.outcomes_.data() + source.extra;
      AddOutcomes(node);
      if (keep_visits) {
        std::copy_n(sums, outcomes_.size() - node.extra,
                    outcomes_.data() + node.extra);
      }
    }
    if (node.state != nullptr) ++num_states_;
  }
}

}  // namespace tesuji
