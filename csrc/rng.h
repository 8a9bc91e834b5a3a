// Seeded random streams. One run seed gives every game, search and buffer a
// stream of its own, so nothing depends on threads or timing.
#ifndef TESUJI_CSRC_RNG_H_
#define TESUJI_CSRC_RNG_H_

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace tesuji {

// Finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The seed of stream `index` of a parent seed.
inline uint64_t DeriveSeed(uint64_t seed, uint64_t index) {
  return Mix(Mix(seed) ^ Mix(index + 0x6a09e667f3bcc909));
}

// xoshiro256** 1.0 (Blackman and Vigna, 2018).
class Rng {
 public:
  using State = std::array<uint64_t, 4>;

  explicit Rng(uint64_t seed = 0) {
    // As the generator's authors advise: successive numbers of SplitMix64.
    for (size_t i = 0; i < state_.size(); ++i) {
      state_[i] = Mix(seed + i * 0x9e3779b97f4a7c15);
    }
  }

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  // Uniform in {0, ..., bound - 1}; the bias of the multiply-shift is below
  // 2^-32.
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32);
  }

  // Index drawn with probability proportional to `weights` (any positive sum).
  size_t Categorical(std::span<const double> weights) {
    return Categorical(weights, [](double weight) { return weight; });
  }
  // The same for `items` with weights of their own.
  template <typename Items, typename Weight>
  size_t Categorical(const Items& items, Weight weight) {
    double total = 0.0;
    for (const auto& item : items) total += weight(item);
    double remaining = Uniform() * total;
    size_t last = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      if (weight(items[i]) <= 0.0) continue;
      last = i;
      remaining -= weight(items[i]);
      if (remaining < 0.0) return i;
    }
    return last;
  }

  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * Uniform());
  }

  // Gamma(shape, 1) by Marsaglia and Tsang (2000); own code rather than
  // std::gamma_distribution because that differs between standard libraries.
  double Gamma(double shape) {
    if (shape < 1.0) {
      const double boost = std::pow(1.0 - Uniform(), 1.0 / shape);
      return Gamma(shape + 1.0) * boost;
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    while (true) {
      const double x = Normal();
      const double v = std::pow(1.0 + c * x, 3.0);
      if (v <= 0.0) continue;
      if (std::log(1.0 - Uniform()) <
          0.5 * x * x + d - d * v + d * std::log(v)) {
        return d * v;
      }
    }
  }

  std::vector<double> Dirichlet(double alpha, size_t size) {
    std::vector<double> sample(size);
    double total = 0.0;
    for (double& x : sample) total += x = Gamma(alpha);
    // Every gamma can underflow when alpha is tiny: fall back to uniform.
    for (double& x : sample) {
      x = total > 0.0 ? x / total : 1.0 / static_cast<double>(size);
    }
    return sample;
  }

 private:
  State state_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_RNG_H_
