#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>

namespace holdfast::repository {

/// Takes chunks of metadata (tree pages, file contents lists, map pages) and gives their ids.
class ChunkSink {
public:
  virtual ~ChunkSink() = default;
  virtual base::ChunkId store(base::ByteView bytes) = 0;
};

/// Gives chunks back. Errors: not_found when the index does not know it, corrupt when the bytes are
/// not what the id says.
class ChunkSource {
public:
  virtual ~ChunkSource() = default;
  virtual base::Bytes load(const base::ChunkId& id) = 0;
};

}  // namespace holdfast::repository
