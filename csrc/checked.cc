#include "csrc/checked.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace tesuji {
namespace {

constexpr double kRounding = 1e-3;  // of a sum of probabilities
// Chance may move so often beside the players, who are counted exactly.
constexpr int64_t kChanceMoves = 1000;

template <typename Items, typename Write>
std::string List(const Items& items, Write write) {
  constexpr size_t kMost = 16;
  std::ostringstream text;
  text << '[';
  for (size_t i = 0; i < std::min(items.size(), kMost); ++i) {
    if (i > 0) text << ", ";
    write(text, items[i]);
  }
  text << (items.size() > kMost ? ", ...]" : "]");
  return text.str();
}

template <typename Number>
std::string List(std::span<const Number> numbers) {
  return List(numbers, [](auto& text, Number number) { text << number; });
}

// Hands out the memory of a tensor of known size, and no other.
class ExactAllocator : public open_spiel::Allocator {
 public:
  explicit ExactAllocator(std::span<float> memory) : memory_(memory) {}
  open_spiel::SpanTensor Get(
      absl::string_view name,
      const absl::InlinedVector<int, 4>& shape) override {
    size_t size = 1;
    for (const int length : shape) size *= static_cast<size_t>(length);
    wanted_ += size;
    // What is too long is written elsewhere, so that its length is known.
    std::span<float> part;
    if (wanted_ <= memory_.size()) {
      part = memory_.subspan(wanted_ - size, size);
    } else {
      part = excess_.emplace_back(size);
    }
    return {open_spiel::SpanTensorInfo(name, shape),
            absl::MakeSpan(part.data(), part.size())};
  }
  size_t wanted() const { return wanted_; }

 private:
  std::span<float> memory_;
  size_t wanted_ = 0;
  std::vector<std::vector<float>> excess_;
};

}  // namespace

void Reject(const State& state, const char* method, const std::string& answer,
            const std::string& rule) {
  throw Error("the game is wrong: its " + std::string(method) + " returned " +
              answer + ", but " + rule + "; " + Describe(state));
}

void RejectLegalActions(const State& state, std::span<const Action> actions) {
  const std::string rule =
      actions.empty() ? "a player who is to move has at least one action"
                      : "actions are different numbers from 0 to " +
                            std::to_string(state.NumDistinctActions() - 1);
  Reject(state, "legal_actions", List(actions), rule);
}

void RethrowFrom(const State& state, const char* method) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& exception) {
    const std::string text = FirstLine(exception);
    if (text.starts_with("KeyboardInterrupt")) throw;
    throw Error("the game failed in its " + std::string(method) + ": " + text +
                "; " + Describe(state));
  }
}

StatePtr InitialState(const Game& game) {
  try {
    return game.NewInitialState();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& exception) {
    const std::string text = FirstLine(exception);
    if (text.starts_with("KeyboardInterrupt")) throw;
    throw Error("the game failed at its start: " + text + "; " +
                game.ToString() + ", history []");
  }
}

bool MayMove(const State& state, Player nobody) {
  const GamePtr game = state.GetGame();
  return (nobody == kChancePlayer && HasChance(*game)) ||
         (nobody == kSimultaneousPlayer && HasSimultaneousMoves(*game));
}

bool AllDifferent(std::vector<Action> actions) {
  std::sort(actions.begin(), actions.end());
  return std::adjacent_find(actions.begin(), actions.end()) == actions.end();
}

void RequireOutcomes(const State& state, const ChanceOutcomeList& outcomes) {
  double sum = 0.0;
  Action before = -1;
  bool sound = true;
  bool ascending = true;
  for (const auto& [outcome, probability] : outcomes) {
    sum += probability;
    sound = sound && probability >= 0.0 && outcome >= 0 && outcome <= INT32_MAX;
    ascending = ascending && outcome > before;
    before = outcome;
  }
  sound = sound && std::abs(sum - 1.0) <= kRounding;
  if (sound && !ascending) {
    std::vector<Action> actions;
    for (const auto& outcome : outcomes) actions.push_back(outcome.first);
    sound = AllDifferent(std::move(actions));
  }
  if (sound) return;
  Reject(state, "chance_outcomes",
         List(outcomes,
              [](auto& text, const auto& outcome) {
                text << '(' << outcome.first << ", " << outcome.second << ')';
              }),
         "outcomes are different numbers from 0 on with probabilities that "
         "sum to 1");
}

void RequireReturns(const State& state, std::span<const double> returns) {
  const auto players = static_cast<size_t>(state.NumPlayers());
  const bool finite =
      std::all_of(returns.begin(), returns.end(),
                  [](double value) { return std::isfinite(value); });
  if (finite && returns.size() == players) return;
  Reject(state, "returns", List(returns),
         "there is one finite number for each of " + std::to_string(players) +
             " players");
}

void RequireEnd(const State& state) {
  const GamePtr game = state.GetGame();
  const int64_t declared = game->MaxGameLength();
  const int64_t most =
      declared * (HasSimultaneousMoves(*game) ? game->NumPlayers() : 1);
  if (state.MoveNumber() <= most) return;
  const auto history = state.FullHistory();
  const int64_t decisions =
      std::count_if(history.begin(), history.end(),
                    [](const auto& move) { return move.player >= 0; });
  if (decisions <= most && state.MoveNumber() <= most * 2 + kChanceMoves) {
    return;
  }
  // Some of OpenSpiel's own declare too little.
  if (!IsPythonGame(*game)) return;
  throw Error("the game is wrong: it is not over after " +
              std::to_string(state.MoveNumber()) +
              " moves, but declares max_game_length = " +
              std::to_string(declared) + "; " + Describe(state));
}

TensorOf::TensorOf(const Game& game, Kind kind)
    : kind_(kind), is_python_(IsPythonGame(game)) {
  if (!IsPythonLayer(game)) return;
  observer_ =
      game.MakeObserver(kind == kObservation ? open_spiel::kDefaultObsType
                                             : open_spiel::kInfoStateObsType,
                        {});
}

void TensorOf::Write(const State& state, Player player,
                     std::span<float> out) const {
  const char* method =
      kind_ == kObservation ? "observation_tensor" : "information_state_tensor";
  const absl::Span<float> span(out.data(), out.size());
  // Not every game writes all of its tensor (mnk, for one).
  std::fill(out.begin(), out.end(), 0.0f);
  if (!is_python_) {
    if (kind_ == kObservation) {
      state.ObservationTensor(player, span);
    } else {
      state.InformationStateTensor(player, span);
    }
    return;
  }
  Asked(state, method, [&] {
    if (observer_ == nullptr) {
      if (kind_ == kObservation) {
        state.ObservationTensor(player, span);
      } else {
        state.InformationStateTensor(player, span);
      }
      return;
    }
    ExactAllocator allocator(out);
    observer_->WriteTensor(state, player, &allocator);
    if (allocator.wanted() == out.size()) return;
    Reject(state, method, std::to_string(allocator.wanted()) + " numbers",
           "at the beginning of the game there were " +
               std::to_string(out.size()));
  });
  const auto wrong = std::find_if(out.begin(), out.end(), [](float number) {
    return !std::isfinite(number);
  });
  if (wrong == out.end()) return;
  Reject(state, method,
         std::to_string(*wrong) + " at position " +
             std::to_string(wrong - out.begin()),
         "all its numbers are finite");
}

}  // namespace tesuji
