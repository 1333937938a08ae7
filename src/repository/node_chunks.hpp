#pragma once

#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "repository/tree.hpp"

#include <functional>

namespace holdfast::repository {

/// What a node needs beside the directory below it.
struct NodeChunks {
  /// Chunks of content: gets each id in turn; the bytes are not read.
  std::function<void(const base::ChunkId&)> content;
  /// Chunks of metadata (pages of lists and maps), each before it is read.
  std::function<void(const base::ChunkId&)> metadata;
};

/// Reads list and map pages, one at a time, so that a file of any size takes little memory.
/// Errors: corrupt, not_found.
void for_each_chunk_of(const Node& node, ChunkSource& source, const NodeChunks& visit);

}  // namespace holdfast::repository
