#include "csrc/search.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "csrc/checked.h"
#include "csrc/gumbel.h"
#include "csrc/proof.h"

namespace tesuji {
Search::Search(Tree& tree, const SearchParams& params, Rng& rng,
               std::vector<const State*> history, int lanes)
    : tree_(tree),
      params_(params),
      lane_(rng, params),
      history_(std::move(history)),
      virtual_loss_(params.leaves_in_flight > 1 || lanes > 1),
      limit_(params.simulations),
      ranges_(params.value_range, tree.num_players()),
      value_sum_(tree.num_players(), 0.0),
      ordered_(tree.num_players(), 0.0f),
      delta_(tree.num_players(), 0.0),
      before_(tree.num_players(), 0.0) {}

bool Search::Run(Lane& lane, Batch& batch, int half, int64_t most) {
  if (!root_ready_ && !root_asked_) CheckEvaluator(batch.evaluator());
  for (Pending& pending : lane.pending) {
    const State& state = *pending.state;
    const Answer answer = batch.Row(half, pending.row);
    if (pending.leaf != kNoNode) {
      Expand(pending.leaf, pending.observer, pending.last, state, answer);
    }
    if (!pending.last) continue;
    if (virtual_loss_) ApplyVirtualLoss(pending.path, -1);
    Backup(pending.path, pending.leaf,
           pending.leaf != kNoNode ? tree_.values(pending.leaf)
                                   : Ordered(answer, pending.observer, state));
  }
  lane.pending.clear();
  if (!root_ready_) {
    const Node& root = tree_.node(Tree::kRoot);
    if (root.kind == NodeKind::kWaiting) {
      if (root_asked_) return true;  // by another lane
      root_asked_ = true;
      lane.path.clear();
      lane.states = history_;
      lane.states.push_back(root.state.get());
      if (Evaluate(lane, batch, half, Tree::kRoot, nullptr, *root.state) ==
          Outcome::kWaits) {
        return false;
      }
    } else if (root.visits == 0) {  // evaluated by an earlier search
      ++known_hits_;
      Backup({}, Tree::kRoot, tree_.values(Tree::kRoot));
    } else if (!root_asked_) {
      reused_ = true;
    }
    PrepareRoot(lane.rng);
    root_ready_ = true;
  }
  for (; most > 0 && started_ < limit_ && !tree_.node(Tree::kRoot).proven &&
         static_cast<int>(lane.pending.size()) < params_.leaves_in_flight;
       --most) {
    if (Simulate(lane, batch, half) == Outcome::kCollision) break;
    ++started_;
  }
  return lane.pending.empty();
}

void Search::CheckEvaluator(const Evaluator& evaluator) {
  evaluator_ = &evaluator;
  if (evaluator.encoder() != nullptr) {
    history_depth_ = evaluator.encoder()->history_depth();
  }
  if (params_.max_cached_states > 0 &&
      (history_depth_ > 0 || SamplesChance(evaluator.game()))) {
    throw Error(
        "max_cached_states must be 0 with an encoder that reads earlier "
        "positions and in games that draw chance inside their states: both "
        "need every state of the tree");
  }
}

void Search::PrepareRoot(Rng& rng) {
  const Node& root = tree_.node(Tree::kRoot);
  const std::span<const float> values = tree_.values(Tree::kRoot);
  root_values_.assign(values.begin(), values.end());
  if (reused_ && params_.value_range == ValueRange::kTree) SeeTree();
  std::span<Edge> edges = tree_.edges(root);
  root_prior_.clear();
  for (const Edge& edge : edges) root_prior_.push_back(edge.prior);
  if (root.kind != NodeKind::kDecision) return;
  std::vector<float> prior = root_prior_;
  Temper(prior, params_);
  const bool puct = params_.selection == Selection::kPuct;
  if (puct) AddNoise(prior, params_, rng);
  for (size_t i = 0; i < edges.size(); ++i) edges[i].prior = prior[i];
  if (puct) return;
  const int considered = std::min<int>(params_.max_considered_actions,
                                       static_cast<int>(edges.size()));
  if (!tree_.zero_sum()) {
    move_sums_.assign(edges.size() * (value_sum_.size() + 1), 0.0);
  }
  gumbel_ = DrawGumbel(edges, considered, params_.gumbel_scale, rng);
  schedule_ = HalvingSchedule(considered, params_.simulations);
}

void Search::SeeTree() {
  for (uint32_t index = 0; index < tree_.num_nodes(); ++index) {
    const Node& node = tree_.node(index);
    if (node.kind != NodeKind::kDecision) continue;
    for (const Edge& edge : tree_.edges(node)) {
      if (edge.visits > 0) ranges_.See(node.player, Mean(edge));
    }
  }
}

inline size_t Search::SelectMove(Lane& lane, uint32_t index) {
  const Node& node = tree_.node(index);
  const std::span<const Edge> edges = std::as_const(tree_).edges(node);
  if (node.kind == NodeKind::kChance) {
    return params_.expected_chance
               ? SelectExpected(node, edges, params_.chance_widening,
                                tree_.offset(node), lane.rng)
               : SelectSampled(edges, lane.rng);
  }
  const bool is_root = index == Tree::kRoot;
  const ValueScale scale = ranges_.Scale(node.player);
  if (params_.selection == Selection::kPuct) {
    return SelectPuct(node, edges, params_.fpu_reduction, lane.exploration,
                      scale, is_root ? params_.forced_playouts : 0.0);
  }
  TransformedValues(
      edges,
      is_root ? root_values_[node.player] : tree_.values(index)[node.player],
      params_, scale, lane.scores);
  if (is_root) {
    return SelectGumbelRoot(edges, gumbel_, lane.scores, schedule_[started_]);
  }
  ImprovePolicy(edges, lane.scores);
  return SelectGumbelInterior(edges, lane.scores);
}

Search::Outcome Search::Simulate(Lane& lane, Batch& batch, int half) {
  lane.path.clear();
  lane.states.clear();
  lane.scratch.clear();
  if (history_depth_ > 0) lane.states = history_;
  uint32_t index = Tree::kRoot;
  const State* state = tree_.node(index).state.get();
  StatePtr scratch;  // the current state where its node keeps none
  while (true) {
    const Node& node = tree_.node(index);
    if (node.proven) {
      ++terminal_hits_;
      Backup(lane.path, index, tree_.values(index));
      return Outcome::kBackedUp;
    }
    if (node.kind == NodeKind::kWaiting) return Outcome::kCollision;
    if (node.visits == 0 && node.kind != NodeKind::kChance) {
      ++known_hits_;
      Backup(lane.path, index, tree_.values(index));
      return Outcome::kBackedUp;
    }
    if (history_depth_ > 0) lane.states.push_back(state);
    const bool joint = node.kind == NodeKind::kSimultaneous;
    uint32_t step;
    uint32_t known = kNoNode;
    Joint::Cell* cell = nullptr;
    if (joint) {
      step = tree_.joint(node).Select(std::as_const(tree_).edges(node),
                                      params_.joint_exploration, lane.rng);
      cell = tree_.MakeCell(node, step);
      if (cell != nullptr) known = cell->child;
    } else {
      step = node.first_edge + static_cast<uint32_t>(SelectMove(lane, index));
      known = tree_.edge(step).child;
    }
    lane.path.push_back({index, step});
    if (known != kNoNode && (tree_.node(known).state != nullptr ||
                             tree_.node(known).kind == NodeKind::kTerminal)) {
      index = known;
      state = tree_.node(index).state.get();
      continue;
    }
    // A state must be made: a new node's, or one that was not kept.
    if (scratch == nullptr || state != scratch.get()) scratch = state->Clone();
    if (joint) {
      scratch->ApplyActions(JointAction(tree_.node(index), step));
    } else {
      scratch->ApplyAction(tree_.edge(step).action);
    }
    state = scratch.get();
    if (known != kNoNode) {
      index = known;
      continue;
    }
    if (!tree_.MakeRoom()) {
      return SimulateOutside(lane, batch, half, std::move(scratch));
    }
    index = tree_.Add(scratch);
    if (joint) {
      cell->child = index;
    } else {
      tree_.edge(step).child = index;
    }
    const Node& added = tree_.node(index);
    if (added.kind == NodeKind::kTerminal) continue;
    if (added.state != nullptr) state = added.state.get();
    if (added.kind == NodeKind::kChance) continue;
    lane.states.push_back(state);
    return Evaluate(lane, batch, half, index, std::move(scratch), *state);
  }
}

std::vector<Action> Search::JointAction(const Node& node, uint32_t key) const {
  const Joint& joint = tree_.joint(node);
  std::vector<Action> actions;
  for (int p = 0; p < tree_.num_players(); ++p) {
    actions.push_back(
        joint.count(p) > 0
            ? tree_.edge(node.first_edge + joint.Choice(key, p)).action
            : kNoAction);
  }
  return actions;
}

Search::Outcome Search::SimulateOutside(Lane& lane, Batch& batch, int half,
                                        StatePtr state) {
  Player mover;
  while ((mover = Mover(*state)) == kChancePlayer) {
    const ChanceOutcomeList outcomes = ChanceOutcomes(*state);
    std::vector<double> probabilities;
    for (const auto& outcome : outcomes) {
      probabilities.push_back(outcome.second);
    }
    const Action drawn = outcomes[lane.rng.Categorical(probabilities)].first;
    StatePtr next = Child(*state, drawn);
    if (history_depth_ > 0) lane.states.push_back(state.get());
    lane.scratch.push_back(std::exchange(state, std::move(next)));
  }
  if (mover == kTerminalPlayer) {
    ++terminal_hits_;
    const std::vector<double> returns = Returns(*state);
    for (size_t p = 0; p < ordered_.size(); ++p) {
      ordered_[p] = static_cast<float>(returns[p] / tree_.value_scale());
    }
    Backup(lane.path, kNoNode, ordered_);
    return Outcome::kBackedUp;
  }
  const State& leaf = *state;
  lane.states.push_back(&leaf);
  return Evaluate(lane, batch, half, kNoNode, std::move(state), leaf);
}

Search::Outcome Search::Evaluate(Lane& lane, Batch& batch, int half,
                                 uint32_t leaf, StatePtr owned,
                                 const State& state) {
  const auto recent =
      std::span(lane.states)
          .last(std::min(lane.states.size(), history_depth_ + 1));
  const Player mover =
      leaf != kNoNode ? Player{tree_.node(leaf).player} : Mover(state);
  // Where players move simultaneously, each is asked from its own seat.
  const Player first = mover >= 0 ? mover : 0;
  const Player last = mover >= 0 ? mover : tree_.num_players() - 1;
  const size_t before = lane.pending.size();
  Answer answer;
  Player answered = first;
  for (Player observer = first; observer <= last; ++observer) {
    if (leaf == kNoNode) {
      lane.legal = LegalActions(state, observer);
    } else {
      lane.legal.clear();
      for (const Edge& edge : tree_.edges_of(tree_.node(leaf), observer)) {
        lane.legal.push_back(edge.action);
      }
    }
    if (lane.legal.empty()) continue;
    const int row = batch.Ask(half, recent, observer, lane.legal, &answer);
    if (row == Batch::kAnswered) {
      answered = observer;
      if (leaf != kNoNode) Expand(leaf, observer, false, state, answer);
      if (leaf == kNoNode && lane.pending.size() == before) break;
    } else {
      lane.pending.push_back({{}, leaf, &state, nullptr, observer, row, false});
      if (leaf == kNoNode) break;  // one seat's view will do
    }
  }
  if (lane.pending.size() == before) {
    if (leaf != kNoNode) Complete(leaf);
    Backup(lane.path, leaf,
           leaf != kNoNode ? tree_.values(leaf)
                           : Ordered(answer, answered, state));
    return Outcome::kBackedUp;
  }
  Pending& complete = lane.pending.back();
  complete.last = true;
  complete.path = lane.path;
  complete.owned = std::move(owned);
  if (virtual_loss_) ApplyVirtualLoss(lane.path, 1);
  return Outcome::kWaits;
}

inline void Search::Complete(uint32_t leaf) {
  Node& node = tree_.node(leaf);
  node.kind = node.player >= 0 ? NodeKind::kDecision : NodeKind::kSimultaneous;
}

inline std::span<const float> Search::Ordered(const Answer& answer,
                                              Player observer,
                                              const State& state) {
  const size_t players = ordered_.size();
  for (size_t k = 0; k < players; ++k) {
    if (!std::isfinite(answer.values[k])) {
      RejectAnswer(*evaluator_, "value", state);
    }
    ordered_[(observer + k) % players] = answer.values[k];
  }
  if (tree_.pays_on_the_way()) {
    const std::vector<double> paid = Returns(state);
    for (size_t p = 0; p < players; ++p) {
      ordered_[p] += static_cast<float>(paid[p] / tree_.value_scale());
    }
  }
  return ordered_;
}

inline void Search::Expand(uint32_t leaf, Player observer, bool last,
                           const State& state, const Answer& answer) {
  const Node& node = tree_.node(leaf);
  const std::span<Edge> edges = tree_.edges_of(node, observer);
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
    RejectAnswer(*evaluator_, "prior_logit", state);
  }
  for (Edge& edge : edges) edge.prior /= total;
  std::span<float> values = tree_.values(leaf);
  const std::span<const float> ordered = Ordered(answer, observer, state);
  if (node.player >= 0) {
    std::copy(ordered.begin(), ordered.end(), values.begin());
  } else {
    // The mean of what the players who choose think.
    const Joint& joint = tree_.joint(node);
    int choosing = 0;
    for (int p = 0; p < joint.num_players(); ++p) {
      if (joint.count(p) > 0) ++choosing;
    }
    for (size_t p = 0; p < values.size(); ++p) {
      values[p] += ordered[p] / static_cast<float>(choosing);
    }
  }
  if (last) Complete(leaf);
}

