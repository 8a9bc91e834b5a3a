// Self-play and matches, with their results as numpy arrays.
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/pool.h"

namespace tesuji {
namespace {

py::dict Records(const Pool& pool, const std::vector<GameRecord>& games) {
  const Game& game = pool.game();
  const auto num_actions = static_cast<py::ssize_t>(game.NumDistinctActions());
  const auto num_players = static_cast<py::ssize_t>(game.NumPlayers());
  const auto input_size = static_cast<py::ssize_t>(pool.input_size());
  const auto num_games = static_cast<py::ssize_t>(games.size());
  py::ssize_t rows = 0;
  for (const GameRecord& g : games) {
    rows += static_cast<py::ssize_t>(g.plies.size());
  }
  Array<float> inputs({rows, input_size});
  Array<uint8_t> legal_mask({rows, num_actions});
  Array<float> policy({rows, num_actions});
  Array<float> root_values({rows, num_players});
  Array<float> returns({rows, num_players});
  Array<int64_t> action(rows);
  Array<int8_t> player(rows);
  Array<int64_t> game_offsets(num_games + 1);
  Array<int64_t> game_ids(num_games);
  Array<float> game_returns({num_games, num_players});
  Array<bool> resigned(num_games);
  py::list histories;
  py::ssize_t row = 0;
  game_offsets.mutable_at(0) = 0;
  for (py::ssize_t g = 0; g < num_games; ++g) {
    const GameRecord& record = games[g];
    const auto decisions = static_cast<py::ssize_t>(record.plies.size());
    if (decisions > 0) {
      const auto copy = [row](const auto& from, auto& to, py::ssize_t width) {
        std::copy(from.begin(), from.end(), to.mutable_data() + row * width);
      };
      copy(record.inputs, inputs, input_size);
      copy(record.legal_mask, legal_mask, num_actions);
      copy(record.policy, policy, num_actions);
      copy(record.root_values, root_values, num_players);
    }
    for (py::ssize_t t = 0; t < decisions; ++t) {
      const int observer = record.players[t];
      player.mutable_at(row + t) = record.players[t];
      action.mutable_at(row + t) =
          record.history.size() > static_cast<size_t>(record.plies[t])
              ? record.history[record.plies[t]]
              : -1;
      for (py::ssize_t k = 0; k < num_players; ++k) {
        returns.mutable_at(row + t, k) =
            static_cast<float>(record.returns[(observer + k) % num_players]) -
            record.paid[t * num_players + k];
      }
    }
    row += decisions;
    game_offsets.mutable_at(g + 1) = row;
    game_ids.mutable_at(g) = record.id;
    for (py::ssize_t p = 0; p < num_players; ++p) {
      game_returns.mutable_at(g, p) = static_cast<float>(record.returns[p]);
    }
    resigned.mutable_at(g) = record.resigned;
    histories.append(record.history);
  }
  return py::dict("inputs"_a = inputs, "legal_mask"_a = legal_mask,
                  "policy"_a = policy, "root_values"_a = root_values,
                  "returns"_a = returns, "action"_a = action,
                  "player"_a = player, "game_offsets"_a = game_offsets,
                  "game_ids"_a = game_ids, "game_returns"_a = game_returns,
                  "resigned"_a = resigned, "histories"_a = histories);
}

py::dict Statistics(const PoolStatistics& s) {
  return py::dict(
      "simulations"_a = s.simulations, "evaluations"_a = s.batch.evaluations,
      "cache_hits"_a = s.batch.cache_hits, "terminal_hits"_a = s.terminal_hits,
      "positions"_a = s.positions, "games"_a = s.games,
      "batches"_a = s.batch.batches, "seconds"_a = s.seconds,
      "seconds_evaluating"_a = s.batch.seconds,
      "resignations"_a = s.resignations,
      "resignation_checks"_a = s.resignation_checks,
      "resignation_errors"_a = s.resignation_errors);
}

}  // namespace

void BindPool(py::module_& m) {
  const PlayerParams p;
  py::class_<PlayerParams>(m, "PlayerParams")
      .def(py::init([](int evaluator, const SearchParams& search,
                       double temperature, int temperature_plies,
                       double final_temperature) {
             return PlayerParams{evaluator, search, temperature,
                                 temperature_plies, final_temperature};
           }),
           "evaluator"_a, "search"_a, py::kw_only(),
           "temperature"_a = p.temperature,
           "temperature_plies"_a = p.temperature_plies,
           "final_temperature"_a = p.final_temperature);
  const SelfPlayParams sp;
  py::class_<SelfPlayParams>(m, "SelfPlayParams")
      .def(py::init([](double random_opening_share, int random_opening_plies,
                       double past_share, double fast_share,
                       int fast_simulations, double resign_threshold,
                       int resign_plies, double resign_check_share) {
             return SelfPlayParams{random_opening_share, random_opening_plies,
                                   past_share,           fast_share,
                                   fast_simulations,     resign_threshold,
                                   resign_plies,         resign_check_share};
           }),
           py::kw_only(), "random_opening_share"_a = sp.random_opening_share,
           "random_opening_plies"_a = sp.random_opening_plies,
           "past_share"_a = sp.past_share, "fast_share"_a = sp.fast_share,
           "fast_simulations"_a = sp.fast_simulations,
           "resign_threshold"_a = sp.resign_threshold,
           "resign_plies"_a = sp.resign_plies,
           "resign_check_share"_a = sp.resign_check_share);

  py::class_<Pool>(m, "Pool")
      .def(py::init([](std::shared_ptr<Game> game,
                       std::vector<EvaluatorPtr> evaluators,
                       std::vector<PlayerParams> players,
                       const SelfPlayParams& selfplay, int workers,
                       int games_per_worker, uint64_t seed) {
             return std::make_unique<Pool>(game, std::move(evaluators),
                                           std::move(players), selfplay,
                                           workers, games_per_worker, seed);
           }),
           py::keep_alive<1, 2>(), "game"_a.none(false), "evaluators"_a,
           "players"_a, "selfplay"_a, "workers"_a, "games_per_worker"_a,
           "seed"_a)
      .def(
          "run",
          [](Pool& pool, std::optional<int64_t> positions,
             std::optional<int64_t> games, double seconds) {
            if (positions.has_value() == games.has_value() ||
                positions.value_or(1) < 1 || games.value_or(1) < 1) {
              throw Error("run() takes either positions or games, at least 1");
            }
            const std::vector<GameRecord> records = Unlocked(pool.game(), [&] {
              return positions ? pool.RunPositions(*positions, Poll, seconds)
                               : pool.RunGames(*games, Poll, seconds);
            });
            return Records(pool, records);
          },
          py::kw_only(), "positions"_a = py::none(), "games"_a = py::none(),
          "seconds"_a = Pool::kEndless)
      .def("snapshot",
           [](const Pool& pool) { return py::bytes(pool.Snapshot()); })
      .def(
          "restore",
          [](Pool& pool, const py::bytes& bytes) {
            pool.Restore(std::string_view(bytes));
          },
          "snapshot"_a)
      .def("set_resign_threshold", &Pool::set_resign_threshold, "threshold"_a)
      .def("statistics",
           [](const Pool& pool) { return Statistics(pool.statistics()); });

  m.def(
      "play_match",
      [](std::shared_ptr<Game> game, std::vector<EvaluatorPtr> evaluators,
         std::vector<PlayerParams> players,
         std::vector<std::vector<Action>> openings,
         std::vector<std::vector<int32_t>> seats, std::vector<uint64_t> seeds,
         int workers, int games_per_worker, double seconds) {
        if (openings.size() != seats.size() ||
            openings.size() != seeds.size()) {
          throw Error("openings, seats and seeds must have one entry a game");
        }
        using Played = std::pair<std::vector<Action>, std::vector<double>>;
        std::vector<std::optional<Played>> played(openings.size());
        if (openings.empty()) return played;
        std::vector<Opening> games;
        for (size_t i = 0; i < openings.size(); ++i) {
          games.push_back({openings[i], seats[i], seeds[i]});
        }
        Pool pool(game, std::move(evaluators), std::move(players), {}, workers,
                  games_per_worker, 0, std::move(games));
        std::vector<GameRecord> records = Unlocked(*game, [&] {
          return pool.RunGames(static_cast<int64_t>(openings.size()), Poll,
                               seconds);
        });
        for (GameRecord& record : records) {
          played[record.id] = {std::move(record.history),
                               std::move(record.returns)};
        }
        return played;
      },
      "game"_a, "evaluators"_a, "players"_a, "openings"_a, "seats"_a, "seeds"_a,
      "workers"_a = 1, "games_per_worker"_a = 64, py::kw_only(),
      "seconds"_a = Pool::kEndless);
}

}  // namespace tesuji
