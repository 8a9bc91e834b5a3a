// Threads that stay: for work that is over in milliseconds, which starting
// threads anew each time would slow down.
#ifndef TESUJI_CSRC_CREW_H_
#define TESUJI_CSRC_CREW_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tesuji {

class Crew {
 public:
  // `workers` at least 1: the caller of Run() is one of them.
  explicit Crew(int workers);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  int workers() const { return static_cast<int>(failures_.size()); }

  // Calls body(i) for i in [0, workers): 0 on this thread, each other always on
  // the same one. Returns once all have, and then throws what the first of them
  // threw, in order of i. Called from one thread at a time.
  void Run(const std::function<void(int)>& body);

 private:
  void Serve(int index);
  void Attempt(int index, const std::function<void(int)>& body);
  void Dismiss();

  std::vector<std::exception_ptr> failures_;  // of the round, by worker
  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable finished_;
  // Guarded by mutex_.
  const std::function<void(int)>* body_ = nullptr;
  uint64_t round_ = 0;
  int running_ = 0;
  bool dismissed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_CREW_H_
