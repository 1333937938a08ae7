#include "tree_path.hpp"

#include <algorithm>

namespace holdfast::sources {

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  path += directory;
  if (!path.ends_with('/')) path += '/';
  path += name;
  return path;
}

TreePath::TreePath(std::shared_ptr<const TreePath> parent, std::string name)
    : parent_(std::move(parent)), name_(std::move(name)), absolute_size_(name_.size()) {
  if (!parent_) return;
  const std::size_t above = parent_->absolute_size_;
  // Only "/" ends in a slash, and it is the only path of one byte.
  absolute_size_ += above == 1 ? above : above + 1;
}

std::shared_ptr<const TreePath> TreePath::root(std::string path) {
  return std::shared_ptr<const TreePath>(new TreePath(nullptr, std::move(path)));
}

std::shared_ptr<const TreePath> TreePath::child(std::shared_ptr<const TreePath> parent,
                                                std::string name) {
  return std::shared_ptr<const TreePath>(new TreePath(std::move(parent), std::move(name)));
}

TreePath::~TreePath() {
  if (!parent_) return;
  // Dropping a parent here would drop its parent in turn, one stack frame a level. So each
  // destructor only hands its parent over, and the outermost one drops them one after the other.
  // NOLINTBEGIN(misc-use-internal-linkage): both are local to this function
  thread_local std::vector<std::shared_ptr<const TreePath>> handed_over;
  thread_local bool dropping = false;
  // NOLINTEND(misc-use-internal-linkage)
  handed_over.push_back(std::move(parent_));
  if (dropping) return;
  dropping = true;
  while (!handed_over.empty()) {
    const auto next = std::move(handed_over.back());
    handed_over.pop_back();
  }
  dropping = false;
}

std::vector<std::string_view> TreePath::components() const {
  std::vector<std::string_view> names;
  for (const TreePath* node = this; node->parent_; node = node->parent_.get())
    names.push_back(node->name_);
  std::reverse(names.begin(), names.end());
  return names;
}

std::string TreePath::relative() const {
  std::string path;
  for (const std::string_view name : components()) {
    if (!path.empty()) path += '/';
    path += name;
  }
  return path;
}

std::string TreePath::absolute() const {
  const TreePath* top = this;
  while (top->parent_)
    top = top->parent_.get();
  return top == this ? name_ : join_path(top->name_, relative());
}

std::string TreePath::absolute_of(std::string_view name) const {
  return join_path(absolute(), name);
}

}  // namespace holdfast::sources
