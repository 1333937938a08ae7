#pragma once

#include "sources/filesystem/glob.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sources {

/// gitignore patterns of one level: negation, anchoring, directory-only, `*`, `?`, `[a-z]`, `**`.
/// The last matching pattern decides. Matching is linear in pattern times name (no backtracking
/// blow-up).
class IgnoreRules {
public:
  enum class Verdict { none, ignored, included };
  enum class What { file, directory };

  /// Lines of a gitignore file, or patterns one by one. Empty lines and comments add nothing.
  /// Errors: invalid_input naming the pattern.
  void add(std::string_view line);
  bool empty() const { return rules_.empty(); }
  /// Whether some pattern looks at more than the last component: else match() takes a bare name
  /// just as well.
  bool needs_path() const { return needs_path_; }
  /// `path` is relative to where the patterns stand, without leading slash.
  Verdict match(std::string_view path, What what) const;

private:
  struct Rule {
    Glob glob;
    bool negated = false;
    bool directory_only = false;
    bool anchored = false;
  };
  std::vector<Rule> rules_;
  bool needs_path_ = false;
};

}  // namespace holdfast::sources
