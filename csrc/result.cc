#include "csrc/result.h"

#include <algorithm>
#include <cmath>

namespace tesuji {

std::vector<double> SearchResult::Policy(double temperature) const {
  std::vector<double> policy(actions.size(), 0.0);
  size_t end = 0;
  for (size_t begin = 0; begin < actions.size(); begin = end) {
    end = begin + 1;
    while (end < actions.size() && owners[end] == owners[begin]) ++end;
    const auto largest =
        std::max_element(target.begin() + begin, target.begin() + end);
    if (temperature <= 0.0) {
      policy[player >= 0 ? best : largest - target.begin()] = 1.0;
      continue;
    }
    // Shares of the largest: however low the temperature, one stays 1.
    double total = 0.0;
    for (size_t i = begin; i < end; ++i) {
      policy[i] = std::pow(target[i] / *largest, 1.0 / temperature);
      total += policy[i];
    }
    for (size_t i = begin; i < end; ++i) policy[i] /= total;
  }
  return policy;
}

}  // namespace tesuji
