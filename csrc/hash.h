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

// Folds the 128-bit product of two words: one multiplication mixes 64 bits.
inline uint64_t FoldedProduct(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Two lanes that absorb two words at a time, as wyhash does (Wang Yi, 2019),
// each with secrets of its own for both factors (else a small key or a zero
// word would multiply by next to nothing); not cryptographic, but 128 bits make
// an accidental collision among the millions of questions of a run negligible.
inline Key HashBytes(const void* data, size_t size, Key key) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  const auto absorb = [&key](uint64_t a, uint64_t b) {
    key.low =
        FoldedProduct(a ^ 0x9e3779b97f4a7c15, b ^ 0xa0761d6478bd642f ^ key.low);
    key.high = FoldedProduct(a ^ 0xd6e8feb86659fd93,
                             b ^ 0xe7037ed1a0b428db ^ key.high);
  };
  uint64_t words[2];
  for (; size >= sizeof(words); bytes += sizeof(words), size -= sizeof(words)) {
    std::memcpy(words, bytes, sizeof(words));
    absorb(words[0], words[1]);
  }
  words[0] = words[1] = 0;
  std::memcpy(words, bytes, size);
  absorb(words[0] ^ size, words[1]);
  return key;
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_HASH_H_
