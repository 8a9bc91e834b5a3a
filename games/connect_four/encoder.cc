// Connect Four from the seat of the player: plane 0 own discs, plane 1 the
// opponent's; rows from the bottom, as in OpenSpiel's default observation,
// whose planes do not depend on whose turn it is.
#include "csrc/encoder.h"

namespace tesuji {
namespace {

constexpr int kCells = 6 * 7;
// Planes of OpenSpiel's observation: discs of player 0, of player 1, empty.
constexpr int kPlanes = 3;

class ConnectFourEncoder : public Encoder {
 public:
  explicit ConnectFourEncoder(const Game& game) {
    if (game.GetType().short_name != "connect_four" ||
        game.ObservationTensorShape() != std::vector<int>{kPlanes, 6, 7} ||
        game.ToString().find("egocentric_obs_tensor=True") !=
            std::string::npos) {
      throw Error(
          "encoder 'connect_four' is for connect_four on 6x7 with OpenSpiel's "
          "default observation, not '" +
          game.ToString() + "'; choose encoder 'observation'");
    }
  }

  std::vector<int> shape() const override { return {2, 6, 7}; }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    float observation[kPlanes * kCells];
    recent_states.back()->ObservationTensor(player,
                                            absl::MakeSpan(observation));
    const float* own = observation + player * kCells;
    const float* other = observation + (1 - player) * kCells;
    std::copy(own, own + kCells, out.data());
    std::copy(other, other + kCells, out.data() + kCells);
  }
};

const EncoderRegistration connect_four(
    "connect_four", [](const Game& game) -> EncoderPtr {
      return std::make_shared<ConnectFourEncoder>(game);
    });

}  // namespace
}  // namespace tesuji
