// How a state becomes the network's input. Encoders are chosen by name, so that
// a game can bring planes of its own (games/<name>/encoder.cc).
#ifndef TESUJI_CSRC_ENCODER_H_
#define TESUJI_CSRC_ENCODER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csrc/spiel.h"

namespace tesuji {

// Immutable; one encoder serves all threads.
class Encoder {
 public:
  virtual ~Encoder() = default;

  // Dimensions of the input, e.g. {planes, rows, columns}, or {size} if flat.
  virtual std::vector<int> shape() const = 0;
  // Number of floats: the product of shape().
  int size() const;
  // How many positions before the current one encode() wants to see.
  virtual int history_depth() const { return 0; }

  // Writes size() floats as seen from `player`'s seat. `recent_states` holds at
  // most history_depth() earlier states, oldest first, then the current one.
  virtual void encode(std::span<const State* const> recent_states,
                      Player player, std::span<float> out) const = 0;
};

using EncoderPtr = std::shared_ptr<const Encoder>;
using EncoderFactory = std::function<EncoderPtr(const Game&)>;

// Adds an encoder at start-up: `static const EncoderRegistration r("name", f);`
struct EncoderRegistration {
  EncoderRegistration(const std::string& name, EncoderFactory factory);
};

std::vector<std::string> EncoderNames();

// The observation tensor if information is perfect, else the information-state
// tensor; the other one where a game has only that (hanabi); throws Error for
// games that have neither.
std::string DefaultEncoderName(const Game& game);

// "auto" is the default encoder. Throws Error for an unknown name or a game the
// encoder cannot encode.
EncoderPtr MakeEncoder(const std::string& name, const Game& game);

}  // namespace tesuji

#endif  // TESUJI_CSRC_ENCODER_H_
