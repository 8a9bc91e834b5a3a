// Exact values of policies and best responses to them.
#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csrc/best_response.h"
#include "csrc/bindings.h"

namespace tesuji {
namespace {

using Clock = std::chrono::steady_clock;
using TreePtr = std::shared_ptr<InformationTree>;
using Probabilities =
    py::array_t<double, py::array::c_style | py::array::forcecast>;

constexpr std::chrono::milliseconds kBetweenReports(100);

// Polls for interrupts, and tells `progress` the histories and their share of
// the tree, every now and then.
InformationTree::Report MakeReport(const py::object& progress) {
  return [&progress, last = Clock::now()](int64_t histories,
                                          double share) mutable {
    Poll();
    if (progress.is_none()) return;
    if (share < 1.0 && Clock::now() - last < kBetweenReports) return;
    last = Clock::now();
    const py::gil_scoped_acquire lock;
    progress(histories, share);
  };
}

// Not copied: the tree never changes, and lives as long as the array.
template <typename T>
py::array View(const TreePtr& tree, std::span<const T> values) {
  py::array array(py::dtype::of<T>(), static_cast<py::ssize_t>(values.size()),
                  values.data(), py::cast(tree));
  array.attr("flags").attr("writeable") = false;
  return array;
}

void RequireRange(const InformationTree& tree, int64_t first, int64_t count) {
  const int64_t most = tree.num_information_states();
  if (first >= 0 && count >= 0 && first <= most && count <= most - first) {
    return;
  }
  throw Error("information states " + std::to_string(first) + " to before " +
              std::to_string(first + count) + " were asked for; there are " +
              std::to_string(most));
}

Response Respond(const InformationTree& tree,
                 const Probabilities& probabilities) {
  const std::span<const double> all(probabilities.data(),
                                    static_cast<size_t>(probabilities.size()));
  return Unlocked(tree.game(), [&] { return tree.Respond(all, Poll); });
}

py::array_t<double> BestResponses(const InformationTree& tree,
                                  const Probabilities& probabilities) {
  const Response response = Respond(tree, probabilities);
  py::array_t<double> table(static_cast<py::ssize_t>(tree.actions().size()));
  std::fill_n(table.mutable_data(), table.size(), 0.0);
  for (size_t i = 0; i < response.choices.size(); ++i) {
    table.mutable_at(tree.offsets()[i] + response.choices[i]) = 1.0;
  }
  return table;
}

py::tuple Encode(const InformationTree& tree, int64_t first, int64_t count,
                 const std::string& name) {
  RequireRange(tree, first, count);
  const EncoderPtr encoder = MakeEncoder(name, tree.game());
  Array<float> inputs({static_cast<py::ssize_t>(count),
                       static_cast<py::ssize_t>(encoder->size())});
  Array<uint8_t> mask(
      {static_cast<py::ssize_t>(count),
       static_cast<py::ssize_t>(tree.game().NumDistinctActions())});
  const std::span<float> rows(inputs.mutable_data(),
                              static_cast<size_t>(inputs.size()));
  const std::span<uint8_t> legal(mask.mutable_data(),
                                 static_cast<size_t>(mask.size()));
  std::fill(legal.begin(), legal.end(), uint8_t{0});
  Unlocked(tree.game(), [&] {
    tree.Encode(static_cast<int32_t>(first), static_cast<int32_t>(count),
                *encoder, rows, legal);
  });
  return py::make_tuple(inputs, mask);
}

}  // namespace

void BindBestResponse(py::module_& m) {
  py::class_<InformationTree, TreePtr>(m, "InformationTree")
      .def(py::init([](std::shared_ptr<Game> game, int64_t max_histories,
                       const py::object& progress) {
             return Unlocked(*game, [&] {
               return std::make_shared<InformationTree>(game, max_histories,
                                                        MakeReport(progress));
             });
           }),
           py::keep_alive<1, 2>(), "game"_a.none(false), py::kw_only(),
           "max_histories"_a = InformationTree::kMaxHistories,
           "progress"_a = py::none())
      .def_property_readonly(
          "game",
          [](const InformationTree& tree) {
            return std::const_pointer_cast<Game>(tree.game_ptr());
          })
      .def_property_readonly("num_histories", &InformationTree::num_histories)
      .def_property_readonly("num_information_states",
                             &InformationTree::num_information_states)
      .def_property_readonly(
          "players",
          [](const TreePtr& tree) { return View(tree, tree->players()); })
      .def_property_readonly(
          "offsets",
          [](const TreePtr& tree) { return View(tree, tree->offsets()); })
      .def_property_readonly(
          "actions",
          [](const TreePtr& tree) { return View(tree, tree->actions()); })
      .def(
          "names",
          [](const InformationTree& tree, int64_t first, int64_t count) {
            RequireRange(tree, first, count);
            std::vector<std::string> names;
            for (int64_t i = first; i < first + count; ++i) {
              names.push_back(tree.Name(static_cast<int32_t>(i)));
            }
            return names;
          },
          "first"_a, "count"_a)
      .def(
          "states",
          [](const InformationTree& tree, int64_t first, int64_t count) {
            RequireRange(tree, first, count);
            py::list states;
            for (int64_t i = first; i < first + count; ++i) {
              states.append(
                  py::cast(tree.Representative(static_cast<int32_t>(i))));
            }
            return states;
          },
          "first"_a, "count"_a)
      .def("encode", &Encode, "first"_a, "count"_a, "encoder"_a = "auto")
      .def(
          "find",
          [](const InformationTree& tree,
             const std::vector<const State*>& states) {
            std::vector<int64_t> found;
            for (const State* state : states) {
              found.push_back(tree.Find(*state));
            }
            return ToArray(found);
          },
          "states"_a)
      .def(
          "evaluate",
          [](const InformationTree& tree, const Probabilities& probabilities) {
            const Response response = Respond(tree, probabilities);
            return py::make_tuple(ToArray(response.values),
                                  ToArray(response.best_response_values));
          },
          "probabilities"_a)
      .def("best_responses", &BestResponses, "probabilities"_a);
}

}  // namespace tesuji
