#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/ids.hpp"
#include "fingerprint.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::backup {

/// One directory as the last run saw it; a view into the mapped cache.
///
/// Shape: `count()` entries in name order, each with its fingerprint, name key, encoded node and,
///        for a directory, where the record of that directory is (0: none).
class CachedDirectory {
public:
  CachedDirectory(base::ByteView record, std::uint64_t offset);

  std::uint64_t offset() const { return offset_; }
  std::size_t count() const { return count_; }
  base::ChunkId tree() const;
  Fingerprint fingerprint(std::size_t i) const { return word(tree_end + i * 8); }
  std::uint64_t name_key(std::size_t i) const { return word(tree_end + (count_ + i) * 8); }
  std::uint64_t child(std::size_t i) const { return word(tree_end + (2 * count_ + i) * 8); }
  base::ByteView node(std::size_t i) const;
  /// What was remembered with it about the tree that it stands on; empty when that is itself.
  base::ByteView overlay() const;

  /// header: u32 magic, u32 count, u64 record size, u64 checksum of what follows; then the tree id.
  static constexpr std::size_t header_size = 24;
  static constexpr std::size_t tree_end = header_size + 32;

private:
  std::uint64_t word(std::size_t at) const;

  base::ByteView record_;
  std::uint64_t offset_;
  std::size_t count_;
};

/// One entry of a directory to remember.
struct CacheEntry {
  Fingerprint fingerprint = 0;
  std::uint64_t name_key = 0;
  std::uint64_t child = 0;
  base::ByteView node;
};

/// What this machine remembers of its last run for a site, so that unchanged files are not opened
/// and unchanged directories not encoded again. It is worth nothing without the snapshot that it
/// describes: what that refers to is in the repository for sure.
///
/// How:    records are appended to one file as directories are finished; a small root file names
/// the snapshot and
///         where each item's record starts, and is replaced only after that snapshot was committed.
///         Garbage is left behind when the next run starts a new file (when less than a third is
///         live).
/// Errors: whatever is missing, damaged, of another repository or held by another process means "no
/// cache", never a failure.
class FileCache {
public:
  /// `directory` is the repository's cache folder. Takes a lock on the site's cache for as long as
  /// it lives.
  FileCache(const std::string& directory, const std::string& site);

  /// Whether another process has the cache: then nothing is found and nothing kept.
  bool in_use_elsewhere() const { return !lock_; }
  /// The snapshot that the cache describes.
  std::optional<base::SnapshotId> snapshot() const { return snapshot_; }
  /// Forgets everything: reads find nothing, the next run writes a new file.
  void disregard();

  /// A root remembered under `item` (a path or anything that names it).
  struct Root {
    Fingerprint fingerprint = 0;
    std::uint64_t child = 0;
    base::Bytes node;
    std::string token;  // of paged sources
  };
  const Root* find_root(const std::string& item) const;
  std::optional<CachedDirectory> directory(std::uint64_t offset) const;

  /// Appends a record, returns its offset.
  std::uint64_t add_directory(const base::ChunkId& tree, std::span<const CacheEntry> entries,
                              base::ByteView overlay = {});
  /// The offset of an unchanged directory in the cache that this run leaves: itself, or its copy in
  /// a new file.
  std::uint64_t keep_directory(const CachedDirectory& directory,
                               std::span<const std::uint64_t> children);
  void set_root(const std::string& item, Root root);
  /// Makes the run's records the ones that the next run finds.
  void commit(const base::SnapshotId& snapshot);
  bool rewriting() const { return rewriting_; }

private:
  void load();
  void start_new_file();
  void flush();
  std::string data_path(std::uint64_t generation) const;

  std::string base_path_;
  base::Fd lock_;
  base::Fd data_;
  base::MappedFile old_;
  std::optional<base::SnapshotId> snapshot_;
  std::map<std::string, Root> roots_;
  std::map<std::string, Root> new_roots_;
  std::uint64_t generation_ = 0;
  std::uint64_t end_ = 0;         // where the next record goes
  std::uint64_t live_bytes_ = 0;  // of the last run
  bool rewriting_ = false;
  base::Bytes pending_;  // appended, not yet written
};

}  // namespace holdfast::backup
