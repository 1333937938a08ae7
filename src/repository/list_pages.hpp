// Long chunk and hole lists in pages of their own: an append to a file of 10 TB rewrites the last
// page and the way up.
#pragma once

#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "repository/tree.hpp"

#include <functional>
#include <vector>

namespace holdfast::repository {

ListReference write_chunk_list(const std::vector<base::ChunkId>& chunks, ChunkSink& sink);
ListReference write_hole_list(const std::vector<sources::Hole>& holes, ChunkSink& sink);
/// Errors: corrupt unless the list has exactly as many items as the reference says.
std::vector<base::ChunkId> read_chunk_list(const ListReference& list, ChunkSource& source);
std::vector<sources::Hole> read_hole_list(const ListReference& list, ChunkSource& source);
/// Every page of a list, each before it is loaded.
void for_each_list_page(const ListReference& list, ChunkSource& source,
                        const std::function<void(const base::ChunkId&)>& visit);

/// One page as it lies in a chunk, for tests and fuzzing.
struct ListPage {
  std::uint64_t level = 0;
  std::vector<base::ChunkId> chunks;
  std::vector<sources::Hole> holes;
  std::vector<ListReference> children;
  bool operator==(const ListPage&) const = default;
};
base::Bytes encode_list_page(const ListPage& page);
ListPage decode_list_page(base::ByteView bytes);

}  // namespace holdfast::repository
