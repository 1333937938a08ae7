#pragma once

#include "index_cache_file.hpp"
#include "index_segment.hpp"
#include "repository/index.hpp"
#include "repository/keys.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace holdfast::repository {

/// The folder of cache files of one repository, shared by all processes of this user.
///
/// A file stands for the index segments that it names, and its name is the hash of theirs, so that
/// two processes that make the same file make it alike. Files are made whole and never changed; one
/// that is removed stays readable for those who have it open. So nothing is locked: at worst two
/// processes fetch the same segments. Threads: one call at a time.
class IndexCache {
public:
  /// Shared, because a search may go on in a file that was replaced meanwhile.
  using File = std::shared_ptr<IndexCacheFile>;

  IndexCache(storage::Backend& backend, base::RepositoryId repository, const KeyBundle& keys,
             std::string directory, unsigned io_threads);

  /// The files that together stand for what is in the store, each index segment once. `open_now`
  /// are reused.
  std::vector<File> refresh(const std::vector<File>& open_now);
  File write(std::vector<base::IndexId> sources, const std::vector<IndexSegmentBody>& bodies);
  /// The same file made anew from the store; with less in it, or null, when the store lost some.
  File replace(const IndexCacheFile& damaged);
  /// Merges the smallest of `files` so that no more than `files_max` are left; true if it changed
  /// anything.
  bool compact(std::vector<File>& files, std::size_t files_max);
  /// Index segments in the store that do not open, as found by refresh.
  const std::vector<DamagedIndexSegment>& damaged() const { return damaged_; }

private:
  struct Stored {
    base::IndexId id;
    std::uint64_t size = 0;
  };
  std::vector<File> refresh_once(const std::vector<File>& open_now);
  std::vector<std::string> list_files() const;
  std::vector<Stored> list_store() const;
  File open_or_remove(const std::string& path, const std::vector<File>& open_now);
  std::vector<File> fetch(std::vector<Stored> wanted);
  File fetch_batch(std::span<const Stored> batch);
  /// One file in place of several, which are removed.
  File merge(const std::vector<File>& files);
  std::string path_for(std::vector<base::IndexId> sources) const;

  storage::Backend& backend_;
  const base::RepositoryId repository_;
  const KeyBundle& keys_;
  const std::string directory_;
  /// Reads in flight while fetching: a remote store answers many small reads no slower than one.
  const std::size_t io_threads_;
  std::mutex damaged_mutex_;
  std::vector<DamagedIndexSegment> damaged_;
  bool any_vanished_ = false;  // between a listing and the reading of what it named
};

}  // namespace holdfast::repository
