#include "csrc/pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "csrc/bytes.h"
#include "csrc/checked.h"
#include "csrc/game_slot.h"

namespace tesuji {
namespace {

constexpr char kMagic[] = "tesuji-pool-2";

// The one list of the fields of a snapshot, for writing and reading.
template <typename Archive, typename Record>
void Archived(Archive& archive, Record& record) {
  archive.Value(record.id);
  archive.Vector(record.history);
  archive.Vector(record.seats);
  archive.Vector(record.plies);
  archive.Vector(record.players);
  archive.Vector(record.policy);
  archive.Vector(record.root_values);
  archive.Value(record.opening_plies);
  archive.Value(record.check_resignation);
  archive.Value(record.would_resign);
  archive.Vector(record.hopeless);
  archive.Value(record.rng);
  archive.Value(record.chance_rng);
}

// Throws Error unless `action` can follow where `mover` is to move; `what`
// plays it.
void RequirePossible(const std::string& what, const State& state, Player mover,
                     Action action) {
  std::vector<Action> possible;
  if (mover == kChancePlayer) {
    for (const auto& [outcome, probability] : ChanceOutcomes(state)) {
      possible.push_back(outcome);
    }
  } else if (mover != kTerminalPlayer) {
    possible = LegalActions(state);
  }
  if (std::find(possible.begin(), possible.end(), action) != possible.end()) {
    return;
  }
  throw Error(what + " plays the illegal action " + std::to_string(action) +
              "; " + Describe(state));
}

}  // namespace

PoolStatistics& PoolStatistics::operator+=(const PoolStatistics& other) {
  batch += other.batch;
  simulations += other.simulations;
  terminal_hits += other.terminal_hits;
  positions += other.positions;
  games += other.games;
  resignations += other.resignations;
  resignation_checks += other.resignation_checks;
  resignation_errors += other.resignation_errors;
  seconds += other.seconds;
  return *this;
}

Pool::Pool(GamePtr game, std::vector<EvaluatorPtr> evaluators,
           std::vector<PlayerParams> players, const SelfPlayParams& selfplay,
           int workers, int games_per_worker, uint64_t seed,
           std::vector<Opening> openings)
    : game_(std::move(game)),
      evaluators_(std::move(evaluators)),
      players_(std::move(players)),
      selfplay_(selfplay),
      seed_(seed),
      openings_(std::move(openings)),
      can_resign_(IsTwoPlayerZeroSum(*game_)) {
  RequireSequential(*game_);
  if (evaluators_.empty() || players_.empty()) {
    throw Error("a pool needs at least one evaluator and one player");
  }
  for (const EvaluatorPtr& evaluator : evaluators_) {
    if (evaluator->game().ToString() != game_->ToString()) {
      throw Error("the evaluator plays '" + evaluator->game().ToString() +
                  "', the pool plays '" + game_->ToString() + "'");
    }
    if (workers > evaluator->max_workers()) {
      throw Error("workers is " + std::to_string(workers) +
                  ", but an evaluator has sessions for " +
                  std::to_string(evaluator->max_workers()));
    }
  }
  for (const PlayerParams& player : players_) {
    if (player.evaluator < 0 ||
        player.evaluator >= static_cast<int>(evaluators_.size())) {
      throw Error("player.evaluator is " + std::to_string(player.evaluator) +
                  ", but there are " + std::to_string(evaluators_.size()));
    }
    if (player.search.leaves_in_flight != 1) {
      throw Error("leaves_in_flight must be 1 where many games are played");
    }
  }
  if (workers < 1 || games_per_worker < 1) {
    throw Error("workers and games_per_worker must be at least 1");
  }
  for (const Opening& opening : openings_) CheckOpening(opening);
  fast_search_ = players_[0].search;
  fast_search_.simulations = selfplay_.fast_simulations;
  fast_search_.dirichlet_fraction = 0.0;
  fast_search_.gumbel_scale = 0.0;
  fast_search_.root_policy_temperature = 1.0;
  fast_search_.forced_playouts = 0.0;
  const int rows = (games_per_worker + kHalves - 1) / kHalves;
  slots_.resize(workers);
  for (int worker = 0; worker < workers; ++worker) {
    workers_.push_back(std::make_unique<Worker>(evaluators_, worker, rows));
  }
  for (int worker = 0; worker < workers; ++worker) {
    for (int slot = 0; slot < games_per_worker; ++slot) {
      slots_[worker].push_back(
          std::make_unique<GameSlot>(*this, slot * workers + worker));
    }
  }
}

Pool::~Pool() = default;

void Pool::CheckOpening(const Opening& opening) const {
  if (static_cast<int>(opening.seats.size()) != game_->NumPlayers()) {
    throw Error("an opening has " + std::to_string(opening.seats.size()) +
                " seats; '" + game_->ToString() + "' has " +
                std::to_string(game_->NumPlayers()) + " players");
  }
  for (int32_t seat : opening.seats) {
    if (seat < 0 || seat >= static_cast<int>(players_.size())) {
      throw Error("an opening seats player " + std::to_string(seat) + " of " +
                  std::to_string(players_.size()));
    }
  }
  StatePtr state = InitialState(*game_);
  for (Action action : opening.history) {
    RequirePossible("an opening", *state, Mover(*state), action);
    Within(*state, [&] { state->ApplyAction(action); });
  }
}

void Pool::CheckRecord(const GameRecord& record, int64_t next_id) const {
  const auto require = [](bool fits, const char* what) {
    if (fits) return;
    throw Error("the snapshot of the games in progress is damaged: its " +
                std::string(what) + " cannot be");
  };
  const auto within = [](const auto& values, int64_t least, int64_t beyond) {
    return std::all_of(values.begin(), values.end(), [&](auto value) {
      return value >= least && value < beyond;
    });
  };
  const auto finite = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(),
                       [](float value) { return std::isfinite(value); });
  };
  require(next_id >= 0 && record.id < next_id, "number of a game");
  if (record.id < 0) return;  // no game is in progress
  const auto players = static_cast<size_t>(game_->NumPlayers());
  const auto actions = static_cast<size_t>(game_->NumDistinctActions());
  const size_t decisions = record.plies.size();
  require(record.seats.size() == players &&
              within(record.seats, 0, static_cast<int64_t>(players_.size())),
          "list of seats");
  require(record.hopeless.size() == players &&
              within(record.hopeless, 0, INT32_MAX) &&
              record.would_resign >= -1 &&
              record.would_resign < static_cast<int64_t>(players),
          "account of resignations");
  require(record.opening_plies >= 0, "number of opening moves");
  require(
      within(record.plies, 0, static_cast<int64_t>(record.history.size())) &&
          std::adjacent_find(record.plies.begin(), record.plies.end(),
                             std::greater_equal<>()) == record.plies.end(),
      "list of decisions");
  require(record.players.size() == decisions &&
              record.policy.size() == decisions * actions &&
              record.root_values.size() == decisions * players &&
              finite(record.policy) && finite(record.root_values),
          "record of decisions");
  StatePtr state = InitialState(*game_);
  size_t decision = 0;
  for (size_t ply = 0; ply < record.history.size(); ++ply) {
    const Player mover = Mover(*state);
    if (decision < decisions &&
        record.plies[decision] == static_cast<int32_t>(ply)) {
      require(mover >= 0 && record.players[decision] == mover,
              "player at a decision");
      ++decision;
    }
    RequirePossible("the snapshot of the games in progress", *state, mover,
                    record.history[ply]);
    Within(*state, [&] { state->ApplyAction(record.history[ply]); });
  }
}

