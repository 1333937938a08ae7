#include "sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast::config {

namespace {

using policy::BandwidthLimits;
using policy::BandwidthWindow;

/// A week of different hours has fewer.
constexpr std::size_t windows_max = 200;
constexpr std::array<std::string_view, 7> weekdays = {"mon", "tue", "wed", "thu",
                                                      "fri", "sat", "sun"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "08:00" to "24:00", in minutes.
std::optional<std::uint32_t> minute_of(std::string_view text) {
  const bool is_time = text.size() == 5 && is_digit(text[0]) && is_digit(text[1]) &&
                       text[2] == ':' && is_digit(text[3]) && is_digit(text[4]);
  if (!is_time) return {};
  const auto number = [&](std::size_t at) {
    return static_cast<std::uint32_t>((text[at] - '0') * 10 + (text[at + 1] - '0'));
  };
  const auto minute = number(0) * 60 + number(3);
  if (number(3) >= 60 || minute > policy::minutes_a_day) return {};
  return minute;
}

std::optional<std::uint32_t> read_time(Reading& reading, Section& section, const char* key) {
  const auto node = section.take(key);
  if (!node.IsDefined()) return {};
  const auto text = text_of(reading, node, section.name_of(key));
  if (!text) return {};
  const auto minute = minute_of(*text);
  if (!minute) {
    reading.mistake(node, fmt::format("{} is no time of day", section.name_of(key)),
                    "write hours and minutes, from \"00:00\" to \"24:00\"");
  }
  return minute;
}

std::optional<std::size_t> weekday_of(std::string_view text) {
  const auto* const found = std::ranges::find(weekdays, text);
  if (found == weekdays.end()) return {};
  return static_cast<std::size_t>(found - weekdays.begin());
}

/// "mon" or "fri-mon"; 0 for anything else.
std::uint8_t days_of(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = weekday_of(text.substr(0, dash));
  const auto last = dash == text.npos ? first : weekday_of(text.substr(dash + 1));
  if (!first || !last) return 0;
  std::uint8_t days = 0;
  for (auto day = *first;; day = (day + 1) % weekdays.size()) {
    days = static_cast<std::uint8_t>(days | 1U << day);
    if (day == *last) return days;
  }
}

std::uint8_t read_days(Reading& reading, Section& section, const YAML::Node& window) {
  const auto texts = section.texts("days");
  std::uint8_t days = 0;
  for (const auto& text : texts) {
    const auto some = days_of(text);
    if (some == 0) {
      reading.mistake(window["days"], fmt::format("{} are no days", section.name_of("days")),
                      "write mon, mon-fri, or [sat, sun]");
    }
    days = static_cast<std::uint8_t>(days | some);
  }
  return days == 0 ? policy::every_day : days;
}

BandwidthWindow read_window(Reading& reading, const YAML::Node& node, const std::string& name) {
  Section section(reading, node, name);
  BandwidthWindow window;
  window.from_minute = read_time(reading, section, "from").value_or(0);
  window.to_minute = read_time(reading, section, "to").value_or(policy::minutes_a_day);
  window.days = read_days(reading, section, node);
  window.rates = {section.byte_rate("up"), section.byte_rate("down")};
  section.finish();
  if (window.from_minute == window.to_minute || window.from_minute == policy::minutes_a_day) {
    reading.mistake(node, fmt::format("{} begins when it ends", name),
                    "leave out both from and to for the whole day");
  }
  if (node.IsMap() && !node["up"].IsDefined() && !node["down"].IsDefined()) {
    reading.mistake(node, fmt::format("{} limits nothing", name),
                    "give it up, down, or both; none lifts a limit");
  }
  return window;
}

}  // namespace

BandwidthLimits read_limits(Reading& reading, Section& parent) {
  BandwidthLimits limits;
  const auto name = parent.name_of("limit");
  const auto node = parent.take("limit");
  if (!node.IsDefined()) return limits;
  if (node.IsScalar()) {
    const auto rate = parent.byte_rate("limit");
    limits.rates = {rate, rate};
    return limits;
  }
  Section section(reading, node, name);
  limits.rates = {section.byte_rate("up"), section.byte_rate("down")};
  const auto windows = section.take("windows");
  section.finish();
  if (!windows.IsDefined()) return limits;
  for_each_element(reading, windows, section.name_of("windows"), [&](const YAML::Node& element) {
    limits.windows.push_back(read_window(reading, element, section.name_of("windows")));
  });
  if (limits.windows.size() > windows_max) {
    reading.mistake(windows,
                    fmt::format("{} are more than {}", section.name_of("windows"), windows_max));
  }
  return limits;
}

}  // namespace holdfast::config
