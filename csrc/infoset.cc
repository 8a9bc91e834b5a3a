#include "csrc/infoset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "csrc/checked.h"
#include "csrc/rng.h"

namespace tesuji {
namespace {

Key HashText(const std::string& text, Key key) {
  return HashBytes(text.data(), text.size(), key);
}

// Where the history of `state` begins.
StatePtr Beginning(const State& state) {
  StatePtr start = state.StartingState();
  return start != nullptr ? std::move(start)
                          : state.GetGame()->NewInitialState();
}

// Games whose own sampler was read in OpenSpiel 2.0.2 and draws the hidden
// chance outcomes exactly as likely as chance deals them, so that a sample's
// weight is what the opponents' policy says of it. The others are left out:
// euchre and oh_hell never move a card that was not dealt, hearts approximates
// its passes, gin_rummy keeps the true history, leduc_poker without suits never
// deals a rank twice; the rest is small enough to be enumerated.
bool ResamplesSoundly(const Game& game) {
  const std::string name = game.GetType().short_name;
  if (name == "leduc_poker") {
    return game.ToString().find("suit_isomorphism=True") == std::string::npos;
  }
  return name == "kuhn_poker" || name == "bargaining" || name == "bridge";
}

// What the observer has seen on its way to a state, in order.
class Evidence {
 public:
  static constexpr int kStart = -1;
  static constexpr int kContradicted = -2;

  Evidence(const State& state, Player player, bool own_turns)
      : player_(player), information_(*state.GetGame(), player, own_turns) {
    StatePtr replayed = Beginning(state);
    const std::vector<Action> history = state.History();
    while (true) {
      const size_t step = replayed->FullHistory().size();
      const bool own = replayed->CurrentPlayer() == player;
      if (information_.Sees(*replayed)) {
        const Key known = After(Last(), *replayed);
        if (!Stays(Last(), known, own)) sightings_.push_back({known, own});
      }
      if (step >= history.size()) break;
      if (own) sightings_.back().action = history[step];
      replayed->ApplyAction(history[step]);
    }
    if (replayed->ToString() != state.ToString()) {
      throw Error("the state is not the one that its history leads to; " +
                  Describe(state));
    }
  }

  int Last() const { return static_cast<int>(sightings_.size()) - 1; }
  Key information() const { return sightings_.back().known; }
  // The observer's own action where it moved.
  Action action(int position) const { return sightings_[position].action; }

  // How far one who was at `position` has come in `state`, or kContradicted.
  int Follow(int position, const State& state) const {
    if (!information_.Sees(state)) return position;
    const bool own = state.CurrentPlayer() == player_;
    const Key known = After(position, state);
    if (Stays(position, known, own)) return position;
    if (position == Last()) return kContradicted;
    const Sighting& next = sightings_[position + 1];
    return next.own == own && next.known == known ? position + 1
                                                  : kContradicted;
  }

 private:
  struct Sighting {
    Key known;
    bool own;  // the observer moves
    Action action = Information::kNone;
  };

  Key After(int position, const State& state) const {
    return position == kStart
               ? information_.After(Information::kNothing, Information::kNone,
                                    state)
               : information_.After(sightings_[position].known,
                                    sightings_[position].action, state);
  }
  // Steps that change nothing for the observer are not counted: it may not
  // know how many there were.
  bool Stays(int position, Key known, bool own) const {
    return position != kStart && !own && !sightings_[position].own &&
           sightings_[position].known == known;
  }

