// What a solver has proven of the positions it met, in bounded memory.
#ifndef TESUJI_CSRC_TRANSPOSITION_H_
#define TESUJI_CSRC_TRANSPOSITION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "csrc/hash.h"

namespace tesuji {

// A value lies in [lower, upper]; as the window of a search, the open interval
// whose values the caller tells apart.
struct Interval {
  double lower = 0.0;
  double upper = 0.0;

  bool IsPoint() const { return lower == upper; }
  bool Outside(const Interval& window) const {
    return upper <= window.lower || lower >= window.upper;
  }
  // The same value seen by the opponent in a zero-sum game.
  Interval operator-() const { return {-upper, -lower}; }
};

// Of two intervals around one value. Sums at chance nodes are rounded, so the
// two may miss each other by the last digit: then they meet at `lower`.
inline Interval Intersect(const Interval& a, const Interval& b) {
  const double lower = std::max(a.lower, b.lower);
  return {lower, std::max(lower, std::min(a.upper, b.upper))};
}

// Buckets of four entries; in a full one a new entry takes the place of the one
// that cost least. What is stored is true whatever the depth and window it was
// found with, so an entry that is lost costs time, never the answer.
class TranspositionTable {
 public:
  struct Entry {
    Key key;
    int64_t work = 0;         // nodes it took; 0: the place is empty
    int32_t open_depth = -1;  // the greatest depth known not to settle it
    int32_t best = -1;        // index of the move to try first
  };

  // `width` intervals an entry. Starts small and grows to at most `bytes`;
  // while it grows it holds what it had as well.
  TranspositionTable(int64_t bytes, size_t width)
      : width_(width),
        most_(bytes / (kBucket * (sizeof(Entry) + width * sizeof(Interval)))) {
    Resize(std::min<size_t>(most_, 64));
  }

  // Null if the key is not there; good until the next Store.
  const Entry* Find(const Key& key) const {
    if (most_ == 0) return nullptr;
    const Entry* const bucket = &entries_[Bucket(key)];
    const Entry* const found = std::find_if(
        bucket, bucket + kBucket,
        [&](const Entry& entry) { return entry.work > 0 && entry.key == key; });
    return found == bucket + kBucket ? nullptr : found;
  }
  std::span<const Interval> Intervals(const Entry& entry) const {
    return {&intervals_[(&entry - entries_.data()) * width_], width_};
  }

  void Store(const Entry& entry, std::span<const Interval> intervals) {
    if (most_ == 0) return;
    if (2 * used_ > entries_.size() && buckets_ < most_) Grow();
    size_t place = Bucket(entry.key);
    for (size_t i = place, end = place + kBucket; i < end; ++i) {
      if (entries_[i].work > 0 && entries_[i].key == entry.key) {
        place = i;
        break;
      }
      if (entries_[i].work < entries_[place].work) place = i;
    }
    if (entries_[place].work == 0) ++used_;
    entries_[place] = entry;
    std::copy_n(intervals.data(), width_, &intervals_[place * width_]);
  }

 private:
  static constexpr size_t kBucket = 4;

  void Resize(size_t buckets) {
    buckets_ = buckets;
    used_ = 0;
    entries_.assign(buckets * kBucket, Entry());
    intervals_.assign(buckets * kBucket * width_, Interval());
  }

  void Grow() {
    const std::vector<Entry> entries = std::move(entries_);
    const std::vector<Interval> intervals = std::move(intervals_);
    Resize(std::min(most_, 4 * buckets_));
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].work > 0) {
        Store(entries[i], {&intervals[i * width_], width_});
      }
    }
  }

  // Index of its first entry.
  size_t Bucket(const Key& key) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<size_t>(static_cast<Wide>(key.low) * buckets_ >> 64) *
           kBucket;
  }

  size_t width_;
  size_t most_;         // buckets
  size_t buckets_ = 0;  // now
  size_t used_ = 0;     // entries
  std::vector<Entry> entries_;
  std::vector<Interval> intervals_;
};

}  // namespace tesuji

#endif  // TESUJI_CSRC_TRANSPOSITION_H_
