// The exact solver.
#include <limits>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/solver.h"

namespace tesuji {
namespace {

// Row-major; NaN where a value is not known.
py::array_t<double> Values(const std::vector<std::vector<Interval>>& rows,
                           std::vector<py::ssize_t> shape) {
  std::vector<double> values;
  for (const std::vector<Interval>& row : rows) {
    for (const Interval& each : row) {
      values.push_back(each.IsPoint()
                           ? each.lower
                           : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return ToArray(values, std::move(shape));
}

py::array_t<double> Bound(const Solution& s, double Interval::* bound) {
  std::vector<double> values;
  for (const Interval& each : s.bounds) values.push_back(each.*bound);
  return ToArray(values);
}

}  // namespace

void BindSolver(py::module_& m) {
  py::class_<Solution>(m, "Solution")
      .def_readonly("proven", &Solution::proven)
      .def_readonly("player", &Solution::player)
      .def_property_readonly("values",
                             [](const Solution& s) {
                               return Values(
                                   {s.bounds},
                                   {static_cast<py::ssize_t>(s.bounds.size())});
                             })
      .def_property_readonly(
          "lower", [](const Solution& s) { return Bound(s, &Interval::lower); })
      .def_property_readonly(
          "upper", [](const Solution& s) { return Bound(s, &Interval::upper); })
      .def_property_readonly(
          "actions", [](const Solution& s) { return ToArray(s.actions); })
      .def_property_readonly(
          "move_values",
          [](const Solution& s) {
            return Values(s.move_bounds,
                          {static_cast<py::ssize_t>(s.move_bounds.size()),
                           static_cast<py::ssize_t>(s.bounds.size())});
          })
      .def_property_readonly(
          "best_actions",
          [](const Solution& s) { return ToArray(s.best_actions); })
      .def_readonly("nodes", &Solution::nodes);

  const SolverParams p;
  m.def(
      "solve",
      [](const State& state, int64_t nodes, int64_t table_bytes,
         bool string_keys, bool every_move) {
        const StatePtr own = Copy(state);
        return Unlocked(*own->GetGame(), [&] {
          return Solve(*own, {nodes, table_bytes, string_keys, every_move},
                       Poll);
        });
      },
      "state"_a, py::kw_only(), "nodes"_a = p.nodes,
      "table_bytes"_a = p.table_bytes, "string_keys"_a = p.string_keys,
      "every_move"_a = p.every_move);
}

}  // namespace tesuji
