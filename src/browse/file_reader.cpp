#include "browse/file_reader.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace holdfast::browse {

namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void wrong_size(const repository::Node& node) {
  throw Error(ErrorKind::corrupt, fmt::format("the content of {} is not as long as its entry says",
                                              base::printable(node.entry.name)));
}

void copy(base::ByteView from, base::MutableBytes into) {
  if (!from.empty()) std::memcpy(into.data(), from.data(), from.size());
}

}  // namespace

FileReader::FileReader(repository::Node node, repository::Repository& repository,
                       repository::ChunkReader& chunks)
    : node_(std::move(node)), repository_(repository), chunks_(chunks) {
  repository::attach_lists(node_, chunks_);
  if (node_.paged)
    lay_out_pages();
  else
    lay_out_chunks();
}

void FileReader::lay_out_chunks() {
  auto locations = repository_.index().find_all(node_.chunks);
  const auto is_missing = [](const auto& location) { return !location.has_value(); };
  if (std::ranges::any_of(locations, is_missing) && repository_.find_unindexed_packs()) {
    locations = repository_.index().find_all(node_.chunks);
  }
  std::uint64_t at = 0;
  auto hole = node_.entry.holes.begin();
  const auto holes_end = node_.entry.holes.end();
  const auto skip_holes = [&] {
    for (; hole != holes_end && hole->offset == at; ++hole) {
      extents_.push_back({at, at + hole->length, nullptr, 0});
      at += hole->length;
    }
  };
  skip_holes();
  for (std::size_t i = 0; i < node_.chunks.size(); ++i) {
    if (!locations[i]) {
      throw Error(ErrorKind::not_found,
                  fmt::format("chunk {} is in no index segment", node_.chunks[i].hex()))
          .set_hint(
              "holdfast repair index finds what the index lost; holdfast check says what is gone");
    }
    for (std::uint64_t used = 0; used < locations[i]->length;) {
      const auto limit = hole == holes_end ? node_.entry.size : hole->offset;
      if (limit <= at) wrong_size(node_);
      const auto take = std::min<std::uint64_t>(locations[i]->length - used, limit - at);
      extents_.push_back({at, at + take, &node_.chunks[i], used});
      at += take;
      used += take;
      skip_holes();
    }
  }
  if (at != node_.entry.size) wrong_size(node_);
}

void FileReader::lay_out_pages() {
  const auto& paged = *node_.paged;
  if (paged.block_size == 0 || paged.size != node_.entry.size) wrong_size(node_);
  const auto blocks = paged.size / paged.block_size + (paged.size % paged.block_size != 0 ? 1 : 0);
  leaves_ = repository::read_map(paged.map_root, blocks, chunks_);
  if (paged.size > 0) extents_.push_back({0, paged.size, nullptr, 0});
}

std::vector<FileReader::Extent>::const_iterator FileReader::extent_at(std::uint64_t offset) const {
  return std::ranges::upper_bound(extents_, offset, {}, &Extent::end);
}

std::size_t FileReader::read(std::uint64_t offset, base::MutableBytes into) {
  std::size_t done = 0;
  auto extent = extent_at(offset);
  while (done < into.size() && offset < size()) {
    const auto rest = into.subspan(done);
    const auto got = node_.paged ? read_block(offset, rest) : read_extent(*extent, offset, rest);
    done += got;
    offset += got;
    if (!node_.paged && offset == extent->end) ++extent;
  }
  return done;
}

std::size_t FileReader::read_extent(const Extent& extent, std::uint64_t offset,
                                    base::MutableBytes into) {
  const auto count = std::min<std::uint64_t>(into.size(), extent.end - offset);
  if (extent.chunk == nullptr) {
    std::ranges::fill(into.first(count), std::byte{0});
    return count;
  }
  const auto chunk = chunks_.hold(*extent.chunk);
  const auto begin = extent.offset + (offset - extent.begin);
  if (begin > chunk.bytes.size() || count > chunk.bytes.size() - begin) wrong_size(node_);
  copy(chunk.bytes.subspan(begin, count), into);
  return count;
}

std::shared_ptr<const FileReader::Leaf> FileReader::leaf_of(std::uint64_t block) {
  const auto number = block / repository::blocks_per_map_page;
  {
    const std::lock_guard lock(mutex_);
    if (last_leaf_ && last_leaf_->number == number) return last_leaf_;
  }
  if (number >= leaves_.size()) wrong_size(node_);
  auto leaf = std::make_shared<Leaf>();
  leaf->number = number;
  leaf->blocks = repository::decode_map_page(chunks_.hold(leaves_[number]).bytes);
  const std::lock_guard lock(mutex_);
  last_leaf_ = leaf;
  return leaf;
}

std::size_t FileReader::read_block(std::uint64_t offset, base::MutableBytes into) {
  const std::uint64_t block_size = node_.paged->block_size;
  const auto block = offset / block_size;
  const auto within = offset % block_size;
  const auto count =
      std::min({static_cast<std::uint64_t>(into.size()), block_size - within, size() - offset});
  const auto leaf = leaf_of(block);
  const auto slot = block % repository::blocks_per_map_page;
  if (slot >= leaf->blocks.size()) wrong_size(node_);
  const auto& reference = leaf->blocks[slot];
  if (reference.zero) {
    std::ranges::fill(into.first(count), std::byte{0});
    return count;
  }
  const auto superblock = chunks_.hold(reference.superblock);
  const auto begin = reference.slot * block_size + within;
  if (begin > superblock.bytes.size() || count > superblock.bytes.size() - begin) wrong_size(node_);
  copy(superblock.bytes.subspan(begin, count), into);
  return count;
}

std::optional<std::uint64_t> FileReader::next_data(std::uint64_t offset) const {
  for (auto extent = extent_at(offset); extent != extents_.end(); ++extent) {
    if (extent->chunk != nullptr || node_.paged) return std::max(offset, extent->begin);
  }
  return {};
}

std::optional<std::uint64_t> FileReader::next_hole(std::uint64_t offset) const {
  if (offset >= size()) return {};
  for (auto extent = extent_at(offset); extent != extents_.end(); ++extent) {
    if (extent->chunk == nullptr && !node_.paged) return std::max(offset, extent->begin);
  }
  return size();
}

std::vector<base::ChunkId> FileReader::chunks_in(std::uint64_t offset, std::uint64_t length) const {
  std::vector<base::ChunkId> ids;
  if (node_.paged) return ids;
  for (auto extent = extent_at(offset); extent != extents_.end(); ++extent) {
    if (extent->begin >= offset && extent->begin - offset >= length) break;
    if (extent->chunk != nullptr) ids.push_back(*extent->chunk);
  }
  return ids;
}

}  // namespace holdfast::browse
