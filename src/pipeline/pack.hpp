#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "crypto/aead.hpp"
#include "crypto/keys.hpp"
#include "pipeline/parity.hpp"
#include "pipeline/segment.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace holdfast::pipeline {

enum class PackKind : std::uint8_t { data = 1, tree = 2, stream = 3 };

/// What is needed to write packs; nothing here can read one.
struct PackWriteKeys {
  base::RepositoryId repository;
  std::uint32_t epoch = 0;
  crypto::PublicKey epoch_public{};
  base::Secret index_key;
};

struct SegmentInPack {
  std::uint64_t offset = 0;       // of the frame, from the start of the pack
  std::uint32_t stored_size = 0;  // of the frame
  std::uint32_t encoded_size = 0;
  std::uint32_t position = 0;
  std::vector<ChunkInSegment> chunks;
  bool operator==(const SegmentInPack&) const = default;
};

struct PackDirectory {
  base::PackId pack;
  PackKind kind = PackKind::data;
  std::uint32_t epoch = 0;
  std::uint64_t size = 0;  // of the whole pack
  std::vector<SegmentInPack> segments;
  bool operator==(const PackDirectory&) const = default;
};

/// Far above any pack that is written; a size beyond it is a lie.
inline constexpr std::uint64_t pack_size_max = 1024ULL * 1024 * 1024;

/// Builds the bytes of one pack, front to back; somebody else writes them.
///
/// Layout:  header, segments in the order appended, padding (last pack of a session), sealed
///          directory; copies of header and trailer, parity; trailer with a checksum per 64 KiB
///          sector. docs/format/repository.md has every byte.
/// Memory:  the parity of a pack of the expected size (see ParityEncoder) and its directory.
/// Threads: reserve_position and key() may be used under the caller's lock; one appender at a time.
class PackBuilder {
public:
  /// How much parity, and for which size: a pack of about twice that has less, or none.
  struct Parity {
    unsigned percent = parity_percent_default;
    std::uint64_t size_expected = 32ULL * 1024 * 1024;
  };
  PackBuilder(const PackWriteKeys& keys, PackKind kind, base::Random& random, Parity parity);
  ~PackBuilder();

  const base::PackId& id() const;
  PackKind kind() const;
  /// The first bytes of the pack: the caller writes them before anything else.
  base::ByteView header() const;
  /// A new cipher under this pack's key, for one thread.
  crypto::Aead cipher() const;
  /// The context to seal the next segment with: every position is given out once.
  SegmentContext reserve();
  /// Notes a framed segment (made with `context`) that the caller appends to the object now.
  /// `chunks` follow each other from offset 0, as a SegmentBuilder has them.
  void append(const SegmentContext& context, base::ByteView framed, std::uint32_t encoded_size,
              std::vector<ChunkInSegment> chunks);
  /// Bytes so far, header included.
  std::uint64_t size() const;
  std::size_t segment_count() const;
  enum class Padding { none, padme };
  /// The bytes after the last segment. Nothing may follow.
  base::Bytes finish(Padding padding);
  /// What is in it; complete after finish.
  const PackDirectory& directory() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The fixed part at the front of a pack, as read from a store.
struct PackHeader {
  base::PackId pack;
  PackKind kind = PackKind::data;
  std::uint32_t epoch = 0;
  base::Bytes sealed_key;
  std::array<std::byte, crypto::commitment_size> commitment{};
};
inline constexpr std::size_t pack_header_size = 192;
/// Errors: corrupt; unsupported for a future version.
PackHeader parse_pack_header(base::ByteView bytes);
/// The key of the pack's segments.
/// Errors: wrong_key when the pair is not the epoch's, corrupt when the commitment differs.
crypto::Aead open_pack_key(const PackHeader& header, const base::RepositoryId& repository,
                           const crypto::BoxKeyPair& epoch_pair);

/// The end of a pack: where the directory is, the parity, and the checksums of all sectors.
struct PackTrailer {
  std::uint64_t directory_offset = 0;
  std::uint32_t directory_size = 0;
  ParityShape parity;                           // of [0, covered_size())
  std::vector<std::uint64_t> sector_checksums;  // of what parity covers
  std::vector<std::uint64_t> parity_checksums;  // of each parity sector
  std::uint64_t trailer_offset = 0;

  /// The end of the directory. Copies of header and trailer follow when there is parity.
  std::uint64_t covered_size() const { return directory_offset + directory_size; }
  std::size_t size() const;
  /// Where the parity sectors begin; they end at trailer_offset.
  std::uint64_t parity_offset() const;
  bool operator==(const PackTrailer&) const = default;
};
/// So many bytes at the end of a pack of `pack_size` hold the trailer, whatever parity it has.
/// Errors: corrupt for an impossible size.
std::size_t trailer_size_bound(std::uint64_t pack_size);
/// `tail` ends where the pack does and has trailer_size_bound(pack_size) bytes at least.
/// Errors: corrupt; unsupported for a future version.
PackTrailer parse_pack_trailer(base::ByteView tail, std::uint64_t pack_size);
/// The first eight bytes of the sector's BLAKE3: anybody can check a pack for damage without a key.
std::uint64_t sector_checksum(base::ByteView sector);

/// What could be made of a damaged pack without any key.
struct MendedPack {
  base::Bytes bytes;                   // of the size that the pack should have
  std::optional<PackTrailer> trailer;  // nothing when both copies are damaged
  std::size_t sectors_damaged = 0;     // parity sectors included
  std::size_t sectors_mended = 0;
  bool front_mended = false;              // the header came from its copy, or the trailer
  std::vector<std::size_t> sectors_lost;  // data sectors that are not what was written
};
/// Mends `bytes` (all that is left of the pack called `id`, which had `pack_size` bytes) from its
/// parity. Every sector that is not in sectors_lost is what the trailer says, and where none is
/// lost, every byte is what was written; without a trailer nothing is known. Never throws for
/// damage.
MendedPack mend_pack(base::Bytes bytes, const base::PackId& id, std::uint64_t pack_size);
/// `sealed` is what stands at the trailer's directory offset. Errors: corrupt, wrong_key.
PackDirectory open_pack_directory(const PackWriteKeys& keys, const PackHeader& header,
                                  base::ByteView sealed, std::uint64_t pack_size);

/// Finds segment frames in damaged bytes by their magic; used when the directory is lost.
struct FoundFrame {
  std::uint64_t offset = 0;
  std::uint32_t stored_size = 0;
  std::uint32_t encoded_size = 0;
  std::uint32_t position = 0;
};
std::vector<FoundFrame> find_frames(base::ByteView pack_bytes);

}  // namespace holdfast::pipeline
