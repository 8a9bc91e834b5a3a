// Python bindings: the only file of the core that knows Python.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "csrc/encoder.h"
#include "csrc/evaluator.h"
#include "csrc/playthrough.h"
#include "csrc/pool.h"
#include "csrc/positions.h"

namespace py = pybind11;
using py::literals::operator""_a;

namespace tesuji {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// Throws KeyboardInterrupt and the like while worker threads compute.
void Poll() {
  const py::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// Runs `body` without the interpreter lock, unless the game needs it.
template <typename Body>
auto Unlocked(const Game& game, Body body) {
  if (IsPythonGame(game)) return body();
  const py::gil_scoped_release release;
  return body();
}

template <typename T>
py::array_t<T> ToArray(const std::vector<T>& values,
                       std::vector<py::ssize_t> shape = {}) {
  if (shape.empty()) shape = {static_cast<py::ssize_t>(values.size())};
  py::array_t<T> array(shape);
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

// ---------------------------------------------------------------------------
// Evaluators written in Python.

// A Python object with the buffers and methods that engine/search/evaluator.py
// documents. Python is entered twice a batch, never per leaf.
class PythonSession : public Session {
 public:
  PythonSession(py::object session, const Game& game, size_t input_size)
      : launch_(session.attr("launch")), wait_(session.attr("wait")) {
    const auto num_actions = static_cast<size_t>(game.NumDistinctActions());
    const auto num_players = static_cast<size_t>(game.NumPlayers());
    rows_ = py::cast<py::array>(session.attr("inputs")).ndim() == 3
                ? py::cast<py::array>(session.attr("inputs")).shape(1)
                : 0;
    float* inputs = Buffer<float>(session, "inputs", input_size);
    uint8_t* mask = Buffer<uint8_t>(session, "legal_mask", num_actions);
    float* logits = Buffer<float>(session, "prior_logits", num_actions);
    float* values = Buffer<float>(session, "values", num_players);
    for (int half = 0; half < kHalves; ++half) {
      const size_t first = static_cast<size_t>(half) * rows_;
      halves_[half] = {inputs + first * input_size, mask + first * num_actions,
                       logits + first * num_actions,
                       values + first * num_players};
    }
  }
  ~PythonSession() override {
    const py::gil_scoped_acquire lock;
    launch_ = py::object();
    wait_ = py::object();
    arrays_.clear();
  }

  int rows() const override { return static_cast<int>(rows_); }
  BatchBuffers buffers(int half) override { return halves_[half]; }
  void Launch(int half, std::span<const State* const> leaves) override {
    const py::gil_scoped_acquire lock;
    launch_(half, leaves.size());
  }
  void Wait(int half) override {
    const py::gil_scoped_acquire lock;
    wait_(half);
  }

 private:
  template <typename T>
  T* Buffer(const py::object& session, const char* name, size_t columns) {
    py::array array = py::cast<py::array>(session.attr(name));
    const bool fits =
        py::isinstance<py::array_t<T>>(array) && array.writeable() &&
        (array.flags() & py::array::c_style) && array.ndim() == 3 &&
        array.shape(0) == kHalves && array.shape(1) == rows_ &&
        array.shape(2) == static_cast<py::ssize_t>(columns);
    if (!fits) {
      throw Error(std::string("session.") + name +
                  " must be a writeable C-contiguous array of " +
                  (sizeof(T) == 1 ? "uint8" : "float32") + " with shape [" +
                  std::to_string(kHalves) + ", " + std::to_string(rows_) +
                  ", " + std::to_string(columns) + "]");
    }
    arrays_.push_back(array);
    return static_cast<T*>(array.mutable_data());
  }

  py::object launch_;
  py::object wait_;
  std::vector<py::array> arrays_;
  py::ssize_t rows_;
  BatchBuffers halves_[kHalves];
};

class NetworkEvaluator : public Evaluator {
 public:
  NetworkEvaluator(GamePtr game, const std::string& encoder,
                   std::vector<py::object> sessions, double value_scale,
                   size_t cache_entries)
      : Evaluator(game, MakeEncoder(encoder, *game), value_scale,
                  cache_entries),
        sessions_(std::move(sessions)) {
    if (sessions_.empty()) throw Error("sessions is empty; give one a worker");
    max_rows_ = static_cast<int>(
        py::len(py::object(sessions_[0].attr("inputs")[py::int_(0)])));
  }
  ~NetworkEvaluator() override {
    const py::gil_scoped_acquire lock;
    sessions_.clear();
  }

  int max_workers() const override {
    return static_cast<int>(sessions_.size());
  }
  int max_rows() const override { return max_rows_; }
  std::unique_ptr<Session> Open(int worker, int) const override {
    return std::make_unique<PythonSession>(sessions_[worker], game(),
                                           encoder()->size());
  }

 private:
  std::vector<py::object> sessions_;
  int max_rows_;
};

// ---------------------------------------------------------------------------
// Results as numpy arrays.

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
            static_cast<float>(record.returns[(observer + k) % num_players]);
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

std::vector<StatePtr> Clones(const std::vector<const State*>& states) {
  std::vector<StatePtr> clones;
  for (const State* state : states) clones.push_back(state->Clone());
  return clones;
}

// ---------------------------------------------------------------------------

void BindParams(py::module_& m) {
  const SearchParams s;
  py::class_<SearchParams>(m, "SearchParams")
      .def(py::init([](int simulations, double c_puct, double c_puct_base,
                       double fpu_reduction, double dirichlet_alpha,
                       double dirichlet_fraction, int leaves_in_flight,
                       int64_t max_cached_states, bool reuse_tree) {
             if (simulations < 0) {
               throw Error("simulations is " + std::to_string(simulations) +
                           "; give 0 (the network alone) or more");
             }
             if (leaves_in_flight < 1) {
               throw Error("leaves_in_flight must be at least 1");
             }
             if (max_cached_states < 0) {
               throw Error("max_cached_states must be 0 (all) or more");
             }
             return SearchParams{simulations,      c_puct,
                                 c_puct_base,      fpu_reduction,
                                 dirichlet_alpha,  dirichlet_fraction,
                                 leaves_in_flight, max_cached_states,
                                 reuse_tree};
           }),
           py::kw_only(), "simulations"_a = s.simulations,
           "c_puct"_a = s.c_puct, "c_puct_base"_a = s.c_puct_base,
           "fpu_reduction"_a = s.fpu_reduction,
           "dirichlet_alpha"_a = s.dirichlet_alpha,
           "dirichlet_fraction"_a = s.dirichlet_fraction,
           "leaves_in_flight"_a = s.leaves_in_flight,
           "max_cached_states"_a = s.max_cached_states,
           "reuse_tree"_a = s.reuse_tree)
      .def_readonly("simulations", &SearchParams::simulations);
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
                       double past_share, double resign_threshold,
                       int resign_plies, double resign_check_share) {
             return SelfPlayParams{random_opening_share, random_opening_plies,
                                   past_share,           resign_threshold,
                                   resign_plies,         resign_check_share};
           }),
           py::kw_only(), "random_opening_share"_a = sp.random_opening_share,
           "random_opening_plies"_a = sp.random_opening_plies,
           "past_share"_a = sp.past_share,
           "resign_threshold"_a = sp.resign_threshold,
           "resign_plies"_a = sp.resign_plies,
           "resign_check_share"_a = sp.resign_check_share);
}

