#include "node_chunks.hpp"

#include "base/error.hpp"
#include "list_pages.hpp"
#include "repository/paged_map.hpp"

namespace holdfast::repository {

void for_each_chunk_of(const Node& node, ChunkSource& source, const NodeChunks& visit) {
  for (const auto& chunk : node.chunks)
    visit.content(chunk);
  if (node.chunk_list) {
    for_each_list_page(*node.chunk_list, source, [&](const base::ChunkId& page) {
      visit.metadata(page);
      for (const auto& chunk : decode_list_page(source.load(page)).chunks)
        visit.content(chunk);
    });
  }
  if (node.hole_list) for_each_list_page(*node.hole_list, source, visit.metadata);
  if (node.paged) {
    const auto block = std::uint64_t{node.paged->block_size};
    if (block == 0) throw base::Error(base::ErrorKind::corrupt, "a paged file has no block size");
    const auto blocks = node.paged->size / block + (node.paged->size % block != 0 ? 1 : 0);
    for_each_map_page(node.paged->map_root, blocks, source, visit.metadata, visit.content);
  }
}

}  // namespace holdfast::repository
