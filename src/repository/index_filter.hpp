#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace holdfast::repository {

/// The first eight bytes of an id as a number that sorts as the id does.
std::uint64_t sort_key(const base::ChunkId& id);

/// Answers "surely not there" for 99.6 of 100 ids that are not, from memory, with one cache miss.
///
/// A blocked Bloom filter: an id picks a block of 256 bits and one bit in each of its eight words.
/// Chosen over a binary fuse filter (9 bits an id against 12) because blocks follow the order of
/// ids: it is filled front to back while a cache file is written, without holding the ids in
/// memory.
class IndexFilter {
public:
  using Block = std::array<std::uint32_t, 8>;
  static constexpr std::uint64_t bits_per_id = 12;
  static std::uint64_t blocks_for(std::uint64_t ids);

  explicit IndexFilter(std::uint64_t blocks) : blocks_(blocks) {}

  void insert(const base::ChunkId& id);
  bool may_contain(const base::ChunkId& id) const;
  base::ByteView bytes() const { return std::as_bytes(std::span(blocks_)); }
  base::MutableBytes mutable_bytes() { return std::as_writable_bytes(std::span(blocks_)); }

private:
  std::vector<Block> blocks_;
};

}  // namespace holdfast::repository