void BindEvaluators(py::module_& m) {
  py::class_<Evaluator, EvaluatorPtr>(m, "Evaluator")
      .def_property("version", &Evaluator::version, &Evaluator::set_version)
      .def_property_readonly("max_rows", &Evaluator::max_rows)
      .def_property_readonly("max_workers", &Evaluator::max_workers)
      .def_property_readonly("value_scale", &Evaluator::value_scale);
  py::class_<NetworkEvaluator, Evaluator, std::shared_ptr<NetworkEvaluator>>(
      m, "NetworkEvaluator")
      .def(py::init([](std::shared_ptr<Game> game, const std::string& encoder,
                       std::vector<py::object> sessions, double value_scale,
                       size_t cache_entries) {
             return std::make_shared<NetworkEvaluator>(
                 game, encoder, std::move(sessions), value_scale,
                 cache_entries);
           }),
           py::keep_alive<1, 2>(), "game"_a, "encoder"_a, "sessions"_a,
           "value_scale"_a = 1.0, "cache_entries"_a = 0);
  m.def(
      "FakeEvaluator",
      [](std::shared_ptr<Game> game, const std::string& encoder, uint64_t seed,
         size_t cache_entries) {
        return MakeFakeEvaluator(game, encoder, seed, cache_entries);
      },
      py::keep_alive<0, 1>(), "game"_a, "encoder"_a = "auto", "seed"_a = 0,
      "cache_entries"_a = 0);
  m.def(
      "RolloutEvaluator",
      [](std::shared_ptr<Game> game, int rollouts, uint64_t seed) {
        return MakeRolloutEvaluator(game, rollouts, seed);
      },
      py::keep_alive<0, 1>(), "game"_a, "rollouts"_a = 1, "seed"_a = 0);
}

