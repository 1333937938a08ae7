#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

inline constexpr std::uint64_t kib = 1024;
inline constexpr std::uint64_t mib = 1024 * kib;
inline constexpr std::uint64_t gib = 1024 * mib;

/// "20 MiB", "4k", "1.5GB" (1000-based with B alone, 1024-based with i). Errors: invalid_input.
std::uint64_t parse_byte_count(std::string_view text);
/// "20 MiB/s", "20 MiB": bytes a second, at least byte_rate_min; "none" and "0": 0, as fast as it
/// goes. Errors: invalid_input.
std::uint64_t parse_byte_rate(std::string_view text);
/// With less, servers give up connections that wait for their turn.
inline constexpr std::uint64_t byte_rate_min = 16 * kib;
/// "204.4 MB" : three to four significant digits, 1000-based, as disks are sold.
std::string format_byte_count(std::uint64_t bytes);
/// "5m", "30 days", "3 months", "1h30m" in seconds (a month is 30 days, a year 365). Errors:
/// invalid_input.
std::int64_t parse_duration(std::string_view text);
/// "1:02:09", "3.4 s".
std::string format_duration(double seconds);
/// Text safe for a terminal: control characters and invalid UTF-8 as \xNN, so that a file name
/// cannot move the cursor.
std::string printable(std::string_view bytes);

}  // namespace holdfast::base
