// How much memory a state takes, for bounds on trees that keep states.
#ifndef TESUJI_CSRC_STATE_BYTES_H_
#define TESUJI_CSRC_STATE_BYTES_H_

#include <cstdint>

#include "csrc/spiel.h"

namespace tesuji {

// Memory of a state that comes after this one, its parts included: what the
// allocator hands out for copies, moved on by one action, which lets their
// histories grow. Threads that allocate meanwhile blur it. Where the C library
// does not tell, an estimate.
int64_t StateBytes(const State& state);

// A generous guess from what the state prints.
int64_t EstimatedStateBytes(const State& state);

}  // namespace tesuji

#endif  // TESUJI_CSRC_STATE_BYTES_H_
