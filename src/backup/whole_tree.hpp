#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "file_cache.hpp"
#include "repository/tree.hpp"

#include <optional>
#include <span>
#include <vector>

namespace holdfast::backup {

/// The whole tree that a directory of the cache is, or stands on: what its next state is compared
/// with. Taken from the cache alone, so that a machine that cannot read the repository stores as
/// little as one that can. Views into the cache.
struct RememberedTree {
  base::ChunkId id;
  std::vector<repository::EncodedNode> nodes;
};
/// Nothing when it has too many entries to be compared, or the record makes no sense.
std::optional<RememberedTree> whole_tree_of(const CachedDirectory& directory);

/// What turns `nodes` into those of `before` again: CachedDirectory::overlay() of a directory that
/// is stored as differences. Layout: id of the whole tree 32; then for each name that differs its
/// name and its node there, each after its length as a varint; length 0 when it has none there.
base::Bytes encode_way_back(std::span<const repository::EncodedNode> nodes,
                            const RememberedTree& before);

}  // namespace holdfast::backup
