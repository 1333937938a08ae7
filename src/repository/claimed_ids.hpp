#pragma once

#include "base/ids.hpp"

#include <array>
#include <mutex>
#include <unordered_set>

namespace holdfast::repository {

/// Ids of chunks that some thread of this run took on and that no index finds yet. Any thread.
class ClaimedIds {
public:
  bool contains(const base::ChunkId& id) {
    auto& shard = shard_of(id);
    const std::lock_guard lock(shard.mutex);
    return shard.ids.contains(id);
  }
  /// False when it was there already.
  bool insert(const base::ChunkId& id) {
    auto& shard = shard_of(id);
    const std::lock_guard lock(shard.mutex);
    return shard.ids.insert(id).second;
  }
  void erase(const base::ChunkId& id) {
    auto& shard = shard_of(id);
    const std::lock_guard lock(shard.mutex);
    shard.ids.erase(id);
  }

private:
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_set<base::ChunkId> ids;
  };
  // By another byte than the sets use first, so that a shard's ids spread over its buckets.
  Shard& shard_of(const base::ChunkId& id) {
    return shards_[static_cast<std::size_t>(id.view()[31]) % shards_.size()];
  }

  std::array<Shard, 64> shards_;
};

}  // namespace holdfast::repository
