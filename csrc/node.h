// Memory of a search tree: nodes, edges and values lie in arenas of a Tree and
// refer to each other by index.
//
//   nodes     [ root | ... ]            one per visited state
//   edges     [ edges of root | ... ]   contiguous per node, in order of action
//   values    [ P per node ]            network's values, or exact ones
//   outcomes  [ (P + 1) per outcome, 1 per node ]   of chance nodes alone
//   joints    [ one per node ]          of simultaneous nodes alone
#ifndef TESUJI_CSRC_NODE_H_
#define TESUJI_CSRC_NODE_H_

#include <cstdint>

#include "csrc/spiel.h"

namespace tesuji {

inline constexpr uint32_t kNoNode = UINT32_MAX;

// What is known for certain of a move, for the player who makes it.
enum class Proof : uint32_t {
  kNone,
  kLoss,   // its exact value is the worst there is
  kExact,  // its exact value is known
  kWin,    // its exact value is the best there is
};

struct Edge {
  double value_sum = 0.0;  // of the player who moves here, normalised
  float prior = 0.0f;      // policy, or probability of a chance outcome
  int32_t action = 0;
  uint32_t visits : 30 = 0;
  Proof proof : 2 = Proof::kNone;
  uint32_t child = kNoNode;
};
static_assert(sizeof(Edge) <= 24);

enum class NodeKind : uint8_t {
  kWaiting,       // asked of the evaluator, not yet answered
  kDecision,      // edges carry priors
  kSimultaneous,  // edges carry priors: those of player 0, then player 1, ...
  kChance,        // edges carry probabilities; never evaluated
  kTerminal,      // values are the returns
};

struct Node {
  StatePtr state;  // null where the bound on kept states was reached
  union {
    double value_sum = 0.0;  // of the player to move, over all visits,
                             // normalised
    uint64_t extra;          // chance, simultaneous: where in outcomes, joints
  };
  uint32_t visits = 0;
  uint32_t first_edge = 0;
  uint32_t num_edges = 0;
  int16_t player = 0;  // of OpenSpiel: negative where no single player moves
  NodeKind kind = NodeKind::kWaiting;
  bool proven = false;  // values are exact
};
static_assert(sizeof(Node) <= 40);

}  // namespace tesuji

#endif  // TESUJI_CSRC_NODE_H_