  Player player_;
  Information information_;
  std::vector<Sighting> sightings_;
};

constexpr int64_t kPollNodes = 256;
// Where no particle is left: so many times more, so often.
constexpr int kWidening = 4;
constexpr int kWidenings = 3;

// A state that agrees with the evidence so far.
struct Hypothesis {
  StatePtr state;
  double weight = 1.0;
  int position = Evidence::kStart;
  int draws = 1;    // equal particles merged into this one
  int origin = -1;  // its ancestor when the population was first cut
  // The only history it may take; null = any.
  const std::vector<Action>* script = nullptr;
  std::vector<Action> actions = {};  // the next ones, and how likely they are
  std::vector<double> probabilities = {};
};

using Population = std::vector<Hypothesis>;

// At most `most` of a population, all different, without bias: the heavy ones
// stay as they are, of the light ones some, all equally heavy (Fearnhead and
// Clifford, 2003, "On-line inference for hidden Markov models via particle
// filters": optimal among such schemes).
void Cut(Population& population, size_t most, Rng& rng) {
  std::vector<double> sorted;
  for (const Hypothesis& h : population) sorted.push_back(h.weight);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> light;  // sums of the lightest 1, 2, ...
  double sum = 0.0;
  for (double weight : sorted) light.push_back(sum += weight);
  size_t heavy = 0;
  while (heavy < most && sorted[sorted.size() - 1 - heavy] * (most - heavy) >=
                             light[light.size() - 1 - heavy]) {
    ++heavy;
  }
  if (heavy == most) --heavy;  // the last one outweighs all lighter ones
  const double share = light[light.size() - 1 - heavy] / (most - heavy);
  double remaining = rng.Uniform() * share;
  Population kept;
  for (Hypothesis& h : population) {
    if (h.weight < share) {
      remaining -= h.weight;
      if (remaining >= 0.0) continue;
      remaining += share;
      h.weight = share;
    }
    kept.push_back(std::move(h));
  }
  population = std::move(kept);
}

// Walks all histories that agree with the evidence at once, a step at a time,
// so that the policy is asked in batches.
class Walk {
 public:
  enum class Limit { kNone, kStop, kCut };

  Walk(const Evidence& evidence, Player player, Policy& policy,
       const BeliefOptions& options, Rng& rng,
       const std::function<void()>& poll)
      : evidence_(evidence),
        player_(player),
        policy_(policy),
        options_(options),
        rng_(rng),
        poll_(poll) {}

  // Those who arrive where the evidence ends; nothing if more than `max_nodes`
  // states had to be stepped and the limit is to stop.
  std::optional<Population> Run(Population population, Limit limit,
                                int64_t max_nodes) {
    std::erase_if(population, [&](Hypothesis& h) {
      return !Within(*h.state, [&] { return Place(h); });
    });
    const auto most = static_cast<size_t>(options_.particles);
    while (!std::all_of(population.begin(), population.end(),
                        [&](const Hypothesis& h) { return Arrived(h); })) {
      poll_();
      int64_t wanted = 0;
      for (Hypothesis& h : population) {
        if (!Arrived(h)) Within(*h.state, [&] { ListActions(h); });
        wanted += static_cast<int64_t>(h.actions.size());
      }
      if (limit != Limit::kNone && nodes_ + wanted > max_nodes) {
        if (limit == Limit::kStop) return std::nullopt;
        CutTo(population, most);
      }
      AskPolicy(population);
      population = Step(population);
    }
    if (was_cut_) CutTo(population, most);
    return population;
  }

  bool was_cut() const { return was_cut_; }

 private:
  bool Arrived(const Hypothesis& h) const {
    return h.position == evidence_.Last();
  }

  // False if the evidence contradicts it.
  bool Place(Hypothesis& h) const {
    if (IsOver(*h.state)) return false;
    h.position = evidence_.Follow(h.position, *h.state);
    return h.position != Evidence::kContradicted;
  }

  void CutTo(Population& population, size_t most) {
    if (population.size() <= most) return;
    Cut(population, most, rng_);
    if (!std::exchange(was_cut_, true)) {
      for (size_t i = 0; i < population.size(); ++i) {
        population[i].origin = static_cast<int>(i);
      }
    }
  }

  // The probabilities of opponents' actions are left to AskPolicy.
  void ListActions(Hypothesis& h) const {
    h.probabilities.clear();
    const State& state = *h.state;
    const Player mover = Mover(state);
    if (mover == kChancePlayer) {
      h.actions.clear();
      for (const auto& [outcome, probability] : ChanceOutcomes(state)) {
        h.actions.push_back(outcome);
        // A script's outcomes were drawn by the game, with this probability.
        h.probabilities.push_back(
            h.script != nullptr && probability > 0.0 ? 1.0 : probability);
      }
      return;
    }
    h.actions = LegalActions(state);
    if (mover == player_) {
      const Action taken = evidence_.action(h.position);
      std::erase_if(h.actions, [&](Action action) { return action != taken; });
      h.probabilities.assign(h.actions.size(), 1.0);
    }
  }

