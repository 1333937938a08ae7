#pragma once

#include "browse/snapshot_view.hpp"
#include "repository/chunk_io.hpp"
#include "repository/snapshot.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::browse {

/// What a path means in a snapshot. Paths are absolute raw bytes as they were at the source
/// ("/srv/blog/uploads/a.png"); a path above several items ("/srv") is a directory that only the
/// items' paths make.
struct Found {
  std::string path;                                // normalised: no "//", no trailing '/'
  const repository::SnapshotItem* item = nullptr;  // the item it lies in; null above all items
  /// Nothing when it is above an item and no ancestor entry is known.
  std::optional<repository::Node> node;
  std::vector<const repository::SnapshotItem*> below;  // items that begin below the path
};

/// Errors: not_found, naming the longest part of the path that exists; invalid_input for "..",
/// empty and relative paths.
Found look_up(const repository::Snapshot& snapshot, std::string_view path,
              repository::ChunkSource& chunks);

/// Splits "SNAPSHOT[:/SUB]" at the first ":/". The path is empty when there is none.
struct SnapshotAndPath {
  std::string snapshot;
  std::string path;
};
SnapshotAndPath split_target(std::string_view text);

/// Visits `found` and all below it, depth first in byte order of names; a directory before its
/// entries. The visitor says whether to go into a directory. Long lists of nodes are detached,
/// those of `found` itself are not.
void walk(
    const Found& found, repository::ChunkSource& chunks,
    const std::function<Descend(const std::string& path, const repository::Node& node)>& visit);

}  // namespace holdfast::browse
