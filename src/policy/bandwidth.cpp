#include "policy/bandwidth.hpp"

#include "calendar.hpp"

namespace holdfast::policy {

namespace {

constexpr std::int64_t seconds_a_minute = 60;
constexpr std::int64_t seconds_a_day = minutes_a_day * seconds_a_minute;
/// 1970 began on a Thursday.
constexpr std::int64_t first_weekday = 3;

bool begins_on(const BandwidthWindow& window, std::int64_t day) {
  const auto weekday = ((day + first_weekday) % 7 + 7) % 7;
  return (window.days >> weekday & 1) != 0;
}

bool is_open(const BandwidthWindow& window, std::int64_t local_seconds) {
  const auto day = period_number(Period::day, local_seconds);
  const auto minute = (local_seconds - day * seconds_a_day) / seconds_a_minute;
  if (window.from_minute < window.to_minute) {
    return begins_on(window, day) && minute >= window.from_minute && minute < window.to_minute;
  }
  return (minute >= window.from_minute && begins_on(window, day)) ||
         (minute < window.to_minute && begins_on(window, day - 1));
}

}  // namespace

std::optional<std::uint64_t> rate_at(const BandwidthLimits& limits, Direction direction,
                                     std::int64_t local_seconds) {
  auto rate = limits.rates.of(direction);
  for (const auto& window : limits.windows) {
    const auto& said = window.rates.of(direction);
    if (!said || !is_open(window, local_seconds)) continue;
    rate = said;
    break;
  }
  return rate.value_or(0) == 0 ? std::nullopt : rate;
}

}  // namespace holdfast::policy
