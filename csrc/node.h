// Memory of a search tree: nodes, edges and values lie in three arenas of a
// Tree and refer to each other by index.
//
//   nodes   [ root | ... ]            one per visited state
//   edges   [ edges of root | ... ]   contiguous per node, in order of action
//   values  [ P per node ]            network's values, or returns if terminal
#ifndef TESUJI_CSRC_NODE_H_
#define TESUJI_CSRC_NODE_H_

#include <cstdint>

#include "csrc/spiel.h"

namespace tesuji {

inline constexpr uint32_t kNoNode = UINT32_MAX;

struct Edge {
  double value_sum = 0.0;  // of the player who moves here, normalised
  float prior = 0.0f;      // policy, or probability of a chance outcome
  int32_t action = 0;
  uint32_t visits = 0;
  uint32_t child = kNoNode;
};
static_assert(sizeof(Edge) <= 24);

enum class NodeKind : uint8_t {
  kWaiting,   // asked of the evaluator, not yet answered
  kDecision,  // edges carry priors
  kChance,    // edges carry probabilities; never evaluated
  kTerminal,  // values are the returns, exact
};

struct Node {
  StatePtr state;          // null where the bound on kept states was reached
  double value_sum = 0.0;  // of the player to move, over all visits, normalised
  uint32_t visits = 0;
  uint32_t first_edge = 0;
  uint32_t num_edges = 0;
  int16_t player = 0;
  NodeKind kind = NodeKind::kWaiting;
};
static_assert(sizeof(Node) <= 40);

}  // namespace tesuji

#endif  // TESUJI_CSRC_NODE_H_
