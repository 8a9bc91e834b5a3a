#include "csrc/solver.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "csrc/checked.h"
#include "csrc/hash.h"
#include "csrc/transposition.h"

namespace tesuji {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The search recurses: beyond this many actions a value stays unknown, long
// before the stack of a thread (8 MB) is full.
constexpr int kMaxDepth = 2000;
constexpr int64_t kPollNodes = 4096;
// Digits of pi: from small numbers HashBytes mixes its first words badly.
constexpr Key kHashSeed = {0x243f6a8885a308d3, 0x13198a2e03707344};

using Bounds = std::vector<Interval>;

// `own` as the second of two players sees it, if `opponent`; and back.
Interval Seen(const Interval& own, bool opponent) {
  return opponent ? -own : own;
}

bool IsKnown(const Bounds& bounds) {
  return std::all_of(bounds.begin(), bounds.end(),
                     [](const Interval& each) { return each.IsPoint(); });
}

// Whether `candidate` is worth trying before `other`.
bool IsBetter(const Interval& candidate, const Interval& other) {
  return candidate.lower != other.lower ? candidate.lower > other.lower
                                        : candidate.upper > other.upper;
}

// What the mover's choice among `children` leads to. A move is out of the
// question when another one is surely better, or surely as good and earlier.
Bounds Choose(const std::vector<Bounds>& children, Player mover) {
  size_t first = 0;  // of the moves with the best guarantee
  for (size_t i = 1; i < children.size(); ++i) {
    if (children[i][mover].lower > children[first][mover].lower) first = i;
  }
  const double guarantee = children[first][mover].lower;
  Bounds chosen(children[0].size(), {kInfinity, -kInfinity});
  for (size_t i = 0; i < children.size(); ++i) {
    const double most = children[i][mover].upper;
    if (most < guarantee || (most == guarantee && i > first)) continue;
    for (size_t player = 0; player < chosen.size(); ++player) {
      Interval& hull = chosen[player];
      hull.lower = std::min(hull.lower, children[i][player].lower);
      hull.upper = std::max(hull.upper, children[i][player].upper);
    }
  }
  chosen[mover].lower = guarantee;
  return chosen;
}

struct Outcomes {
  std::vector<Action> actions;
  std::vector<double> probabilities;
  double total = 0.0;  // 1 but for rounding
};

// Those that can happen, the likeliest first.
Outcomes OutcomesOf(const State& state) {
  ChanceOutcomeList pairs = ChanceOutcomes(state);
  std::stable_sort(
      pairs.begin(), pairs.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  Outcomes outcomes;
  for (const auto& [action, probability] : pairs) {
    if (probability <= 0.0) break;
    outcomes.actions.push_back(action);
    outcomes.probabilities.push_back(probability);
    outcomes.total += probability;
  }
  return outcomes;
}

class Solver {
 public:
  Solver(const State& root, const SolverParams& params,
         const std::function<void()>& poll);
  Solution Run();

 private:
  void Deepen(bool every_move);
  void Improve(size_t child, int depth, bool every_move);
  // [P], utilities of every player; `bounds` is the root's or a child's.
  Bounds ByPlayer(const Bounds& bounds) const;

  // For two players with a constant sum, or one: the value of player 0, less
  // half the sum, so that the opponent's is its negative. All these return
  // intervals that hold it in any case. Unless nodes or depth run out they are
  // points or lie outside the window; no caller needs to know more then.
  Interval Search(const State& state, const Key& path, int depth,
                  Interval window);
  Interval Decision(const State& state, Player mover, const Key& path,
                    int depth, Interval window, int* best);
  Interval Chance(const State& state, const Key& path, int depth,
                  Interval window);
  // For any game: all players' values.
  Bounds MaxN(const State& state, const Key& path, int depth);
  Bounds MaxNDecision(const State& state, Player mover, const Key& path,
                      int depth);
  Bounds MaxNChance(const State& state, const Key& path, int depth);

  // Counts one more state; false if the budget forbids.
  bool Visit();
  std::vector<double> ReturnsOf(const State& terminal) const;
  Key KeyOf(const State& state, const Key& path) const;
  Key Extend(const Key& path, Action action) const;

  const State& root_;
  const SolverParams params_;
  const std::function<void()>& poll_;
  const int num_players_;
  bool scalar_ = false;  // Search serves; else MaxN
  double half_sum_ = 0.0;
  Interval declared_;  // utilities of any player
  Interval range_;     // of Search's values
  TranspositionTable table_;
  // Per player and action, how often and how far from the leaves it refuted
  // what came before: the history heuristic (Schaeffer, 1989).
  std::vector<std::vector<int64_t>> refutations_;

  int64_t nodes_ = 0;
  bool out_of_nodes_ = false;
  bool out_of_depth_ = false;  // in the present iteration

  // Of the root. At a chance node it is the only child of itself.
  Player mover_ = 0;
  // One interval in the mover's terms if scalar_, else one a player; axis_ is
  // the mover's.
  size_t axis_ = 0;
  std::vector<Action> actions_;
  std::vector<StatePtr> children_;
  std::vector<Key> paths_;
  Bounds bounds_;
  std::vector<Bounds> child_bounds_;
};

// One player, or two whose utilities have the same sum at every end.
bool IsScalar(const Game& game) {
  using Utility = open_spiel::GameType::Utility;
  const Utility utility = game.GetType().utility;
  return game.NumPlayers() == 1 ||
         (game.NumPlayers() == 2 &&
          (utility == Utility::kZeroSum ||
           (utility == Utility::kConstantSum && game.UtilitySum())));
}

Solver::Solver(const State& root, const SolverParams& params,
               const std::function<void()>& poll)
    : root_(root),
      params_(params),
      poll_(poll),
      num_players_(root.GetGame()->NumPlayers()),
      scalar_(IsScalar(*root.GetGame())),
      declared_{root.GetGame()->MinUtility(), root.GetGame()->MaxUtility()},
      range_(declared_),
      table_(params.table_bytes, scalar_ ? 1 : num_players_) {
  const Game& game = *root.GetGame();
  if (scalar_) {
    refutations_.assign(num_players_,
                        std::vector<int64_t>(game.NumDistinctActions(), 0));
  }
  if (scalar_ && num_players_ == 2) {
    half_sum_ =
        game.GetType().utility == open_spiel::GameType::Utility::kZeroSum
            ? 0.0
            : *game.UtilitySum() / 2;
    const Interval own = {declared_.lower - half_sum_,
                          declared_.upper - half_sum_};
    range_ = Intersect(own, -own);
  }
  mover_ = Mover(root);
  if (mover_ == kChancePlayer) {
    mover_ = 0;
    children_.push_back(root.Clone());
    paths_.push_back(Key());
  } else {
    actions_ = LegalActions(root);
    for (Action action : actions_) {
      children_.push_back(Child(root, action));
      paths_.push_back(Extend(Key(), action));
    }
  }
  bounds_ = scalar_ ? Bounds{range_} : Bounds(num_players_, declared_);
  axis_ = scalar_ ? 0 : mover_;
  child_bounds_.assign(children_.size(), bounds_);
}

bool Solver::Visit() {
  if (nodes_ >= params_.nodes) out_of_nodes_ = true;
  if (out_of_nodes_) return false;
  if (++nodes_ % kPollNodes == 0) poll_();
  return true;
}

std::vector<double> Solver::ReturnsOf(const State& terminal) const {
  // Bounds are cut against what the game declares: a proof stands on it.
  const std::vector<double> returns = Returns(terminal);
  constexpr double kRounding = 1e-6;
  for (double utility : returns) {
    if (!(utility >= declared_.lower - kRounding &&
          utility <= declared_.upper + kRounding)) {
      throw Error("a utility of " + std::to_string(utility) +
                  " is outside what the game declares (" +
                  std::to_string(declared_.lower) + " to " +
                  std::to_string(declared_.upper) + "): " + Describe(terminal));
    }
  }
  if (scalar_ && num_players_ == 2 &&
      std::abs(returns[0] + returns[1] - 2 * half_sum_) > kRounding) {
    throw Error("utilities add up to " +
                std::to_string(returns[0] + returns[1]) +
                ", the game declares " + std::to_string(2 * half_sum_) + ": " +
                Describe(terminal));
  }
  return returns;
}

Key Solver::KeyOf(const State& state, const Key& path) const {
  if (!params_.string_keys) return path;
  const std::string text =
      state.ToString() + '\n' + std::to_string(state.CurrentPlayer());
  return HashBytes(text.data(), text.size(), kHashSeed);
}

Key Solver::Extend(const Key& path, Action action) const {
  if (params_.string_keys) return path;
  // All at once: that a word hashed after another differs from the reverse is
  // no promise of HashBytes.
  const uint64_t step[] = {static_cast<uint64_t>(action), path.low, path.high};
  return HashBytes(step, sizeof(step), kHashSeed);
}

Interval Solver::Search(const State& state, const Key& path, int depth,
                        Interval window) {
  if (!Visit()) return range_;
  const Player mover = Mover(state);
  if (mover == kTerminalPlayer) {
    const double value = ReturnsOf(state)[0] - half_sum_;
    return {value, value};
  }
  TranspositionTable::Entry entry{.key = KeyOf(state, path)};
  Interval known = range_;
  if (const auto* found = table_.Find(entry.key)) {
    entry = *found;
    known = table_.Intervals(*found)[0];
  }
  if (known.IsPoint() || known.Outside(window)) return known;
  if (depth <= std::max(0, entry.open_depth)) {
    out_of_depth_ = true;
    return known;
  }
  const int64_t before = nodes_;
  window = {std::max(window.lower, known.lower),
            std::min(window.upper, known.upper)};
  const Interval found =
      mover == kChancePlayer
          ? Chance(state, path, depth, window)
          : Decision(state, mover, path, depth, window, &entry.best);
  known = Intersect(known, found);
  if (!out_of_nodes_ && !known.IsPoint() && !known.Outside(window)) {
    entry.open_depth = depth;
  }
  entry.work += nodes_ - before + 1;
  table_.Store(entry, {&known, 1});
  return known;
}

Interval Solver::Decision(const State& state, Player mover, const Key& path,
                          int depth, Interval window, int* best) {
  const bool opponent = mover == 1;
  window = Seen(window, opponent);
  const std::vector<Action> actions = LegalActions(state);
  std::vector<int64_t>& refutations = refutations_[mover];
  std::vector<int> order(actions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    if (a == *best || b == *best) return a == *best && b != *best;
    return refutations[actions[a]] > refutations[actions[b]];
  });
  Interval value = {-kInfinity, -kInfinity};
  Interval best_seen = value;
  for (int index : order) {
    const Action action = actions[index];
    const Interval wanted = {std::max(window.lower, value.lower), window.upper};
    const Interval child =
        Seen(Search(*Child(state, action), Extend(path, action), depth - 1,
                    Seen(wanted, opponent)),
             opponent);
    if (IsBetter(child, best_seen)) {
      best_seen = child;
      *best = index;
    }
    value = {std::max(value.lower, child.lower),
             std::max(value.upper, child.upper)};
    if (out_of_nodes_ || value.lower >= window.upper) {
      value.upper = range_.upper;  // of what was not looked at
      if (!out_of_nodes_) {
        refutations[action] += static_cast<int64_t>(depth) * depth;
      }
      break;
    }
  }
  return Seen(value, opponent);
}

Interval Solver::Chance(const State& state, const Key& path, int depth,
                        Interval window) {
  const Outcomes outcomes = OutcomesOf(state);
  const double total = outcomes.total;
  Bounds children(outcomes.actions.size(), range_);
  Interval value = range_;
  for (size_t i = 0; i < children.size(); ++i) {
    const double probability = outcomes.probabilities[i];
    Interval others;
    double size = 0.0;  // of the summands, which may cancel out
    for (size_t j = 0; j < children.size(); ++j) {
      if (j == i) continue;
      const double p = outcomes.probabilities[j];
      others.lower += p * children[j].lower;
      others.upper += p * children[j].upper;
      size += p * std::max(std::abs(children[j].lower),
                           std::abs(children[j].upper));
    }
    if (!std::isfinite(size)) size = 0.0;
    // A child outside this window puts the mean outside the given one; the
    // margin is there so that rounding does not prevent it.
    const auto limit = [&](double bound, double rest, double sign) {
      const double margin = 1e-12 * (std::abs(bound) + std::abs(rest) + size);
      return (bound * total - rest + sign * margin) / probability;
    };
    const Interval wanted = {limit(window.lower, others.upper, -1.0),
                             limit(window.upper, others.lower, 1.0)};
    children[i] = Search(*Child(state, outcomes.actions[i]),
                         Extend(path, outcomes.actions[i]), depth - 1, wanted);
    // In the same order every time: bounds that agree have the same sum.
    Interval sum;
    for (size_t j = 0; j < children.size(); ++j) {
      sum.lower += outcomes.probabilities[j] * children[j].lower;
      sum.upper += outcomes.probabilities[j] * children[j].upper;
    }
    value = {sum.lower / total, sum.upper / total};
    if (out_of_nodes_ || value.Outside(window)) break;
  }
  return value;
}

Bounds Solver::MaxN(const State& state, const Key& path, int depth) {
  Bounds known(num_players_, declared_);
  if (!Visit()) return known;
  const Player mover = Mover(state);
  if (mover == kTerminalPlayer) {
    const std::vector<double> returns = ReturnsOf(state);
    for (int player = 0; player < num_players_; ++player) {
      known[player] = {returns[player], returns[player]};
    }
    return known;
  }
  TranspositionTable::Entry entry{.key = KeyOf(state, path)};
  if (const auto* found = table_.Find(entry.key)) {
    entry = *found;
    std::ranges::copy(table_.Intervals(*found), known.begin());
  }
  if (IsKnown(known)) return known;
  if (depth <= std::max(0, entry.open_depth)) {
    out_of_depth_ = true;
    return known;
  }
  const int64_t before = nodes_;
  const Bounds found = mover == kChancePlayer
                           ? MaxNChance(state, path, depth)
                           : MaxNDecision(state, mover, path, depth);
  for (int player = 0; player < num_players_; ++player) {
    known[player] = Intersect(known[player], found[player]);
  }
  if (!out_of_nodes_ && !IsKnown(known)) entry.open_depth = depth;
  entry.work += nodes_ - before + 1;
  table_.Store(entry, known);
  return known;
}

Bounds Solver::MaxNDecision(const State& state, Player mover, const Key& path,
                            int depth) {
  const std::vector<Action> actions = LegalActions(state);
  std::vector<Bounds> children(actions.size(), Bounds(num_players_, declared_));
  // In the order of the actions, which decides between equals: nothing after
  // the greatest utility is ever chosen.
  for (size_t i = 0; i < children.size() && !out_of_nodes_; ++i) {
    children[i] =
        MaxN(*Child(state, actions[i]), Extend(path, actions[i]), depth - 1);
    if (children[i][mover].lower >= declared_.upper) break;
  }
  return Choose(children, mover);
}

Bounds Solver::MaxNChance(const State& state, const Key& path, int depth) {
  const Outcomes outcomes = OutcomesOf(state);
  Bounds mean(num_players_);
  for (size_t i = 0; i < outcomes.actions.size(); ++i) {
    const Bounds child = MaxN(*Child(state, outcomes.actions[i]),
                              Extend(path, outcomes.actions[i]), depth - 1);
    for (int player = 0; player < num_players_; ++player) {
      mean[player].lower += outcomes.probabilities[i] * child[player].lower;
      mean[player].upper += outcomes.probabilities[i] * child[player].upper;
    }
  }
  for (Interval& each : mean) {
    each = {each.lower / outcomes.total, each.upper / outcomes.total};
  }
  return mean;
}

// The root's children one after another, deeper and deeper, until its value is
// known, with `every_move` all of theirs, or nothing more can be learnt. Short
// wins are found in long games; each depth is half as much again as the one
// before, so that in the others the last search is most of the work.
void Solver::Deepen(bool every_move) {
  for (int depth = 0;; depth = std::min(kMaxDepth, depth + 1 + depth / 2)) {
    out_of_depth_ = false;
    std::vector<size_t> order(children_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      return IsBetter(child_bounds_[a][axis_], child_bounds_[b][axis_]);
    });
    for (size_t child : order) {
      if (!every_move && IsKnown(bounds_)) return;
      Improve(child, depth, every_move);
      bounds_ = Choose(child_bounds_, axis_);
      if (out_of_nodes_) return;
    }
    if (!out_of_depth_ || depth == kMaxDepth) return;
  }
}

