#include "csrc/encoder.h"

#include <map>
#include <numeric>
#include <utility>

#include "csrc/checked.h"

namespace tesuji {
namespace {

std::map<std::string, EncoderFactory>& Registry() {
  static std::map<std::string, EncoderFactory> registry;
  return registry;
}

Error NoTensor(const Game& game, const std::string& tensor) {
  return Error("game '" + game.GetType().short_name + "' has no " + tensor +
               " tensor: choose a game that has one, or give it an encoder");
}

const Game& Provided(const Game& game, bool provided,
                     const std::string& tensor) {
  if (!provided) throw NoTensor(game, tensor);
  return game;
}

// The game's observation tensor, of this position and `depth` earlier ones
// (newest first; positions before the start of the game are zero).
class ObservationEncoder : public Encoder {
 public:
  ObservationEncoder(const Game& game, int depth)
      : depth_(depth),
        tensor_(Provided(game, game.GetType().provides_observation_tensor,
                         "observation"),
                TensorOf::kObservation) {
    shape_ = game.ObservationTensorShape();
    plane_size_ = game.ObservationTensorSize();
    if (!shape_.empty()) shape_[0] *= depth + 1;
  }

  std::vector<int> shape() const override { return shape_; }
  int history_depth() const override { return depth_; }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    for (int age = 0; age <= depth_; ++age) {
      std::span<float> part =
          out.subspan(static_cast<size_t>(age) * plane_size_, plane_size_);
      if (static_cast<size_t>(age) < recent_states.size()) {
        tensor_.Write(*recent_states[recent_states.size() - 1 - age], player,
                      part);
      } else {
        std::fill(part.begin(), part.end(), 0.0f);
      }
    }
  }

 private:
  int depth_;
  TensorOf tensor_;
  int plane_size_;
  std::vector<int> shape_;
};

class InformationStateEncoder : public Encoder {
 public:
  explicit InformationStateEncoder(const Game& game)
      : tensor_(Provided(game, game.GetType().provides_information_state_tensor,
                         "information-state"),
                TensorOf::kInformationState) {
    shape_ = game.InformationStateTensorShape();
  }

  std::vector<int> shape() const override { return shape_; }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    tensor_.Write(*recent_states.back(), player, out);
  }

 private:
  TensorOf tensor_;
  std::vector<int> shape_;
};

// The default encoder's tensor and the seat of whoever looks, one-hot: as
// planes behind planes, as numbers behind anything else. Many tensors do not
// tell the seat, and what is good for one player need not be for the other.
class SeatedEncoder : public Encoder {
 public:
  explicit SeatedEncoder(const Game& game)
      : tensor_(MakeEncoder("auto", game)),
        players_(game.NumPlayers()),
        shape_(tensor_->shape()) {
    if (shape_.size() == 3) {
      cells_ = shape_[1] * shape_[2];
      shape_[0] += players_;
    } else {
      shape_ = {tensor_->size() + players_};
    }
  }

  std::vector<int> shape() const override { return shape_; }
  int history_depth() const override { return tensor_->history_depth(); }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    const auto size = static_cast<size_t>(tensor_->size());
    tensor_->encode(recent_states, player, out.first(size));
    const std::span<float> seats = out.subspan(size);
    std::fill(seats.begin(), seats.end(), 0.0f);
    std::fill_n(seats.begin() + player * cells_, cells_, 1.0f);
  }

 private:
  EncoderPtr tensor_;
  int players_;
  int cells_ = 1;  // of a plane
  std::vector<int> shape_;
};

const EncoderRegistration seated("seated", [](const Game& game) -> EncoderPtr {
  return std::make_shared<SeatedEncoder>(game);
});
const EncoderRegistration observation(
    "observation", [](const Game& game) -> EncoderPtr {
      return std::make_shared<ObservationEncoder>(game, 0);
    });
const EncoderRegistration observation_pair(
    "observation_pair", [](const Game& game) -> EncoderPtr {
      return std::make_shared<ObservationEncoder>(game, 1);
    });
const EncoderRegistration information_state(
    "information_state", [](const Game& game) -> EncoderPtr {
      return std::make_shared<InformationStateEncoder>(game);
    });

}  // namespace

int Encoder::size() const {
  const std::vector<int> dimensions = shape();
  return std::accumulate(dimensions.begin(), dimensions.end(), 1,
                         std::multiplies<>());
}

EncoderRegistration::EncoderRegistration(const std::string& name,
                                         EncoderFactory factory) {
  Registry().emplace(name, std::move(factory));
}

std::vector<std::string> EncoderNames() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : Registry()) names.push_back(name);
  return names;
}

std::string DefaultEncoderName(const Game& game) {
  const auto& type = game.GetType();
  const bool perfect = type.information ==
                       open_spiel::GameType::Information::kPerfectInformation;
  if (perfect && type.provides_observation_tensor) return "observation";
  if (type.provides_information_state_tensor) return "information_state";
  if (type.provides_observation_tensor) return "observation";
  throw NoTensor(game, "observation or information-state");
}

EncoderPtr MakeEncoder(const std::string& name, const Game& game) {
  const std::string chosen = name == "auto" ? DefaultEncoderName(game) : name;
  const auto found = Registry().find(chosen);
  if (found == Registry().end()) {
    std::string known;
    for (const std::string& other : EncoderNames()) known += " " + other;
    throw Error("encoder '" + chosen + "' is unknown; known encoders:" + known);
  }
  return found->second(game);
}

}  // namespace tesuji
