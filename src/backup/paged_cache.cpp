#include "paged_cache.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/little_endian.hpp"

#include <xxhash.h>

namespace holdfast::backup {
namespace {

// header: u64 magic, u64 checksum of the rest, snapshot id, u32 block size, u64 leaf count; then
// per leaf u32 size, id, map page
constexpr std::uint64_t magic = 0x3147503146484648ULL;
constexpr std::size_t checked_from = 16;

}  // namespace

PagedCache::PagedCache(const std::string& directory, const std::string& key)
    : path_(directory + "/pages-" + std::to_string(XXH3_64bits(key.data(), key.size()))) {}

void PagedCache::open(const base::SnapshotId& snapshot, std::uint32_t block_size) {
  leaves_.clear();
  try {
    map_ = base::MappedFile::open(path_);
    base::ByteReader reader(map_.view(), "page cache");
    const bool same_format = reader.take<std::uint64_t>() == magic;
    const auto checksum = reader.take<std::uint64_t>();
    const auto rest = map_.view().subspan(checked_from);
    if (!same_format || checksum != XXH3_64bits(rest.data(), rest.size())) return;
    if (base::SnapshotId::from_bytes(reader.take_bytes(32)) != snapshot) return;
    if (reader.take<std::uint32_t>() != block_size) return;
    for (auto count = reader.take<std::uint64_t>(); count > 0; --count) {
      const auto size = reader.take<std::uint32_t>();
      leaves_.push_back(reader.take_bytes(size));
    }
  } catch (const base::Error&) {
    leaves_.clear();  // missing or damaged: taken again and written anew
  }
}

std::optional<PagedCache::Leaf> PagedCache::leaf(std::size_t number) const {
  if (number >= leaves_.size()) return std::nullopt;
  const auto bytes = leaves_[number];
  return Leaf{base::ChunkId::from_bytes(bytes.first(32)),
              repository::decode_map_page(bytes.subspan(32))};
}

void PagedCache::keep_all() {
  for (const auto leaf : leaves_)
    add_leaf(base::ChunkId::from_bytes(leaf.first(32)), leaf.subspan(32));
}

void PagedCache::add_leaf(const base::ChunkId& id, base::ByteView encoded) {
  base::put_le(next_, static_cast<std::uint32_t>(32 + encoded.size()));
  base::append(next_, id.view());
  base::append(next_, encoded);
  ++next_count_;
}

void PagedCache::commit(const base::SnapshotId& snapshot, std::uint32_t block_size) {
  base::Bytes rest;
  base::append(rest, snapshot.view());
  base::put_le(rest, block_size);
  base::put_le(rest, next_count_);
  base::append(rest, next_);
  base::Bytes file;
  base::put_le(file, magic);
  base::put_le(file, std::uint64_t{XXH3_64bits(rest.data(), rest.size())});
  base::append(file, rest);
  base::write_cache(path_, file, 0600);
}

}  // namespace holdfast::backup
