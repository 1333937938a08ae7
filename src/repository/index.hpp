#pragma once

#include "base/ids.hpp"
#include "base/random.hpp"
#include "pipeline/pack.hpp"
#include "repository/keys.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::repository {

struct PackInfo {
  base::PackId id;
  pipeline::PackKind kind = pipeline::PackKind::data;
  std::uint32_t epoch = 0;
  std::uint64_t size = 0;
};

/// Where a segment stands.
struct SegmentLocation {
  std::uint32_t pack = 0;  // Index::pack() says which
  std::uint32_t position = 0;
  std::uint64_t offset = 0;
  std::uint32_t stored_size = 0;
  std::uint32_t encoded_size = 0;
  auto operator<=>(const SegmentLocation&) const = default;
};

struct ChunkLocation {
  SegmentLocation segment;
  std::uint32_t offset = 0;  // within the chunk bytes of the segment
  std::uint32_t length = 0;
  bool operator==(const ChunkLocation&) const = default;
};

/// An index segment in the store that does not open. What only it knew is not found.
struct DamagedIndexSegment {
  base::IndexId id;
  std::string why;
};

/// Which chunk is where. Sorted immutable index segments in the repository (index/<id>, sealed
/// under the index key), cached as flat files that are searched in place: an 8-bit filter answers
/// "surely new" without touching the disk, a hit costs one or two reads. Resident memory is at most
/// 2 bytes a chunk. Small cache files are merged as they pile up.
///
/// Cache:   `cache_directory`/index/; anything missing or damaged there is fetched again. The cache
/// file is private
///          (0600); several processes may use the folder at a time.
/// Threads: all calls from any thread. Pack numbers that were given out stay valid, also those of
/// packs that went.
class Index {
public:
  /// `io_threads`: how many index segments are fetched at a time.
  Index(storage::Backend& backend, base::RepositoryId repository, const KeyBundle& keys,
        const std::string& cache_directory, unsigned io_threads = 8);
  ~Index();

  /// Reads index segments that are new in the store, drops those that went. One that is damaged is
  /// left out, see damaged(): then other chunks can still be restored, and a backup stores again
  /// what it needs.
  void refresh();
  /// Makes a segment that this process just stored searchable.
  void add(const base::IndexId& id, std::span<const pipeline::PackDirectory> packs);
  std::optional<ChunkLocation> find(const base::ChunkId& id) const;
  /// Every place that is known of a chunk. A prune that stood still for long may have named a pack
  /// that is gone, so who does not find the chunk in one place looks in the others.
  std::vector<ChunkLocation> find_copies(const base::ChunkId& id) const;
  bool contains(const base::ChunkId& id) const { return number_of(id).has_value(); }
  /// Locations of many ids at once (nothing where unknown), faster than one by one.
  std::vector<std::optional<ChunkLocation>> find_all(std::span<const base::ChunkId> ids) const;
  /// A number below chunk_count() for a chunk that is there, for bitmaps; stays until the next
  /// refresh or add.
  std::optional<std::uint64_t> number_of(const base::ChunkId& id) const;
  PackInfo pack(std::uint32_t number) const;
  /// The pack's header, read from the store once for all threads.
  /// Errors: not_found, corrupt; each names the pack.
  std::shared_ptr<const pipeline::PackHeader> pack_header(std::uint32_t number) const;
  std::size_t pack_count() const;
  std::uint64_t chunk_count() const;
  /// Every pack's id, kind, size, for check and stats.
  std::vector<PackInfo> packs() const;
  /// Visits all chunks, in id order within an index segment; a chunk stored twice is seen twice.
  void for_each(const std::function<void(const base::ChunkId&, const ChunkLocation&)>& visit) const;
  using PackVisit =
      std::function<void(const base::ChunkId&, std::uint32_t pack, std::uint32_t length)>;
  /// As for_each, without saying where in the pack, and several times faster: nothing is looked up.
  /// Memory while it runs: 4 bytes for each segment of the largest cache file.
  void for_each_in_pack(const PackVisit& visit) const;
  /// As the last refresh found them.
  std::vector<DamagedIndexSegment> damaged() const;
  /// Bytes kept in memory on behalf of the index.
  std::uint64_t resident_bytes() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes one index segment for whole packs. Returns its id.
base::IndexId store_index_segment(storage::Backend& backend, const base::RepositoryId& repository,
                                  const KeyBundle& keys,
                                  std::span<const pipeline::PackDirectory> packs,
                                  base::Random& random);

}  // namespace holdfast::repository
