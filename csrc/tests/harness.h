// A test is `TEST(WhatIsTrue) { ... }` in any *_test.cc of this folder; the
// first expectation that fails throws, and so ends it, from a worker thread
// too.
#ifndef TESUJI_CSRC_TESTS_HARNESS_H_
#define TESUJI_CSRC_TESTS_HARNESS_H_

#include <cmath>
#include <concepts>
#include <exception>
#include <ranges>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tesuji {

struct Test {
  std::string_view file;
  std::string_view name;
  void (*body)();
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

struct TestRegistration {
  TestRegistration(std::string_view file, std::string_view name,
                   void (*body)()) {
    Tests().push_back({file, name, body});
  }
};

#define TEST(name)                                                         \
  static void name();                                                      \
  static const TestRegistration register_##name(__FILE__, #name, &(name)); \
  static void name()

// Not an Error: no ExpectError takes it for what it expects.
class Failure : public std::exception {
 public:
  Failure(const std::source_location& where, const std::string& what)
      : text_(std::string(where.file_name()) + ":" +
              std::to_string(where.line()) + ": " + what) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

template <typename T>
std::string Show(const T& value) {
  std::ostringstream text;
  text.precision(17);
  if constexpr (requires { text << value; }) {
    text << value;
  } else if constexpr (std::ranges::range<T>) {
    text << '[';
    const char* separator = "";
    for (const auto& element : value) {
      text << separator << Show(element);
      separator = ", ";
    }
    text << ']';
  } else {
    text << "(an object)";
  }
  return text.str();
}

using Where = std::source_location;

inline void Expect(bool condition, const Where& where = Where::current()) {
  if (!condition) throw Failure(where, "expected this to hold");
}

template <typename A, typename B>
void ExpectEqual(const A& found, const B& expected,
                 const Where& where = Where::current()) {
  bool equal;
  if constexpr (std::integral<A> && std::integral<B> &&
                !std::same_as<A, bool> && !std::same_as<B, bool>) {
    equal = std::cmp_equal(found, expected);
  } else {
    equal = found == expected;
  }
  if (!equal) {
    throw Failure(where, "found " + Show(found) + ", not " + Show(expected));
  }
}

inline void ExpectNear(double found, double expected, double tolerance,
                       const Where& where = Where::current()) {
  if (std::abs(found - expected) <= tolerance) return;  // never if NaN
  throw Failure(where, "found " + Show(found) + ", not " + Show(expected) +
                           " within " + Show(tolerance));
}

// `body()` throws an exception that is an E and has `part` in its text.
template <typename E, typename Body>
void ExpectThrow(std::string_view part, Body body,
                 const Where& where = Where::current()) {
  try {
    body();
  } catch (const E& error) {
    const std::string_view text = error.what();
    if (text.find(part) != std::string_view::npos) return;
    throw Failure(where, "threw '" + std::string(text) + "', without '" +
                             std::string(part) + "'");
  }
  throw Failure(where, "threw nothing, not '" + std::string(part) + "'");
}

}  // namespace tesuji

#endif  // TESUJI_CSRC_TESTS_HARNESS_H_
