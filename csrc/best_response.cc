#include "csrc/best_response.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "csrc/checked.h"
#include "csrc/worker.h"

namespace tesuji {
namespace {

constexpr double kRowTolerance = 1e-6;  // of the sum of a policy's row
constexpr int kReportHistories = 1024;
// When so many histories are so small a share of the tree that the rest, were
// it alike, would be so many times the bound, nobody need wait for it. The
// first branches may well be larger than the others, but not by as much as
// that.
constexpr int64_t kForesight = 100'000;
constexpr double kHopeless = 1e12;
constexpr size_t kCancelHistories = size_t{1} << 16;
// Below this a second thread costs more than it brings.
constexpr int64_t kWorthTwoThreads = 1 << 16;

// Information states and games may fill several lines and many pages.
std::string Quoted(const std::string& text) {
  constexpr size_t kLongest = 120;
  std::string line = text.substr(0, kLongest);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return "'" + line + (text.size() > kLongest ? "...'" : "'");
}

// What the player to move knows. Where everything is seen, the history does for
// games that have no string.
std::string Known(const State& state) {
  return state.GetGame()->GetType().provides_information_state_string
             ? state.InformationStateString(state.CurrentPlayer())
             : state.HistoryString();
}

Key HashKnown(const State& state) {
  const std::string known = Known(state);
  const auto mover = static_cast<uint64_t>(state.CurrentPlayer());
  return HashBytes(known.data(), known.size(), {mover + 1, 3});
}

Key HashDoubles(const std::vector<double>& values) {
  return HashBytes(values.data(), values.size() * sizeof(double), {1, 2});
}

}  // namespace

std::pair<int32_t, bool> KeyIndex::Add(Key key) {
  if (2 * keys_.size() >= table_.size()) {
    table_.assign(2 * table_.size(), kAbsent);
    for (int32_t i = 0; i < size(); ++i) table_[Place(keys_[i])] = i;
  }
  int32_t& number = table_[Place(key)];
  if (number != kAbsent) return {number, false};
  number = size();
  keys_.push_back(key);
  return {number, true};
}

int32_t KeyIndex::Find(Key key) const { return table_[Place(key)]; }

size_t KeyIndex::Place(Key key) const {
  const size_t mask = table_.size() - 1;
  size_t place = key.low & mask;
  while (table_[place] != kAbsent && keys_[table_[place]] != key) {
    place = (place + 1) & mask;
  }
  return place;
}

// The walk that fills a tree. Its stack is its own, however long the game.
class InformationTree::Enumeration {
 public:
  Enumeration(InformationTree& tree, int64_t max_histories,
              const Report& report)
      : tree_(tree),
        max_histories_(max_histories),
        report_(report),
        last_own_(tree.game_->NumPlayers(), -1) {}

  void Run() {
    Visit(InitialState(*tree_.game_), kNoAction, 1.0);
    while (!stack_.empty()) {
      Level& level = stack_.back();
      const size_t next = level.next++;
      if (next == level.actions.size()) {
        if (level.word >= 0) {
          last_own_[tree_.players_[level.word]] = tree_.last_own_[level.word];
        }
        stack_.pop_back();
        continue;
      }
      if (level.word >= 0) {
        last_own_[tree_.players_[level.word]] =
            static_cast<int32_t>(tree_.offsets_[level.word] + next);
      }
      const Action action = level.actions[next];
      const double share =
          level.share / static_cast<double>(level.actions.size());
      const bool last = next + 1 == level.actions.size();
      StatePtr child = Within(*level.state, [&] {
        StatePtr moved = last ? nullptr : level.state->Clone();
        State& state = last ? *level.state : *moved;
        state.ApplyAction(action);
        return last ? std::move(level.state) : std::move(moved);
      });
      Visit(std::move(child), action, share);
    }
    report_(tree_.num_histories(), 1.0);
  }

 private:
  // A history whose children are visited one after the other; the last of them
  // takes over its state.
  struct Level {
    StatePtr state;
    int32_t word;
    Action incoming;  // the action that led here
    double share;     // of the tree, among equal siblings
    std::vector<Action> actions = {};
    size_t next = 0;
    int32_t step = kNoStep;  // in steps_, once something needs the way here
  };
  static constexpr int32_t kNoStep = -1;

