#include "last_words.hpp"

#include "base/units.hpp"

#include <algorithm>
#include <deque>

namespace holdfast::sources {
namespace {

constexpr std::size_t kept_size_max = 2048;
constexpr std::size_t line_count_max =
    5;  // more than that nobody reads in a hint; all of it was passed on

}  // namespace

void LastWords::add(std::string_view text) {
  if (text.size() > kept_size_max) text.remove_prefix(text.size() - kept_size_max);
  const std::size_t room = kept_size_max - text.size();
  if (kept_.size() > room) kept_.erase(0, kept_.size() - room);
  kept_ += text;
}

std::string LastWords::text() const {
  std::deque<std::string> lines;
  std::string_view rest = kept_;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.empty()) lines.push_back(base::printable(line));
    if (lines.size() > line_count_max) lines.pop_front();
  }
  std::string joined;
  for (const std::string& line : lines) {
    if (!joined.empty()) joined += " | ";
    joined += line;
  }
  return joined;
}

}  // namespace holdfast::sources
