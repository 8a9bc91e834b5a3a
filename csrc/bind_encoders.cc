// Encoders, legal masks and random games, for checks from Python.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "csrc/bindings.h"
#include "csrc/checked.h"
#include "csrc/encoder.h"
#include "csrc/playthrough.h"

namespace tesuji {

void BindEncoders(py::module_& m) {
  m.def("encoder_names", &EncoderNames);
  m.def(
      "default_encoder",
      [](std::shared_ptr<Game> game) { return DefaultEncoderName(*game); },
      "game"_a);
  m.def(
      "encoder_size",
      [](std::shared_ptr<Game> game, const std::string& name) {
        return MakeEncoder(name, *game)->size();
      },
      "game"_a, "name"_a);
  m.def(
      "encoder_shape",
      [](std::shared_ptr<Game> game, const std::string& name) {
        return MakeEncoder(name, *game)->shape();
      },
      "game"_a, "name"_a);
  m.def(
      "encode",
      [](const std::vector<const State*>& states, const std::string& name) {
        if (states.empty()) throw Error("states is empty; give at least one");
        const EncoderPtr encoder = MakeEncoder(name, *states[0]->GetGame());
        const auto size = static_cast<py::ssize_t>(encoder->size());
        Array<float> out({static_cast<py::ssize_t>(states.size()), size});
        for (size_t i = 0; i < states.size(); ++i) {
          const State& state = *states[i];
          const Player mover = Mover(state);
          if (mover < 0) {
            throw Error("only states in which a player moves are encoded; " +
                        Describe(state));
          }
          const std::vector<StatePtr> past = Within(state, [&] {
            return Predecessors(state, encoder->history_depth());
          });
          std::vector<const State*> recent;
          for (const StatePtr& earlier : past) recent.push_back(earlier.get());
          recent.push_back(&state);
          encoder->encode(
              recent, mover,
              {out.mutable_data() + static_cast<py::ssize_t>(i) * size,
               static_cast<size_t>(size)});
        }
        return out;
      },
      "states"_a, "name"_a = "auto");
  m.def(
      "legal_mask",
      [](const std::vector<const State*>& states) {
        if (states.empty()) throw Error("states is empty; give at least one");
        const auto actions =
            static_cast<py::ssize_t>(states[0]->NumDistinctActions());
        Array<uint8_t> mask({static_cast<py::ssize_t>(states.size()), actions});
        std::fill_n(mask.mutable_data(), mask.size(), uint8_t{0});
        for (size_t i = 0; i < states.size(); ++i) {
          const State& state = *states[i];
          if (Mover(state) < 0) {
            throw Error("only states in which a player moves have a mask; " +
                        Describe(state));
          }
          for (const Action action : LegalActions(state)) {
            mask.mutable_at(static_cast<py::ssize_t>(i), action) = 1;
          }
        }
        return mask;
      },
      "states"_a);
  m.def(
      "playthrough",
      [](std::shared_ptr<Game> game, uint64_t seed, int max_steps) {
        const Playthrough played =
            Unlocked(*game, [&] { return Play(*game, seed, max_steps); });
        py::list steps;
        for (const PlaythroughStep& step : played.steps) {
          steps.append(py::dict(
              "player"_a = step.player, "action"_a = step.action,
              "legal_actions"_a = step.legal_actions,
              "chance_outcomes"_a = step.chance_outcomes,
              "observation"_a = ToArray(step.observation),
              "information_state"_a = ToArray(step.information_state)));
        }
        return py::dict("steps"_a = steps, "returns"_a = played.returns,
                        "terminal"_a = played.terminal);
      },
      "game"_a, "seed"_a, "max_steps"_a = 10000);
}

}  // namespace tesuji
