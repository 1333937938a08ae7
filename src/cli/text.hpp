#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

/// "78,549".
std::string with_thousands(std::uint64_t number);
/// "1 file", "2,000 files".
std::string counted(std::uint64_t number, std::string_view one, std::string_view many);
/// "2026-11-20 14:05:09" on the local calendar.
std::string local_time(base::WallTime time);
/// How far local time is ahead of UTC at `time`, in seconds.
std::int64_t utc_offset(base::WallTime time);
/// "3 minutes ago", "2 days ago", "in the future".
std::string age_text(base::WallTime time, base::WallTime now);

/// Rows of cells in aligned columns.
class Table {
public:
  enum class Align : std::uint8_t { left, right };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  /// Two spaces between columns, none at the end of a line.
  std::vector<std::string> lines() const;

private:
  const std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// The words of `text`: blanks separate, quotes ' and " hold together, a backslash takes the next
/// character as it is. No variables, no patterns: this is not a shell.
/// Errors: invalid_input for a quote that does not end, or no word at all.
std::vector<std::string> split_words(std::string_view text);

}  // namespace holdfast::cli
