#include "base/rate_limit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace holdfast::base {

namespace {

constexpr std::int64_t late_nanoseconds_max = 250'000'000;
constexpr std::uint64_t pieces_a_second = 8;

}  // namespace

Instant RateLimiter::book(std::uint64_t bytes) {
  const auto wider = wider_ ? wider_->book(bytes) : Instant{};
  const auto now = clock_.now();
  const auto rate = rate_();
  if (!rate) return std::max(wider, now);
  const auto seconds =
      static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(*rate, 1));
  const std::lock_guard lock(mutex_);
  free_at_ = std::max(free_at_, Instant{now.nanoseconds - late_nanoseconds_max});
  free_at_.nanoseconds += std::llround(seconds * 1e9);
  return std::max(wider, free_at_);
}

std::size_t RateLimiter::piece() const {
  const auto wider = wider_ ? wider_->piece() : std::numeric_limits<std::size_t>::max();
  const auto rate = rate_();
  if (!rate) return wider;
  return std::min<std::size_t>(wider, std::max<std::uint64_t>(*rate / pieces_a_second, 1));
}

}  // namespace holdfast::base
