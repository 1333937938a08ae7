#pragma once

#include "repository/paged_map.hpp"
#include "repository/tree.hpp"
#include "window.hpp"

#include <cstdint>
#include <vector>

namespace holdfast::restore {

/// Where the bytes of a file's chunks, joined, belong in the file: between its holes.
class ContentMap {
public:
  /// Errors: corrupt when the holes are not in order, overlap, or reach beyond the file.
  explicit ContentMap(const sources::Entry& entry);

  std::uint64_t data_size() const { return data_size_; }
  /// Appends the places of the next `length` bytes of a chunk; how many there are.
  /// Errors: corrupt when the file has no room for them.
  std::uint32_t place(std::uint32_t length, std::vector<Extent>& extents);
  /// Whether the chunks so far were all the file needs.
  bool complete() const { return placed_ == data_size_; }

private:
  const std::uint64_t size_;
  std::vector<sources::Hole> holes_;
  std::uint64_t data_size_ = 0;
  std::uint64_t placed_ = 0;  // bytes of chunks
  std::uint64_t at_ = 0;      // offset in the file
  std::size_t next_hole_ = 0;
};

/// The blocks of one map page of a paged file, gathered by superblock.
struct PagedPiece {
  base::ChunkId superblock;
  std::vector<Extent> extents;
};
/// Blocks from number `first_block`. Zero blocks have no piece: they are holes.
std::vector<PagedPiece> gather_blocks(const repository::PagedContent& content,
                                      std::uint64_t first_block,
                                      const std::vector<repository::BlockReference>& blocks);
/// Errors: corrupt when the sizes make no sense.
std::uint64_t block_count_of(const repository::PagedContent& content, std::uint64_t file_size);

}  // namespace holdfast::restore