void Solver::Improve(size_t child, int depth, bool every_move) {
  Bounds& bounds = child_bounds_[child];
  if (IsKnown(bounds)) return;
  Bounds found;
  if (scalar_) {
    const bool opponent = mover_ == 1;
    const double guarantee = bounds_[0].lower;
    if (!every_move && bounds[0].upper <= guarantee) return;
    const Interval wanted =
        every_move ? bounds[0] : Interval{guarantee, kInfinity};
    const Interval value =
        Search(*children_[child], paths_[child], depth, Seen(wanted, opponent));
    found = {Seen(value, opponent)};
  } else {
    found = MaxN(*children_[child], paths_[child], depth);
  }
  for (size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] = Intersect(bounds[i], found[i]);
  }
}

Bounds Solver::ByPlayer(const Bounds& bounds) const {
  if (!scalar_) return bounds;
  Bounds players(num_players_);
  for (Player player = 0; player < num_players_; ++player) {
    const Interval own = player == mover_ ? bounds[0] : -bounds[0];
    players[player] = {half_sum_ + own.lower, half_sum_ + own.upper};
  }
  return players;
}

Solution Solver::Run() {
  Deepen(false);
  if (params_.every_move && IsKnown(bounds_)) Deepen(true);
  Solution solution;
  solution.proven = IsKnown(bounds_);
  solution.player = root_.CurrentPlayer();
  solution.bounds = ByPlayer(bounds_);
  solution.actions = actions_;
  solution.nodes = nodes_;
  if (root_.IsChanceNode()) return solution;
  const double value = bounds_[axis_].lower;
  // Equal moves whose chances were summed in another order are equal.
  const double rounding = 1e-12 * (1.0 + std::abs(value));
  for (size_t i = 0; i < children_.size(); ++i) {
    solution.move_bounds.push_back(ByPlayer(child_bounds_[i]));
    if (solution.proven && child_bounds_[i][axis_].lower >= value - rounding) {
      solution.best_actions.push_back(actions_[i]);
    }
  }
  return solution;
}

}  // namespace

Solution Solve(const State& state, const SolverParams& params,
               const std::function<void()>& poll) {
  const Game& game = *state.GetGame();
  RequireSequential(game);
  if (game.GetType().information !=
      open_spiel::GameType::Information::kPerfectInformation) {
    throw Error("game '" + game.GetType().short_name +
                "' hides information from its players: its positions have no "
                "value by themselves; choose a perfect-information game");
  }
  if (params.nodes < 1) {
    throw Error("nodes is " + std::to_string(params.nodes) +
                "; give at least 1");
  }
  if (params.table_bytes < 0) {
    throw Error("table_bytes is " + std::to_string(params.table_bytes) +
                "; give 0 (no table) or more");
  }
  if (IsOver(state)) {
    throw Error("the state is terminal, there is nothing to solve: " +
                Describe(state));
  }
  return Within(state, [&] { return Solver(state, params, poll).Run(); });
}

}  // namespace tesuji
