#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"
#include "frame.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace holdfast::pipeline {

using base::Bytes;
using base::ByteView;

namespace {

/// The checksum of every sector of a stream of pieces.
class SectorHasher {
public:
  void update(ByteView bytes) {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), sector_size - filled_));
      open_.update(piece);
      filled_ += piece.size();
      bytes = bytes.subspan(piece.size());
      if (filled_ == sector_size) close_sector();
    }
  }

  std::vector<std::uint64_t> finish() {
    if (filled_ > 0) close_sector();
    return std::move(checksums_);
  }

private:
  void close_sector() {
    checksums_.push_back(open_.finish().prefix64());
    open_ = crypto::Blake3();
    filled_ = 0;
  }

  crypto::Blake3 open_;
  std::size_t filled_ = 0;
  std::vector<std::uint64_t> checksums_;
};

/// The next size of the Padmé series: its floating point form has few mantissa bits, so that a size
/// tells O(log log size) bits; at most 12 % more. Source: Nikitin et al., PETS 2019.
std::uint64_t padme_size(std::uint64_t size) {
  const auto exponent = static_cast<unsigned>(std::bit_width(size)) - 1;
  const auto mantissa_bits = static_cast<unsigned>(std::bit_width(exponent));
  const std::uint64_t mask = (std::uint64_t{1} << (exponent - mantissa_bits)) - 1;
  return (size + mask) & ~mask;
}

Bytes encode_directory(const std::vector<SegmentInPack>& segments) {
  Bytes text;
  base::put_varint(text, segments.size());
  for (const auto& segment : segments) {
    base::put_varint(text, segment.position);
    base::put_varint(text, segment.stored_size);
    base::put_varint(text, segment.chunks.size());
    for (const auto& chunk : segment.chunks) {
      base::append(text, chunk.id.view());
      base::put_varint(text, chunk.length);
    }
  }
  return text;
}

Bytes encode_trailer(const std::vector<std::uint64_t>& checksums, std::uint64_t directory_offset,
                     std::size_t directory_size, const ParityEncoder::Parity& parity) {
  Bytes trailer;
  trailer.reserve(8 * (checksums.size() + parity.shape.sectors()) + trailer_fixed_size);
  for (const auto checksum : checksums)
    base::put_le(trailer, checksum);
  if (parity.shape.sectors() != 0) {
    const auto size = parity.sectors.size() / parity.shape.sectors();
    for (const auto checksum : checksums_of(parity.sectors, size))
      base::put_le(trailer, checksum);
  }
  base::put_le(trailer, directory_offset);
  base::put_le(trailer, static_cast<std::uint32_t>(directory_size));
  base::put_le(trailer, static_cast<std::uint32_t>(parity.sectors.size()));
  base::put_le(trailer, pack_version);
  base::put_le(trailer, static_cast<std::uint16_t>(parity.shape.groups));
  trailer.resize(trailer.size() + 4);
  base::put_le(trailer, sector_checksum(trailer));
  base::append(trailer, base::as_bytes(trailer_magic));
  return trailer;
}

/// Whether `chunks` are what an encoded segment of `encoded_size` bytes holds, one after the other.
bool are_consistent(const std::vector<ChunkInSegment>& chunks, std::uint32_t encoded_size) {
  std::uint64_t end = 0;
  for (const auto& chunk : chunks) {
    if (chunk.offset != end) return false;
    end += chunk.length;
  }
  return encoded_size == 4 + 4 * chunks.size() + end;
}

}  // namespace

struct PackBuilder::State {
  State(const PackWriteKeys& with, PackKind kind, base::Random& from, const Parity& wanted)
      : repository(with.repository),
        index_key(with.index_key.clone()),
        random(from),
        parity(wanted.percent, wanted.size_expected) {
    directory.pack = random.id<base::PackId>();
    directory.kind = kind;
    directory.epoch = with.epoch;
    write_header(with);
    directory.size = header.size();
    cover(header);
  }

  void cover(ByteView bytes) {
    sectors.update(bytes);
    parity.update(bytes);
  }