void Search::Backup(std::span<const Step> path, uint32_t leaf,
                    std::span<const float> values) {
  std::copy(values.begin(), values.end(), delta_.begin());
  const auto count = [this](Node& node) {
    ++node.visits;
    if (node.player >= 0) node.value_sum += delta_[node.player];
  };
  bool proven = false;
  if (leaf != kNoNode) {
    Node& node = tree_.node(leaf);
    proven = params_.proofs && node.proven;
    count(node);
  }
  for (size_t i = path.size(); i-- > 0;) {
    const Step& step = path[i];
    Node& node = tree_.node(step.node);
    if (node.kind == NodeKind::kSimultaneous) {
      BackupJoint(node, step.edge);
      proven = false;
    } else {
      Edge& edge = tree_.edge(step.edge);
      // Only what is new can prove more.
      proven = proven && edge.proof == Proof::kNone;
      if (node.kind == NodeKind::kChance) {
        BackupChance(node, edge, proven);
      } else {
        BackupMove(node, edge, proven);
      }
    }
    count(node);
    proven = proven && Prove(tree_, step.node);
  }
  if (!path.empty()) {
    ++backups_;
    max_depth_ = std::max(max_depth_, static_cast<int>(path.size()));
    // Corrections of earlier visits are no part of this search's mean.
    const std::span<const double> change = delta_;
    const size_t players = change.size();
    const auto part = [&](size_t p) { return reused_ ? values[p] : change[p]; };
    for (size_t p = 0; p < players; ++p) value_sum_[p] += part(p);
    if (move_sums_.empty()) return;
    const uint32_t move = path[0].edge - tree_.node(Tree::kRoot).first_edge;
    double* sums = move_sums_.data() + move * (players + 1);
    for (size_t p = 0; p < players; ++p) sums[p] += part(p);
    sums[players] += 1.0;
  }
}

