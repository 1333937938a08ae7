#include "storage/rest/rest_protocol.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view last_line_end = "end";
constexpr std::string_view last_line_more = "more";

[[noreturn]] void refuse(const char* why) {
  throw Error(ErrorKind::corrupt, fmt::format("the list of objects {}", why));
}

/// Takes the next line off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == text.npos) refuse("was cut");
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

ObjectInfo parse_object(std::string_view line) {
  const auto blank = line.find(' ');
  const auto size = parse_rest_number(line.substr(0, blank));
  if (blank == line.npos || !size) refuse("has a line without a size");
  ObjectInfo object{std::string(line.substr(blank + 1)), *size};
  try {
    check_name(object.name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    refuse("has a name that is none");
  }
  return object;
}

}  // namespace

std::string format_list_page(const RestListPage& page) {
  std::string text;
  for (const auto& object : page.objects)
    text += fmt::format("{} {}\n", object.size, object.name);
  text += page.has_more ? last_line_more : last_line_end;
  return text + "\n";
}

RestListPage parse_list_page(base::ByteView bytes, const std::string& prefix) {
  RestListPage page;
  for (auto text = base::as_text(bytes);;) {
    const auto line = take_line(text);
    if (line == last_line_end || line == last_line_more) {
      page.has_more = line == last_line_more;
      if (!text.empty()) refuse("goes on after its end");
      if (page.has_more && page.objects.empty()) refuse("has an empty page");
      return page;
    }
    if (page.objects.size() == rest_list_objects_max) refuse("has a page that is too long");
    auto object = parse_object(line);
    if (!object.name.starts_with(prefix)) refuse("has names that were not asked for");
    if (!page.objects.empty() && object.name <= page.objects.back().name) {
      refuse("does not come in order");
    }
    page.objects.push_back(std::move(object));
  }
}

std::optional<std::uint64_t> parse_rest_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [last, code] = std::from_chars(text.begin(), text.end(), number);
  if (text.empty() || code != std::errc{} || last != text.end()) return std::nullopt;
  return number;
}

std::optional<base::Hash> parse_rest_digest(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (text.size() != 2 * base::Hash::size || text.find_first_not_of(digits) != text.npos) {
    return std::nullopt;
  }
  return base::Hash::from_hex(text);
}

}  // namespace holdfast::storage
