#include "csrc/worker.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace tesuji {

Worker::Worker(std::span<const EvaluatorPtr> evaluators, int index, int rows) {
  for (const EvaluatorPtr& evaluator : evaluators) {
    batches_.push_back(std::make_unique<Batch>(*evaluator, index, rows));
  }
}

void Worker::Run(std::span<Slot* const> slots,
                 const std::function<bool()>& enough,
                 const std::atomic<bool>& cancelled) {
  for (const auto& batch : batches_) batch->ClearCache();
  std::vector<Slot*> busy[kHalves];
  for (size_t i = 0; i < slots.size(); ++i) {
    busy[i % kHalves].push_back(slots[i]);
  }
  // The first failure is the one to report; whatever fails, nothing stays in
  // flight on buffers and states that may go away.
  std::exception_ptr failure;
  const auto attempt = [&failure](auto body) {
    try {
      body();
    } catch (...) {
      if (failure == nullptr) failure = std::current_exception();
    }
  };
  int half = 0;  // the one launched longest ago
  attempt([&] {
    while ((!busy[0].empty() || !busy[1].empty()) && !enough() && !cancelled) {
      // Rows of this half stay readable after Finish until the next Launch.
      for (const auto& batch : batches_) batch->Finish(half);
      // A game may take long over a move: none is asked for once it is over.
      std::erase_if(busy[half], [&](Slot* slot) {
        return !cancelled && !slot->Advance(batches_, half);
      });
      for (const auto& batch : batches_) batch->Launch(half);
      half = (half + 1) % kHalves;
    }
  });
  for (int i = 0; i < kHalves; ++i, half = (half + 1) % kHalves) {
    for (const auto& batch : batches_) {
      attempt([&] { batch->Finish(half); });
    }
  }
  if (failure != nullptr) std::rethrow_exception(failure);
}

BatchStatistics Worker::statistics() const {
  BatchStatistics total;
  for (const auto& batch : batches_) total += batch->statistics();
  return total;
}

void RunWorkers(
    int workers, bool here, const std::function<void()>& poll,
    const std::function<void(int, const std::atomic<bool>&)>& body) {
  std::atomic<bool> cancelled = false;
  if (here) {
    for (int i = 0; i < workers; ++i) body(i, cancelled);
    return;
  }
  std::mutex mutex;
  std::condition_variable changed;
  int running = workers;
  std::exception_ptr failure;
  const auto fail = [&](std::exception_ptr exception) {
    const std::lock_guard lock(mutex);
    if (failure == nullptr) failure = exception;
    cancelled = true;
  };
  std::vector<std::thread> threads;
  try {
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([&, i] {
        try {
          body(i, cancelled);
        } catch (...) {
          fail(std::current_exception());
        }
        const std::lock_guard lock(mutex);
        --running;
        changed.notify_one();
      });
    }
  } catch (const std::system_error& error) {
    fail(std::make_exception_ptr(
        Error("the system refuses to start " + std::to_string(workers) +
              " worker threads (" + error.what() + "): ask for fewer")));
    const std::lock_guard lock(mutex);
    running -= workers - static_cast<int>(threads.size());
  }
  for (bool done = false; !done;) {
    {
      std::unique_lock lock(mutex);
      done = changed.wait_for(lock, std::chrono::milliseconds(50),
                              [&] { return running == 0; });
    }
    if (done || cancelled) continue;
    try {
      poll();
    } catch (...) {
      fail(std::current_exception());
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace tesuji
