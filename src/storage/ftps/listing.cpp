#include "listing.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t line_size_max = 4096;
constexpr std::size_t shown_size_max = 100;

[[noreturn]] void refuse(std::string_view line) {
  throw Error(ErrorKind::corrupt, fmt::format("'{}' in the server's list is not understood",
                                              base::printable(line.substr(0, shown_size_max))));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::string lower(std::string_view text) {
  std::string lowered;
  for (const char c : text)
    lowered += lower(c);
  return lowered;
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [last, code] = std::from_chars(digits.begin(), digits.end(), value);
  if (digits.empty() || code != std::errc{} || last != digits.end()) return std::nullopt;
  return value;
}

/// Takes the first word off `line`, with the spaces before it.
std::string_view take_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  const auto end = std::min(line.find(' ', begin), line.size());
  const auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

bool is_month(std::string_view word) {
  constexpr std::array months = {"jan", "feb", "mar", "apr", "may", "jun",
                                 "jul", "aug", "sep", "oct", "nov", "dec"};
  return std::ranges::find(months, lower(word)) != months.end();
}

/// "21", "7".
bool is_day(std::string_view word) {
  return !word.empty() && word.size() <= 2 && std::ranges::all_of(word, is_digit);
}

/// "22:10", "2026".
bool is_time_or_year(std::string_view word) {
  const bool has_colon = word.find(':') != word.npos;
  return word.size() >= 4 && word.size() <= 5 &&
         std::ranges::all_of(word, [](char c) { return is_digit(c) || c == ':'; }) &&
         has_colon == (word.size() == 5 || word[1] == ':');
}

/// A name that could be a path would be another file than the one listed.
std::string name_of(std::string_view rest, std::string_view line) {
  if (rest.empty() || rest.find('/') != rest.npos) refuse(line);
  return std::string(rest);
}

bool is_kept(const ListedEntry& entry) { return entry.name != "." && entry.name != ".."; }

/// "-rw-r--r--    1 106      109        100000 Nov 21 22:17 name", with or without a group.
std::optional<ListedEntry> parse_unix_line(std::string_view line) {
  constexpr std::size_t words_before_month_max = 5;
  auto rest = line;
  const auto mode = take_word(rest);
  std::string_view before;
  for (std::size_t words = 0; words <= words_before_month_max; ++words) {
    const auto word = take_word(rest);
    if (!is_month(word) || !number(before)) {
      before = word;
      continue;
    }
    auto after = rest;
    const bool is_date = is_day(take_word(after)) && is_time_or_year(take_word(after));
    if (!is_date || !after.starts_with(' ')) {  // the name of a user or group
      before = word;
      continue;
    }
    if (mode.front() != '-' && mode.front() != 'd') return std::nullopt;
    return ListedEntry{name_of(after.substr(1), line), *number(before), mode.front() == 'd'};
  }
  refuse(line);
}

/// "11-21-26  10:18PM       <DIR>          name"
ListedEntry parse_dos_line(std::string_view line) {
  auto rest = line;
  take_word(rest);
  take_word(rest);
  const auto what = take_word(rest);
  const auto size = number(what);
  const bool is_folder = what == "<DIR>";
  const auto begin = rest.find_first_not_of(' ');
  if ((!size && !is_folder) || begin == rest.npos) refuse(line);
  return {name_of(rest.substr(begin), line), size.value_or(0), is_folder};
}

/// "total 12", which some servers put first.
bool is_total(std::string_view line) {
  auto rest = line;
  return lower(take_word(rest)) == "total" && number(take_word(rest)) && rest.empty();
}

std::optional<ListedEntry> parse_plain_line(std::string_view line) {
  if (is_total(line)) return std::nullopt;
  constexpr std::string_view kinds = "-dlbcpsD";
  constexpr std::size_t mode_size_min = 10;
  const bool is_unix = kinds.find(line.front()) != kinds.npos && line.size() > mode_size_min &&
                       line.substr(0, mode_size_min).find(' ') == line.npos;
  if (is_unix) return parse_unix_line(line);
  if (is_digit(line.front())) return parse_dos_line(line);
  refuse(line);
}

/// "type=file;size=10;modify=20261121221744; name"
std::optional<ListedEntry> parse_machine_line(std::string_view line) {
  const auto space = line.find(' ');
  if (space == line.npos) refuse(line);
  auto facts = line.substr(0, space);
  ListedEntry entry;
  std::string type;
  std::optional<std::uint64_t> size;
  while (!facts.empty()) {
    const auto fact = facts.substr(0, facts.find(';'));
    facts.remove_prefix(std::min(facts.size(), fact.size() + 1));
    const auto equals = fact.find('=');
    if (equals == fact.npos) refuse(line);
    const auto key = lower(fact.substr(0, equals));
    const auto value = fact.substr(equals + 1);
    if (key == "type") type = lower(value);
    if (key == "size") size = number(value);
  }
  if (type.empty()) refuse(line);
  entry.is_folder = type == "dir";
  if (!entry.is_folder && type != "file") return std::nullopt;  // cdir, pdir, OS.unix=slink
  if (!entry.is_folder && !size) refuse(line);
  entry.size = entry.is_folder ? 0 : *size;
  entry.name = name_of(line.substr(space + 1), line);
  return entry;
}

template <class ParseLine>
std::vector<ListedEntry> parse_lines(base::ByteView text, ParseLine parse_line) {
  std::vector<ListedEntry> entries;
  auto rest = base::as_text(text);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    // A last line without an end may have been cut.
    if (end == rest.npos || line.size() > line_size_max) refuse(line);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto entry = parse_line(line);
    if (entry && is_kept(*entry)) entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace

std::vector<ListedEntry> parse_plain_listing(base::ByteView text) {
  return parse_lines(text, parse_plain_line);
}

std::vector<ListedEntry> parse_machine_listing(base::ByteView text) {
  return parse_lines(text, parse_machine_line);
}

}  // namespace holdfast::storage