void BindSearch(py::module_& m) {
  py::class_<SearchResult>(m, "SearchResult")
      .def_property_readonly(
          "actions", [](const SearchResult& r) { return ToArray(r.actions); })
      .def_property_readonly(
          "visits", [](const SearchResult& r) { return ToArray(r.visits); })
      .def_property_readonly(
          "prior", [](const SearchResult& r) { return ToArray(r.prior); })
      .def_property_readonly("q",
                             [](const SearchResult& r) { return ToArray(r.q); })
      .def_property_readonly(
          "values", [](const SearchResult& r) { return ToArray(r.values); })
      .def_property_readonly(
          "raw_values",
          [](const SearchResult& r) { return ToArray(r.raw_values); })
      .def_readonly("principal_variation", &SearchResult::principal_variation)
      .def_readonly("player", &SearchResult::player)
      .def_readonly("simulations", &SearchResult::simulations)
      .def_readonly("terminal_hits", &SearchResult::terminal_hits)
      .def_readonly("nodes", &SearchResult::nodes)
      .def_readonly("edges", &SearchResult::edges)
      .def_readonly("max_depth", &SearchResult::max_depth)
      .def(
          "policy",
          [](const SearchResult& r, double temperature) {
            return ToArray(r.Policy(temperature));
          },
          "temperature"_a = 1.0);

  m.def(
      "search",
      [](const std::vector<const State*>& states, EvaluatorPtr evaluator,
         const SearchParams& params, std::vector<uint64_t> seeds, int workers) {
        if (seeds.size() != states.size()) {
          throw Error("seeds has " + std::to_string(seeds.size()) +
                      " entries for " + std::to_string(states.size()) +
                      " states; give one each");
        }
        if (states.empty()) return std::vector<SearchResult>();
        PositionSearch job(evaluator, Clones(states), std::move(seeds), params,
                           workers);
        Unlocked(evaluator->game(), [&job] { job.Run(Poll); });
        return job.results();
      },
      "states"_a, "evaluator"_a, "params"_a, "seeds"_a, "workers"_a = 1);
  m.attr("node_bytes") = sizeof(Node);
  m.attr("edge_bytes") = sizeof(Edge);
}

void BindPool(py::module_& m) {
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
           py::keep_alive<1, 2>(), "game"_a, "evaluators"_a, "players"_a,
           "selfplay"_a, "workers"_a, "games_per_worker"_a, "seed"_a)
      .def(
          "run",
          [](Pool& pool, std::optional<int64_t> positions,
             std::optional<int64_t> games) {
            if (positions.has_value() == games.has_value() ||
                positions.value_or(1) < 1 || games.value_or(1) < 1) {
              throw Error("run() takes either positions or games, at least 1");
            }
            const std::vector<GameRecord> records = Unlocked(pool.game(), [&] {
              return positions ? pool.RunPositions(*positions, Poll)
                               : pool.RunGames(*games, Poll);
            });
            return Records(pool, records);
          },
          py::kw_only(), "positions"_a = py::none(), "games"_a = py::none())
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
         int workers, int games_per_worker) {
        if (openings.size() != seats.size() ||
            openings.size() != seeds.size()) {
          throw Error("openings, seats and seeds must have one entry a game");
        }
        std::vector<std::pair<std::vector<Action>, std::vector<double>>> played;
        if (openings.empty()) return played;
        std::vector<Opening> games;
        for (size_t i = 0; i < openings.size(); ++i) {
          games.push_back({openings[i], seats[i], seeds[i]});
        }
        Pool pool(game, std::move(evaluators), std::move(players), {}, workers,
                  games_per_worker, 0, std::move(games));
        std::vector<GameRecord> records = Unlocked(*game, [&] {
          return pool.RunGames(static_cast<int64_t>(openings.size()), Poll);
        });
        for (GameRecord& record : records) {
          played.emplace_back(std::move(record.history),
                              std::move(record.returns));
        }
        return played;
      },
      "game"_a, "evaluators"_a, "players"_a, "openings"_a, "seats"_a, "seeds"_a,
      "workers"_a = 1, "games_per_worker"_a = 64);
}

