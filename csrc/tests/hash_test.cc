#include "csrc/hash.h"

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "csrc/rng.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

// A question's size does not change: all keys of a cache are of one size.
TEST(EveryBitChangesTheHash) {
  for (size_t size = 1; size <= 40; ++size) {
    std::set<std::pair<uint64_t, uint64_t>> seen;
    std::vector<unsigned char> bytes(size, 0);
    const auto add = [&] {
      const Key key = HashBytes(bytes.data(), size, {1, 2});
      seen.emplace(key.low, key.high);
    };
    add();
    for (size_t bit = 0; bit < 8 * size; ++bit) {
      const auto one = static_cast<unsigned char>(1u << bit % 8);
      bytes[bit / 8] ^= one;
      add();
      bytes[bit / 8] ^= one;
    }
    ExpectEqual(seen.size(), 8 * size + 1);
  }
}

// Each lane alone, from the small keys that a cache and a test begin with.
TEST(WordsThatChangePlacesChangeTheHash) {
  Rng rng(1);
  for (const Key& key : {Key{1, 2}, Key{0, ~uint64_t{0}}, Key{2, 1}}) {
    for (int i = 0; i < 1000; ++i) {
      uint64_t words[6] = {rng.Next()};
      std::set<uint64_t> low;
      std::set<uint64_t> high;
      for (int place = 0; place < 6; ++place) {
        const Key found = HashBytes(words, sizeof(words), key);
        low.insert(found.low);
        high.insert(found.high);
        if (place < 5) std::swap(words[place], words[place + 1]);
      }
      ExpectEqual(low.size(), 6);
      ExpectEqual(high.size(), 6);
    }
  }
}

TEST(TheHashReadsAnyAddressAndNoByteMore) {
  for (size_t size = 1; size <= 40; ++size) {
    const std::vector<unsigned char> exact(size, 5);  // its end is watched
    std::vector<unsigned char> shifted(size + 1, 5);
    Expect(HashBytes(exact.data(), size, {1, 2}) ==
           HashBytes(shifted.data() + 1, size, {1, 2}));
    Expect(!(HashBytes(exact.data(), size, {1, 2}) ==
             HashBytes(exact.data(), size, {1, 3})));
  }
}

}  // namespace
}  // namespace tesuji
