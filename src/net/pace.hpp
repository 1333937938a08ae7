#pragma once

#include "base/clock.hpp"
#include "base/rate_limit.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace holdfast::net {

/// One direction of one transfer under a limit that it may share with others: how much may move,
/// and when again. It waits for nothing itself. Threads: one at a time.
class Pace {
public:
  /// Without `limiter` all may move at any time. Borrows `clock`.
  Pace(std::shared_ptr<base::RateLimiter> limiter, const base::Clock& clock)
      : limiter_(std::move(limiter)), clock_(clock) {}

  /// Of `wanted`, more than 0; 0: nothing before resume_at().
  std::size_t may_move(std::size_t wanted) {
    if (!limiter_) return wanted;
    // A transfer that begins takes its place behind what others booked.
    if (!resume_at_) resume_at_ = limiter_->book(0);
    const auto now = clock_.now();
    if (*resume_at_ <= now) return std::min(wanted, limiter_->piece());
    waited_seconds_ += base::seconds_between(std::max(now, counted_until_), *resume_at_);
    counted_until_ = *resume_at_;
    return 0;
  }
  void moved(std::uint64_t bytes) {
    if (limiter_) resume_at_ = limiter_->book(bytes);
  }
  base::Instant resume_at() const { return resume_at_.value_or(base::Instant{}); }
  /// All waits so far.
  double waited_seconds() const { return waited_seconds_; }

private:
  std::shared_ptr<base::RateLimiter> limiter_;
  const base::Clock& clock_;
  std::optional<base::Instant> resume_at_;
  double waited_seconds_ = 0;
  base::Instant counted_until_{};
};

}  // namespace holdfast::net
