#include "csrc/pool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/tests/evaluators.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

constexpr int kSlots = 4;  // games in progress, whatever the workers
const char* const kGames[] = {"connect_four", "pig(winscore=15,horizon=40)",
                              "kuhn_poker"};

struct Setting {
  std::string game = "connect_four";
  int workers = 1;
  size_t cache_entries = 0;
  bool asynchronous = false;
  bool reuse_tree = false;
  std::string encoder = "auto";
  double resign_threshold = 0.0;
  double resign_check_share = 0.0;
};

// Self-play against the past, with every kind of draw.
std::unique_ptr<Pool> MakePool(const Setting& setting) {
  const GamePtr game = Load(setting.game);
  const SearchParams search = {.simulations = 12,
                               .dirichlet_alpha = 0.5,
                               .dirichlet_fraction = 0.25,
                               .reuse_tree = setting.reuse_tree};
  std::vector<EvaluatorPtr> evaluators;
  std::vector<PlayerParams> players;
  for (int i = 0; i < 2; ++i) {
    evaluators.push_back(
        MakeFakeEvaluator(game, setting.encoder, i, setting.cache_entries));
    if (setting.asynchronous) {
      evaluators.back() = MakeAsynchronous(evaluators.back());
    }
    players.push_back({.evaluator = i,
                       .search = search,
                       .temperature = 1.0,
                       .temperature_plies = 100});
  }
  return std::make_unique<Pool>(
      game, std::move(evaluators), std::move(players),
      SelfPlayParams{.random_opening_share = 0.5,
                     .random_opening_plies = 4,
                     .past_share = 0.5,
                     .resign_threshold = setting.resign_threshold,
                     .resign_plies = 1,
                     .resign_check_share = setting.resign_check_share},
      setting.workers, kSlots / setting.workers, /*seed=*/3);
}

void ExpectSame(const GameRecord& a, const GameRecord& b) {
  ExpectEqual(a.id, b.id);
  ExpectEqual(a.history, b.history);
  ExpectEqual(a.returns, b.returns);
  ExpectEqual(a.seats, b.seats);
  ExpectEqual(a.plies, b.plies);
  ExpectEqual(a.players, b.players);
  ExpectEqual(a.policy, b.policy);
  ExpectEqual(a.root_values, b.root_values);
  ExpectEqual(a.inputs, b.inputs);
  ExpectEqual(a.legal_mask, b.legal_mask);
  ExpectEqual(a.resigned, b.resigned);
  ExpectEqual(a.would_resign, b.would_resign);
}

