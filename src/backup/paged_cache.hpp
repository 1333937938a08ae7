#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/ids.hpp"
#include "repository/paged_map.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::backup {

/// The map of a paged file as this machine's last run left it: which block lies where, and the hash
/// of each, so that a machine that cannot read the repository still finds what changed.
///
/// Errors: what is missing, damaged or of another snapshot means "no map": everything is taken
/// again.
class PagedCache {
public:
  /// `key` names the file within the site.
  PagedCache(const std::string& directory, const std::string& key);

  struct Leaf {
    base::ChunkId id;
    std::vector<repository::BlockReference> blocks;
  };
  /// Opens the map of `snapshot` if it has blocks of `block_size`.
  void open(const base::SnapshotId& snapshot, std::uint32_t block_size);
  std::optional<Leaf> leaf(std::size_t number) const;

  std::size_t leaf_count() const { return leaves_.size(); }

  /// The map of this run is the one that was opened.
  void keep_all();
  /// Collects the map of this run; leaves come in order.
  void add_leaf(const base::ChunkId& id, base::ByteView encoded);
  void commit(const base::SnapshotId& snapshot, std::uint32_t block_size);

private:
  std::string path_;
  base::MappedFile map_;
  std::vector<base::ByteView> leaves_;  // into map_
  base::Bytes next_;
  std::uint64_t next_count_ = 0;
};

}  // namespace holdfast::backup
