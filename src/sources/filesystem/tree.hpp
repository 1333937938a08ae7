#pragma once

#include "base/fd.hpp"
#include "entry_reader.hpp"
#include "handle_cache.hpp"
#include "path_list.hpp"
#include "sources/filesystem/filesystem_source.hpp"
#include "sources/filesystem/ignore_rules.hpp"
#include "tree_path.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace holdfast::sources {

/// The patterns of one ignore file and of those above it.
struct RuleLevel {
  IgnoreRules rules;
  std::size_t path_skip = 0;  // how much of a path relative to the source stands above these rules
  std::size_t depth = 1;
  std::shared_ptr<const RuleLevel> above;
};

/// What all directories of one source share. Lives as long as any of them.
/// Threads: all calls are safe.
class Tree {
public:
  Tree(std::string path, FilesystemOptions options, std::optional<PathList> list);

  const std::string& path() const { return path_; }
  const FilesystemOptions& options() const { return options_; }
  const IgnoreRules& rules() const { return rules_; }
  const PathList* list() const { return list_ ? &*list_ : nullptr; }
  EntryReader& reader() { return reader_; }
  HandleCache& handles() { return handles_; }
  std::uint64_t root_device() const { return root_device_; }

  /// Calls `open` (a descriptor, or -1 and errno); when descriptors run out, frees some and tries
  /// again. Errors: what errno says, `doing` naming act and thing; conflict when another kind of
  /// thing has the name.
  base::Fd open_with(const std::function<int()>& open, const std::function<std::string()>& doing);
  /// A directory of this tree by its path, in hops that are short enough for the kernel.
  base::Fd open_directory(const TreePath& path);
  /// Names that are left out of the directory at `path` because of `exclude_paths`; nothing when
  /// there are none.
  const std::set<std::string, std::less<>>* excluded_names(const TreePath& path) const;

private:
  void add_excluded_path(const std::string& path);

  const std::string path_;
  const FilesystemOptions options_;
  const std::optional<PathList> list_;
  IgnoreRules rules_;
  std::uint64_t root_device_;
  EntryReader reader_;
  HandleCache handles_;
  std::unordered_map<std::string, std::set<std::string, std::less<>>> excluded_;  // by directory
  std::set<std::size_t> excluded_directory_sizes_;
};

/// Absolute, without ".", "..", double or trailing slashes. ".." is resolved as the kernel would.
/// Errors: invalid_input for a path that is not absolute or has a zero byte.
std::string normalize_path(const std::string& path);

}  // namespace holdfast::sources