inline void Search::BackupMove(const Node& node, Edge& edge, bool proven) {
  const Player mover = node.player;
  ++edge.visits;
  edge.value_sum += delta_[mover];
  const float exact =
      edge.child != kNoNode ? tree_.values(edge.child)[mover] : 0;
  if (proven) edge.proof = ProofOf(tree_, exact);
  // Another lane's answer may come from below what was proven meanwhile.
  if (proven || (virtual_loss_ && edge.proof != Proof::kNone)) {
    // All visits count as what is now known; so they do further up, where one
    // player's gain tells the other's. Virtual losses must not be counted.
    const double change = edge.visits * exact - edge.value_sum;
    edge.value_sum += change;
    if (tree_.zero_sum() && !virtual_loss_) {
      delta_[mover] += change;
      delta_[1 - mover] -= change;
    }
  }
  ranges_.See(mover, virtual_loss_ ? MeanOfAnswers(edge) : Mean(edge));
}

double Search::MeanOfAnswers(const Edge& edge) const {
  if (edge.child == kNoNode) return Mean(edge);
  const uint32_t answers = tree_.node(edge.child).visits;
  return (edge.value_sum + (edge.visits - answers)) / answers;
}

void Search::BackupChance(const Node& node, Edge& edge, bool proven) {
  ++edge.visits;
  const std::span<const Edge> edges = std::as_const(tree_).edges(node);
  const size_t players = delta_.size();
  if (!params_.expected_chance) {
    if (proven) edge.proof = Proof::kExact;
    return;
  }
  // Writes the expectation over the outcomes with a visit, in order of player.
  // An outcome that few visits can be expected to reach stands for others like
  // it: it weighs its probability over that of having been reached (Hajek,
  // 1971), which n visits that follow the probabilities do with about
  // min(1, n p). Proven outcomes get no more visits, so n is what it would be
  // if they did.
  const auto expect = [&](std::vector<double>& out) {
    double visits = 0.0;
    double mass = 0.0;
    for (size_t i = 0; i < edges.size(); ++i) {
      if (edges[i].proof != Proof::kNone) continue;
      visits += tree_.outcome(node, i)[players];
      mass += edges[i].prior;
    }
    const double least = visits > mass ? mass / visits : mass > 0.0 ? 1.0 : 0.0;
    double total = 0.0;
    std::fill(out.begin(), out.end(), 0.0);
    for (size_t i = 0; i < edges.size(); ++i) {
      const std::span<const double> outcome = tree_.outcome(node, i);
      if (outcome[players] == 0.0 || edges[i].prior == 0.0f) continue;
      const double weight = std::max<double>(edges[i].prior, least);
      total += weight;
      for (size_t player = 0; player < players; ++player) {
        out[player] += weight * outcome[player] / outcome[players];
      }
    }
    if (total > 0.0) {
      for (double& value : out) value /= total;
    }
  };
  expect(before_);
  if (proven) edge.proof = Proof::kExact;
  const std::span<double> changed =
      tree_.outcome(node, static_cast<size_t>(&edge - edges.data()));
  changed[players] += 1.0;
  const bool settled = proven || (virtual_loss_ && edge.proof != Proof::kNone);
  for (size_t player = 0; player < players; ++player) {
    changed[player] = settled
                          ? changed[players] * tree_.values(edge.child)[player]
                          : changed[player] + delta_[player];
  }
  expect(delta_);
  for (size_t player = 0; player < players; ++player) {
    delta_[player] =
        (node.visits + 1.0) * delta_[player] - node.visits * before_[player];
  }
}

