#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sources {

/// Listed paths as a tree: sorted so that everything below a directory is one range, and a
/// directory is that range. No nodes are made, a million paths cost a million strings.
class PathList {
public:
  /// All that is listed at or below one directory.
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t name_at = 0;  // where in each path the names below this directory start
  };
  struct Child {
    std::string_view name;
    Range range;
  };

  /// Absolute paths without "." or trailing slashes, at least one; equal ones count once.
  explicit PathList(std::vector<std::string> paths);

  /// The deepest directory (or the one listed path) that holds them all.
  const std::string& common_root() const { return root_; }
  Range root_range() const;
  /// In byte order of their names.
  std::vector<Child> children(const Range& range) const;
  /// An empty range when nothing is listed there.
  Range below(const Range& range, std::string_view name) const;
  /// The listed paths that lie below the directory of `range`, not itself.
  std::vector<std::string> strictly_below(const Range& range) const;

private:
  std::string_view name_in(std::size_t path, const Range& range) const;

  std::vector<std::string> paths_;
  std::string root_;
};

}  // namespace holdfast::sources
