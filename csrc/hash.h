// 128-bit hash of an evaluator's question: its input and legal mask.
#ifndef TESUJI_CSRC_HASH_H_
#define TESUJI_CSRC_HASH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tesuji {

struct Key {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Key&) const = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const { return key.low; }
};

// Folds the 128-bit product of two words: one multiplication mixes 64 bits.
inline uint64_t FoldedProduct(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Two lanes with different multipliers; not cryptographic, but 128 bits make an
// accidental collision among the millions of questions of a run negligible.
inline Key HashBytes(const void* data, size_t size, Key key) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  const auto absorb = [&key](uint64_t word) {
    key.low = FoldedProduct(key.low ^ word, 0x9e3779b97f4a7c15);
    key.high = FoldedProduct(key.high + word, 0xd6e8feb86659fd93) ^ word;
  };
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    absorb(word);
  }
  if (size > 0) {
    uint64_t word = size;
    std::memcpy(&word, bytes, size);
    absorb(word);
  }
  return key;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_HASH_H_
