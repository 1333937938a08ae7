#include "base/units.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

namespace holdfast::base {

namespace {

std::string_view take_while(std::string_view& rest, bool (*belongs)(char)) {
  const auto end = std::ranges::find_if_not(rest, belongs);
  const auto taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(taken.size());
  return taken;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Nothing when the sum or product does not fit.
std::optional<std::uint64_t> multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  std::uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return {};
  if (__builtin_add_overflow(result, c, &result)) return {};
  return result;
}

std::optional<std::uint64_t> take_integer(std::string_view& rest) {
  const auto digits = take_while(rest, is_digit);
  if (digits.empty()) return {};
  std::optional<std::uint64_t> value = 0;
  for (const char digit : digits) {
    value = multiply_add(*value, 10, static_cast<std::uint64_t>(digit - '0'));
    if (!value) return {};
  }
  return value;
}

/// "k" and "KiB" count in 1024, "kB" in 1000, as dd and most backup tools read them.
std::optional<std::uint64_t> value_of_byte_unit(std::string_view unit) {
  if (unit.empty()) return 1;
  std::string lower(unit);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c < 'a' ? c + 32 : c; });
  if (lower == "b" || lower == "byte" || lower == "bytes") return 1;
  const auto power = std::string_view("kmgtpe").find(lower.front());
  const auto rest = std::string_view(lower).substr(1);
  if (power == std::string_view::npos) return {};
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return {};
  const std::uint64_t factor = rest == "b" ? 1000 : 1024;
  std::uint64_t value = factor;
  for (std::size_t i = 0; i < power; ++i)
    value *= factor;
  return value;
}

std::optional<std::uint64_t> read_byte_count(std::string_view rest) {
  take_while(rest, is_blank);
  const auto whole = take_integer(rest);
  if (!whole) return {};
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_while(rest, is_digit);
    if (fraction.empty()) return {};
  }
  take_while(rest, is_blank);
  const auto unit = value_of_byte_unit(take_while(rest, is_letter));
  take_while(rest, is_blank);
  if (!unit || !rest.empty()) return {};
  double part = 0;
  double weight = static_cast<double>(*unit);
  for (const char digit : fraction)
    part += (weight /= 10) * (digit - '0');
  return multiply_add(*whole, *unit, static_cast<std::uint64_t>(std::llround(part)));
}

struct DurationUnit {
  std::int64_t seconds;
  std::array<std::string_view, 5> names;
};

constexpr std::int64_t day_seconds = 86'400;
constexpr std::array duration_units = {
    DurationUnit{1, {"s", "sec", "secs", "second", "seconds"}},
    DurationUnit{60, {"m", "min", "mins", "minute", "minutes"}},
    DurationUnit{3600, {"h", "hr", "hrs", "hour", "hours"}},
    DurationUnit{day_seconds, {"d", "day", "days"}},
    DurationUnit{7 * day_seconds, {"w", "week", "weeks"}},
    DurationUnit{30 * day_seconds, {"mo", "month", "months"}},
    DurationUnit{365 * day_seconds, {"y", "year", "years"}},
};

std::optional<std::uint64_t> value_of_duration_unit(std::string_view name) {
  for (const auto& unit : duration_units) {
    const bool matches = !name.empty() && std::ranges::find(unit.names, name) != unit.names.end();
    if (matches) return static_cast<std::uint64_t>(unit.seconds);
  }
  return {};
}

std::optional<std::int64_t> read_duration(std::string_view rest) {
  std::uint64_t total = 0;
  take_while(rest, is_blank);
  do {
    const auto count = take_integer(rest);
    take_while(rest, is_blank);
    const auto unit = value_of_duration_unit(take_while(rest, is_letter));
    take_while(rest, is_blank);
    if (!count || !unit) return {};
    const auto sum = multiply_add(*count, *unit, total);
    if (!sum || *sum > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return {};
    total = *sum;
  } while (!rest.empty());
  return static_cast<std::int64_t>(total);
}

}  // namespace

std::uint64_t parse_byte_count(std::string_view text) {
  if (const auto count = read_byte_count(text)) return *count;
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not a number of bytes: write 20 MiB, 4k or 1.5GB", text));
}

std::uint64_t parse_byte_rate(std::string_view text) {
  constexpr std::string_view a_second = "/s";
  const auto bytes =
      text.ends_with(a_second) ? text.substr(0, text.size() - a_second.size()) : text;
  const auto rate = text == "none" ? std::optional<std::uint64_t>(0) : read_byte_count(bytes);
  if (!rate) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' is not a number of bytes a second: write 20 MiB/s or none",
                            printable(text)));
  }
  if (*rate == 0 || *rate >= byte_rate_min) return *rate;
  throw Error(
      ErrorKind::invalid_input,
      fmt::format("'{}' is less than 16 KiB/s, with which connections end", printable(text)));
}

std::string format_byte_count(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  static constexpr std::array units = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // What would be rounded to 1000.0 belongs to the next unit.
  for (; value >= 999.95; ++unit)
    value /= 1000;
  const int decimals = value < 9.995 ? 2 : 1;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

std::int64_t parse_duration(std::string_view text) {
  if (const auto seconds = read_duration(text)) return *seconds;
  throw Error(
      ErrorKind::invalid_input,
      fmt::format("'{}' is not a length of time: write 5m, 1h30m, 30 days or 3 months", text));
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  seconds = std::clamp(seconds, 0.0, 1e12);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::llround(seconds);
  const auto hours = whole / 3600;
  const auto minutes = whole / 60 % 60;
  if (hours == 0) return fmt::format("{}:{:02}", minutes, whole % 60);
  return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
}

}  // namespace holdfast::base
