#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace holdfast::base {

/// How many transfers to run at once, found by trying: half as many again as long as that clearly
/// brings more bytes a second, fewer when fewer bring as much, and now and then another try,
/// because lines change.
///
/// It measures for as long as each transfer that runs at once takes to end twice, and at least for
/// a fifth of a second; on a slow line until each ended once.
/// Threads: any.
class AdaptiveConcurrency {
public:
  AdaptiveConcurrency(unsigned least, unsigned most);

  unsigned level() const { return level_.load(std::memory_order_relaxed); }
  /// A transfer of `bytes` ended at `now`.
  void ended(std::uint64_t bytes, Instant now);

private:
  void decide(double rate, Instant now);
  void stay(Instant now);
  unsigned next_try() const;

  const unsigned least_;
  const unsigned most_;
  std::atomic<unsigned> level_;
  std::mutex mutex_;  // guards what follows
  bool measuring_ = false;
  Instant begun_{};
  std::uint64_t bytes_ = 0;
  unsigned ended_ = 0;
  unsigned best_level_;
  double best_rate_ = 0;
  bool upwards_ = true;
  Instant stays_until_{};
};

}  // namespace holdfast::base
