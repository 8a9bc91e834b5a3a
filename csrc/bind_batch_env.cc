// Many games stepped at once, in the caller's numpy arrays.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "csrc/batch_env.h"
#include "csrc/bindings.h"

namespace tesuji {
namespace {

// The memory of an array that the caller owns, if it is exactly as it must be.
// The call that uses it holds a reference to the array.
template <typename T>
T* Buffer(const py::object& given, const char* name, const char* type,
          std::vector<size_t> shape) {
  bool fits = false;
  void* data = nullptr;
  if (py::isinstance<py::array_t<std::remove_const_t<T>>>(given)) {
    const auto array = py::reinterpret_borrow<py::array>(given);
    fits = (array.flags() & py::array::c_style) &&
           (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) &&
           (std::is_const_v<T> || array.writeable()) &&
           std::equal(shape.begin(), shape.end(), array.shape(),
                      array.shape() + array.ndim());
    data = const_cast<void*>(array.data());
  }
  if (!fits) {
    std::string sizes;
    for (const size_t size : shape) {
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    }
    throw Error(std::string(name) + " must be a " +
                (std::is_const_v<T> ? "" : "writeable ") +
                "C-contiguous array of " + type + " with shape [" + sizes +
                "]");
  }
  return static_cast<T*>(data);
}

Observations ToObservations(const BatchEnv& env, const py::object& inputs,
                            const py::object& legal_mask,
                            const py::object& players) {
  return {
      Buffer<float>(inputs, "inputs", "float32",
                    {env.size(), env.input_size()}),
      Buffer<uint8_t>(legal_mask, "legal_mask", "uint8",
                      {env.size(), env.num_actions()}),
      Buffer<int32_t>(players, "players", "int32", {env.size()}),
  };
}

// Runs `body` without the interpreter lock, unless the game needs it.
template <typename Body>
auto Run(const BatchEnv& env, Body body) {
  if (env.is_python()) return body();
  const py::gil_scoped_release release;
  return body();
}

}  // namespace

void BindBatchEnv(py::module_& m) {
  const BatchEnvOptions o;
  py::class_<BatchEnv>(m, "BatchEnv")
      .def(py::init(
               [](std::shared_ptr<Game> game, int size, std::string encoder,
                  uint64_t seed, int workers, int group,
                  std::vector<std::vector<Action>> starts,
                  std::optional<std::function<void(size_t, size_t)>> report) {
                 // Only while the first games begin.
                 const auto watcher =
                     std::make_shared<decltype(report)>(report);
                 const auto poll = [watcher](size_t done, size_t total) {
                   const py::gil_scoped_acquire lock;
                   Poll();
                   if (*watcher) (**watcher)(done, total);
                 };
                 const BatchEnvOptions options = {
                     std::move(encoder), seed, workers, group,
                     std::move(starts),  poll};
                 auto env = Unlocked(*game, [&] {
                   return std::make_unique<BatchEnv>(game, size, options);
                 });
                 watcher->reset();
                 return env;
               }),
           py::keep_alive<1, 2>(), "game"_a.none(false), "size"_a,
           "encoder"_a = o.encoder, py::kw_only(), "seed"_a = o.seed,
           "workers"_a = o.workers, "group"_a = o.group,
           "starts"_a = py::tuple(), "report"_a = py::none())
      .def_property_readonly("size", &BatchEnv::size)
      .def_property_readonly("num_players", &BatchEnv::num_players)
      .def_property_readonly("num_actions", &BatchEnv::num_actions)
      .def_property_readonly("input_size", &BatchEnv::input_size)
      .def_property_readonly("game",
                             [](const BatchEnv& env) {
                               return std::const_pointer_cast<Game>(env.game());
                             })
      .def_property_readonly("encoder", &BatchEnv::encoder_name)
      .def(
          "observe",
          [](BatchEnv& env, const py::object& inputs,
             const py::object& legal_mask, const py::object& players) {
            const Observations observations =
                ToObservations(env, inputs, legal_mask, players);
            Run(env, [&] { env.Observe(observations); });
          },
          "inputs"_a, "legal_mask"_a, "players"_a)
      .def(
          "step",
          [](BatchEnv& env, const py::object& actions,
             const py::object& rewards, const py::object& done,
             const py::object& inputs, const py::object& legal_mask,
             const py::object& players) {
            const std::span<const int64_t> chosen(
                Buffer<const int64_t>(actions, "actions", "int64",
                                      {env.size()}),
                env.size());
            const Outcomes outcomes = {
                Buffer<float>(rewards, "rewards", "float32",
                              {env.size(), env.num_players()}),
                Buffer<uint8_t>(done, "done", "uint8", {env.size()}),
            };
            const Observations observations =
                ToObservations(env, inputs, legal_mask, players);
            Run(env, [&] { env.Step(chosen, outcomes, observations); });
          },
          "actions"_a, "rewards"_a, "done"_a, "inputs"_a, "legal_mask"_a,
          "players"_a)
      .def("state", &BatchEnv::CopyOf, "index"_a)
      .def("save",
           [](BatchEnv& env) {
             return py::bytes(Run(env, [&] { return env.Save(); }));
           })
      .def(
          "restore",
          [](BatchEnv& env, const py::bytes& data) {
            const std::string_view bytes(data);
            Run(env, [&] { env.Restore(bytes); });
          },
          "data"_a);
}

}  // namespace tesuji
