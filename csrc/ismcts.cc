#include "csrc/ismcts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace tesuji {
namespace {

// What the mover knows, and what it may do: a network masks by the latter.
Key PriorKey(const State& state, const std::vector<Action>& legal) {
  return HashBytes(legal.data(), legal.size() * sizeof(Action),
                   MoverInformation(state));
}

}  // namespace

InformationSearch::Edge& InformationSearch::Node::edge(Action action) {
  const auto place = std::lower_bound(
      edges.begin(), edges.end(), action,
      [](const Edge& edge, Action other) { return edge.action < other; });
  if (place != edges.end() && place->action == action) return *place;
  return *edges.insert(place, {.action = action});
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
  if (world.state->IsTerminal()) return;
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

uint32_t InformationSearch::FindOrAdd(Key key, Player player, bool* is_new) {
  const auto index = static_cast<uint32_t>(nodes_.size());
  const auto [found, added] = index_.emplace(key, index);
  if (added) nodes_.push_back({.player = player});
  *is_new = added;
  return found->second;
}

bool InformationSearch::Run(Batch& batch, int half) {
  if (waits_) {
    waits_ = false;
    Expand(batch.Row(half, row_));
  }
  if (!root_ready_) {
    if (nodes_.empty()) {
      path_.clear();
      world_ = Draw();
      bool is_new;
      leaf_ = FindOrAdd(NodeKey(world_), belief_.player, &is_new);
      root_legal_ = legal_ = world_.state->LegalActions();
      prior_key_ = PriorKey(*world_.state, legal_);
      if (!Evaluate(batch, half)) return false;
    }
    AddNoise();
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
    if (state.IsTerminal()) {
      ++terminal_hits_;
      has_leaf_ = false;
      std::vector<double> values = state.Returns();
      for (double& value : values) value /= value_scale_;
      Backup(values);
      return true;
    }
    if (state.IsChanceNode()) {
      Advance(world_,
              open_spiel::SampleAction(state.ChanceOutcomes(), rng_.Uniform())
                  .first);
      continue;
    }
    legal_ = state.LegalActions();
    bool is_new;
    const uint32_t index =
        FindOrAdd(NodeKey(world_), state.CurrentPlayer(), &is_new);
    prior_key_ = PriorKey(state, legal_);
    const auto prior = priors_.find(prior_key_);
    if (is_new || prior == priors_.end()) {
      leaf_ = index;
      return Evaluate(batch, half);
    }
    const Action action = legal_[Select(nodes_[index], legal_, prior->second)];
    path_.push_back({index, action});
    Advance(world_, action);
  }
}

// PUCT as in select.h among the actions that are legal in this world. In place
// of the node's visits stands how often the action could have been chosen.
size_t InformationSearch::Select(Node& node, const std::vector<Action>& legal,
                                 const std::vector<float>& prior) {
  double visited_mass = 0.0;
  for (size_t i = 0; i < legal.size(); ++i) {
    if (node.edge(legal[i]).visits > 0) visited_mass += prior[i];
  }
  const double parent_q = node.visits > 0 ? node.value_sum / node.visits : 0.0;
  const double fpu = parent_q - params_.fpu_reduction * std::sqrt(visited_mass);
  size_t best = 0;
  double best_score = -INFINITY;
  for (size_t i = 0; i < legal.size(); ++i) {
    Edge& edge = node.edge(legal[i]);
    const double q = edge.visits > 0 ? edge.value_sum / edge.visits : fpu;
    const double score =
        q + exploration_(edge.available) * prior[i] / (1.0 + edge.visits);
    ++edge.available;
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

bool InformationSearch::Evaluate(Batch& batch, int half) {
  has_leaf_ = true;
  const State* state = world_.state.get();
  Answer answer;
  row_ = batch.Ask(half, {&state, 1}, state->CurrentPlayer(), legal_, &answer);
  waits_ = row_ != Batch::kAnswered;
  if (!waits_) Expand(answer);
  return !waits_;
}

void InformationSearch::Expand(const Answer& answer) {
  const State& state = *world_.state;
  priors_[prior_key_] = LegalSoftmax(answer.prior_logits, legal_, state);
  std::vector<double> values(value_sum_.size());
  for (size_t k = 0; k < values.size(); ++k) {
    if (!std::isfinite(answer.values[k])) {
      throw Error("the evaluator answered a value that is not finite; " +
                  Describe(state));
    }
    values[(state.CurrentPlayer() + k) % values.size()] = answer.values[k];
  }
  if (!root_ready_) raw_values_ = values;
  Backup(values);
}

void InformationSearch::AddNoise() {
  std::vector<float>& prior = priors_.at(prior_key_);
  root_prior_ = prior;
  if (params_.dirichlet_fraction <= 0.0 || params_.dirichlet_alpha <= 0.0) {
    return;
  }
  const std::vector<double> noise =
      rng_.Dirichlet(params_.dirichlet_alpha, prior.size());
  for (size_t i = 0; i < prior.size(); ++i) {
    prior[i] =
        static_cast<float>((1.0 - params_.dirichlet_fraction) * prior[i] +
                           params_.dirichlet_fraction * noise[i]);
  }
}

void InformationSearch::Backup(const std::vector<double>& values) {
  const auto visit = [&values](Node& node) {
    ++node.visits;
    node.value_sum += values[node.player];
  };
  if (has_leaf_) visit(nodes_[leaf_]);
  for (const Step& step : path_) {
    Node& node = nodes_[step.node];
    visit(node);
    Edge& edge = node.edge(step.action);
    ++edge.visits;
    edge.value_sum += values[node.player];
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
  Node root = nodes_[0];  // a copy: it may lack edges of moves never tried
  for (Action action : root_legal_) {
    const Edge& edge = root.edge(action);
    result.visits.push_back(static_cast<int>(edge.visits));
    result.q.push_back(edge.visits > 0 ? edge.value_sum / edge.visits
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
  // The line of the likeliest world: a node has no single successor.
  const size_t likeliest =
      std::max_element(belief_.weights.begin(), belief_.weights.end()) -
      belief_.weights.begin();
  World world{belief_.states[likeliest]->Clone(), belief_.information};
  while (!world.state->IsTerminal()) {
    Action chosen = Information::kNone;
    if (world.state->IsChanceNode()) {
      const auto outcomes = world.state->ChanceOutcomes();
      chosen = std::max_element(outcomes.begin(), outcomes.end(),
                                [](const auto& a, const auto& b) {
                                  return a.second < b.second;
                                })
                   ->first;
    } else {
      const auto found = index_.find(NodeKey(world));
      if (found == index_.end()) break;
      const std::vector<Action> legal = world.state->LegalActions();
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
    for (; next_ < job_.beliefs_.size(); next_ += stride_) {
      if (!search_.has_value()) {
        search_.emplace(*job_.beliefs_[next_], job_.params_,
                        job_.evaluator_->value_scale(), job_.seeds_[next_]);
      }
      if (!search_->Run(*batches[0], half)) return true;
      job_.results_[next_] = search_->Result();
      search_.reset();
    }
    return false;
  }

 private:
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
  if (params.leaves_in_flight > 1) {
    throw Error("leaves_in_flight is " +
                std::to_string(params.leaves_in_flight) +
                ", but a search of information sets has one: set it to 1");
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
             IsPythonGame(evaluator_->game()), poll,
             [this](int worker, const std::atomic<bool>& cancelled) {
               std::vector<Slot*> slots;
               for (const auto& slot : slots_[worker]) {
                 slots.push_back(slot.get());
               }
               workers_[worker]->Run(slots, [] { return false; }, cancelled);
             });
}

}  // namespace tesuji
