#include "csrc/batch_env.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "csrc/bytes.h"
#include "csrc/checked.h"

namespace tesuji {
namespace {

constexpr char kMagic[] = "tesuji-batch-env-1";
// Games in a row that end before anybody moves, until that is an error.
constexpr int kMostEmptyGames = 1000;

// Thousands of states lie far apart in memory: so many games before a game's
// turn, the processor starts to fetch it.
constexpr size_t kAhead = 6;
// Between two polls, time; between two looks at the clock, games.
constexpr size_t kPollStride = 4;
constexpr auto kPollEvery = std::chrono::milliseconds(50);

// Streams of one seed.
enum Stream : uint64_t { kShared = 0, kOwn = 1, kInside = 2 };

uint64_t StreamSeed(uint64_t seed, Stream stream, uint64_t index,
                    uint64_t game) {
  return DeriveSeed(DeriveSeed(DeriveSeed(seed, stream), index), game);
}

GamePtr Checked(GamePtr game) {
  RequireCopyable(*game);
  RequireNoMeanField(*game);
  return game;
}

// Some games say that they have a tensor and throw when asked for its shape.
EncoderPtr Made(const std::string& name, const Game& game) {
  try {
    return MakeEncoder(name, game);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& exception) {
    const std::string text = exception.what();
    throw Error("game '" + game.GetType().short_name +
                "' has no tensor for the encoder '" + name +
                "': " + text.substr(0, text.find('\n')));
  }
}

int Workers(const Game& game, int size, const BatchEnvOptions& options) {
  if (size < 1 || options.workers < 1 || options.group < 1) {
    throw Error("size, workers and group must be at least 1");
  }
  return OneThreadOnly(game) ? 1 : std::min(options.workers, size);
}

bool IsLegal(std::span<const Action> legal, Action action) {
  return std::find(legal.begin(), legal.end(), action) != legal.end();
}

std::vector<Action> LegalOrOutcomes(const State& state) {
  const Player mover = Mover(state);
  if (mover == kTerminalPlayer) return {};
  if (mover != kChancePlayer) return LegalActions(state);
  std::vector<Action> outcomes;
  for (const auto& outcome : ChanceOutcomes(state)) {
    outcomes.push_back(outcome.first);
  }
  return outcomes;
}

std::string List(std::span<const Action> actions) {
  std::string text;
  for (const Action action : actions) {
    text += (text.empty() ? "" : ", ") + std::to_string(action);
  }
  return text;
}

}  // namespace

BatchEnv::BatchEnv(GamePtr game, int size, const BatchEnvOptions& options)
    : given_(Checked(std::move(game))),
      game_(TurnBased(given_)),
      is_python_(IsPythonGame(*given_)),
      samples_chance_(SamplesChance(*game_)),
      pays_on_the_way_(PaysOnTheWay(*game_)),
      encoder_name_(options.encoder == "auto" ? DefaultEncoderName(*game_)
                                              : options.encoder),
      encoder_(Made(encoder_name_, *game_)),
      input_size_(encoder_->size()),
      num_actions_(game_->NumDistinctActions()),
      num_players_(game_->NumPlayers()),
      history_depth_(encoder_->history_depth()),
      seed_(options.seed),
      group_(options.group),
      histories_(options.starts),
      poll_(options.poll),
      crew_(Workers(*given_, size, options)) {
  if (size % options.group != 0) {
    throw Error("size is " + std::to_string(size) +
                ", which is not a multiple of group, " +
                std::to_string(options.group));
  }
  if (samples_chance_ && (group_ > 1 || !histories_.empty())) {
    throw Error("game '" + given_->GetType().short_name +
                "' draws chance inside its states, so that games cannot begin "
                "alike: leave out group and starts");
  }
  if (!samples_chance_) {
    const Position first = {InitialState(*game_), {}};
    beginning_ = first.state->FullHistory().size();
    for (size_t i = 0; i < histories_.size(); ++i) {
      const std::string what = "starts[" + std::to_string(i) + "]";
      Position& start = starts_.emplace_back(Clone(first));
      Replay(start, histories_[i], what);
      if (IsOver(*start.state)) {
        throw Error(what + " ends where the game is over; " +
                    Describe(*start.state));
      }
    }
    if (starts_.empty()) starts_.push_back(Clone(first));
  }
  slots_.resize(size);
  ForEach(slots_, [this](Slot& slot, size_t index) { Begin(slot, index); });
}

BatchEnv::Use::Use(BatchEnv& env, bool must_work) : env_(env) {
  if (env.used_.exchange(true)) {
    throw Error("this BatchEnv is in use by another thread: give each its own");
  }
  if (must_work && env.failed_) {
    env.used_ = false;
    throw Error(
        "a game of this BatchEnv failed before: make it anew, or restore() it");
  }
}

template <typename Body>
void BatchEnv::ForEach(std::vector<Slot>& slots, Body body) {
  const size_t workers = crew_.workers();
  std::atomic<bool> cancelled = false;
  crew_.Run([&](int worker) {
    const size_t begin = slots.size() * worker / workers;
    const size_t end = slots.size() * (worker + 1) / workers;
    auto polled = std::chrono::steady_clock::now();
    size_t next = begin;  // slot before which to look at the clock
    const auto poll = [&](size_t done) {
      const auto now = std::chrono::steady_clock::now();
      if (now - polled < kPollEvery) {
        next += kPollStride;
        return;
      }
      ++next;  // these games are slow
      polled = now;
      try {
        poll_(done, end - begin);
      } catch (...) {
        cancelled = true;
        throw;
      }
    };
    for (size_t index = begin; index < end && !cancelled; ++index) {
      if (worker == 0 && poll_ && index >= next) poll(index);
      if (index + kAhead < end) slots[index + kAhead].Prefetch();
      try {
        body(slots[index], index);
      } catch (const std::exception&) {
        if (slots[index].now.state == nullptr) throw;
        RethrowFrom(*slots[index].now.state);
      }
    }
  });
}

void BatchEnv::Observe(const Observations& observations) {
  const Use use(*this);
  ForEach(slots_,
          [&](Slot& slot, size_t index) { Write(slot, index, observations); });
}

void BatchEnv::Step(std::span<const int64_t> actions, const Outcomes& outcomes,
                    const Observations& observations) {
  const Use use(*this);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (IsLegal(slots_[i].legal, actions[i])) continue;
    throw Error("actions[" + std::to_string(i) + "] is " +
                std::to_string(actions[i]) + ", which is illegal in game " +
                std::to_string(i) + "; " + Describe(*slots_[i].now.state));
  }
  failed_ = true;  // until all is well
  ForEach(slots_, [&](Slot& slot, size_t index) {
    float* rewards = outcomes.rewards + index * num_players_;
    Apply(slot.now, actions[index]);
    const bool goes_on = Settle(slot.now, slot.rng);
    if (pays_on_the_way_ || !goes_on) {
      const std::vector<double> returns = Returns(*slot.now.state);
      for (size_t p = 0; p < num_players_; ++p) {
        const double before = pays_on_the_way_ ? slot.returns[p] : 0.0;
        rewards[p] = static_cast<float>(returns[p] - before);
      }
    } else {
      std::fill_n(rewards, num_players_, 0.0f);
    }
    outcomes.done[index] = goes_on ? 0 : 1;
    if (goes_on) {
      Look(slot);
    } else {
      Begin(slot, index);
    }
    Write(slot, index, observations);
  });
  failed_ = false;
}

