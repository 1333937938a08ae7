#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "repository/tree.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::repository {

/// Where one block of a paged file is: slot `slot` of a superblock chunk; or it is all zero.
struct BlockReference {
  base::ChunkId superblock;  // unused when zero
  std::uint16_t slot = 0;    // in blocks from the start of the superblock; unused when zero
  bool zero = false;
  std::uint64_t hash = 0;  // keyed, first 8 bytes: changes are found by it
  bool operator==(const BlockReference&) const = default;
};

/// 512 blocks of a paged file: a leaf of its Merkle map, stored as a metadata chunk.
inline constexpr std::size_t blocks_per_map_page = 512;
/// Blocks that a map has at most: 32 TiB of 8 KiB.
inline constexpr std::uint64_t map_blocks_max = std::uint64_t{1} << 32;

base::Bytes encode_map_page(const std::vector<BlockReference>& blocks);
/// Errors: corrupt.
std::vector<BlockReference> decode_map_page(base::ByteView bytes);

/// The superblocks that a leaf names, each once; and the pages that an inner page names.
/// Errors: corrupt.
std::vector<base::ChunkId> superblocks_of_map_page(base::ByteView bytes);
std::vector<base::ChunkId> children_of_map_index_page(base::ByteView bytes);

/// Writes inner pages over `leaves` (512 a page, levels as needed). Returns the root: the leaf
/// itself when there is one.
base::ChunkId write_map(const std::vector<base::ChunkId>& leaves, ChunkSink& sink);
/// The leaves of a map in order. `block_count` bounds what is read. Errors: corrupt when it does
/// not have exactly the leaves that the block count needs.
std::vector<base::ChunkId> read_map(const base::ChunkId& root, std::uint64_t block_count,
                                    ChunkSource& source);
/// All page ids of a map (inner and leaf), each before it is loaded, for check and collection;
/// `superblock` gets the superblocks that leaves name, once for each leaf.
void for_each_map_page(const base::ChunkId& root, std::uint64_t block_count, ChunkSource& source,
                       const std::function<void(const base::ChunkId& page)>& page,
                       const std::function<void(const base::ChunkId& chunk)>& superblock);

}  // namespace holdfast::repository
