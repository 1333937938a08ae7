#include "calendar.hpp"

#include <chrono>

namespace holdfast::policy {

namespace {

constexpr std::int64_t seconds_per_hour = 3600;
constexpr std::int64_t seconds_per_day = 24 * seconds_per_hour;
/// 1970-01-01 was a Thursday: three days after a Monday.
constexpr std::int64_t days_from_monday = 3;
/// std::chrono::year holds -32767 to 32767; times beyond share the last period.
constexpr std::int64_t days_max = 10'000'000;

std::int64_t divide_down(std::int64_t value, std::int64_t by) {
  const std::int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

std::chrono::year_month_day date_of(std::int64_t days) {
  if (days > days_max) days = days_max;
  if (days < -days_max) days = -days_max;
  return std::chrono::sys_days(std::chrono::days(days));
}

}  // namespace

std::int64_t period_number(Period period, std::int64_t local_seconds) {
  const std::int64_t days = divide_down(local_seconds, seconds_per_day);
  if (period == Period::hour) return divide_down(local_seconds, seconds_per_hour);
  if (period == Period::day) return days;
  if (period == Period::week) return divide_down(days + days_from_monday, 7);
  const auto date = date_of(days);
  const std::int64_t year = static_cast<int>(date.year());
  if (period == Period::year) return year;
  return year * 12 + static_cast<unsigned>(date.month());
}

}  // namespace holdfast::policy
