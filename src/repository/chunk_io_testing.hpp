#pragma once

#include "base/error.hpp"
#include "crypto/blake3.hpp"
#include "repository/chunk_io.hpp"

#include <map>
#include <set>

namespace holdfast::repository {

/// Metadata chunks in memory, for tests of what is made of pages.
class MemoryChunks final : public ChunkSink, public ChunkSource {
public:
  base::ChunkId store(base::ByteView bytes) override {
    const auto id = base::ChunkId::from_bytes(crypto::blake3(bytes).view());
    bytes_stored += bytes.size();
    pages.insert_or_assign(id, base::copy_of(bytes));
    return id;
  }
  base::Bytes load(const base::ChunkId& id) override {
    const auto found = pages.find(id);
    if (found == pages.end()) throw base::Error(base::ErrorKind::not_found, "no such chunk");
    loaded.insert(id);
    return found->second;
  }

  std::map<base::ChunkId, base::Bytes> pages;
  std::set<base::ChunkId> loaded;
  std::size_t bytes_stored = 0;  // each time, also what was there
};

}  // namespace holdfast::repository
