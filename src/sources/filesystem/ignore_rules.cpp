#include "sources/filesystem/ignore_rules.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

namespace holdfast::sources {
namespace {

/// Spaces at the end do not count unless a backslash stands before them.
std::string_view without_trailing_spaces(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\' && at + 1 < line.size()) {
      end = ++at + 1;
    } else if (line[at] != ' ') {
      end = at + 1;
    }
  }
  return line.substr(0, end);
}

}  // namespace

void IgnoreRules::add(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with('#')) return;
  line = without_trailing_spaces(line);
  if (line.find('\0') != std::string_view::npos)
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("the pattern '{}' has a zero byte", base::printable(line)));
  const bool negated = line.starts_with('!');
  if (negated) line.remove_prefix(1);
  const bool directory_only = line.ends_with('/');
  if (directory_only) line.remove_suffix(1);
  if (line.empty()) return;
  const bool anchored = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  rules_.push_back({Glob(line), negated, directory_only, anchored});
  needs_path_ = needs_path_ || anchored;
}

IgnoreRules::Verdict IgnoreRules::match(std::string_view path, What what) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->directory_only && what != What::directory) continue;
    if (!rule->glob.matches(rule->anchored ? path : name)) continue;
    return rule->negated ? Verdict::included : Verdict::ignored;
  }
  return Verdict::none;
}

}  // namespace holdfast::sources
