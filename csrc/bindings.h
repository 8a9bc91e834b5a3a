// What the bindings (bind_*.cc) share: the only files of the core that know
// Python.
#ifndef TESUJI_CSRC_BINDINGS_H_
#define TESUJI_CSRC_BINDINGS_H_

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "csrc/spiel.h"

namespace tesuji {

namespace py = pybind11;
using py::literals::operator""_a;

// One file each.
void BindAnalysis(py::module_& m);
void BindBatchEnv(py::module_& m);
void BindBestResponse(py::module_& m);
void BindEncoders(py::module_& m);
void BindEvaluators(py::module_& m);
void BindInfoset(py::module_& m);
void BindPool(py::module_& m);
void BindSearch(py::module_& m);
void BindSolver(py::module_& m);

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// Throws KeyboardInterrupt and the like while worker threads compute.
inline void Poll() {
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

// Copies that outlive the Python objects.
inline std::vector<StatePtr> Clones(const std::vector<const State*>& states) {
  std::vector<StatePtr> clones;
  for (const State* state : states) clones.push_back(Copy(*state));
  return clones;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_BINDINGS_H_
