#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sources {

/// The path of a directory as a chain of names, so that ten thousand levels cost ten thousand
/// names, not ten thousand paths.
class TreePath {
public:
  /// The root of a source; `path` is absolute.
  static std::shared_ptr<const TreePath> root(std::string path);
  static std::shared_ptr<const TreePath> child(std::shared_ptr<const TreePath> parent,
                                               std::string name);
  /// Chains are dropped link by link: no recursion as deep as the tree.
  ~TreePath();
  TreePath(const TreePath&) = delete;
  TreePath& operator=(const TreePath&) = delete;

  /// Length of absolute(), without composing it.
  std::size_t absolute_size() const { return absolute_size_; }
  std::string absolute() const;
  std::string absolute_of(std::string_view name) const;
  /// Relative to the root of the source, "" for the root itself.
  std::string relative() const;
  /// Components from the root of the source down to here.
  std::vector<std::string_view> components() const;

private:
  TreePath(std::shared_ptr<const TreePath> parent, std::string name);

  std::shared_ptr<const TreePath> parent_;
  std::string name_;  // of the root: its absolute path
  std::size_t absolute_size_;
};

/// "/a" + "b" and "/" + "b".
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace holdfast::sources
