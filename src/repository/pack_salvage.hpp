// What can be read of a damaged pack, from the pack, its parity, and a copy of the repository.
#pragma once

#include "base/bytes.hpp"
#include "pack_ciphers.hpp"
#include "pipeline/pack.hpp"
#include "pipeline/segment.hpp"
#include "repository/repository.hpp"
#include "source_rescue.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::repository {

/// The bytes of an encoded segment, and where they came from.
enum class SegmentOrigin : std::uint8_t { pack, parity, copy, source };
struct SalvagedSegment {
  SegmentOrigin origin = SegmentOrigin::pack;
  base::Bytes encoded;
  std::vector<pipeline::ChunkInSegment> chunks;
};

/// Where chunks are taken from that a pack lost.
struct Spares {
  Repository* copy = nullptr;
  const RescuedChunks* rescued = nullptr;
};

/// One damaged pack in memory.
class PackSalvage {
public:
  /// Reads what is there of the pack and mends it.
  /// Errors: as the store, but for damage.
  PackSalvage(Repository& repository, const Spares& spares, const base::PackId& id,
              std::uint64_t size);

  /// The pack's own directory, or what its frames say when that is lost.
  /// Errors: corrupt when its key does not open.
  pipeline::PackDirectory directory() const;
  /// Every chunk of the segment verified against its id; nothing when it is lost.
  std::optional<SalvagedSegment> segment(const pipeline::PackDirectory& directory,
                                         const pipeline::SegmentInPack& segment);
  /// Of a lost segment those chunks that the spares have; nothing when they have none.
  std::optional<SalvagedSegment> part_of(const pipeline::SegmentInPack& segment);

private:
  std::optional<base::Bytes> open(const pipeline::PackDirectory& directory,
                                  const pipeline::SegmentInPack& segment, base::ByteView pack);
  std::optional<base::Bytes> spare(const base::ChunkId& id, SegmentOrigin& origin);
  pipeline::PackDirectory directory_from_frames(const pipeline::PackHeader& header) const;

  Repository& repository_;
  const Spares spares_;
  const base::PackId id_;
  const std::uint64_t size_;
  base::Bytes stored_;
  pipeline::MendedPack mended_;
  PackCiphers ciphers_;
  pipeline::SegmentCodec codec_;
};

}  // namespace holdfast::repository
