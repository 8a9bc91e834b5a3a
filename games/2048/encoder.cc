// 2048 as planes: plane k has the tiles 2^k, plane 0 the empty cells, the last
// plane all larger tiles too. OpenSpiel's observation has the bare numbers,
// whose largest drown the others.
#include "csrc/encoder.h"

#include <algorithm>
#include <cmath>

namespace tesuji {
namespace {

constexpr int kCells = 4 * 4;
constexpr int kPlanes = 14;

class Encoder2048 : public Encoder {
 public:
  explicit Encoder2048(const Game& game) {
    if (game.GetType().short_name != "2048") {
      throw Error("encoder '2048' is for 2048, not '" + game.ToString() + "'");
    }
  }

  std::vector<int> shape() const override { return {kPlanes, 4, 4}; }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    float tiles[kCells];
    recent_states.back()->ObservationTensor(player, absl::MakeSpan(tiles));
    std::fill(out.begin(), out.end(), 0.0f);
    for (int cell = 0; cell < kCells; ++cell) {
      const int power = tiles[cell] > 0.0f ? std::ilogb(tiles[cell]) : 0;
      out[std::min(power, kPlanes - 1) * kCells + cell] = 1.0f;
    }
  }
};

const EncoderRegistration encoder_2048("2048",
                                       [](const Game& game) -> EncoderPtr {
                                         return std::make_shared<Encoder2048>(
                                             game);
                                       });

}  // namespace
}  // namespace tesuji