void ExpectSame(const std::vector<GameRecord>& a,
                const std::vector<GameRecord>& b) {
  ExpectEqual(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ExpectSame(a[i], b[i]);
}

TEST(GamesDoNotDependOnWorkersCachesOrTiming) {
  for (const char* game : kGames) {
    for (const bool reuse_tree : {false, true}) {
      Setting setting = {.game = game, .reuse_tree = reuse_tree};
      const auto expected = MakePool(setting)->RunGames(12, NoPoll);
      ExpectEqual(expected.size(), 12);
      setting.cache_entries = 64;
      for (const int workers : {1, 2, 4}) {
        setting.workers = workers;
        setting.asynchronous = workers == 2;
        ExpectSame(MakePool(setting)->RunGames(12, NoPoll), expected);
      }
    }
  }
}

TEST(GamesDoNotDependOnWhereRunsEnd) {
  for (const char* game : kGames) {
    const auto expected = MakePool({.game = game})->RunGames(60, NoPoll);
    for (const int workers : {1, 2, 4}) {
      const auto pool = MakePool(
          {.game = game, .workers = workers, .asynchronous = workers == 4});
      for (const int64_t positions : {7, 1, 25}) {
        for (const auto& record : pool->RunPositions(positions, NoPoll)) {
          ExpectSame(record, expected.at(record.id));
        }
      }
      Expect(pool->statistics().positions >= 33);
    }
  }
}

TEST(RecordsAreWhole) {
  for (const char* name : kGames) {
    const GamePtr game = Load(name);
    const auto pool = MakePool({.game = name});
    const size_t inputs = pool->input_size();
    const size_t actions = game->NumDistinctActions();
    for (const GameRecord& record : pool->RunGames(12, NoPoll)) {
      const size_t rows = record.plies.size();
      ExpectEqual(record.players.size(), rows);
      ExpectEqual(record.policy.size(), rows * actions);
      ExpectEqual(record.inputs.size(), rows * inputs);
      ExpectEqual(record.legal_mask.size(), rows * actions);
      ExpectEqual(record.root_values.size(), rows * game->NumPlayers());
      StatePtr state = game->NewInitialState();
      size_t row = 0;
      for (size_t ply = 0; ply < record.history.size(); ++ply) {
        if (row < rows && record.plies[row] == static_cast<int32_t>(ply)) {
          ExpectEqual(record.players[row], state->CurrentPlayer());
          float total = 0.0f;
          for (size_t a = 0; a < actions; ++a) {
            const float share = record.policy[row * actions + a];
            Expect(share == 0.0f || record.legal_mask[row * actions + a] == 1);
            total += share;
          }
          ExpectNear(total, 1.0, 1e-5);
          ++row;
        }
        state->ApplyAction(record.history[ply]);
      }
      ExpectEqual(row, rows);
      Expect(state->IsTerminal());
    }
  }
}

TEST(ASnapshotContinuesTheGames) {
  for (const char* game : kGames) {
    for (const int workers : {1, 2}) {
      const Setting setting = {.game = game,
                               .workers = workers,
                               .encoder = std::string(game) == "connect_four"
                                              ? "observation_pair"
                                              : "auto"};
      const auto pool = MakePool(setting);
      pool->RunPositions(11, NoPoll);
      const std::string snapshot = pool->Snapshot();
      ExpectEqual(pool->Snapshot(), snapshot);
      const auto restored = MakePool(setting);
      restored->RunPositions(5, NoPoll);  // is forgotten
      restored->Restore(snapshot);
      for (int i = 0; i < 2; ++i) {
        ExpectSame(restored->RunPositions(15, NoPoll),
                   pool->RunPositions(15, NoPoll));
      }
    }
  }
}

// Each copy lies in memory of exactly its length, whose end is watched.
void Restore(Pool& pool, std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  pool.Restore({exact.data(), exact.size()});
}

TEST(ASnapshotThatDoesNotFitIsRefused) {
  const auto pool = MakePool({});
  pool->RunPositions(20, NoPoll);
  const std::string snapshot = pool->Snapshot();
  const auto target = MakePool({});
  for (size_t length = 0; length < snapshot.size(); ++length) {
    ExpectThrow<Error>("truncated", [&] {
      Restore(*target, std::string_view(snapshot).substr(0, length));
    });
  }
  ExpectThrow<Error>("too long", [&] { Restore(*target, snapshot + '\0'); });
  ExpectThrow<Error>("another version",
                     [&] { Restore(*target, 'X' + snapshot.substr(1)); });
  ExpectThrow<Error>("another game", [&] {
    Restore(*MakePool({.game = "kuhn_poker"}), snapshot);
  });
  // A length is not believed: that of the text behind the magic, and that of
  // the first game's history behind three numbers.
  const size_t text = snapshot.find('\0') + 1;
  uint64_t size;
  std::memcpy(&size, snapshot.data() + text, sizeof(size));
  for (const size_t at : {text, text + 4 * sizeof(uint64_t) + size}) {
    for (const uint64_t wrong : {UINT64_MAX, uint64_t{1} << 61}) {
      std::string corrupt = snapshot;
      std::memcpy(corrupt.data() + at, &wrong, sizeof(wrong));
      ExpectThrow<Error>("truncated", [&] { Restore(*target, corrupt); });
    }
  }
  // A refused snapshot changed nothing.
  ExpectSame(target->RunGames(8, NoPoll), MakePool({})->RunGames(8, NoPoll));
}

TEST(ALostPositionIsResigned) {
  const auto pool = MakePool({.workers = 2, .resign_threshold = 1e-6});
  const GamePtr game = Load("connect_four");
  int resigned = 0;
  for (const GameRecord& record : pool->RunGames(20, NoPoll)) {
    if (!record.resigned) continue;
    ++resigned;
    const StatePtr end = Played(*game, record.history);
    Expect(!end->IsTerminal());
    ExpectEqual(record.returns[end->CurrentPlayer()], -1.0);
    ExpectEqual(record.returns[1 - end->CurrentPlayer()], 1.0);
  }
  Expect(resigned > 0);
  ExpectEqual(pool->statistics().resignations, resigned);
  const auto checked = MakePool(
      {.workers = 2, .resign_threshold = 1e-6, .resign_check_share = 1.0});
  checked->RunGames(20, NoPoll);
  ExpectEqual(checked->statistics().resignations, 0);
  Expect(checked->statistics().resignation_checks > 0);
}

// Players: the network alone, and another with search.
std::vector<GameRecord> PlayMatch(const std::string& name, int workers,
                                  bool asynchronous,
                                  const std::vector<Opening>& openings) {
  const GamePtr game = Load(name);
  std::vector<EvaluatorPtr> evaluators = {
      MakeFakeEvaluator(game, "auto", 1, 16),
      MakeFakeEvaluator(game, "auto", 2, 16)};
  if (asynchronous) {
    for (EvaluatorPtr& answers : evaluators) {
      answers = MakeAsynchronous(answers);
    }
  }
  Pool pool(game, evaluators,
            {{.evaluator = 0, .search = {.simulations = 0}},
             {.evaluator = 1, .search = {.simulations = 8}}},
            {}, workers, kSlots / workers, 0, openings);
  return pool.RunGames(1000, NoPoll);
}

TEST(MatchesPlayTheirOpeningsInTheirSeats) {
  for (const auto& [name, histories] :
       std::vector<std::pair<std::string, std::vector<std::vector<Action>>>>{
           {"tic_tac_toe", {{}, {4}, {0, 8}}},
           {"backgammon", {{7}}},
           {"kuhn_poker", {{}, {0}, {2, 1}}}}) {
    std::vector<Opening> openings;
    for (size_t i = 0; i < histories.size(); ++i) {
      openings.push_back({histories[i], {0, 1}, i});
      openings.push_back({histories[i], {1, 0}, i});
    }
    const auto expected = PlayMatch(name, 1, false, openings);
    ExpectEqual(expected.size(), openings.size());
    for (size_t i = 0; i < openings.size(); ++i) {
      const GameRecord& record = expected[i];
      ExpectEqual(record.id, i);
      ExpectEqual(record.seats, openings[i].seats);
      Expect(std::equal(openings[i].history.begin(), openings[i].history.end(),
                        record.history.begin()));
      Expect(record.plies.empty());
    }
    ExpectSame(PlayMatch(name, 2, /*asynchronous=*/true, openings), expected);
    ExpectSame(PlayMatch(name, 4, /*asynchronous=*/false, openings), expected);
  }
  ExpectThrow<Error>("illegal action", [] {
    PlayMatch("tic_tac_toe", 1, false, {{{4, 4}, {0, 1}, 0}});
  });
  ExpectThrow<Error>("seats", [] {
    PlayMatch("tic_tac_toe", 1, false, {{{}, {0, 1, 0}, 0}});
  });
  ExpectThrow<Error>("seats player 2", [] {
    PlayMatch("tic_tac_toe", 1, false, {{{}, {0, 2}, 0}});
  });
}

// After a failure, of the evaluator or of the caller, the pool goes on with the
// games that it would have played.
TEST(APoolOutlivesAFailure) {
  const GamePtr game = Load("connect_four");
  std::atomic<int> left = 0;
  const EvaluatorPtr failing = MakeFunctionEvaluator(
      game, [&](const State&, std::span<float>, std::span<float>) {
        if (--left == 0) throw Error("the device is gone");
      });
  const PlayerParams player = {.search = {.simulations = 10}};
  for (const int workers : {1, 4}) {
    for (const EvaluatorPtr& evaluator : {failing, MakeAsynchronous(failing)}) {
      const auto make = [&, evaluator = evaluator] {
        return std::make_unique<Pool>(game, std::vector{evaluator},
                                      std::vector{player}, SelfPlayParams{},
                                      workers, kSlots / workers, 3);
      };
      left = 0;
      const auto expected = make()->RunGames(4, NoPoll);
      const auto pool = make();
      left = 100;
      ExpectThrow<Error>("the device is gone",
                         [&] { pool->RunGames(4, NoPoll); });
      ExpectThrow<std::runtime_error>("interrupted", [&] {
        pool->RunPositions(1 << 30,
                           [] { throw std::runtime_error("interrupted"); });
      });
      left = 0;
      auto games = pool->RunGames(4, NoPoll);
      games.resize(4);  // the interrupted run went further
      ExpectSame(games, expected);
    }
  }
}

TEST(WhatAPoolRefuses) {
  const GamePtr game = Load("tic_tac_toe");
  const EvaluatorPtr evaluator = MakeFakeEvaluator(game, "auto", 1, 0);
  const auto make = [&](const GamePtr& played, PlayerParams player, int workers,
                        int games) {
    Pool(played, {evaluator}, {player}, {}, workers, games, 0);
  };
  ExpectThrow<Error>("the pool plays",
                     [&] { make(Load("connect_four"), {}, 1, 1); });
  ExpectThrow<Error>("simultaneous",
                     [&] { make(Load("goofspiel"), {}, 1, 1); });
  ExpectThrow<Error>("player.evaluator",
                     [&] { make(game, {.evaluator = 1, .search = {}}, 1, 1); });
  ExpectThrow<Error>("leaves_in_flight", [&] {
    make(game, {.search = {.leaves_in_flight = 2}}, 1, 1);
  });
  ExpectThrow<Error>("at least 1", [&] { make(game, {}, 1, 0); });
  ExpectThrow<Error>("sessions", [&] { make(game, {}, 1 << 20, 1); });
}

}  // namespace
}  // namespace tesuji
