#include "base/clock.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>

namespace holdfast::base {

namespace {

timespec read_clock(clockid_t id) {
  timespec time{};
  HF_ASSERT(::clock_gettime(id, &time) == 0, "the kernel has the clocks of POSIX");
  return time;
}

}  // namespace

WallTime SystemClock::wall_now() const {
  const auto time = read_clock(CLOCK_REALTIME);
  return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
}

Instant SystemClock::now() const {
  const auto time = read_clock(CLOCK_BOOTTIME);
  return {std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

void ManualClock::advance_seconds(std::int64_t seconds) {
  wall_.seconds += seconds;
  now_.nanoseconds += seconds * 1'000'000'000;
}

std::string WallTime::to_iso(Precision precision) const {
  const std::time_t time = seconds;
  std::tm utc{};
  if (::gmtime_r(&time, &utc) == nullptr) return fmt::format("@{}", seconds);  // no such year
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900LL,
                          utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  if (precision == Precision::exact) text += fmt::format(".{:09}", nanoseconds);
  return text + "Z";
}

namespace {

/// Takes a time apart from the front; every take says whether it was there.
class TimeText {
public:
  explicit TimeText(std::string_view rest) : rest_(rest) {}

  bool is_at_end() const { return rest_.empty(); }

  std::optional<char> take_one_of(std::string_view choices) {
    if (rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) return {};
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }

  /// A number of exactly `digits` digits in [low, high].
  std::optional<int> take_number(std::size_t digits, int low, int high) {
    const auto taken = take_digits(digits);
    if (taken.size() != digits) return {};
    const int value = value_of(taken);
    if (value < low || value > high) return {};
    return value;
  }

  /// One to nine digits after the decimal point, as nanoseconds.
  std::optional<std::uint32_t> take_fraction() {
    const auto taken = take_digits(9);
    if (taken.empty()) return {};
    auto value = static_cast<std::uint32_t>(value_of(taken));
    for (auto digits = taken.size(); digits < 9; ++digits)
      value *= 10;
    return value;
  }

private:
  std::string_view take_digits(std::size_t count_max) {
    const auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const auto taken = rest_.substr(0, std::min(end, count_max));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  static int value_of(std::string_view digits) {
    int value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }

  std::string_view rest_;
};

struct TimeParts {
  std::chrono::year_month_day date;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::uint32_t nanoseconds = 0;
  std::optional<int> offset_minutes;  // local time when absent
};

bool take_date(TimeText& text, TimeParts& parts) {
  const auto year = text.take_number(4, 1, 9999);
  if (!year || !text.take_one_of("-")) return false;
  const auto month = text.take_number(2, 1, 12);
  if (!month || !text.take_one_of("-")) return false;
  const auto day = text.take_number(2, 1, 31);
  if (!day) return false;
  parts.date = std::chrono::year_month_day(std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
  return parts.date.ok();
}

bool take_time_of_day(TimeText& text, TimeParts& parts) {
  const auto hour = text.take_number(2, 0, 23);
  if (!hour || !text.take_one_of(":")) return false;
  const auto minute = text.take_number(2, 0, 59);
  if (!minute) return false;
  parts.hour = *hour;
  parts.minute = *minute;
  if (!text.take_one_of(":")) return true;
  const auto second = text.take_number(2, 0, 59);
  if (!second) return false;
  parts.second = *second;
  if (!text.take_one_of(".")) return true;
  const auto nanoseconds = text.take_fraction();
  parts.nanoseconds = nanoseconds.value_or(0);
  return nanoseconds.has_value();
}

bool take_offset(TimeText& text, TimeParts& parts) {
  if (text.take_one_of("Zz")) {
    parts.offset_minutes = 0;
    return true;
  }
  const auto sign = text.take_one_of("+-");
  if (!sign) return true;
  const auto hours = text.take_number(2, 0, 23);
  text.take_one_of(":");
  const auto minutes = text.take_number(2, 0, 59);
  if (!hours || !minutes) return false;
  parts.offset_minutes = (*hours * 60 + *minutes) * (*sign == '-' ? -1 : 1);
  return true;
}

std::optional<TimeParts> take_apart(std::string_view whole) {
  TimeText text(whole);
  TimeParts parts;
  if (!take_date(text, parts)) return {};
  if (text.is_at_end()) return parts;
  if (!text.take_one_of("T t") || !take_time_of_day(text, parts)) return {};
  if (!take_offset(text, parts) || !text.is_at_end()) return {};
  return parts;
}

std::optional<std::int64_t> seconds_of_local(const TimeParts& parts) {
  std::tm local{};
  local.tm_year = static_cast<int>(parts.date.year()) - 1900;
  local.tm_mon = static_cast<int>(static_cast<unsigned>(parts.date.month())) - 1;
  local.tm_mday = static_cast<int>(static_cast<unsigned>(parts.date.day()));
  local.tm_hour = parts.hour;
  local.tm_min = parts.minute;
  local.tm_sec = parts.second;
  local.tm_isdst = -1;  // the C library finds out
  local.tm_wday = -1;   // set by success: -1 is a valid return value
  const auto seconds = std::mktime(&local);
  if (local.tm_wday < 0) return {};
  return seconds;
}

std::optional<std::int64_t> seconds_of(const TimeParts& parts) {
  if (!parts.offset_minutes) return seconds_of_local(parts);
  const auto days = std::chrono::sys_days(parts.date).time_since_epoch().count();
  const std::int64_t minutes = parts.hour * 60 + parts.minute - *parts.offset_minutes;
  return std::int64_t{days} * 86'400 + minutes * 60 + parts.second;
}

}  // namespace

WallTime parse_time(std::string_view text) {
  const auto parts = take_apart(text);
  const auto seconds = parts ? seconds_of(*parts) : std::nullopt;
  if (!seconds) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' is not a time: write 2026-11-20, 2026-11-20 14:05 or "
                            "2026-11-20T14:05:09Z (or with an offset such as +08:00)",
                            text));
  }
  return {*seconds, parts->nanoseconds};
}

}  // namespace holdfast::base
