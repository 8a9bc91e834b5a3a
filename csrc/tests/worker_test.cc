#include "csrc/worker.h"

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "csrc/spiel.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

void WaitFor(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

TEST(EveryWorkerRunsOnceInAThreadOfItsOwn) {
  std::mutex mutex;
  std::multiset<int> indices;
  std::set<std::thread::id> threads;
  RunWorkers(4, /*here=*/false, NoPoll, [&](int i, const auto& cancelled) {
    const std::lock_guard lock(mutex);
    indices.insert(i);
    threads.insert(std::this_thread::get_id());
    Expect(!cancelled);
  });
  ExpectEqual(indices, std::multiset<int>{0, 1, 2, 3});
  Expect(!threads.contains(std::this_thread::get_id()));
}

TEST(WorkersHereRunOneAfterTheOther) {
  std::vector<int> indices;
  RunWorkers(3, /*here=*/true, NoPoll,
             [&](int i, const auto&) { indices.push_back(i); });
  ExpectEqual(indices, std::vector<int>{0, 1, 2});
}

TEST(WhatTheWorkersWroteIsSeenByTheCaller) {
  std::vector<int> written(8, 0);
  RunWorkers(8, false, NoPoll, [&](int i, const auto&) { written[i] = i; });
  for (int i = 0; i < 8; ++i) ExpectEqual(written[i], i);
}

TEST(AnExceptionCancelsTheOthersAndIsThrownOnce) {
  for (const int failing : {0, 1, 3}) {
    std::atomic<int> returned = 0;
    ExpectThrow<Error>("worker " + std::to_string(failing), [&] {
      RunWorkers(4, false, NoPoll, [&](int i, const auto& cancelled) {
        if (i == failing) throw Error("worker " + std::to_string(i));
        WaitFor(cancelled);
        ++returned;
      });
    });
    ExpectEqual(returned, 3);
  }
}

TEST(OfManyExceptionsOneIsThrown) {
  int thrown = 0;
  try {
    RunWorkers(8, false, NoPoll, [](int i, const auto&) {
      throw Error("a text too long to be kept inside the string, of worker " +
                  std::to_string(i));
    });
  } catch (const Error&) {
    ++thrown;
  }
  ExpectEqual(thrown, 1);
}

TEST(APollThatThrowsCancelsAll) {
  std::atomic<int> returned = 0;
  ExpectThrow<std::runtime_error>("interrupted", [&] {
    RunWorkers(
        2, false, [] { throw std::runtime_error("interrupted"); },
        [&](int, const auto& cancelled) {
          WaitFor(cancelled);
          ++returned;
        });
  });
  ExpectEqual(returned, 2);
}

}  // namespace
}  // namespace tesuji
