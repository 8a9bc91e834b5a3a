// One position on all cores.
#include <memory>
#include <optional>

#include "csrc/analysis.h"
#include "csrc/bindings.h"

namespace tesuji {

void BindAnalysis(py::module_& m) {
  py::class_<Analysis>(m, "Analysis")
      .def(py::init([](const State& state, EvaluatorPtr evaluator,
                       const SearchParams& params, uint64_t seed, int workers) {
             return std::make_unique<Analysis>(std::move(evaluator), state,
                                               params, seed, workers);
           }),
           "state"_a.none(false), "evaluator"_a.none(false), "params"_a,
           "seed"_a = 0, "workers"_a = 1)
      .def(
          "begin",
          [](Analysis& analysis, std::optional<int64_t> simulations,
             std::optional<double> seconds) {
            if (simulations.value_or(0) < 0) {
              throw Error("simulations is " + std::to_string(*simulations) +
                          "; give 0 or more");
            }
            if (!(seconds.value_or(0.0) >= 0.0)) {
              throw Error("seconds is " + std::to_string(*seconds) +
                          "; give 0 or more");
            }
            analysis.Begin(simulations, seconds);
          },
          py::kw_only(), "simulations"_a = py::none(), "seconds"_a = py::none())
      .def("run",
           [](Analysis& analysis) {
             Unlocked(analysis.game(), [&] { analysis.Run(Poll); });
           })
      .def("stop", &Analysis::Stop)
      .def("result", [](Analysis& analysis) {
        // Whatever the game: a worker may wait for the interpreter's lock.
        const py::gil_scoped_release release;
        return analysis.Result(Poll);
      });
}

}  // namespace tesuji