void Search::BackupJoint(const Node& node, uint32_t key) {
  Joint& joint = tree_.joint(node);
  joint.Update(key, joint.Find(key), delta_);
  const std::span<Edge> edges = tree_.edges(node);
  for (int p = 0; p < tree_.num_players(); ++p) {
    if (joint.count(p) == 0) continue;
    Edge& edge = edges[joint.Choice(key, p)];
    ++edge.visits;
    edge.value_sum += delta_[p];
  }
}

void Search::SuspendVirtualLoss(const Lane& lane, int sign) {
  if (!virtual_loss_) return;
  for (const Pending& pending : lane.pending) {
    if (pending.last) ApplyVirtualLoss(pending.path, sign);
  }
}

void Search::ApplyVirtualLoss(std::span<const Step> path, int sign) {
  for (const Step& step : path) {
    const Node& node = tree_.node(step.node);
    // Joint moves are drawn: lanes part by themselves.
    if (node.kind == NodeKind::kSimultaneous) continue;
    Edge& edge = tree_.edge(step.edge);
    edge.visits += sign;
    if (node.kind == NodeKind::kChance) continue;
    edge.value_sum -= sign;  // as if the mover had lost
    if (edge.proof != Proof::kNone) {
      edge.value_sum = edge.visits * tree_.values(edge.child)[node.player];
    }
  }
}

}  // namespace tesuji