  void Visit(StatePtr state, Action incoming, double share) {
    const int64_t visited = tree_.num_histories();
    if (visited == max_histories_) Refuse(visited);
    if (visited % kReportHistories == 0) {
      report_(visited, done_);
      const double bound = done_ * static_cast<double>(max_histories_);
      if (visited >= kForesight && visited > kHopeless * bound) Refuse(visited);
    }
    const Player mover = Mover(*state);
    if (mover == kTerminalPlayer) {
      tree_.histories_.push_back(TerminalWord(EndReturns(*state)));
      done_ += share;
      return;
    }
    stack_.push_back({.state = std::move(state),
                      .word = 0,
                      .incoming = incoming,
                      .share = share});
    Level& level = stack_.back();
    level.word = Within(*level.state, [&] {
      return mover == kChancePlayer ? ChanceWord(Distribution(level))
                                    : InformationState(level, mover);
    });
    tree_.histories_.push_back(level.word);
  }

  int32_t EndReturns(const State& state) {
    const std::vector<double> returns = Returns(state);
    const auto [number, is_new] = returns_.Add(HashDoubles(returns));
    if (is_new) {
      tree_.returns_.insert(tree_.returns_.end(), returns.begin(),
                            returns.end());
    }
    return number;
  }

  // Outcomes that never come are left out.
  int32_t Distribution(Level& level) {
    std::vector<double> probabilities;
    for (const auto& [outcome, probability] : ChanceOutcomes(*level.state)) {
      if (probability <= 0.0) continue;
      level.actions.push_back(outcome);
      probabilities.push_back(probability);
    }
    const auto [number, is_new] =
        distributions_.Add(HashDoubles(probabilities));
    if (is_new) {
      std::vector<double>& all = tree_.chance_probabilities_;
      all.insert(all.end(), probabilities.begin(), probabilities.end());
      tree_.chance_offsets_.push_back(static_cast<int64_t>(all.size()));
    }
    return number;
  }

  // Of the level on top of the stack.
  int32_t InformationState(Level& level, Player player) {
    const State& state = *level.state;
    const std::vector<Action>& legal = level.actions = LegalActions(state);
    const auto [number, is_new] = tree_.index_.Add(HashKnown(state));
    if (is_new) {
      tree_.players_.push_back(static_cast<int8_t>(player));
      tree_.actions_.insert(tree_.actions_.end(), legal.begin(), legal.end());
      tree_.offsets_.push_back(static_cast<int64_t>(tree_.actions_.size()));
      tree_.last_own_.push_back(last_own_[player]);
      tree_.path_.push_back(StepHere());
      return number;
    }
    const auto known = tree_.actions_.begin() + tree_.offsets_[number];
    if (!std::equal(legal.begin(), legal.end(), known,
                    tree_.actions_.begin() + tree_.offsets_[number + 1])) {
      throw Error(About(state) + " has different legal actions in different " +
                  "histories; " + Describe(state));
    }
    if (tree_.last_own_[number] != last_own_[player]) {
      throw Error(About(state) + " forgets what player " +
                  std::to_string(player) +
                  " knew or did before; exact best responses need perfect "
                  "recall: choose a game that has it");
    }
    return number;
  }

  std::string About(const State& state) const {
    return "game " + Quoted(tree_.game_->ToString()) + ": information state " +
           Quoted(Known(state));
  }

  // Enters the way to the top of the stack into steps_, as far as it is new.
  int32_t StepHere() {
    size_t known = stack_.size();
    while (known > 0 && stack_[known - 1].step == kNoStep) --known;
    int32_t step = known > 0 ? stack_[known - 1].step : kNoStep;
    for (; known < stack_.size(); ++known) {
      if (known == 0) {
        step = 0;  // the root, entered from the beginning
      } else {
        const auto action = static_cast<int32_t>(stack_[known].incoming);
        tree_.steps_.push_back({step, action});
        step = static_cast<int32_t>(tree_.steps_.size()) - 1;
      }
      stack_[known].step = step;
    }
    return step;
  }

