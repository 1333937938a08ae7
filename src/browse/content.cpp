#include "browse/content.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "repository/paged_map.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::browse {

namespace {

constexpr std::size_t zeros_size = 64 * 1024;

class ContentWriter {
public:
  ContentWriter(const repository::Node& node, const std::function<void(base::ByteView)>& write)
      : node_(node), write_(write), zeros_(zeros_size) {}

  /// Bytes of the file's chunks; holes that begin where they end are filled in.
  void data(base::ByteView bytes) {
    fill_holes();
    while (!bytes.empty()) {
      const auto hole = next_hole();
      const auto count = std::min<std::uint64_t>(bytes.size(), hole - position_);
      put(bytes.first(count));
      bytes = bytes.subspan(count);
      fill_holes();
    }
  }

  void zeros(std::uint64_t count) {
    for (; count > 0; count -= std::min<std::uint64_t>(count, zeros_size)) {
      put(base::ByteView(zeros_).first(std::min<std::uint64_t>(count, zeros_size)));
    }
  }

  void finish() {
    fill_holes();
    if (position_ != node_.entry.size) fail();
  }

private:
  std::uint64_t next_hole() const {
    return hole_ < node_.entry.holes.size() ? node_.entry.holes[hole_].offset : UINT64_MAX;
  }

  void fill_holes() {
    while (next_hole() <= position_ && position_ < node_.entry.size) {
      const auto& hole = node_.entry.holes[hole_++];
      if (hole.offset != position_) fail();
      zeros(std::min(hole.length, node_.entry.size - position_));
    }
  }

  void put(base::ByteView bytes) {
    position_ += bytes.size();
    if (position_ > node_.entry.size) fail();
    write_(bytes);
  }

  [[noreturn]] void fail() const {
    throw base::Error(base::ErrorKind::corrupt,
                      fmt::format("the content of {} is not as long as its entry says",
                                  base::printable(node_.entry.name)));
  }

  const repository::Node& node_;
  const std::function<void(base::ByteView)>& write_;
  const base::Bytes zeros_;
  std::uint64_t position_ = 0;
  std::size_t hole_ = 0;
};

/// The block that `block` refers to, from its superblock.
base::ByteView block_in(base::ByteView superblock, const repository::BlockReference& block,
                        std::uint64_t block_size, std::uint64_t wanted) {
  const std::uint64_t begin = block.slot * block_size;
  if (begin > superblock.size() || wanted > superblock.size() - begin) {
    throw base::Error(base::ErrorKind::corrupt,
                      fmt::format("superblock {} is too short", block.superblock.short_hex()));
  }
  return superblock.subspan(begin, wanted);
}

void write_pages(const repository::PagedContent& paged, repository::ChunkSource& chunks,
                 ContentWriter& out) {
  if (paged.block_size == 0) {
    throw base::Error(base::ErrorKind::corrupt, "a paged file has blocks of no size");
  }
  const std::uint64_t block_count =
      paged.size / paged.block_size + (paged.size % paged.block_size != 0 ? 1 : 0);
  base::ChunkId loaded_id;
  base::Bytes loaded;
  std::uint64_t left = paged.size;
  for (const auto& leaf : repository::read_map(paged.map_root, block_count, chunks)) {
    for (const auto& block : repository::decode_map_page(chunks.load(leaf))) {
      const auto wanted = std::min<std::uint64_t>(left, paged.block_size);
      left -= wanted;
      if (block.zero) {
        out.zeros(wanted);
        continue;
      }
      if (loaded.empty() || loaded_id != block.superblock) {
        loaded = chunks.load(block.superblock);
        loaded_id = block.superblock;
      }
      out.data(block_in(loaded, block, paged.block_size, wanted));
    }
  }
}

}  // namespace

void read_content(const repository::Node& node, repository::ChunkSource& chunks,
                  const std::function<void(base::ByteView)>& write) {
  if (node.chunk_list || node.hole_list) {
    auto whole = node;
    repository::attach_lists(whole, chunks);
    return read_content(whole, chunks, write);
  }
  ContentWriter out(node, write);
  if (node.paged) {
    write_pages(*node.paged, chunks, out);
  } else {
    for (const auto& id : node.chunks)
      out.data(chunks.load(id));
  }
  out.finish();
}

}  // namespace holdfast::browse
