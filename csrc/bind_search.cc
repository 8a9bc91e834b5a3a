// Positions searched, and the parameters of a search.
#include <string>
#include <utility>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/positions.h"

namespace tesuji {
namespace {

constexpr std::pair<const char*, Selection> kSelections[] = {
    {"puct", Selection::kPuct}, {"gumbel", Selection::kGumbel}};
constexpr std::pair<const char*, ValueRange> kValueRanges[] = {
    {"declared", ValueRange::kDeclared}, {"tree", ValueRange::kTree}};

template <typename T, size_t N>
T Named(const char* field, const std::string& name,
        const std::pair<const char*, T> (&known)[N]) {
  std::string names;
  for (const auto& [text, value] : known) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(std::string(field) + " is '" + name + "'; choose one of " +
              names);
}

void Check(const SearchParams& p) {
  const auto require = [](bool fits, const std::string& field,
                          const std::string& value, const char* allowed) {
    if (!fits) throw Error(field + " is " + value + "; give " + allowed);
  };
  const auto at_least = [&](auto value, auto least, const char* field,
                            const char* allowed) {
    require(value >= least, field, std::to_string(value), allowed);
  };
  at_least(p.simulations, 0, "simulations", "0 (the network alone) or more");
  at_least(p.leaves_in_flight, 1, "leaves_in_flight", "at least 1");
  at_least(p.max_cached_states, 0, "max_cached_states", "0 (all) or more");
  at_least(p.max_bytes, 0, "max_bytes", "0 (no bound) or more");
  at_least(p.max_considered_actions, 1, "max_considered_actions", "at least 1");
  at_least(p.chance_samples, 1, "chance_samples", "at least 1");
  at_least(p.c_puct, 0.0, "c_puct", "0 or more");
  require(p.c_puct_base > 0.0, "c_puct_base", std::to_string(p.c_puct_base),
          "more than 0");
  at_least(p.fpu_reduction, 0.0, "fpu_reduction", "0 (none) or more");
  at_least(p.dirichlet_alpha, 0.0, "dirichlet_alpha", "0 (none) or more");
  require(p.dirichlet_fraction >= 0.0 && p.dirichlet_fraction <= 1.0,
          "dirichlet_fraction", std::to_string(p.dirichlet_fraction),
          "0 (none) to 1");
  at_least(p.chance_widening, 0.0, "chance_widening", "0 (all) or more");
  at_least(p.gumbel_scale, 0.0, "gumbel_scale", "0 or more");
  at_least(p.c_visit, 0.0, "c_visit", "0 or more");
  at_least(p.c_scale, 0.0, "c_scale", "0 or more");
  at_least(p.forced_playouts, 0.0, "forced_playouts", "0 (none) or more");
  at_least(p.dirichlet_total, 0.0, "dirichlet_total", "0 (off) or more");
  require(p.root_policy_temperature > 0.0, "root_policy_temperature",
          std::to_string(p.root_policy_temperature), "more than 0");
  require(p.joint_exploration > 0.0 && p.joint_exploration <= 1.0,
          "joint_exploration", std::to_string(p.joint_exploration),
          "more than 0 and at most 1");
  if (p.selection == Selection::kGumbel && p.reuse_tree) {
    throw Error(
        "reuse_tree must be off with selection 'gumbel', which shares out all "
        "simulations anew");
  }
}

}  // namespace

void BindSearch(py::module_& m) {
  const SearchParams s;
  py::class_<SearchParams>(m, "SearchParams")
      .def(py::init([](int simulations, const std::string& selection,
                       double c_puct, double c_puct_base, double fpu_reduction,
                       double root_policy_temperature, double dirichlet_alpha,
                       double dirichlet_fraction, double dirichlet_total,
                       double forced_playouts, int max_considered_actions,
                       double gumbel_scale, double c_visit, double c_scale,
                       const std::string& value_range, bool proofs,
                       bool expected_chance, double chance_widening,
                       int chance_samples, double joint_exploration,
                       int leaves_in_flight, int64_t max_cached_states,
                       int64_t max_bytes, bool reuse_tree) {
             const SearchParams params{
                 .simulations = simulations,
                 .selection = Named("selection", selection, kSelections),
                 .c_puct = c_puct,
                 .c_puct_base = c_puct_base,
                 .fpu_reduction = fpu_reduction,
                 .root_policy_temperature = root_policy_temperature,
                 .dirichlet_alpha = dirichlet_alpha,
                 .dirichlet_fraction = dirichlet_fraction,
                 .dirichlet_total = dirichlet_total,
                 .forced_playouts = forced_playouts,
                 .max_considered_actions = max_considered_actions,
                 .gumbel_scale = gumbel_scale,
                 .c_visit = c_visit,
                 .c_scale = c_scale,
                 .value_range = Named("value_range", value_range, kValueRanges),
                 .proofs = proofs,
                 .expected_chance = expected_chance,
                 .chance_widening = chance_widening,
                 .chance_samples = chance_samples,
                 .joint_exploration = joint_exploration,
                 .leaves_in_flight = leaves_in_flight,
                 .max_cached_states = max_cached_states,
                 .max_bytes = max_bytes,
                 .reuse_tree = reuse_tree};
             Check(params);
             return params;
           }),
           py::kw_only(), "simulations"_a = s.simulations,
           "selection"_a = "puct", "c_puct"_a = s.c_puct,
           "c_puct_base"_a = s.c_puct_base, "fpu_reduction"_a = s.fpu_reduction,
           "root_policy_temperature"_a = s.root_policy_temperature,
           "dirichlet_alpha"_a = s.dirichlet_alpha,
           "dirichlet_fraction"_a = s.dirichlet_fraction,
           "dirichlet_total"_a = s.dirichlet_total,
           "forced_playouts"_a = s.forced_playouts,
           "max_considered_actions"_a = s.max_considered_actions,
           "gumbel_scale"_a = s.gumbel_scale, "c_visit"_a = s.c_visit,
           "c_scale"_a = s.c_scale, "value_range"_a = "declared",
           "proofs"_a = s.proofs, "expected_chance"_a = s.expected_chance,
           "chance_widening"_a = s.chance_widening,
           "chance_samples"_a = s.chance_samples,
           "joint_exploration"_a = s.joint_exploration,
           "leaves_in_flight"_a = s.leaves_in_flight,
           "max_cached_states"_a = s.max_cached_states,
           "max_bytes"_a = s.max_bytes, "reuse_tree"_a = s.reuse_tree)
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
      .def_property_readonly(
          "owners", [](const SearchResult& r) { return ToArray(r.owners); })
      .def_property_readonly(
          "proven",
          [](const SearchResult& r) {
            py::array_t<bool> flags(static_cast<py::ssize_t>(r.proven.size()));
            std::copy(r.proven.begin(), r.proven.end(), flags.mutable_data());
            return flags;
          })
      .def_property_readonly(
          "target", [](const SearchResult& r) { return ToArray(r.target); })
      .def_readonly("best", &SearchResult::best)
      .def_readonly("root_proven", &SearchResult::root_proven)
      .def_readonly("full", &SearchResult::full)
      .def_readonly("bytes", &SearchResult::bytes)
      .def_readonly("variations", &SearchResult::variations)
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
         const SearchParams& params, std::vector<uint64_t> seeds, int workers,
         bool variations) {
        if (seeds.size() != states.size()) {
          throw Error("seeds has " + std::to_string(seeds.size()) +
                      " entries for " + std::to_string(states.size()) +
                      " states; give one each");
        }
        if (states.empty()) return std::vector<SearchResult>();
        PositionSearch job(evaluator, Clones(states), std::move(seeds), params,
                           workers, variations);
        Unlocked(evaluator->game(), [&job] { job.Run(Poll); });
        return job.results();
      },
      "states"_a, "evaluator"_a.none(false), "params"_a, "seeds"_a,
      "workers"_a = 1, "variations"_a = false);
  m.attr("node_bytes") = sizeof(Node);
  m.attr("edge_bytes") = sizeof(Edge);
}

}  // namespace tesuji
