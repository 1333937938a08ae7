#include "browse/hard_links.hpp"

#include "base/bytes.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

namespace holdfast::browse {

base::Hash content_identity(const repository::Node& node) {
  crypto::Blake3 hash;
  base::Bytes fixed;
  base::put_le<std::uint64_t>(fixed, node.entry.size);
  for (const auto& hole : node.entry.holes) {
    base::put_le<std::uint64_t>(fixed, hole.offset);
    base::put_le<std::uint64_t>(fixed, hole.length);
  }
  hash.update(fixed);
  if (node.hole_list) hash.update(node.hole_list->page.view());
  if (node.paged) hash.update(node.paged->map_root.view());
  if (node.chunk_list) hash.update(node.chunk_list->page.view());
  for (const auto& chunk : node.chunks)
    hash.update(chunk.view());
  return hash.finish();
}

}  // namespace holdfast::browse