  void AskPolicy(Population& population) const {
    std::vector<Hypothesis*> waiting;
    std::vector<const State*> states;
    for (Hypothesis& h : population) {
      if (Arrived(h) || h.state->IsChanceNode() ||
          h.state->CurrentPlayer() == player_) {
        continue;
      }
      waiting.push_back(&h);
      states.push_back(h.state.get());
    }
    if (waiting.empty()) return;
    std::vector<std::vector<double>> rows = policy_.Probabilities(states);
    for (size_t i = 0; i < waiting.size(); ++i) {
      waiting[i]->probabilities = std::move(rows[i]);
    }
  }

  Population Step(Population& population) {
    Population next;
    double heaviest = 0.0;
    const auto keep = [&](Hypothesis h) {
      heaviest = std::max(heaviest, h.weight);
      next.push_back(std::move(h));
    };
    for (Hypothesis& h : population) {
      if (Arrived(h)) {
        h.actions.clear();
        keep(std::move(h));
        continue;
      }
      const size_t step = h.state->FullHistory().size();
      for (size_t i = 0; i < h.actions.size(); ++i) {
        if (h.probabilities[i] <= 0.0) continue;
        if (nodes_ % kPollNodes == 0) poll_();
        if (h.script != nullptr && (*h.script)[step] != h.actions[i]) continue;
        ++nodes_;
        Within(*h.state, [&] {
          Hypothesis child{.state = Child(*h.state, h.actions[i]),
                           .weight = h.weight * h.probabilities[i],
                           .position = h.position,
                           .draws = h.draws,
                           .origin = h.origin,
                           .script = h.script};
          if (child.weight > 0.0 && Place(child)) keep(std::move(child));
        });
      }
    }
    // Only ratios matter; products of many probabilities would vanish.
    for (Hypothesis& h : next) h.weight /= heaviest;
    return next;
  }

  const Evidence& evidence_;
  Player player_;
  Policy& policy_;
  const BeliefOptions& options_;
  Rng& rng_;
  const std::function<void()>& poll_;
  int64_t nodes_ = 0;
  bool was_cut_ = false;
};

// A population of the game's own samples, equal ones merged. `histories` is
// where their scripts live.
Population Resample(const State& state, int particles, Rng& rng,
                    const std::function<void()>& poll,
                    std::map<std::vector<Action>, int>& histories) {
  const auto uniform = [&rng] { return rng.Uniform(); };
  for (int i = 0; i < particles; ++i) {
    poll();
    ++histories[state.ResampleFromInfostate(state.CurrentPlayer(), uniform)
                    ->History()];
  }
  Population population;
  for (const auto& [history, count] : histories) {
    population.push_back({.state = Beginning(state),
                          .weight = static_cast<double>(count),
                          .draws = count,
                          .script = &history});
  }
  return population;
}

class UniformPolicy : public Policy {
 public:
  std::vector<std::vector<double>> Probabilities(
      std::span<const State* const> states) override {
    std::vector<std::vector<double>> rows;
    for (const State* state : states) {
      const size_t actions = LegalActions(*state).size();
      rows.emplace_back(actions, 1.0 / static_cast<double>(actions));
    }
    return rows;
  }
};

class EvaluatorPolicy : public Policy {
 public:
  explicit EvaluatorPolicy(EvaluatorPtr evaluator)
      : evaluator_(std::move(evaluator)),
        batch_(*evaluator_, 0, evaluator_->max_rows()) {}

  std::vector<std::vector<double>> Probabilities(
      std::span<const State* const> states) override {
    RequireAnswers(*evaluator_, *states[0]->GetGame());
    std::vector<std::vector<double>> rows(states.size());
    std::vector<std::pair<size_t, int>> pending;  // state and row of the batch
    const auto take = [&](size_t i, const Answer& answer) {
      const std::vector<float> row =
          LegalSoftmax(*evaluator_, answer.prior_logits,
                       LegalActions(*states[i]), *states[i]);
      rows[i].assign(row.begin(), row.end());
    };
    const auto flush = [&] {
      batch_.Launch(0);
      batch_.Finish(0);
      for (const auto& [i, row] : pending) take(i, batch_.Row(0, row));
      pending.clear();
    };
    for (size_t i = 0; i < states.size(); ++i) {
      Answer answer;
      const int row = batch_.Ask(0, states.subspan(i, 1), Mover(*states[i]),
                                 LegalActions(*states[i]), &answer);
      if (row == Batch::kAnswered) {
        take(i, answer);
      } else {
        pending.emplace_back(i, row);
        if (batch_.pending(0) == batch_.rows()) flush();
      }
    }
    flush();
    return rows;
  }

