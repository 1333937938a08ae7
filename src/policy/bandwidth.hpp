#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::policy {

enum class Direction : std::uint8_t { up, down };

/// Bytes a second in both directions; 0: as fast as it goes, nothing: not said.
struct ByteRates {
  std::optional<std::uint64_t> up{};
  std::optional<std::uint64_t> down{};

  const std::optional<std::uint64_t>& of(Direction direction) const {
    return direction == Direction::up ? up : down;
  }
  bool operator==(const ByteRates&) const = default;
};

inline constexpr std::uint32_t minutes_a_day = 24 * 60;
inline constexpr std::uint8_t every_day = 0x7f;

/// Rates for a part of some days.
struct BandwidthWindow {
  std::uint32_t from_minute = 0;  // of the local day
  std::uint32_t to_minute =
      minutes_a_day;              // when it is not later than `from_minute`: of the next day
  std::uint8_t days = every_day;  // on which it begins; bit 0: Monday
  ByteRates rates{};
  bool operator==(const BandwidthWindow&) const = default;
};

/// How fast a store may be written to and read.
struct BandwidthLimits {
  ByteRates rates{};  // where no window says anything
  std::vector<BandwidthWindow> windows{};
  bool operator==(const BandwidthLimits&) const = default;
};

/// Bytes a second; nothing: as fast as it goes. The first window counts that is open and says
/// something of the direction. `local_seconds`: since 1970 on the local calendar.
std::optional<std::uint64_t> rate_at(const BandwidthLimits& limits, Direction direction,
                                     std::int64_t local_seconds);

}  // namespace holdfast::policy
