#include "csrc/crew.h"

#include <string>
#include <system_error>
#include <utility>

#include "csrc/spiel.h"

namespace tesuji {

Crew::Crew(int workers) : failures_(workers) {
  try {
    for (int i = 1; i < workers; ++i) {
      threads_.emplace_back([this, i] { Serve(i); });
    }
  } catch (const std::system_error& error) {
    Dismiss();
    throw Error("the system refuses to start " + std::to_string(workers) +
                " worker threads (" + error.what() + "): ask for fewer");
  }
}

Crew::~Crew() { Dismiss(); }

void Crew::Dismiss() {
  {
    const std::lock_guard lock(mutex_);
    dismissed_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::Run(const std::function<void(int)>& body) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    running_ = static_cast<int>(threads_.size());
    ++round_;
  }
  begun_.notify_all();
  Attempt(0, body);
  {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return running_ == 0; });
  }
  std::exception_ptr first;
  for (std::exception_ptr& failure : failures_) {
    const std::exception_ptr taken = std::exchange(failure, nullptr);
    if (first == nullptr) first = taken;
  }
  if (first != nullptr) std::rethrow_exception(first);
}

void Crew::Serve(int index) {
  uint64_t served = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    begun_.wait(lock, [&] { return dismissed_ || round_ != served; });
    if (dismissed_) return;
    served = round_;
    const std::function<void(int)>& body = *body_;
    lock.unlock();
    Attempt(index, body);
    lock.lock();
    if (--running_ == 0) finished_.notify_one();
  }
}

void Crew::Attempt(int index, const std::function<void(int)>& body) {
  try {
    body(index);
  } catch (...) {
    failures_[index] = std::current_exception();
  }
}

}  // namespace tesuji