 private:
  EvaluatorPtr evaluator_;
  Batch batch_;
};

void RequireOptions(const Game& game, const BeliefOptions& options) {
  static constexpr std::array kMethods = {"auto", "exact", "resampling",
                                          "replay"};
  if (std::find(kMethods.begin(), kMethods.end(), options.method) ==
      kMethods.end()) {
    throw Error("method is '" + options.method +
                "'; choose auto, exact, resampling or replay");
  }
  if (options.particles < 1) {
    throw Error("particles is " + std::to_string(options.particles) +
                "; give at least 1");
  }
  if (options.max_nodes < 1) {
    throw Error("max_nodes is " + std::to_string(options.max_nodes) +
                "; give at least 1");
  }
  if (options.method == "resampling" && !ResamplesSoundly(game)) {
    throw Error("method is 'resampling', but game '" + game.ToString() +
                "' has no sampler known to be unbiased; use replay or auto");
  }
}

}  // namespace

Information::Information(const Game& game, Player player, bool own_turns)
    : own_turns_(own_turns), player_(player) {
  const auto& type = game.GetType();
  recall_ = type.provides_information_state_string;
  if (!recall_ && !type.provides_observation_string) {
    throw Error("game '" + type.short_name +
                "' tells in no string what a player knows (neither information "
                "state nor observation): choose a game that has one");
  }
  // Its strings name the information set of whoever moves: a player that does
  // not would read the mover's.
  own_turns_ = own_turns || type.short_name == "efg_game";
}

bool Information::Sees(const State& state) const {
  return !own_turns_ || state.CurrentPlayer() == player_;
}

Key Information::After(Key before, Action own, const State& state) const {
  if (recall_ && Sees(state)) {
    return HashText(state.InformationStateString(player_), kNothing);
  }
  if (own != kNone) before = HashBytes(&own, sizeof(own), before);
  return Sees(state) ? HashText(state.ObservationString(player_), before)
                     : before;
}

Key MoverInformation(const State& state) {
  const Player mover = state.CurrentPlayer();
  const auto& type = state.GetGame()->GetType();
  const Key key = {static_cast<uint64_t>(mover) + 1, 3};
  if (type.provides_information_state_string) {
    return HashText(state.InformationStateString(mover), key);
  }
  const Key seen = HashText(state.ObservationString(mover), key);
  if (!type.provides_observation_tensor) return seen;
  // It may say more than the string, such as hanabi's last move.
  const std::vector<float> tensor = state.ObservationTensor(mover);
  return HashBytes(tensor.data(), tensor.size() * sizeof(float), seen);
}

std::vector<float> LegalSoftmax(const Evaluator& evaluator,
                                const float* prior_logits,
                                std::span<const Action> legal_actions,
                                const State& state) {
  float largest = -INFINITY;
  for (Action action : legal_actions) {
    largest = std::max(largest, prior_logits[action]);
  }
  std::vector<float> probabilities;
  float total = 0.0f;
  for (Action action : legal_actions) {
    probabilities.push_back(std::exp(prior_logits[action] - largest));
    total += probabilities.back();
  }
  if (!std::isfinite(total)) {
    RejectAnswer(evaluator, "prior_logit", state);
  }
  for (float& p : probabilities) p /= total;
  return probabilities;
}

void RequireAnswers(const Evaluator& evaluator, const Game& game) {
  if (evaluator.game().ToString() != game.ToString()) {
    throw Error("the evaluator plays '" + evaluator.game().ToString() +
                "', but the state belongs to '" + game.ToString() + "'");
  }
  if (evaluator.encoder() != nullptr &&
      evaluator.encoder()->history_depth() > 0) {
    throw Error(
        "the evaluator's encoder reads earlier positions, which a belief does "
        "not keep: choose information_state or observation");
  }
}

std::unique_ptr<Policy> MakeUniformPolicy() {
  return std::make_unique<UniformPolicy>();
}

std::unique_ptr<Policy> MakeEvaluatorPolicy(EvaluatorPtr evaluator) {
  return std::make_unique<EvaluatorPolicy>(std::move(evaluator));
}

Belief FindBelief(const State& state, Policy& policy,
                  const BeliefOptions& options, uint64_t seed,
                  const std::function<void()>& poll) {
  const GamePtr game = state.GetGame();
  RequireSequential(*game);
  RequireOptions(*game, options);
  const Player player = Mover(state);
  if (player < 0) {
    throw Error("a belief is of the player to move, but nobody is to move; " +
                Describe(state));
  }
  const Evidence evidence =
      Within(state, [&] { return Evidence(state, player, false); });
  Belief belief{
      .game = game, .player = player, .information = evidence.information()};
  // Not the stream of a search from this belief.
  Rng rng(DeriveSeed(DeriveSeed(seed, 1), belief.information.low));
  std::optional<Population> found;
  std::map<std::vector<Action>, int> histories;
  bool was_cut = false;
  const auto walk = [&](Walk::Limit limit, int64_t max_nodes) {
    // Where all were contradicted in the end, more may help. A wider walk
    // stands alone: nothing of the one before is used.
    BeliefOptions wider = options;
    for (int widening = 0; widening <= kWidenings; ++widening) {
      Walk walk(evidence, player, policy, wider, rng, poll);
      Population start;
      start.push_back({.state = Beginning(state)});
      found = walk.Run(std::move(start), limit, max_nodes);
      was_cut = walk.was_cut();
      if (!found.has_value() || !found->empty() || !was_cut) break;
      wider.particles *= kWidening;
    }
    const auto most = static_cast<size_t>(options.particles);
    if (was_cut && found->size() > most) Cut(*found, most, rng);
    belief.method = was_cut ? "replay" : "exact";
  };
  const bool automatic = options.method == "auto";
  const bool resampling =
      options.method == "resampling" || (automatic && ResamplesSoundly(*game));
  if (game->GetType().information ==
      open_spiel::GameType::Information::kPerfectInformation) {
    belief.method = "exact";
    found.emplace().push_back({.state = state.Clone()});
  } else if (options.method == "replay") {
    walk(Walk::Limit::kCut, 0);
  } else if (options.method == "exact" || (automatic && resampling)) {
    walk(Walk::Limit::kStop, options.max_nodes);
  } else if (automatic) {
    walk(Walk::Limit::kCut, options.max_nodes);
  }
  if (!found.has_value() && resampling) {
    // The order in which the sampler deals is its own: what counts is what the
    // player knew whenever it moved.
    const Evidence own_turns =
        Within(state, [&] { return Evidence(state, player, true); });
    Walk walk(own_turns, player, policy, options, rng, poll);
    found = walk.Run(Within(state,
                            [&] {
                              return Resample(state, options.particles, rng,
                                              poll, histories);
                            }),
                     Walk::Limit::kNone, 0);
    belief.method = "resampling";
  }
  if (!found.has_value()) {
    throw Error("method is 'exact', but max_nodes = " +
                std::to_string(options.max_nodes) +
                " states do not suffice: raise it, or use auto; " +
                Describe(state));
  }
  double total = 0.0;
  for (const Hypothesis& h : *found) total += h.weight;
  if (found->empty()) {
    const bool few = was_cut || belief.method == "resampling";
    throw Error("no state is left that agrees with what player " +
                std::to_string(player) + " has seen: " +
                (few ? "ask for more particles (" +
                           std::to_string(options.particles) +
                           " now), or for a policy under which the opponents' "
                           "actions are likelier; "
                     : "the policy gives what the opponents did the "
                       "probability 0; ") +
                Describe(state));
  }
  double squares = 0.0;
  std::map<int, double> lines;  // weights, by common ancestor
  for (Hypothesis& h : *found) {
    const double weight = h.weight / total;
    squares += weight * weight / h.draws;
    if (h.origin >= 0) lines[h.origin] += weight;
    belief.weights.push_back(weight);
    belief.states.push_back(std::move(h.state));
  }
  double shared = 0.0;
  for (const auto& [origin, weight] : lines) shared += weight * weight;
  belief.effective_sample_size = 1.0 / std::max(squares, shared);
  return belief;
}

}  // namespace tesuji
