#pragma once

#include "sources/source.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::sources {

/// What of a tree is taken.
struct FilesystemOptions {
  std::vector<std::string> exclude;        // gitignore patterns, relative to the root of the source
  std::vector<std::string> ignore_files;   // names of files with such patterns, read in each
                                           // directory (".holdfastignore")
  std::vector<std::string> exclude_paths;  // absolute paths left out (databases that are taken by
                                           // their own source, with -wal, -shm, -journal)
  bool one_file_system = false;
  bool skip_cache_directories =
      false;  // CACHEDIR.TAG with its signature: the tag is kept, the rest is left out
  std::optional<std::uint64_t> file_size_max;
};

/// A directory tree (or a single file) of this machine, read by directory handles, so that no path
/// is too long and no symlink is followed. Errors: invalid_input for a path that is not absolute or
/// a pattern that makes no sense.
std::unique_ptr<TreeSource> open_filesystem(const std::string& path,
                                            const FilesystemOptions& options);

/// Exactly the listed absolute paths (--files-from), each a file or directory (taken without what
/// is below it unless that is listed too), under their common root.
std::unique_ptr<TreeSource> open_path_list(const std::vector<std::string>& paths);

}  // namespace holdfast::sources
