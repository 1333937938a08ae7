#include "index_filter.hpp"

#include "base/little_endian.hpp"

#include <bit>

namespace holdfast::repository {

namespace {

__extension__ using Wide = unsigned __int128;

struct Place {
  std::size_t block;
  std::uint64_t bits;  // five bits for each word
};

// Ids are keyed hashes, so their own bytes are as good as any hash of them: the first eight pick
// the block, the next eight the bits.
Place place_of(const base::ChunkId& id, std::size_t blocks) {
  const auto scaled = Wide{sort_key(id)} * blocks;
  return {static_cast<std::size_t>(scaled >> 64),
          base::load_le<std::uint64_t>(id.view().data() + 8)};
}

}  // namespace

std::uint64_t sort_key(const base::ChunkId& id) { return __builtin_bswap64(id.prefix64()); }

std::uint64_t IndexFilter::blocks_for(std::uint64_t ids) {
  return ids * bits_per_id / (8 * sizeof(Block)) + 1;
}

void IndexFilter::insert(const base::ChunkId& id) {
  auto [block, bits] = place_of(id, blocks_.size());
  for (auto& word : blocks_[block]) {
    word |= 1U << (bits & 31);
    bits >>= 5;
  }
}

bool IndexFilter::may_contain(const base::ChunkId& id) const {
  auto [block, bits] = place_of(id, blocks_.size());
  for (const auto word : blocks_[block]) {
    if ((word >> (bits & 31) & 1) == 0) return false;
    bits >>= 5;
  }
  return true;
}

}  // namespace holdfast::repository