void BindEncoders(py::module_& m) {
  m.def("encoder_names", &EncoderNames);
  m.def(
      "default_encoder",
      [](std::shared_ptr<Game> game) { return DefaultEncoderName(*game); },
      "game"_a);
  m.def(
      "encoder_size",
      [](std::shared_ptr<Game> game, const std::string& name) {
        return MakeEncoder(name, *game)->size();
      },
      "game"_a, "name"_a);
  m.def(
      "encoder_shape",
      [](std::shared_ptr<Game> game, const std::string& name) {
        return MakeEncoder(name, *game)->shape();
      },
      "game"_a, "name"_a);
  m.def(
      "encode",
      [](const std::vector<const State*>& states, const std::string& name) {
        if (states.empty()) throw Error("states is empty; give at least one");
        const EncoderPtr encoder = MakeEncoder(name, *states[0]->GetGame());
        const auto size = static_cast<py::ssize_t>(encoder->size());
        const auto depth = static_cast<size_t>(encoder->history_depth());
        Array<float> out({static_cast<py::ssize_t>(states.size()), size});
        for (size_t i = 0; i < states.size(); ++i) {
          const State& state = *states[i];
          if (state.CurrentPlayer() < 0) {
            throw Error("only states in which a player moves are encoded; " +
                        Describe(state));
          }
          std::vector<StatePtr> past;
          if (depth > 0) {
            StatePtr replayed = state.GetGame()->NewInitialState();
            for (Action action : state.History()) {
              past.push_back(replayed->Clone());
              replayed->ApplyAction(action);
            }
          }
          std::vector<const State*> recent;
          for (size_t j = past.size() - std::min(past.size(), depth);
               j < past.size(); ++j) {
            recent.push_back(past[j].get());
          }
          recent.push_back(&state);
          encoder->encode(
              recent, state.CurrentPlayer(),
              {out.mutable_data() + static_cast<py::ssize_t>(i) * size,
               static_cast<size_t>(size)});
        }
        return out;
      },
      "states"_a, "name"_a = "auto");
  m.def(
      "legal_mask",
      [](const std::vector<const State*>& states) {
        if (states.empty()) throw Error("states is empty; give at least one");
        const auto actions =
            static_cast<py::ssize_t>(states[0]->NumDistinctActions());
        Array<uint8_t> mask({static_cast<py::ssize_t>(states.size()), actions});
        std::fill_n(mask.mutable_data(), mask.size(), uint8_t{0});
        for (size_t i = 0; i < states.size(); ++i) {
          for (Action action : states[i]->LegalActions()) {
            mask.mutable_at(static_cast<py::ssize_t>(i), action) = 1;
          }
        }
        return mask;
      },
      "states"_a);
  m.def(
      "playthrough",
      [](std::shared_ptr<Game> game, uint64_t seed, int max_steps) {
        const Playthrough played =
            Unlocked(*game, [&] { return Play(*game, seed, max_steps); });
        py::list steps;
        for (const PlaythroughStep& step : played.steps) {
          steps.append(py::dict(
              "player"_a = step.player, "action"_a = step.action,
              "legal_actions"_a = step.legal_actions,
              "chance_outcomes"_a = step.chance_outcomes,
              "observation"_a = ToArray(step.observation),
              "information_state"_a = ToArray(step.information_state)));
        }
        return py::dict("steps"_a = steps, "returns"_a = played.returns,
                        "terminal"_a = played.terminal);
      },
      "game"_a, "seed"_a, "max_steps"_a = 10000);
}

}  // namespace
}  // namespace tesuji

PYBIND11_MODULE(_core, m) {
  using namespace tesuji;  // NOLINT: the whole module is one binding.
  m.doc() = "Tesuji's search core over OpenSpiel states.";
  m.attr("open_spiel_version") = TESUJI_OPEN_SPIEL_VERSION;
  m.attr("pybind11_internals_id") = PYBIND11_INTERNALS_ID;
  py::register_exception_translator([](std::exception_ptr exception) {
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const Error& error) {
      const py::object type =
          py::module_::import("engine.errors").attr("TesujiError");
      PyErr_SetString(type.ptr(), error.what());
    }
  });
  BindParams(m);
  BindEvaluators(m);
  BindSearch(m);
  BindPool(m);
  BindEncoders(m);
}
