#pragma once

#include "config/config.hpp"
#include "repository/snapshot.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::cli {

/// One source, named but not opened.
struct PlannedSource {
  enum class Kind : std::uint8_t { tree, path_list, sqlite, standard_input, command };
  Kind kind = Kind::tree;
  repository::ItemKind item = repository::ItemKind::files;
  std::string path;                    // absolute; for streams the name in the snapshot
  std::vector<std::string> paths;      // path_list: absolute
  std::vector<std::string> arguments;  // command: no shell
  /// A database that does not open is taken as plain files, with its companions, as it lies there.
  bool plain_if_broken = false;
};

/// What one run takes.
struct SourcePlan {
  std::string site;
  std::vector<std::string> tags;
  std::vector<PlannedSource> sources;
  std::vector<std::string> exclude;        // gitignore patterns, for trees
  std::vector<std::string> exclude_paths;  // absolute: left out of every tree
  bool one_file_system = false;
  bool skip_caches = false;
  std::optional<std::uint64_t> file_size_max;
};

/// The site of paths that are given without a name.
inline constexpr const char* default_site = "default";

/// What a configured site takes. Errors: unsupported for a database that this version cannot take,
/// naming it and its place in the file.
SourcePlan plan_of(const config::Site& site, const std::string& config_path);

/// A tree at `path`.
PlannedSource planned_tree(repository::ItemKind item, std::string path);
PlannedSource planned_sqlite(std::string path);

/// `path` made absolute from `working_directory`, without ".", doubled and trailing slashes. A path
/// with ".." is resolved through the symlinks up to there. Errors: invalid_input when empty.
std::string absolute_path(const std::string& path, const std::string& working_directory);

/// Whether `path` is `directory` or lies below it; both absolute.
bool is_beneath(const std::string& path, const std::string& directory);

/// Leaves out of each tree what must not be in it: other sources of the plan that lie inside,
/// doubled sources, and `own` paths (the repository and the cache themselves). Returns the own
/// paths that would have been taken.
std::vector<std::string> separate(SourcePlan& plan, const std::vector<std::string>& own);

/// Paths of a list separated by newlines, or by zero bytes when `zero` is set; empty ones are left
/// out.
enum class Separator : std::uint8_t { newline, zero };
std::vector<std::string> split_paths(std::string_view text, Separator separator);

}  // namespace holdfast::cli
