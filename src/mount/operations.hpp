#pragma once

#include "base/progress.hpp"
#include "file_tree.hpp"
#include "read_ahead.hpp"
#include "repository/chunk_reader.hpp"
#include "repository/repository.hpp"

#include <atomic>
#include <string>

struct fuse_lowlevel_ops;

namespace holdfast::base {
class Error;
}

namespace holdfast::mount {

/// What answers the kernel. Borrowed by the FUSE session as its user data.
/// Threads: any.
struct Operations {
  repository::Repository& repository;
  repository::ChunkReader& chunks;
  FileTree& tree;
  ReadAhead& ahead;
  base::ProgressObserver& observer;
  bool allow_other = false;
  std::atomic<unsigned> failures = 0;

  /// What somebody wanted cannot be read; said a limited number of times.
  void warn(const std::string& why);
};

/// The calls that are answered; the others are not there, or the kernel refuses them, because the
/// mount is read-only.
const fuse_lowlevel_ops& operations_table();

}  // namespace holdfast::mount
