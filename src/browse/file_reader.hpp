#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/chunk_reader.hpp"
#include "repository/paged_map.hpp"
#include "repository/repository.hpp"
#include "repository/tree.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace holdfast::browse {

/// A regular file of a snapshot, read at any place.
///
/// Memory:  32 bytes a chunk, or a hash for every 512 blocks of a paged file.
/// Errors:  corrupt when the content does not fit the entry; those of the chunk reader.
/// Threads: any, at the same time.
class FileReader {
public:
  /// Attaches the lists of `node`, which is a file. Borrows the others.
  FileReader(repository::Node node, repository::Repository& repository,
             repository::ChunkReader& chunks);

  std::uint64_t size() const { return node_.entry.size; }
  /// Bytes from `offset`, as many as there are; holes are zeros.
  std::size_t read(std::uint64_t offset, base::MutableBytes into);
  /// Where the next byte of data, or the next hole, is at or after `offset`; the end of the file is
  /// a hole. Nothing where there is no such thing any more.
  std::optional<std::uint64_t> next_data(std::uint64_t offset) const;
  std::optional<std::uint64_t> next_hole(std::uint64_t offset) const;
  /// The chunks of `length` bytes from `offset` on, for reading them ahead. Empty for paged files,
  /// whose blocks may stand anywhere.
  std::vector<base::ChunkId> chunks_in(std::uint64_t offset, std::uint64_t length) const;

private:
  /// A stretch of one chunk, or, without one, of zeros.
  struct Extent {
    std::uint64_t begin = 0;  // in the file
    std::uint64_t end = 0;
    const base::ChunkId* chunk = nullptr;
    std::uint64_t offset = 0;  // of `begin` in the chunk
  };
  struct Leaf {
    std::uint64_t number = 0;
    std::vector<repository::BlockReference> blocks;
  };

  void lay_out_chunks();
  void lay_out_pages();
  std::vector<Extent>::const_iterator extent_at(std::uint64_t offset) const;
  std::size_t read_extent(const Extent& extent, std::uint64_t offset, base::MutableBytes into);
  std::size_t read_block(std::uint64_t offset, base::MutableBytes into);
  std::shared_ptr<const Leaf> leaf_of(std::uint64_t block);

  repository::Node node_;
  repository::Repository& repository_;
  repository::ChunkReader& chunks_;
  std::vector<Extent> extents_;        // of the whole file, in order
  std::vector<base::ChunkId> leaves_;  // of a paged file
  std::mutex mutex_;
  std::shared_ptr<const Leaf> last_leaf_;
};

}  // namespace holdfast::browse
