// Runs the tests whose "file name" contains one of the arguments; without any,
// all.
#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "csrc/spiel.h"
#include "csrc/tests/harness.h"

int main(int argc, char** argv) {
  // As pyspiel does when Python imports it; otherwise OpenSpiel ends the
  // program.
  open_spiel::SetErrorHandler(
      [](const std::string& text) { throw std::runtime_error(text); });
  int run = 0;
  int failed = 0;
  for (const tesuji::Test& test : tesuji::Tests()) {
    const std::string name =
        std::string(test.file) + " " + std::string(test.name);
    bool chosen = argc == 1;
    for (int i = 1; i < argc; ++i) {
      chosen = chosen || name.find(argv[i]) != std::string::npos;
    }
    if (!chosen) continue;
    ++run;
    const auto start = std::chrono::steady_clock::now();
    std::string failure;
    try {
      test.body();
    } catch (const std::exception& error) {
      failure = error.what();
      ++failed;
    }
    const std::chrono::duration<double> taken =
        std::chrono::steady_clock::now() - start;
    std::printf("%-6s %5.2f s  %s\n", failure.empty() ? "ok" : "FAILED",
                taken.count(), name.c_str());
    if (!failure.empty()) std::printf("    %s\n", failure.c_str());
    std::fflush(stdout);
  }
  std::printf("%d of %d tests passed\n", run - failed, run);
  return failed == 0 && run > 0 ? 0 : 1;
}
