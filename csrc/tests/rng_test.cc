#include "csrc/rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // SplitMix64's step
constexpr int kDraws = 20000;

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

template <typename Draw>
Moments Sample(Draw draw) {
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {mean, squares / kDraws - mean * mean};
}

// Within five standard errors of the mean; the seeds are fixed.
void ExpectMean(const Moments& found, double mean, double variance) {
  ExpectNear(found.mean, mean, 5.0 * std::sqrt(variance / kDraws));
}

// Output of the authors' C programs, prng.di.unimi.it.
TEST(SplitMixIsTheReference) {
  const std::array<uint64_t, 5> expected = {
      6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
      4593380528125082431u, 16408922859458223821u};
  for (size_t i = 0; i < expected.size(); ++i) {
    ExpectEqual(Mix(1234567 + i * kGolden), expected[i]);
  }
}

TEST(XoshiroIsTheReference) {
  Rng rng;
  rng.set_state({1, 2, 3, 4});
  for (uint64_t expected : std::initializer_list<uint64_t>{
           11520u, 0u, 1509978240u, 1215971899390074240u, 1216172134540287360u,
           607988272756665600u, 16172922978634559625u, 8476171486693032832u,
           10595114339597558777u, 2904607092377533576u}) {
    ExpectEqual(rng.Next(), expected);
  }
}

TEST(ASeedIsExpandedBySplitMix) {
  const Rng rng(1234567);
  ExpectEqual(rng.state(),
              Rng::State{6457827717110365317u, 3203168211198807973u,
                         9817491932198370423u, 4593380528125082431u});
}

TEST(AStateContinuesTheStream) {
  Rng rng(7);
  rng.Next();
  Rng copy;
  copy.set_state(rng.state());
  for (int i = 0; i < 100; ++i) ExpectEqual(copy.Next(), rng.Next());
}

TEST(DerivedStreamsDiffer) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t index = 0; index < 100; ++index) {
      seeds.insert(DeriveSeed(seed, index));
    }
  }
  ExpectEqual(seeds.size(), 100 * 100);
}

TEST(UniformIsUniform) {
  Rng rng(1);
  double smallest = 1.0;
  double largest = 0.0;
  const Moments found = Sample([&] {
    const double x = rng.Uniform();
    smallest = std::min(smallest, x);
    largest = std::max(largest, x);
    return x;
  });
  Expect(smallest >= 0.0 && smallest < 0.001);
  Expect(largest < 1.0 && largest > 0.999);
  ExpectMean(found, 0.5, 1.0 / 12.0);
  ExpectNear(found.variance, 1.0 / 12.0, 0.002);
  // The largest word of all, and the smallest.
  rng.set_state({0, 0x4fc71c71c71c71c7, 0, 0});
  Rng same = rng;
  ExpectEqual(same.Next(), UINT64_MAX);
  ExpectEqual(rng.Uniform(), 1.0 - 0x1.0p-53);
  rng.set_state({1, 0, 0, 0});
  ExpectEqual(rng.Uniform(), 0.0);
}

TEST(BelowIsUniformAndBelow) {
  Rng rng(2);
  for (const uint32_t bound : {1u, 2u, 7u, 1000u, 0xffffffffu}) {
    for (int i = 0; i < 1000; ++i) Expect(rng.Below(bound) < bound);
  }
  std::array<int, 7> counts = {};
  for (int i = 0; i < kDraws; ++i) ++counts[rng.Below(7)];
  double chi_squared = 0.0;
  for (int count : counts) {
    const double expected = kDraws / 7.0;
    chi_squared += (count - expected) * (count - expected) / expected;
  }
  Expect(chi_squared < 22.5);  // 6 degrees of freedom: p = 0.001
}

TEST(CategoricalFollowsTheWeights) {
  Rng rng(3);
  const std::vector<double> weights = {0.0, 3.0, 0.0, 1.0, 0.0};
  std::array<int, 5> counts = {};
  for (int i = 0; i < kDraws; ++i) ++counts[rng.Categorical(weights)];
  ExpectEqual(counts[0] + counts[2] + counts[4], 0);
  ExpectNear(counts[1] / static_cast<double>(kDraws), 0.75, 0.0155);
  ExpectEqual(rng.Categorical(std::vector<double>{5e-324}), 0);
}

TEST(NormalHasItsMoments) {
  Rng rng(4);
  const Moments found = Sample([&] { return rng.Normal(); });
  ExpectMean(found, 0.0, 1.0);
  ExpectNear(found.variance, 1.0, 0.05);
}

TEST(GammaHasItsMoments) {
  Rng rng(5);
  for (const double shape : {0.05, 0.3, 1.0, 4.5}) {
    const Moments found = Sample([&] { return rng.Gamma(shape); });
    ExpectMean(found, shape, shape);
    ExpectNear(found.variance, shape, 0.15 * std::max(shape, 0.2));
  }
}

TEST(DirichletIsADistribution) {
  Rng rng(6);
  for (const double alpha : {1e-300, 0.03, 1.0, 100.0}) {
    for (const size_t size : {size_t{1}, size_t{7}, size_t{362}}) {
      double total = 0.0;
      for (const double x : rng.Dirichlet(alpha, size)) {
        Expect(x >= 0.0);
        total += x;
      }
      ExpectNear(total, 1.0, 1e-9);
    }
  }
  // alpha (n - 1) / (n^2 (n alpha + 1)) with n = 4, alpha = 0.5.
  const Moments found = Sample([&] { return rng.Dirichlet(0.5, 4)[0]; });
  ExpectMean(found, 0.25, 0.0625);
  ExpectNear(found.variance, 0.0625, 0.003);
}

}  // namespace
}  // namespace tesuji
