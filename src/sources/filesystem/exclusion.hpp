#pragma once

#include "sources/filesystem/ignore_rules.hpp"
#include "tree.hpp"

#include <string>
#include <string_view>

namespace holdfast::sources {

/// Decides for the entries of one directory what is left out by name.
class Exclusion {
public:
  /// `levels` are the ignore files that hold here, the nearest first; may be null.
  Exclusion(const Tree& tree, const TreePath& directory, const RuleLevel* levels);

  /// Whether nothing is left out whatever its name.
  bool is_idle() const { return !names_ && tree_.rules().empty() && levels_ == nullptr; }
  bool leaves_out(std::string_view name, IgnoreRules::What what);

private:
  IgnoreRules::Verdict ask(const IgnoreRules& rules, std::size_t path_skip, std::string_view name,
                           IgnoreRules::What what);

  const Tree& tree_;
  const RuleLevel* const levels_;
  const std::set<std::string, std::less<>>* const names_;
  const TreePath& directory_;
  std::string path_;  // relative path of the entry, composed only when a rule needs it
  std::size_t directory_size_ = 0;
  bool path_is_ready_ = false;
};

}  // namespace holdfast::sources