  void write_header(const PackWriteKeys& with) {
    base::Secret secret(pack_secret_size);
    random.fill(secret.mutable_view());
    auto derived = derive_pack_key(secret, directory.pack, repository);
    key = std::move(derived.key);
    const Bytes sealed = crypto::seal_to(with.epoch_public, secret.view());
    HF_ASSERT(sealed.size() == sealed_secret_size, "a sealed box adds 48 bytes");

    std::byte* const to = header.data();
    std::memcpy(to, pack_magic.data(), pack_magic.size());
    base::store_le(to + header_at::version, pack_version);
    base::store_le(to + header_at::suite, pack_suite);
    base::store_le(to + header_at::kind, static_cast<std::uint8_t>(directory.kind));
    base::store_le(to + header_at::epoch, directory.epoch);
    std::memcpy(to + header_at::pack, directory.pack.view().data(), base::PackId::size);
    std::memcpy(to + header_at::sealed_secret, sealed.data(), sealed.size());
    std::memcpy(to + header_at::commitment, derived.commitment.data(), derived.commitment.size());
    base::store_le(to + header_at::checksum,
                   sector_checksum(ByteView(header).first(header_at::checksum)));
  }

  const base::RepositoryId repository;
  const base::Secret index_key;
  base::Random& random;
  base::Secret key;
  std::array<std::byte, pack_header_size> header{};
  std::uint32_t positions_given = 0;
  SectorHasher sectors;
  ParityEncoder parity;
  PackDirectory directory;
  bool finished = false;
};

PackBuilder::PackBuilder(const PackWriteKeys& keys, PackKind kind, base::Random& random,
                         Parity parity)
    : state_(std::make_unique<State>(keys, kind, random, parity)) {}
PackBuilder::~PackBuilder() = default;

const base::PackId& PackBuilder::id() const { return state_->directory.pack; }
PackKind PackBuilder::kind() const { return state_->directory.kind; }
ByteView PackBuilder::header() const { return state_->header; }
crypto::Aead PackBuilder::cipher() const { return crypto::Aead(state_->key.view()); }
std::uint64_t PackBuilder::size() const { return state_->directory.size; }
std::size_t PackBuilder::segment_count() const { return state_->directory.segments.size(); }

SegmentContext PackBuilder::reserve() {
  const auto& directory = state_->directory;
  HF_ASSERT(state_->positions_given < UINT32_MAX, "a position is never given out twice");
  return {state_->repository, directory.pack, static_cast<std::uint8_t>(directory.kind),
          directory.epoch, state_->positions_given++};
}

void PackBuilder::append(const SegmentContext& context, ByteView framed, std::uint32_t encoded_size,
                         std::vector<ChunkInSegment> chunks) {
  auto& directory = state_->directory;
  HF_ASSERT(!state_->finished, "nothing follows the directory");
  HF_ASSERT(context.pack == directory.pack, "a segment is sealed for the pack it goes to");
  const auto frame = parse_frame_header(framed);
  HF_ASSERT(frame && frame->position == context.position, "a segment has the frame it was given");
  HF_ASSERT(framed.size() == frame_header_size + frame->box_size, "a segment is whole");
  HF_ASSERT(frame->encoded_size == encoded_size && are_consistent(chunks, encoded_size),
            "the chunks of a segment are what it holds");
  HF_ASSERT(directory.size + framed.size() <= pack_size_max, "packs are bounded by their caller");
  state_->cover(framed);
  directory.segments.push_back({directory.size, static_cast<std::uint32_t>(framed.size()),
                                encoded_size, context.position, std::move(chunks)});
  directory.size += framed.size();
}

Bytes PackBuilder::finish(Padding padding) {
  HF_ASSERT(!state_->finished, "a pack is finished once");
  state_->finished = true;
  auto& directory = state_->directory;
  Bytes tail;
  if (padding == Padding::padme) {
    tail.resize(padme_size(directory.size) - directory.size);
    state_->random.fill(tail);
  }
  const std::uint64_t directory_offset = directory.size + tail.size();
  const Bytes sealed = crypto::seal_box(
      state_->index_key.view(), directory_label,
      directory_associated(state_->repository, directory.pack, directory.kind, directory.epoch),
      encode_directory(directory.segments), state_->random);
  base::append(tail, sealed);
  state_->cover(tail);
  const auto parity = state_->parity.finish();
  const Bytes trailer =
      encode_trailer(state_->sectors.finish(), directory_offset, sealed.size(), parity);
  if (parity.shape.sectors() != 0) {
    // With the parity between them, no run of lost bytes that parity mends has both copies.
    base::append(tail, state_->header);
    base::append(tail, trailer);
    base::append(tail, parity.sectors);
  }
  base::append(tail, trailer);
  directory.size += tail.size();
  return tail;
}

const PackDirectory& PackBuilder::directory() const { return state_->directory; }

}  // namespace holdfast::pipeline
