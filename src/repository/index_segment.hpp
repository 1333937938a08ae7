#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "pipeline/pack.hpp"
#include "repository/index.hpp"
#include "repository/keys.hpp"
#include "repository/stored_objects.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::repository {

/// A chunk and where it is; `segment` counts within the index segment or cache file.
struct IndexedChunk {
  base::ChunkId id;
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

/// One index segment in memory: whole packs, their segments and chunks, in the order they have in
/// the packs.
struct IndexSegmentBody {
  std::vector<PackInfo> packs;
  std::vector<SegmentLocation> segments;  // `pack` counts within `packs`
  std::vector<IndexedChunk> chunks;
};

/// More packs, segments or chunks are not written to one index segment, nor read from it.
inline constexpr std::size_t index_chunks_max = 4UL * 1024 * 1024;
inline constexpr std::size_t index_object_size_max = 320UL * 1024 * 1024;

/// Errors: corrupt when the directories are not possible ones.
IndexSegmentBody index_body_of(std::span<const pipeline::PackDirectory> packs);

/// What is sealed into an index segment; docs/format/repository.md has every byte.
base::Bytes encode_index_body(const IndexSegmentBody& body);
/// Errors: corrupt. Whatever the bytes say, memory stays within a few times their size and the
/// limits above.
IndexSegmentBody decode_index_body(base::ByteView bytes);

base::Bytes seal_index_segment(const IndexSegmentBody& body, const base::IndexId& id,
                               const base::RepositoryId& repository, const KeyBundle& keys,
                               base::Random& random);
/// Errors: corrupt, wrong_key, unsupported for a future version; names the object.
IndexSegmentBody open_index_segment(base::ByteView object, const base::IndexId& id,
                                    const base::RepositoryId& repository, const KeyBundle& keys);

struct StoredIndexSegment {
  base::IndexId id;
  std::uint64_t size = 0;  // of the object
};
StoredIndexSegment put_index_segment(storage::Backend& backend,
                                     const base::RepositoryId& repository, const KeyBundle& keys,
                                     const IndexSegmentBody& body, base::Random& random);

}  // namespace holdfast::repository