int64_t Pool::num_slots() const {
  return static_cast<int64_t>(slots_.size() * slots_[0].size());
}

size_t Pool::input_size() const {
  const EncoderPtr& encoder = evaluators_[0]->encoder();
  return encoder == nullptr ? 0 : encoder->size();
}

std::vector<GameRecord> Pool::RunPositions(int64_t positions,
                                           const std::function<void()>& poll,
                                           double seconds) {
  if (!openings_.empty()) {
    throw Error("a pool with openings plays games, not positions");
  }
  return Run(positions, std::numeric_limits<int64_t>::max(), poll, seconds);
}

std::vector<GameRecord> Pool::RunGames(int64_t games,
                                       const std::function<void()>& poll,
                                       double seconds) {
  if (!openings_.empty()) {
    games = std::min<int64_t>(games, static_cast<int64_t>(openings_.size()));
  }
  return Run(std::numeric_limits<int64_t>::max(), games, poll, seconds);
}

std::vector<GameRecord> Pool::Run(int64_t positions, int64_t games,
                                  const std::function<void()>& poll,
                                  double seconds) {
  const auto start = std::chrono::steady_clock::now();
  const auto gone = [start] {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - start).count();
  };
  const auto workers = static_cast<int64_t>(workers_.size());
  end_id_ = games;
  const bool here = OneThreadOnly(*game_);
  const auto body = [&](int worker, const std::atomic<bool>& cancelled) {
    std::vector<Slot*> slots;
    for (const auto& slot : slots_[worker]) {
      // Also what a failed or interrupted run left behind.
      slot->DropTrees();
      slots.push_back(slot.get());
    }
    const auto recorded = [&] {
      int64_t total = 0;
      for (const auto& slot : slots_[worker]) {
        total += slot->statistics().positions;
      }
      return total;
    };
    const int64_t share = (positions - 1) / workers + 1;
    const int64_t before = recorded();
    workers_[worker]->Run(
        slots,
        [&] {
          if (here) poll();  // nobody else does
          return recorded() - before >= share || gone() >= seconds;
        },
        cancelled);
  };
  RunWorkers(static_cast<int>(workers), here, poll, body);
  std::vector<GameRecord> finished;
  for (const auto& slots : slots_) {
    for (const auto& slot : slots) {
      std::vector<GameRecord> part = slot->TakeFinished();
      std::move(part.begin(), part.end(), std::back_inserter(finished));
    }
  }
  std::sort(
      finished.begin(), finished.end(),
      [](const GameRecord& a, const GameRecord& b) { return a.id < b.id; });
  seconds_ += gone();
  return finished;
}

