#include "content_map.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <limits>

namespace holdfast::restore {

namespace {

constexpr std::uint64_t file_size_max = std::numeric_limits<std::int64_t>::max();  // off_t
constexpr std::uint32_t block_size_max = 1024 * 1024;

[[noreturn]] void fail(const char* why) { throw base::Error(base::ErrorKind::corrupt, why); }

}  // namespace

FileTask::FileTask() = default;
FileTask::~FileTask() = default;

ContentMap::ContentMap(const sources::Entry& entry) : size_(entry.size), holes_(entry.holes) {
  if (size_ > file_size_max) fail("its size is more than any file can have");
  std::uint64_t end = 0;
  data_size_ = size_;
  for (const auto& hole : holes_) {
    if (hole.offset < end || hole.offset > size_ || hole.length > size_ - hole.offset)
      fail("its holes overlap or reach beyond it");
    end = hole.offset + hole.length;
    data_size_ -= hole.length;
  }
}

std::uint32_t ContentMap::place(std::uint32_t length, std::vector<Extent>& extents) {
  if (length > data_size_ - placed_) fail("its chunks hold more than its size");
  std::uint32_t count = 0;
  std::uint32_t done = 0;
  while (done < length) {
    while (next_hole_ < holes_.size() && holes_[next_hole_].offset == at_)
      at_ += holes_[next_hole_++].length;
    const std::uint64_t end = next_hole_ < holes_.size() ? holes_[next_hole_].offset : size_;
    const auto run = static_cast<std::uint32_t>(std::min<std::uint64_t>(length - done, end - at_));
    extents.push_back({at_, done, run});
    at_ += run;
    done += run;
    ++count;
  }
  placed_ += length;
  return count;
}

std::uint64_t block_count_of(const repository::PagedContent& content, std::uint64_t file_size) {
  if (content.size != file_size || file_size > file_size_max)
    fail("its size is not that of its pages");
  if (content.block_size == 0 || content.block_size > block_size_max || content.page_size == 0 ||
      content.block_size % content.page_size != 0)
    fail("its blocks have an impossible size");
  return content.size / content.block_size + (content.size % content.block_size != 0 ? 1 : 0);
}

std::vector<PagedPiece> gather_blocks(const repository::PagedContent& content,
                                      std::uint64_t first_block,
                                      const std::vector<repository::BlockReference>& blocks) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (!blocks[i].zero) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (blocks[a].superblock != blocks[b].superblock)
      return blocks[a].superblock < blocks[b].superblock;
    return a < b;
  });
  std::vector<PagedPiece> pieces;
  for (const std::size_t i : order) {
    const auto& block = blocks[i];
    const std::uint64_t offset = (first_block + i) * content.block_size;
    const std::uint64_t chunk_offset = std::uint64_t{block.slot} * content.block_size;
    const std::uint64_t length = std::min<std::uint64_t>(content.block_size, content.size - offset);
    if (chunk_offset + length > std::numeric_limits<std::uint32_t>::max())
      fail("a block of it lies beyond any chunk");
    if (pieces.empty() || pieces.back().superblock != block.superblock)
      pieces.push_back({block.superblock, {}});
    auto& extents = pieces.back().extents;
    if (!extents.empty() && extents.back().file_offset + extents.back().length == offset &&
        extents.back().chunk_offset + extents.back().length == chunk_offset) {
      extents.back().length += static_cast<std::uint32_t>(length);
    } else {
      extents.push_back(
          {offset, static_cast<std::uint32_t>(chunk_offset), static_cast<std::uint32_t>(length)});
    }
  }
  return pieces;
}

}  // namespace holdfast::restore
