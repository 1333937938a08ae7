#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace holdfast::base {

/// Bytes a second at this moment; nothing: as fast as it goes. Asked again for every piece, from
/// any thread.
using Rate = std::function<std::optional<std::uint64_t>()>;

/// Says when bytes may pass, so many a second for all who share it, first come first served. It
/// waits for nothing itself.
///
/// Units:   bytes and bytes a second. What nobody used is not saved up, but for a quarter of a
///          second, so that who wakes up late does not fall behind.
/// Threads: all calls from any.
class RateLimiter {
public:
  /// What passes here passes `wider`, too, if there is one. Borrows `clock`.
  RateLimiter(Rate rate, const Clock& clock, std::shared_ptr<RateLimiter> wider = nullptr)
      : rate_(std::move(rate)), clock_(clock), wider_(std::move(wider)) {}

  /// Until when to wait if `bytes` pass, after all that was booked before; 0: until all of that
  /// has.
  Instant book(std::uint64_t bytes);
  /// How much should pass at once, an eighth of a second, so that the line neither bursts nor
  /// falls silent and a change of the rate counts soon.
  std::size_t piece() const;

private:
  const Rate rate_;
  const Clock& clock_;
  const std::shared_ptr<RateLimiter> wider_;
  std::mutex mutex_;
  Instant free_at_{};  // guarded by mutex_: when all that was booked has passed
};

/// The limits of one store in both directions; null: without.
struct RateLimits {
  std::shared_ptr<RateLimiter> up{};
  std::shared_ptr<RateLimiter> down{};
};

}  // namespace holdfast::base
