#include "path_list.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace holdfast::sources {
namespace {

/// Byte order with the slash before everything else: then "a", "a/b", "a-b" stand in this order.
bool component_order(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    if (x == '/' || y == '/') return x == '/' && y != '/';
    return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
  });
}

std::string common_directory(std::string_view first, std::string_view last) {
  const auto [a, b] = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  auto length = static_cast<std::size_t>(a - first.begin());
  const bool first_ends = a == first.end() && (b == last.end() || *b == '/');
  if (!first_ends) length = first.substr(0, length).rfind('/');
  return length == 0 ? "/" : std::string(first.substr(0, length));
}

}  // namespace

PathList::PathList(std::vector<std::string> paths) : paths_(std::move(paths)) {
  HF_ASSERT(!paths_.empty(), "an empty list is refused where it is read");
  std::sort(paths_.begin(), paths_.end(), component_order);
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
  root_ = common_directory(paths_.front(), paths_.back());
  if (paths_.front() == "/") root_ = "/";
}

PathList::Range PathList::root_range() const {
  return {0, paths_.size(), root_ == "/" ? 1 : root_.size() + 1};
}

/// Empty when the path is the directory itself.
std::string_view PathList::name_in(std::size_t path, const Range& range) const {
  const std::string_view text = paths_[path];
  if (text.size() <= range.name_at) return {};
  return text.substr(range.name_at, text.find('/', range.name_at) - range.name_at);
}

PathList::Range PathList::below(const Range& range, std::string_view name) const {
  const auto first = paths_.begin() + static_cast<std::ptrdiff_t>(range.begin);
  const auto last = paths_.begin() + static_cast<std::ptrdiff_t>(range.end);
  const auto name_of_path = [&](const std::string& path) {
    return name_in(static_cast<std::size_t>(&path - paths_.data()), range);
  };
  const auto begin = std::partition_point(
      first, last, [&](const std::string& path) { return name_of_path(path) < name; });
  const auto end = std::partition_point(
      begin, last, [&](const std::string& path) { return name_of_path(path) == name; });
  return {static_cast<std::size_t>(begin - paths_.begin()),
          static_cast<std::size_t>(end - paths_.begin()), range.name_at + name.size() + 1};
}

std::vector<PathList::Child> PathList::children(const Range& range) const {
  std::vector<Child> found;
  for (std::size_t at = range.begin; at < range.end;) {
    const std::string_view name = name_in(at, range);
    if (name.empty()) {
      ++at;
      continue;
    }
    const Range child = below({at, range.end, range.name_at}, name);
    found.push_back({name, child});
    at = child.end;
  }
  return found;
}

std::vector<std::string> PathList::strictly_below(const Range& range) const {
  std::vector<std::string> found;
  for (std::size_t at = range.begin; at < range.end; ++at)
    if (!name_in(at, range).empty()) found.push_back(paths_[at]);
  return found;
}

}  // namespace holdfast::sources
