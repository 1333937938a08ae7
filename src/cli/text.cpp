#include "text.hpp"

#include "base/error.hpp"
#include "progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace holdfast::cli {

std::string with_thousands(std::uint64_t number) {
  auto digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3;)
    digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", with_thousands(number), number == 1 ? one : many);
}

std::string local_time(base::WallTime time) {
  const std::time_t seconds = time.seconds;
  std::tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) return time.to_iso();
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900LL,
                     local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

std::int64_t utc_offset(base::WallTime time) {
  const std::time_t seconds = time.seconds;
  std::tm local{};
  return ::localtime_r(&seconds, &local) == nullptr ? 0 : local.tm_gmtoff;
}

std::string age_text(base::WallTime time, base::WallTime now) {
  const auto seconds = now.seconds - time.seconds;
  if (seconds < -60) return "in the future";
  if (seconds < 60) return "just now";
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  for (const Unit unit : {Unit{365 * 86'400, "year"}, Unit{30 * 86'400, "month"},
                          Unit{86'400, "day"}, Unit{3'600, "hour"}, Unit{60, "minute"}}) {
    const auto number = seconds / unit.seconds;
    if (number >= 1) return fmt::format("{} {}{} ago", number, unit.name, number == 1 ? "" : "s");
  }
  return "just now";
}

std::vector<std::string> Table::lines() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - display_width(row[i]), ' ');
      if (i > 0) line += "  ";
      line += columns_[i] == Align::right ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) throw base::Error(base::ErrorKind::invalid_input, "a quote does not end");
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) throw base::Error(base::ErrorKind::invalid_input, "no command was given");
  return words;
}

}  // namespace holdfast::cli
