// Beliefs, and the search of information sets.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/checked.h"
#include "csrc/infoset.h"
#include "csrc/ismcts.h"

namespace tesuji {
namespace {

constexpr double kRowTolerance = 1e-6;  // of the sum of a policy's row

py::list PythonStates(std::span<const State* const> states) {
  py::list list;
  for (const State* state : states) list.append(py::cast(Copy(*state)));
  return list;
}

// A Python function: states in, rows float64[B, A] out, once a batch.
class PythonPolicy : public Policy {
 public:
  explicit PythonPolicy(py::object function) : function_(std::move(function)) {}

  std::vector<std::vector<double>> Probabilities(
      std::span<const State* const> states) override {
    const py::gil_scoped_acquire lock;
    using Rows = py::array_t<double, py::array::c_style | py::array::forcecast>;
    const Rows rows = Rows::ensure(function_(PythonStates(states)));
    if (!rows) PyErr_Clear();
    const auto columns =
        static_cast<py::ssize_t>(states[0]->NumDistinctActions());
    if (!rows || rows.ndim() != 2 || rows.shape(1) != columns ||
        rows.shape(0) != static_cast<py::ssize_t>(states.size())) {
      throw Error("policy must return an array of float64 with shape [" +
                  std::to_string(states.size()) + ", " +
                  std::to_string(columns) + "]");
    }
    std::vector<std::vector<double>> result;
    for (size_t i = 0; i < states.size(); ++i) {
      result.push_back(Checked({rows.data(static_cast<py::ssize_t>(i), 0),
                                static_cast<size_t>(columns)},
                               *states[i]));
    }
    return result;
  }

 private:
  static std::vector<double> Checked(std::span<const double> row,
                                     const State& state) {
    const std::vector<Action> legal = LegalActions(state);
    double total = 0.0;
    for (size_t action = 0; action < row.size(); ++action) {
      const double p = row[action];
      const bool is_legal =
          std::find(legal.begin(), legal.end(), static_cast<Action>(action)) !=
          legal.end();
      if (!std::isfinite(p) || p < 0.0 || (!is_legal && p > 0.0)) {
        throw Error("policy gives " +
                    std::string(is_legal ? "" : "the illegal ") + "action " +
                    std::to_string(action) + " the probability " +
                    std::to_string(p) + "; " + Describe(state));
      }
      total += p;
    }
    if (std::abs(total - 1.0) > kRowTolerance) {
      throw Error("policy gives probabilities that sum to " +
                  std::to_string(total) + ", not 1; " + Describe(state));
    }
    std::vector<double> probabilities;
    for (Action action : legal) probabilities.push_back(row[action]);
    return probabilities;
  }

  py::object function_;
};

std::unique_ptr<Policy> MakePolicy(const py::object& policy) {
  if (policy.is_none()) return MakeUniformPolicy();
  if (py::isinstance<Evaluator>(policy)) {
    return MakeEvaluatorPolicy(policy.cast<EvaluatorPtr>());
  }
  return std::make_unique<PythonPolicy>(policy);
}

}  // namespace

void BindInfoset(py::module_& m) {
  const BeliefOptions o;
  py::class_<Belief, std::shared_ptr<Belief>>(m, "Belief")
      .def_property_readonly(
          "game",
          [](const Belief& b) { return std::const_pointer_cast<Game>(b.game); })
      .def_readonly("player", &Belief::player)
      .def_property_readonly("states",
                             [](const Belief& b) {
                               std::vector<const State*> states;
                               for (const StatePtr& state : b.states) {
                                 states.push_back(state.get());
                               }
                               return PythonStates(states);
                             })
      .def_property_readonly("weights",
                             [](const Belief& b) { return ToArray(b.weights); })
      .def_readonly("effective_sample_size", &Belief::effective_sample_size)
      .def_property_readonly("survivors",
                             [](const Belief& b) { return b.states.size(); })
      .def_readonly("method", &Belief::method);

  m.def(
      "belief",
      [](const State& state, const py::object& policy,
         const std::string& method, int particles, int64_t max_nodes,
         uint64_t seed) {
        const std::unique_ptr<Policy> asked = MakePolicy(policy);
        const BeliefOptions options{method, particles, max_nodes};
        const StatePtr own = Copy(state);
        return std::make_shared<Belief>(Unlocked(*own->GetGame(), [&] {
          return FindBelief(*own, *asked, options, seed, Poll);
        }));
      },
      "state"_a, "policy"_a = py::none(), "method"_a = o.method,
      "particles"_a = o.particles, "max_nodes"_a = o.max_nodes, "seed"_a = 0);
  m.def(
      "ismcts",
      [](const std::vector<std::shared_ptr<Belief>>& beliefs,
         EvaluatorPtr evaluator, const SearchParams& params,
         std::vector<uint64_t> seeds, int workers) {
        if (seeds.size() != beliefs.size()) {
          throw Error("seeds has " + std::to_string(seeds.size()) +
                      " entries for " + std::to_string(beliefs.size()) +
                      " beliefs; give one each");
        }
        for (const auto& belief : beliefs) {
          if (belief == nullptr) throw Error("beliefs holds None");
        }
        BeliefSearch job(evaluator, {beliefs.begin(), beliefs.end()},
                         std::move(seeds), params, workers);
        Unlocked(evaluator->game(), [&job] { job.Run(Poll); });
        return job.results();
      },
      "beliefs"_a, "evaluator"_a.none(false), "params"_a, "seeds"_a,
      "workers"_a = 1);
}

}  // namespace tesuji