std::vector<char> Pool::Identity() const {
  std::string text = game_->ToString();
  text += " input " + std::to_string(input_size());
  text += " players " + std::to_string(players_.size());
  return {text.begin(), text.end()};
}

std::string Pool::Snapshot() const {
  ByteWriter writer;
  writer.Value(kMagic);
  writer.Vector(Identity());
  writer.Value<uint64_t>(num_slots());
  for (const auto& slots : slots_) {
    for (const auto& slot : slots) {
      writer.Value(slot->next_id());
      Archived(writer, slot->record());
    }
  }
  return writer.Take();
}

void Pool::Restore(std::string_view bytes) {
  ByteReader reader(bytes);
  char magic[sizeof(kMagic)];
  std::vector<char> identity;
  uint64_t slots_saved = 0;
  reader.Value(magic);
  if (std::memcmp(magic, kMagic, sizeof(kMagic)) != 0) {
    throw Error("the snapshot of the games in progress is of another version");
  }
  reader.Vector(identity);
  reader.Value(slots_saved);
  if (identity != Identity() ||
      slots_saved != static_cast<uint64_t>(num_slots())) {
    throw Error(
        "the snapshot of the games in progress is of another game, encoder or "
        "number of games: keep game, network.encoder, selfplay.workers, "
        "selfplay.games_per_worker and selfplay.past_share as they were");
  }
  // Everything is read before anything is changed.
  std::vector<std::pair<GameRecord, int64_t>> restored(slots_saved);
  for (auto& [record, next_id] : restored) {
    reader.Value(next_id);
    Archived(reader, record);
  }
  if (!reader.at_end()) {
    throw Error("the snapshot of the games in progress is too long");
  }
  for (const auto& [record, next_id] : restored) CheckRecord(record, next_id);
  size_t index = 0;
  for (const auto& slots : slots_) {
    for (const auto& slot : slots) {
      auto& [record, next_id] = restored[index++];
      slot->Restore(std::move(record), next_id);
    }
  }
}

PoolStatistics Pool::statistics() const {
  PoolStatistics total;
  for (const auto& slots : slots_) {
    for (const auto& slot : slots) total += slot->statistics();
  }
  for (const auto& worker : workers_) total.batch += worker->statistics();
  total.seconds = seconds_;
  return total;
}

}  // namespace tesuji