  [[noreturn]] void Refuse(int64_t visited) const {
    const bool foreseen = visited < max_histories_;
    throw Error(
        "game " + Quoted(tree_.game_->ToString()) +
        " has more than max_histories = " + std::to_string(max_histories_) +
        " histories (" +
        (foreseen ? "by far, to judge by the first " + std::to_string(visited) +
                        " and their "
                  : std::string()) +
        std::to_string(tree_.num_information_states()) + " information states" +
        (foreseen ? "" : " so far") +
        "), too many for an exact figure: raise max_histories, or ask for the "
        "approximate one (--approximate MINUTES)");
  }

  InformationTree& tree_;
  int64_t max_histories_;
  const Report& report_;
  std::vector<Level> stack_;
  std::vector<int32_t> last_own_;  // [P] now
  double done_ = 0.0;
  KeyIndex returns_;
  KeyIndex distributions_;
};

InformationTree::InformationTree(GamePtr game, int64_t max_histories,
                                 const Report& report)
    : game_(std::move(game)) {
  RequireEnumerable(*game_);
  if (HasSimultaneousMoves(*game_)) {
    game_ = TurnBased(game_);
    RequireEnumerable(*game_);
  }
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (max_histories < 1 || max_histories > kMost) {
    throw Error("max_histories is " + std::to_string(max_histories) +
                "; give a number from 1 to " + std::to_string(kMost));
  }
  Enumeration(*this, max_histories, report).Run();
  const auto shrink = [](auto&... kept) { (kept.shrink_to_fit(), ...); };
  shrink(histories_, players_, offsets_, actions_, last_own_, path_, steps_);
  index_.ShrinkToFit();
}

std::vector<Action> InformationTree::PathTo(int32_t information_state) const {
  std::vector<Action> path;
  for (int32_t step = path_[information_state]; step != 0;
       step = steps_[step].parent) {
    path.push_back(steps_[step].action);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

StatePtr InformationTree::Representative(int32_t information_state) const {
  StatePtr state = InitialState(*game_);
  for (const Action action : PathTo(information_state)) {
    state->ApplyAction(action);
  }
  return state;
}

std::string InformationTree::Name(int32_t information_state) const {
  return Known(*Representative(information_state));
}

void InformationTree::Encode(int32_t first, int32_t count,
                             const Encoder& encoder, std::span<float> inputs,
                             std::span<uint8_t> legal_mask) const {
  const auto size = static_cast<size_t>(encoder.size());
  const auto width = static_cast<size_t>(game_->NumDistinctActions());
  for (int32_t i = 0; i < count; ++i) {
    const int32_t which = first + i;
    const StatePtr state = Representative(which);
    Within(*state, [&] {
      const std::vector<StatePtr> past =
          Predecessors(*state, encoder.history_depth());
      std::vector<const State*> recent;
      for (const StatePtr& earlier : past) recent.push_back(earlier.get());
      recent.push_back(state.get());
      encoder.encode(recent, players_[which],
                     inputs.subspan(static_cast<size_t>(i) * size, size));
    });
    for (int64_t k = offsets_[which]; k < offsets_[which + 1]; ++k) {
      legal_mask[static_cast<size_t>(i) * width + actions_[k]] = 1;
    }
  }
}

int32_t InformationTree::Find(const State& state) const {
  if (state.GetGame()->ToString() != game_->ToString()) {
    throw Error("the tree is of '" + game_->ToString() +
                "', but the state belongs to '" + state.GetGame()->ToString() +
                "'");
  }
  if (Mover(state) < 0) {
    throw Error("only the player to move has an information state; " +
                Describe(state));
  }
  const int32_t found = index_.Find(HashKnown(state));
  if (found == KeyIndex::kAbsent) {
    throw Error("the game never comes to this information state; " +
                Describe(state));
  }
  return found;
}

void InformationTree::RequireDistributions(
    std::span<const double> probabilities) const {
  if (probabilities.size() != actions_.size()) {
    throw Error("probabilities has " + std::to_string(probabilities.size()) +
                " entries; give " + std::to_string(actions_.size()) +
                ", one for every legal action of every information state");
  }
  for (int32_t i = 0; i < num_information_states(); ++i) {
    double total = 0.0;
    std::string wrong;
    for (int64_t k = offsets_[i]; k < offsets_[i + 1]; ++k) {
      const double p = probabilities[k];
      total += p;
      if (std::isfinite(p) && p >= 0.0) continue;
      wrong = "the probability " + std::to_string(p) + " of action " +
              std::to_string(actions_[k]);
    }
    if (wrong.empty() && std::abs(total - 1.0) <= kRowTolerance) continue;
    if (wrong.empty()) {
      wrong = "probabilities that sum to " + std::to_string(total) + ", not 1,";
    }
    throw Error("the policy has " + wrong + " in information state " +
                std::to_string(i) + ", " + Quoted(Name(i)) + " of player " +
                std::to_string(players_[i]) + ", " + Quoted(game_->ToString()));
  }
}

double InformationTree::Walk(Player player,
                             std::span<const double> probabilities,
                             std::span<double> gains,
                             const std::atomic<bool>& cancelled) const {
  // A history with children still to come.
  struct Level {
    const double* next;  // probability of the next child
    const double* end;
    double reach;      // by all
    double others;     // by chance and the other players
    int64_t last_own;  // the player's last action, or the next one
    bool own;          // the player moves
  };
  const auto players = static_cast<size_t>(game_->NumPlayers());
  std::vector<Level> stack;
  double value = 0.0;
  double reach = 1.0;
  double others = 1.0;
  auto last_own = static_cast<int64_t>(actions_.size()) + player;
  for (size_t h = 0; h < histories_.size(); ++h) {
    if (h % kCancelHistories == 0 && cancelled) return value;
    if (h > 0) {
      Level& above = stack.back();
      const double probability = *above.next++;
      reach = above.reach * probability;
      others = above.own ? above.others : above.others * probability;
      last_own = above.own ? above.last_own++ : above.last_own;
      if (above.next == above.end) stack.pop_back();
    }
    const int32_t word = histories_[h];
    if (word >= 0) {
      const int64_t begin = offsets_[word];
      const bool own = players_[word] == player;
      stack.push_back({&probabilities[begin],
                       &probabilities[begin] + (offsets_[word + 1] - begin),
                       reach, others, own ? begin : last_own, own});
    } else if (IsTerminal(word)) {
      const double utility = returns_[Number(word) * players + player];
      value += reach * utility;
      gains[last_own] += others * utility;
    } else {
      const double* chance = chance_probabilities_.data();
      stack.push_back({chance + chance_offsets_[Number(word)],
                       chance + chance_offsets_[Number(word) + 1], reach,
                       others, last_own, false});
    }
  }
  return value;
}

Response InformationTree::Respond(std::span<const double> probabilities,
                                  const std::function<void()>& poll) const {
  RequireDistributions(probabilities);
  const int players = game_->NumPlayers();
  Response response;
  response.values.resize(players);
  response.choices.resize(num_information_states());
  // What a player has from the histories that end after its own action and
  // before its next one; behind the actions, from those in which it never
  // moves.
  std::vector<double> gains(actions_.size() + players, 0.0);
  const bool alone = players == 1 || num_histories() < kWorthTwoThreads;
  const int workers = alone ? 1 : 2;
  RunWorkers(workers, alone, poll,
             [&](int worker, const std::atomic<bool>& cancelled) {
               for (Player p = worker; p < players; p += workers) {
                 response.values[p] = Walk(p, probabilities, gains, cancelled);
               }
             });
  // With perfect recall a player's information states form a forest, and those
  // below another one come later.
  for (int32_t i = num_information_states() - 1; i >= 0; --i) {
    const auto first = gains.begin() + offsets_[i];
    const auto best = std::max_element(first, gains.begin() + offsets_[i + 1]);
    response.choices[i] = static_cast<int32_t>(best - first);
    const int64_t before =
        last_own_[i] >= 0 ? last_own_[i]
                          : static_cast<int64_t>(actions_.size()) + players_[i];
    gains[before] += *best;
  }
  response.best_response_values.assign(gains.end() - players, gains.end());
  return response;
}

}  // namespace tesuji