StatePtr BatchEnv::CopyOf(int64_t index) {
  const Use use(*this);
  if (index < 0 || index >= static_cast<int64_t>(slots_.size())) {
    throw Error("index is " + std::to_string(index) + ", but there are " +
                std::to_string(slots_.size()) + " games");
  }
  const State& state = *slots_[index].now.state;
  return Within(state, [&] { return state.Clone(); });
}

void BatchEnv::RequireSavable() const {
  if (!samples_chance_) return;
  throw Error("game '" + given_->GetType().short_name +
              "' draws chance inside its states, which cannot be saved");
}

std::string BatchEnv::Save() {
  const Use use(*this);
  RequireSavable();
  ByteWriter writer;
  writer.Value(kMagic);
  const std::string name = game_->ToString();
  writer.Vector(std::vector<char>(name.begin(), name.end()));
  writer.Value<uint64_t>(slots_.size());
  writer.Value<uint64_t>(group_);
  writer.Value<uint64_t>(histories_.size());
  for (const auto& history : histories_) writer.Vector(history);
  writer.Value(seed_);
  for (const Slot& slot : slots_) {
    std::vector<Action> history = slot.now.state->History();
    history.erase(history.begin(),
                  history.begin() + static_cast<int64_t>(beginning_));
    writer.Vector(history);
    writer.Value(slot.rng.state());
    writer.Value(slot.games);
  }
  return writer.Take();
}

