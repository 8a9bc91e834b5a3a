// EinStein wuerfelt nicht! from the seat of the player, who always moves down
// and to the right: the board is turned by half for player 1. Planes 0 to 5 are
// the own cubes 1 to 6, 6 to 11 the opponent's, and 12 the own cubes that the
// die lets move. OpenSpiel's observation has neither the seat nor the die.
#include "csrc/encoder.h"

namespace tesuji {
namespace {

constexpr int kSide = 5;
constexpr int kCells = kSide * kSide;
constexpr int kNumbers = 6;
constexpr int kPlayers = 2;
constexpr int kMovable = kPlayers * kNumbers;  // the last plane
// An action is ((row * 5 + column) * 6 + direction) * 2 + capture.
constexpr int kActionsPerCell = 12;

class EinsteinEncoder : public Encoder {
 public:
  explicit EinsteinEncoder(const Game& game) {
    if (game.GetType().short_name != "einstein_wurfelt_nicht") {
      throw Error(
          "encoder 'einstein_wurfelt_nicht' is for the game of that name, not "
          "'" +
          game.ToString() + "'; choose encoder 'auto'");
    }
  }

  std::vector<int> shape() const override {
    return {kMovable + 1, kSide, kSide};
  }

  void encode(std::span<const State* const> recent_states, Player player,
              std::span<float> out) const override {
    const State& state = *recent_states.back();
    const auto cell_seen = [player](int cell) {
      return player == 0 ? cell : kCells - 1 - cell;
    };
    // OpenSpiel's planes: for each number one of each player, column by column.
    float observation[kPlayers * kNumbers * kCells];
    state.ObservationTensor(player, absl::MakeSpan(observation));
    const float* plane = observation;
    for (int number = 0; number < kNumbers; ++number) {
      for (Player owner = 0; owner < kPlayers; ++owner, plane += kCells) {
        float* seen =
            out.data() + ((owner == player ? 0 : kNumbers) + number) * kCells;
        for (int cell = 0; cell < kCells; ++cell) {
          seen[cell_seen(cell)] = plane[cell % kSide * kSide + cell / kSide];
        }
      }
    }
    // Which cubes may move is all that the die decides.
    const std::span<float> movable = out.subspan(kMovable * kCells, kCells);
    std::fill(movable.begin(), movable.end(), 0.0f);
    if (state.CurrentPlayer() != player) return;
    for (Action action : state.LegalActions()) {
      movable[cell_seen(static_cast<int>(action) / kActionsPerCell)] = 1.0f;
    }
  }
};

const EncoderRegistration einstein_wurfelt_nicht(
    "einstein_wurfelt_nicht", [](const Game& game) -> EncoderPtr {
      return std::make_shared<EinsteinEncoder>(game);
    });

}  // namespace
}  // namespace tesuji
