#include "csrc/ismcts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "csrc/checked.h"

namespace tesuji {
namespace {

// What the mover knows, and what it may do: a network masks by the latter.
Key PriorKey(const State& state, const std::vector<Action>& legal) {
  return HashBytes(legal.data(), legal.size() * sizeof(Action),
                   MoverInformation(state));
}

// What the maps' nodes take beside key and value, the allocator included.
constexpr size_t kMapBytes = 32;

}  // namespace

size_t InformationSearch::Node::Place(Action action) const {
  const auto place = std::lower_bound(
      edges.begin(), edges.end(), action,
      [](const Edge& edge, Action other) { return edge.action < other; });
  return place - edges.begin();
}

const InformationSearch::Edge* InformationSearch::Node::Find(
    Action action) const {
  const size_t place = Place(action);
  const bool found = place < edges.size() && edges[place].action == action;
  return found ? &edges[place] : nullptr;
}

InformationSearch::InformationSearch(const Belief& belief,
                                     const SearchParams& params,
                                     double value_scale, uint64_t seed)
    : belief_(belief),
      params_(params),
      value_scale_(value_scale),
      information_(*belief.game, belief.player),
      // Never of the true state: nothing here may depend on it.
      rng_(DeriveSeed(seed, belief.information.low)),
      exploration_(params),
      ranges_(params.value_range, belief.game->NumPlayers()),
      value_sum_(belief.game->NumPlayers(), 0.0) {
  double sum = 0.0;
  for (double weight : belief.weights) cumulative_.push_back(sum += weight);
}

InformationSearch::World InformationSearch::Draw() {
  const double point = rng_.Uniform() * cumulative_.back();
  const auto found =
      std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
  return {belief_.states[found - cumulative_.begin()]->Clone(),
          belief_.information};
}

void InformationSearch::Advance(World& world, Action action) const {
  const bool own = world.state->CurrentPlayer() == belief_.player;
  world.state->ApplyAction(action);
  if (IsOver(*world.state)) return;
  world.steps = own ? 0 : world.steps + 1;
  world.known = information_.After(
      world.known, own ? action : Information::kNone, *world.state);
}

Key InformationSearch::NodeKey(const World& world) const {
  const int64_t mover = world.state->CurrentPlayer();
  const int64_t steps = mover == belief_.player ? 0 : world.steps;
  const int64_t place[] = {mover, steps};
  return HashBytes(place, sizeof(place), world.known);
}

bool InformationSearch::Take(size_t bytes) {
  const int64_t wanted = bytes_ + static_cast<int64_t>(bytes);
  if (params_.max_bytes > 0 && wanted > params_.max_bytes) full_ = true;
  if (!full_) bytes_ = wanted;
  return !full_;
}

uint32_t InformationSearch::FindOrAdd(Key key, Player player, size_t legal,
                                      bool* is_new) {
  const auto found = index_.find(key);
  *is_new = found == index_.end();
  if (!*is_new) return found->second;
  const bool is_root = nodes_.empty();
  // An arena that grows holds its old and its new memory for a moment.
  const size_t more = nodes_.size() < nodes_.capacity()
                          ? 0
                          : std::max<size_t>(1, nodes_.size());
  if (!Take(more * sizeof(Node) + sizeof(Key) + sizeof(uint32_t) + kMapBytes +
            legal * sizeof(Edge)) &&
      !is_root) {
    return kNoNode;
  }
  const auto index = static_cast<uint32_t>(nodes_.size());
  index_.emplace(key, index);
  nodes_.push_back({.player = player});
  nodes_.back().edges.reserve(legal);
  return index;
}

InformationSearch::Edge* InformationSearch::FindOrAdd(Node& node,
                                                      Action action) {
  std::vector<Edge>& edges = node.edges;
  const size_t place = node.Place(action);
  if (place < edges.size() && edges[place].action == action) {
    return &edges[place];
  }
  if (edges.size() == edges.capacity() && !Take(edges.size() * sizeof(Edge))) {
    return nullptr;
  }
  return &*edges.insert(edges.begin() + static_cast<std::ptrdiff_t>(place),
                        {.action = action});
}

bool InformationSearch::Run(Batch& batch, int half) {
  if (waits_) {
    waits_ = false;
    Expand(batch.evaluator(), batch.Row(half, row_));
  }
  if (!root_ready_) {
    if (nodes_.empty()) {
      path_.clear();
      world_ = Draw();
      bool is_new;
      root_legal_ = legal_ = LegalActions(*world_.state);
      leaf_ =
          FindOrAdd(NodeKey(world_), belief_.player, legal_.size(), &is_new);
      prior_key_ = PriorKey(*world_.state, legal_);
      if (!Evaluate(batch, half)) return false;
    }
    std::vector<float>& prior = priors_.at(prior_key_);
    root_prior_ = prior;
    Temper(prior, params_);
    AddNoise(prior, params_, rng_);
    root_ready_ = true;
  }
  while (simulations_ < params_.simulations) {
    if (!Simulate(batch, half)) return false;
  }
  return true;
}

bool InformationSearch::Simulate(Batch& batch, int half) {
  path_.clear();
  world_ = Draw();
  while (true) {
    const State& state = *world_.state;
    const Player mover = Mover(state);
    if (mover == kTerminalPlayer) {
      ++terminal_hits_;
      leaf_ = kNoNode;
      std::vector<double> values = Returns(state);
      for (double& value : values) value /= value_scale_;
      Backup(values);
      return true;
    }
    if (mover == kChancePlayer) {
      Advance(world_,
              open_spiel::SampleAction(ChanceOutcomes(state), rng_.Uniform())
                  .first);
      continue;
    }
    legal_ = LegalActions(state);
    bool is_new;
    leaf_ = FindOrAdd(NodeKey(world_), mover, legal_.size(), &is_new);
    prior_key_ = PriorKey(state, legal_);
    const auto prior = priors_.find(prior_key_);
    if (is_new || prior == priors_.end()) return Evaluate(batch, half);
    const size_t chosen = Select(nodes_[leaf_], legal_, prior->second);
    if (chosen == legal_.size()) return Evaluate(batch, half);
    path_.push_back({leaf_, legal_[chosen]});
    Advance(world_, legal_[chosen]);
  }
}

// PUCT as in select.h among the actions that are legal in this world and have,
// or get, an edge. In place of the node's visits stands how often the action
// could have been chosen.
size_t InformationSearch::Select(Node& node, const std::vector<Action>& legal,
                                 const std::vector<float>& prior) {
  const ValueScale scale = ranges_.Scale(node.player);
  double visited_mass = 0.0;
  for (size_t i = 0; i < legal.size(); ++i) {
    const Edge* edge = node.Find(legal[i]);
    if (edge != nullptr && edge->visits > 0) visited_mass += prior[i];
  }
  const double parent_q =
      node.visits > 0 ? scale(node.value_sum / node.visits) : 0.0;
  const double fpu = parent_q - params_.fpu_reduction * std::sqrt(visited_mass);
  size_t best = legal.size();
  double best_score = -INFINITY;
  for (size_t i = 0; i < legal.size(); ++i) {
    Edge* edge = FindOrAdd(node, legal[i]);
    if (edge == nullptr) continue;
    const double q =
        edge->visits > 0 ? scale(edge->value_sum / edge->visits) : fpu;
    const double score =
        q + exploration_(edge->available) * prior[i] / (1.0 + edge->visits);
    ++edge->available;
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

bool InformationSearch::Evaluate(Batch& batch, int half) {
  const State* state = world_.state.get();
  Answer answer;
  row_ = batch.Ask(half, {&state, 1}, Mover(*state), legal_, &answer);
  waits_ = row_ != Batch::kAnswered;
  if (!waits_) Expand(batch.evaluator(), answer);
  return !waits_;
}

void InformationSearch::Expand(const Evaluator& evaluator,
                               const Answer& answer) {
  const State& state = *world_.state;
  std::vector<float> prior =
      LegalSoftmax(evaluator, answer.prior_logits, legal_, state);
  const size_t bytes =
      sizeof(Key) + sizeof(prior) + kMapBytes + prior.size() * sizeof(float);
  if (!priors_.contains(prior_key_) && (Take(bytes) || !root_ready_)) {
    priors_.emplace(prior_key_, std::move(prior));
  }
  const auto mover = static_cast<size_t>(Mover(state));
  std::vector<double> values(value_sum_.size(), 0.0);
  if (PaysOnTheWay(*state.GetGame())) {
    values = Returns(state);
    for (double& value : values) value /= value_scale_;
  }
  for (size_t k = 0; k < values.size(); ++k) {
    if (!std::isfinite(answer.values[k])) {
      RejectAnswer(evaluator, "value", state);
    }
    values[(mover + k) % values.size()] += answer.values[k];
  }
  if (!root_ready_) raw_values_ = values;
  Backup(values);
}

void InformationSearch::Backup(const std::vector<double>& values) {
  const auto visit = [&values](Node& node) {
    ++node.visits;
    node.value_sum += values[node.player];
  };
  if (leaf_ != kNoNode) visit(nodes_[leaf_]);
  for (const Step& step : path_) {
    Node& node = nodes_[step.node];
    visit(node);
    Edge& edge = *FindOrAdd(node, step.action);
    ++edge.visits;
    edge.value_sum += values[node.player];
    ranges_.See(node.player, edge.value_sum / edge.visits);
  }
  if (!root_ready_) return;  // the root's own evaluation is no simulation
  ++simulations_;
  max_depth_ = std::max(max_depth_, static_cast<int>(path_.size()));
  for (size_t player = 0; player < values.size(); ++player) {
    value_sum_[player] += values[player];
  }
}

SearchResult InformationSearch::Result() const {
  SearchResult result;
  result.player = belief_.player;
  result.actions = root_legal_;
  result.prior = root_prior_;
  result.raw_values = raw_values_;
  for (size_t player = 0; player < value_sum_.size(); ++player) {
    result.values.push_back(simulations_ > 0 ? value_sum_[player] / simulations_
                                             : raw_values_[player]);
  }
  for (Action action : root_legal_) {
    const Edge* edge = nodes_[0].Find(action);
    const bool visited = edge != nullptr && edge->visits > 0;
    result.visits.push_back(visited ? static_cast<int>(edge->visits) : 0);
    result.q.push_back(visited ? edge->value_sum / edge->visits
                               : result.values[result.player]);
  }
  result.owners.assign(root_legal_.size(), belief_.player);
  result.proven.assign(root_legal_.size(), 0);
  for (size_t i = 0; i < root_legal_.size(); ++i) {
    result.target.push_back(
        simulations_ > 0 ? result.visits[i] / static_cast<double>(simulations_)
                         : root_prior_[i]);
    const auto rank = [&](size_t move) {
      return std::make_tuple(result.visits[move], result.q[move],
                             result.prior[move]);
    };
    if (rank(i) > rank(result.best)) result.best = static_cast<int>(i);
  }
  result.simulations = simulations_;
  result.terminal_hits = terminal_hits_;
  result.nodes = static_cast<int64_t>(nodes_.size());
  for (const Node& node : nodes_) {
    result.edges += static_cast<int64_t>(node.edges.size());
  }
  result.max_depth = max_depth_;
  result.bytes = bytes_;
  result.full = full_;
  // The line of the likeliest world: a node has no single successor.
  const size_t likeliest =
      std::max_element(belief_.weights.begin(), belief_.weights.end()) -
      belief_.weights.begin();
  World world{belief_.states[likeliest]->Clone(), belief_.information};
  while (true) {
    const Player mover = Mover(*world.state);
    if (mover == kTerminalPlayer) break;
    Action chosen = Information::kNone;
    if (mover == kChancePlayer) {
      const ChanceOutcomeList outcomes = ChanceOutcomes(*world.state);
      chosen = std::max_element(outcomes.begin(), outcomes.end(),
                                [](const auto& a, const auto& b) {
                                  return a.second < b.second;
                                })
                   ->first;
    } else {
      const auto found = index_.find(NodeKey(world));
      if (found == index_.end()) break;
      const std::vector<Action> legal = LegalActions(*world.state);
      std::tuple<uint32_t, double> most = {0, -INFINITY};
      for (const Edge& edge : nodes_[found->second].edges) {
        if (edge.visits == 0 ||
            !std::binary_search(legal.begin(), legal.end(), edge.action)) {
          continue;
        }
        const std::tuple rank = {edge.visits, edge.value_sum / edge.visits};
        if (rank > most) {
          most = rank;
          chosen = edge.action;
        }
      }
      if (chosen == Information::kNone) break;
    }
    result.principal_variation.push_back(chosen);
    Advance(world, chosen);
  }
  return result;
}

// Works through every `stride`-th belief from `first` on.
class BeliefSlot : public Slot {
 public:
  BeliefSlot(BeliefSearch& job, size_t first, size_t stride)
      : job_(job), next_(first), stride_(stride) {}

  bool Advance(std::span<const std::unique_ptr<Batch>> batches,
               int half) override {
    if (next_ >= job_.beliefs_.size()) return false;
    return Within(*job_.beliefs_[next_]->states[0],
                  [&] { return Go(*batches[0], half); });
  }

 private:
  bool Go(Batch& batch, int half) {
    for (; next_ < job_.beliefs_.size(); next_ += stride_) {
      if (!search_.has_value()) {
        search_.emplace(*job_.beliefs_[next_], job_.params_,
                        job_.evaluator_->value_scale(), job_.seeds_[next_]);
      }
      if (!search_->Run(batch, half)) return true;
      job_.results_[next_] = search_->Result();
      search_.reset();
    }
    return false;
  }

  BeliefSearch& job_;
  size_t next_;
  size_t stride_;
  std::optional<InformationSearch> search_;
};

BeliefSearch::BeliefSearch(EvaluatorPtr evaluator,
                           std::vector<std::shared_ptr<const Belief>> beliefs,
                           std::vector<uint64_t> seeds,
                           const SearchParams& params, int workers)
    : evaluator_(std::move(evaluator)),
      beliefs_(std::move(beliefs)),
      seeds_(std::move(seeds)),
      params_(params),
      results_(beliefs_.size()) {
  for (const auto& belief : beliefs_) {
    RequireAnswers(*evaluator_, *belief->game);
  }
  const auto refuse = [](const std::string& field, const char* needed) {
    throw Error(field + ", but a search of information sets " + needed);
  };
  if (params.selection == Selection::kGumbel) {
    refuse("selection is 'gumbel'", "knows 'puct' alone");
  }
  if (params.forced_playouts > 0.0) {
    refuse("forced_playouts is " + std::to_string(params.forced_playouts),
           "has none: set it to 0");
  }
  if (params.leaves_in_flight > 1) {
    refuse("leaves_in_flight is " + std::to_string(params.leaves_in_flight),
           "has one: set it to 1");
  }
  const int most =
      IsPythonGame(evaluator_->game()) ? 1 : evaluator_->max_workers();
  const auto total = static_cast<int>(beliefs_.size());
  const int threads =
      std::clamp(workers, 1, std::max(1, std::min(most, total)));
  for (int worker = 0; worker < threads; ++worker) {
    const int share = (total + threads - 1 - worker) / threads;
    const int slots = std::min(share, kHalves * evaluator_->worthwhile_rows());
    workers_.push_back(
        std::make_unique<Worker>(std::span(&evaluator_, 1), worker,
                                 std::max(1, (slots + kHalves - 1) / kHalves)));
    auto& own = slots_.emplace_back();
    for (int slot = 0; slot < slots; ++slot) {
      own.push_back(
          std::make_unique<BeliefSlot>(*this, worker + slot * threads,
                                       static_cast<size_t>(slots) * threads));
    }
  }
}

BeliefSearch::~BeliefSearch() = default;

void BeliefSearch::Run(const std::function<void()>& poll) {
  RunWorkers(static_cast<int>(workers_.size()),
             OneThreadOnly(evaluator_->game()), poll,
             [this](int worker, const std::atomic<bool>& cancelled) {
               std::vector<Slot*> slots;
               for (const auto& slot : slots_[worker]) {
                 slots.push_back(slot.get());
               }
               workers_[worker]->Run(slots, [] { return false; }, cancelled);
             });
}

}  // namespace tesuji
