// The extension module engine._core.
#include <exception>

#include "csrc/bindings.h"

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
  BindEvaluators(m);
  BindSearch(m);
  BindAnalysis(m);
  BindPool(m);
  BindEncoders(m);
  BindSolver(m);
  BindInfoset(m);
  BindBatchEnv(m);
  BindBestResponse(m);
}
