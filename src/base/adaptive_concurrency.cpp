#include "base/adaptive_concurrency.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::base {

namespace {

constexpr double period_seconds_min = 0.2;
constexpr double period_seconds_long = 2;
/// More streams must bring this much more; fewer may bring a little less.
constexpr double clearly_more = 1.1;
constexpr double as_much = 0.97;
constexpr std::int64_t nanoseconds_between_tries = 4'000'000'000;

}  // namespace

AdaptiveConcurrency::AdaptiveConcurrency(unsigned least, unsigned most)
    : least_(std::max(least, 1U)),
      most_(std::max(most, least_)),
      level_(least_),
      best_level_(least_) {}

void AdaptiveConcurrency::ended(std::uint64_t bytes, Instant now) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(measuring_, true)) {
    begun_ = now;  // how long the first one took nobody knows
    return;
  }
  bytes_ += bytes;
  ++ended_;
  const auto seconds = seconds_between(begun_, now);
  const auto enough = seconds < period_seconds_long ? 2 * level() : level();
  if (ended_ < enough || seconds < period_seconds_min) return;
  decide(static_cast<double>(bytes_) / seconds, now);
  begun_ = now;
  bytes_ = 0;
  ended_ = 0;
}

void AdaptiveConcurrency::decide(double rate, Instant now) {
  const auto tried = level();
  if (tried == best_level_) {
    best_rate_ = rate;
    if (now < stays_until_) return;
  } else {
    const bool is_good =
        tried > best_level_ ? rate > best_rate_ * clearly_more : rate >= best_rate_ * as_much;
    if (!is_good) return stay(now);
    best_level_ = tried;
    best_rate_ = rate;
  }
  const auto next = next_try();
  if (next == tried) return stay(now);
  level_.store(next, std::memory_order_relaxed);
}

/// Next time the other way is tried.
void AdaptiveConcurrency::stay(Instant now) {
  level_.store(best_level_, std::memory_order_relaxed);
  stays_until_ = {now.nanoseconds + nanoseconds_between_tries};
  upwards_ = !upwards_;
}

unsigned AdaptiveConcurrency::next_try() const {
  if (upwards_) return std::min(most_, best_level_ + std::max(1U, best_level_ / 2));
  return std::max(least_, best_level_ - std::max(1U, best_level_ / 4));
}

}  // namespace holdfast::base
