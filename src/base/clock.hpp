#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

/// A point in time, UTC, in nanoseconds since 1970 (may be negative).
struct WallTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;  // 0 .. 999'999'999
  auto operator<=>(const WallTime&) const = default;

  /// "2026-11-20T14:05:09Z"; with nanoseconds when `exact`.
  enum class Precision { seconds, exact };
  std::string to_iso(Precision precision = Precision::seconds) const;
};

/// Reads "2026-11-20", "2026-11-20 14:05", "2026-11-20T14:05:09Z", with an offset "+08:00" or "Z";
/// local time when there is none. Errors: throws invalid_input naming the accepted forms.
WallTime parse_time(std::string_view text);

/// Monotonic nanoseconds since some point, counted also while the machine sleeps (CLOCK_BOOTTIME).
struct Instant {
  std::int64_t nanoseconds = 0;
  auto operator<=>(const Instant&) const = default;
};

inline double seconds_between(Instant earlier, Instant later) {
  return static_cast<double>(later.nanoseconds - earlier.nanoseconds) * 1e-9;
}

/// Time, passed in so that tests and the simulator decide what it is. Threads: all calls are safe.
class Clock {
public:
  virtual ~Clock() = default;
  virtual WallTime wall_now() const = 0;
  virtual Instant now() const = 0;
};

class SystemClock final : public Clock {
public:
  WallTime wall_now() const override;
  Instant now() const override;
};

/// Stands still until moved.
class ManualClock final : public Clock {
public:
  explicit ManualClock(WallTime start) : wall_(start) {}
  WallTime wall_now() const override { return wall_; }
  Instant now() const override { return now_; }
  void set_wall(WallTime time) { wall_ = time; }
  void advance_seconds(std::int64_t seconds);

private:
  WallTime wall_;
  Instant now_{};
};

}  // namespace holdfast::base
