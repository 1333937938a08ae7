#pragma once

#include "base/clock.hpp"

#include <cstdint>

namespace holdfast::base {

/// A clock that waiting moves, and nothing else. Threads: one.
class WaitedClock final : public Clock {
public:
  WallTime wall_now() const override { return {1'700'000'000 + now_.nanoseconds / second, 0}; }
  Instant now() const override { return now_; }
  void move_on(double seconds) {
    now_.nanoseconds += static_cast<std::int64_t>(seconds * static_cast<double>(second));
  }
  void wait_until(Instant time) {
    if (time > now_) now_ = time;
  }
  /// Since it was made.
  double seconds() const {
    return static_cast<double>(now_.nanoseconds - start) / static_cast<double>(second);
  }

private:
  static constexpr std::int64_t second = 1'000'000'000;
  static constexpr std::int64_t start = 3600 * second;  // of a machine that has run for a while
  Instant now_{start};
};

}  // namespace holdfast::base
