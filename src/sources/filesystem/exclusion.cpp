#include "exclusion.hpp"

namespace holdfast::sources {

Exclusion::Exclusion(const Tree& tree, const TreePath& directory, const RuleLevel* levels)
    : tree_(tree), levels_(levels), names_(tree.excluded_names(directory)), directory_(directory) {}

bool Exclusion::leaves_out(std::string_view name, IgnoreRules::What what) {
  if (names_ != nullptr && names_->contains(name)) return true;
  // As in git, the word of the operator stands above files in the tree, and near files above far
  // ones.
  IgnoreRules::Verdict verdict = ask(tree_.rules(), 0, name, what);
  for (const RuleLevel* level = levels_; level != nullptr && verdict == IgnoreRules::Verdict::none;
       level = level->above.get())
    verdict = ask(level->rules, level->path_skip, name, what);
  return verdict == IgnoreRules::Verdict::ignored;
}

IgnoreRules::Verdict Exclusion::ask(const IgnoreRules& rules, std::size_t path_skip,
                                    std::string_view name, IgnoreRules::What what) {
  if (!rules.needs_path()) return rules.match(name, what);
  if (!path_is_ready_) {
    path_ = directory_.relative();
    if (!path_.empty()) path_ += '/';
    directory_size_ = path_.size();
    path_is_ready_ = true;
  }
  path_.resize(directory_size_);
  path_ += name;
  return rules.match(std::string_view(path_).substr(path_skip), what);
}

}  // namespace holdfast::sources
