// Values and vectors as bytes, in the machine's own order: a snapshot continues
// a run on the machine it was made on, or one like it.
#ifndef TESUJI_CSRC_BYTES_H_
#define TESUJI_CSRC_BYTES_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "csrc/spiel.h"

namespace tesuji {

class ByteWriter {
 public:
  template <typename T>
  void Value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  template <typename T>
  void Vector(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    Value<uint64_t>(values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()),
                  values.size() * sizeof(T));
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  void Value(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(&value, Take(sizeof(T)), sizeof(T));
  }
  void Value(bool& value) {
    const char byte = *Take(1);
    if (byte != 0 && byte != 1) throw Error("the snapshot is damaged");
    value = byte == 1;
  }
  template <typename T>
  void Vector(std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    uint64_t size = 0;
    Value(size);
    if (size > bytes_.size() / sizeof(T)) throw Truncated();
    values.resize(size);
    if (size == 0) return;  // without memory, data() may be null
    std::memcpy(values.data(), Take(size * sizeof(T)), size * sizeof(T));
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  static Error Truncated() {
    return Error("the snapshot of the games in progress is truncated");
  }
  const char* Take(size_t size) {
    if (size > bytes_.size()) throw Truncated();
    const char* data = bytes_.data();
    bytes_.remove_prefix(size);
    return data;
  }

  std::string_view bytes_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_BYTES_H_