void BatchEnv::Restore(std::string_view bytes) {
  const Use use(*this, /*must_work=*/false);
  RequireSavable();
  ByteReader reader(bytes);
  char magic[sizeof(kMagic)];
  reader.Value(magic);
  if (std::memcmp(magic, kMagic, sizeof(kMagic)) != 0) {
    throw Error("the saved games are of another version");
  }
  std::vector<char> name;
  uint64_t size = 0;
  uint64_t group = 0;
  uint64_t starts = 0;
  reader.Vector(name);
  reader.Value(size);
  reader.Value(group);
  reader.Value(starts);
  bool fits = std::string(name.begin(), name.end()) == game_->ToString() &&
              size == slots_.size() && group == group_ &&
              starts == histories_.size();
  for (uint64_t i = 0; fits && i < starts; ++i) {
    std::vector<Action> history;
    reader.Vector(history);
    fits = history == histories_[i];
  }
  if (!fits) {
    throw Error(
        "the saved games are of another game, size, group or list of starts: "
        "keep them as they were");
  }
  uint64_t seed = 0;
  reader.Value(seed);
  // Everything is read and replayed before anything is changed.
  std::vector<Slot> restored(slots_.size());
  std::vector<std::vector<Action>> played(slots_.size());
  for (size_t i = 0; i < restored.size(); ++i) {
    Rng::State state;
    reader.Vector(played[i]);
    reader.Value(state);
    reader.Value(restored[i].games);
    restored[i].rng.set_state(state);
  }
  if (!reader.at_end()) throw Error("the saved games are too long");
  ForEach(restored, [&](Slot& slot, size_t index) {
    const std::string what = "saved game " + std::to_string(index);
    slot.now.state = InitialState(*game_);
    Replay(slot.now, played[index], what);
    if (IsOver(*slot.now.state)) throw Error(what + " is over");
    Look(slot);
  });
  slots_ = std::move(restored);
  seed_ = seed;
  failed_ = false;
}

void BatchEnv::Apply(Position& position, Action action) const {
  if (history_depth_ > 0) {
    if (position.past.size() == history_depth_) {
      position.past.erase(position.past.begin());
    }
    position.past.push_back(position.state->Clone());
  }
  position.state->ApplyAction(action);
}

BatchEnv::Position BatchEnv::Clone(const Position& position) const {
  return Within(*position.state, [&] {
    Position copy = {position.state->Clone(), {}};
    for (const StatePtr& state : position.past) {
      copy.past.push_back(state->Clone());
    }
    return copy;
  });
}

void BatchEnv::Replay(Position& position, std::span<const Action> history,
                      const std::string& what) const {
  for (size_t i = 0; i < history.size(); ++i) {
    const State& state = *position.state;
    const std::vector<Action> legal =
        Within(state, [&] { return LegalOrOutcomes(state); });
    if (!IsLegal(legal, history[i])) {
      throw Error(
          what + " plays " + std::to_string(history[i]) + " at position " +
          std::to_string(i) + ", where " +
          (legal.empty() ? "the game is over" : "legal are " + List(legal)) +
          "; " + Describe(state));
    }
    Apply(position, history[i]);
  }
}

bool BatchEnv::Settle(Position& position, Rng& rng) const {
  while (true) {
    const State& state = *position.state;
    const Player mover = Mover(state);
    if (mover == kTerminalPlayer) return false;
    if (mover != kChancePlayer) return true;
    const ChanceOutcomeList outcomes = ChanceOutcomes(state);
    const size_t drawn = rng.Categorical(
        outcomes, [](const auto& outcome) { return outcome.second; });
    Apply(position, outcomes[drawn].first);
  }
}

BatchEnv::Position BatchEnv::FirstPosition(uint64_t seed, Rng& shared) const {
  if (samples_chance_) {
    return {InitialState(*TurnBased(OwnGame(*given_, seed))), {}};
  }
  const size_t start = shared.Below(static_cast<uint32_t>(starts_.size()));
  if (!is_python_) return Clone(starts_[start]);
  // A copy of a state has a copy of what it refers to, its game for one.
  Position first = {InitialState(*game_), {}};
  if (!histories_.empty()) {
    for (const Action action : histories_[start]) Apply(first, action);
  }
  return first;
}

void BatchEnv::Begin(Slot& slot, size_t index) const {
  for (int i = 0; i < kMostEmptyGames; ++i) {
    const uint64_t game = slot.games++;
    Rng shared(StreamSeed(seed_, kShared, index / group_, game));
    slot.now = FirstPosition(StreamSeed(seed_, kInside, index, game), shared);
    if (!Settle(slot.now, shared)) continue;
    slot.rng = Rng(StreamSeed(seed_, kOwn, index, game));
    Look(slot);
    return;
  }
  throw Error("the game is over before anybody moves; " +
              Describe(*slot.now.state));
}

void BatchEnv::Look(Slot& slot) const {
  const State& state = *slot.now.state;
  if (pays_on_the_way_) slot.returns = Returns(state);
  slot.player = Mover(state);
  slot.legal = LegalActions(state);
}

void BatchEnv::Write(const Slot& slot, size_t index,
                     const Observations& observations) const {
  observations.players[index] = slot.player;
  uint8_t* mask = observations.legal_mask + index * num_actions_;
  std::fill_n(mask, num_actions_, uint8_t{0});
  for (const Action action : slot.legal) mask[action] = 1;
  const std::span<float> input(observations.inputs + index * input_size_,
                               input_size_);
  const State* const state = slot.now.state.get();
  if (history_depth_ == 0) {
    encoder_->encode({&state, 1}, slot.player, input);
    return;
  }
  std::vector<const State*> recent;
  for (const StatePtr& earlier : slot.now.past) {
    recent.push_back(earlier.get());
  }
  recent.push_back(state);
  encoder_->encode(recent, slot.player, input);
}

}  // namespace tesuji
