// Evaluators: those of the core, and sessions written in Python.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/evaluator.h"
#include "open_spiel/algorithms/mcts.h"

namespace tesuji {
namespace {

// A Python object with the buffers and methods that engine/search/evaluator.py
// documents. Python is entered twice a batch, never per leaf.
class PythonSession : public Session {
 public:
  // `release` is called at the end, with the interpreter lock held.
  PythonSession(py::object session, const Game& game, size_t input_size,
                std::function<void()> release)
      : launch_(session.attr("launch")),
        wait_(session.attr("wait")),
        release_(std::move(release)) {
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
    release_();
  }

  int rows() const override { return static_cast<int>(rows_); }
  BatchBuffers buffers(int half) override { return halves_[half]; }
  void Launch(int half, std::span<const Leaf> leaves) override {
    const py::gil_scoped_acquire lock;
    asked_[half] = leaves;
    Call(half, launch_, leaves.size());
  }
  void Wait(int half) override {
    const py::gil_scoped_acquire lock;
    Call(half, wait_);
  }

 private:
  // An exception of the session stays what it is, and says what it was about.
  template <typename... Arguments>
  void Call(int half, const py::object& method, Arguments... arguments) {
    try {
      method(half, arguments...);
    } catch (py::error_already_set& error) {
      if (!asked_[half].empty()) {
        error.value().attr("add_note")(
            "while answering " + std::to_string(asked_[half].size()) +
            " leaves, the first of " + Describe(*asked_[half][0].state));
      }
      throw;
    }
  }

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
  std::function<void()> release_;
  std::vector<py::array> arrays_;
  py::ssize_t rows_;
  BatchBuffers halves_[kHalves];
  std::span<const Leaf> asked_[kHalves];
};

// A session is lent to one search at a time. Searches from several Python
// threads each have sessions of their own: `more` makes those that are missing.
// The interpreter lock guards what is lent.
class NetworkEvaluator : public Evaluator {
 public:
  NetworkEvaluator(GamePtr game, const std::string& encoder,
                   std::vector<py::object> sessions, double value_scale,
                   size_t cache_entries, std::string name, py::object more)
      : Evaluator(game, MakeEncoder(encoder, *game), value_scale,
                  cache_entries),
        sessions_(std::move(sessions)),
        lent_(sessions_.size(), false),
        max_workers_(static_cast<int>(sessions_.size())),
        more_(std::move(more)),
        name_(std::move(name)) {
    if (sessions_.empty()) throw Error("sessions is empty; give one a worker");
    max_rows_ = static_cast<int>(
        py::len(py::object(sessions_[0].attr("inputs")[py::int_(0)])));
  }
  ~NetworkEvaluator() override {
    const py::gil_scoped_acquire lock;
    sessions_.clear();
    more_ = py::object();
  }

  std::string name() const override { return name_; }
  int max_workers() const override { return max_workers_; }
  int max_rows() const override { return max_rows_; }
  std::unique_ptr<Session> Open(int worker, int) const override {
    const size_t index = FreeSession(worker);
    lent_[index] = true;
    try {
      return std::make_unique<PythonSession>(
          sessions_[index], game(), encoder()->size(),
          [this, index] { lent_[index] = false; });
    } catch (...) {
      lent_[index] = false;
      throw;
    }
  }

 private:
  // That of the worker, one that was made for another search, or a new one.
  size_t FreeSession(int worker) const {
    if (!lent_[worker]) return worker;
    for (size_t i = max_workers_; i < sessions_.size(); ++i) {
      if (!lent_[i]) return i;
    }
    if (more_.is_none()) {
      throw Error(
          "the evaluator's sessions are in use: wait until the other search "
          "is done, or give `more`");
    }
    // Python may let other threads run here: what they add comes before.
    py::object session = more_();
    sessions_.push_back(std::move(session));
    lent_.push_back(false);
    return sessions_.size() - 1;
  }

  mutable std::vector<py::object> sessions_;
  mutable std::vector<bool> lent_;  // of the sessions
  int max_workers_;
  py::object more_;
  std::string name_;
  int max_rows_;
};

using open_spiel::algorithms::RandomRolloutEvaluator;

// The same rollouts for OpenSpiel's MCTSBot, which searches in one call that
// Ctrl-C ends with these.
class InterruptibleRollouts : public RandomRolloutEvaluator {
 public:
  using RandomRolloutEvaluator::RandomRolloutEvaluator;

  std::vector<double> Evaluate(const State& state) override {
    const auto now = std::chrono::steady_clock::now();
    if (now - polled_ >= std::chrono::milliseconds(50)) {
      polled_ = now;
      Poll();
    }
    return RandomRolloutEvaluator::Evaluate(state);
  }

 private:
  std::chrono::steady_clock::time_point polled_ =
      std::chrono::steady_clock::now();
};

}  // namespace

void BindEvaluators(py::module_& m) {
  py::class_<Evaluator, EvaluatorPtr>(m, "Evaluator")
      .def_property("version", &Evaluator::version, &Evaluator::set_version)
      .def_property_readonly("max_rows", &Evaluator::max_rows)
      .def_property_readonly("max_workers", &Evaluator::max_workers)
      .def_property_readonly("value_scale", &Evaluator::value_scale);
  py::class_<NetworkEvaluator, Evaluator, std::shared_ptr<NetworkEvaluator>>(
      m, "NetworkEvaluator")
      .def(
          py::init([](std::shared_ptr<Game> game, const std::string& encoder,
                      std::vector<py::object> sessions, double value_scale,
                      size_t cache_entries, std::string name, py::object more) {
            return std::make_shared<NetworkEvaluator>(
                game, encoder, std::move(sessions), value_scale, cache_entries,
                std::move(name), std::move(more));
          }),
          py::keep_alive<1, 2>(), "game"_a.none(false), "encoder"_a,
          "sessions"_a, "value_scale"_a = 1.0, "cache_entries"_a = 0,
          "name"_a = "the evaluator", "more"_a = py::none());
  m.def(
      "FakeEvaluator",
      [](std::shared_ptr<Game> game, const std::string& encoder, uint64_t seed,
         size_t cache_entries) {
        return MakeFakeEvaluator(game, encoder, seed, cache_entries);
      },
      py::keep_alive<0, 1>(), "game"_a.none(false), "encoder"_a = "auto",
      "seed"_a = 0, "cache_entries"_a = 0);
  m.def(
      "RolloutEvaluator",
      [](std::shared_ptr<Game> game, int rollouts, uint64_t seed) {
        return MakeRolloutEvaluator(game, rollouts, seed);
      },
      py::keep_alive<0, 1>(), "game"_a.none(false), "rollouts"_a = 1,
      "seed"_a = 0);
  py::class_<InterruptibleRollouts, RandomRolloutEvaluator,
             std::shared_ptr<InterruptibleRollouts>>(m, "InterruptibleRollouts")
      .def(py::init<int, int>(), "rollouts"_a, "seed"_a);
}

}  // namespace tesuji
