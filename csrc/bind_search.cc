// Positions searched, and the parameters of a search.
#include <string>
#include <utility>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/positions.h"

namespace tesuji {

void BindSearch(py::module_& m) {
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

}  // namespace tesuji
