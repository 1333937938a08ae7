#pragma once

#include "base/bytes.hpp"
#include "repository/index.hpp"
#include "repository/repository.hpp"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace holdfast::repository {

/// A chunk of a segment that is stored plain (pipeline::is_stored_plain).
struct PlainChunk {
  SegmentLocation segment;
  std::uint64_t offset_in_frame = 0;  // pipeline::plain_chunk_offset
  std::uint32_t length = 0;
};

class ReadAhead;

/// Bytes of a pack.
struct PackRange {
  std::uint32_t pack = 0;  // Index::pack() says which
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  auto operator<=>(const PackRange&) const = default;
};
/// What read_many reads of the store for `locations`, one after the other.
std::vector<PackRange> ranges_read_for(std::span<const SegmentLocation> locations);

/// Reads and opens segments: one per thread. Pack keys are opened once a pack and shared between
/// readers.
class SegmentReader {
public:
  /// Takes what `ahead`, if there is one, has read already. Borrows it.
  explicit SegmentReader(Repository& repository, ReadAhead* ahead = nullptr);
  ~SegmentReader();

  /// The segment's chunk bytes, all chunks one after the other; valid until the next call.
  /// Errors: corrupt, not_found (pack gone), each naming the pack and position.
  base::ByteView read(const SegmentLocation& location);
  /// Neighbours in one pack (ascending offsets) fetched by one read where they are close; `visit`
  /// gets each in turn.
  void read_many(std::span<const SegmentLocation> locations,
                 const std::function<void(std::size_t which, base::ByteView chunk_bytes)>& visit);
  /// As read_many, without what lies between the chunks, and without authenticating anything: the
  /// caller compares with the chunks' ids, and reads the whole segment where one differs.
  void read_plain(std::span<const PlainChunk> chunks,
                  const std::function<void(std::size_t which, base::ByteView bytes)>& visit);

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Errors: corrupt unless the keyed hash of `bytes` is `id`.
void verify_chunk(const KeyBundle& keys, const base::ChunkId& id, base::ByteView bytes);

}  // namespace holdfast::repository
