#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "frame.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace holdfast::pipeline {

using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::load_le;

namespace {

bool begins_with(ByteView bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool are_zeros(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

[[noreturn]] void fail_corrupt(const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("pack: {}", what));
}

[[noreturn]] void fail_corrupt(const base::PackId& pack, const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("pack {}: {}", pack.short_hex(), what));
}

[[noreturn]] void fail_unsupported(const char* what, unsigned value) {
  throw Error(ErrorKind::unsupported, fmt::format("pack: {} {} is not known", what, value))
      .set_hint("a newer holdfast wrote this pack: read it with that version");
}

}  // namespace

PackHeader parse_pack_header(ByteView bytes) {
  if (bytes.size() < pack_header_size) fail_corrupt("the header is cut off");
  bytes = bytes.first(pack_header_size);
  if (!begins_with(bytes, pack_magic)) fail_corrupt("it does not begin with the pack magic");
  const auto checksum = sector_checksum(bytes.first(header_at::checksum));
  if (load_le<std::uint64_t>(bytes.data() + header_at::checksum) != checksum) {
    fail_corrupt("the header's checksum differs");
  }
  // After the checksum: a flipped bit is damage, not a future version.
  const auto version = load_le<std::uint16_t>(bytes.data() + header_at::version);
  if (version != pack_version) fail_unsupported("version", version);
  const auto suite = load_le<std::uint8_t>(bytes.data() + header_at::suite);
  if (suite != pack_suite) fail_unsupported("cipher suite", suite);
  const auto kind = load_le<std::uint8_t>(bytes.data() + header_at::kind);
  if (kind < static_cast<std::uint8_t>(PackKind::data) ||
      kind > static_cast<std::uint8_t>(PackKind::stream)) {
    fail_unsupported("kind", kind);
  }
  if (!are_zeros(bytes.subspan(header_at::zeros))) fail_corrupt("the header's reserve is not zero");

  PackHeader header;
  header.pack = base::PackId::from_bytes(bytes.subspan(header_at::pack, base::PackId::size));
  header.kind = static_cast<PackKind>(kind);
  header.epoch = load_le<std::uint32_t>(bytes.data() + header_at::epoch);
  header.sealed_key = base::copy_of(bytes.subspan(header_at::sealed_secret, sealed_secret_size));
  std::memcpy(header.commitment.data(), bytes.data() + header_at::commitment,
              header.commitment.size());
  return header;
}

crypto::Aead open_pack_key(const PackHeader& header, const base::RepositoryId& repository,
                           const crypto::BoxKeyPair& epoch_pair) {
  const auto secret = base::with_context(
      [&] {
        return fmt::format("opening the key of pack {} (epoch {})", header.pack.short_hex(),
                           header.epoch);
      },
      [&] { return crypto::open_sealed(epoch_pair, header.sealed_key); });
  if (secret.size() != pack_secret_size) fail_corrupt(header.pack, "its secret has another size");
  const auto derived = derive_pack_key(secret, header.pack, repository);
  if (!base::equal_in_constant_time(derived.commitment, header.commitment)) {
    fail_corrupt(header.pack, "its key is not the one it commits to");
  }
  return crypto::Aead(derived.key.view());
}

std::size_t PackTrailer::size() const {
  return 8 * (sector_checksums.size() + parity_checksums.size()) + trailer_fixed_size;
}

std::uint64_t PackTrailer::parity_offset() const {
  return parity.sectors() == 0 ? trailer_offset : covered_size() + pack_header_size + size();
}

std::size_t trailer_size_bound(std::uint64_t pack_size) {
  constexpr std::uint64_t smallest = pack_header_size + crypto::box_overhead + trailer_fixed_size;
  if (pack_size < smallest || pack_size > pack_size_max) fail_corrupt("it has an impossible size");
  // Every sector is whole but the last, unless there is only one.
  const auto sectors = std::max<std::uint64_t>(pack_size / sector_size + 2, parity_rows_max + 1);
  return static_cast<std::size_t>(
      std::min(pack_size, sectors * sizeof(std::uint64_t) + trailer_fixed_size));
}

namespace {

/// Takes the parity's shape and the place of everything; false when they do not add up.
bool take_layout(PackTrailer& trailer, ByteView fixed, std::uint64_t pack_size) {
  trailer.directory_offset = load_le<std::uint64_t>(fixed.data() + trailer_at::directory_offset);
  trailer.directory_size = load_le<std::uint32_t>(fixed.data() + trailer_at::directory_size);
  if (trailer.directory_offset < pack_header_size || trailer.directory_offset > pack_size ||
      trailer.directory_size > pack_size - trailer.directory_offset) {
    return false;
  }
  const auto covered = trailer.covered_size();
  const auto sectors = static_cast<std::size_t>((covered + sector_size - 1) / sector_size);
  const auto parity_size = load_le<std::uint32_t>(fixed.data() + trailer_at::parity_size);
  const auto groups = load_le<std::uint16_t>(fixed.data() + trailer_at::parity_groups);
  const auto per_row = std::uint64_t{groups} * parity_sector_size(covered);
  if ((groups == 0) != (parity_size == 0)) return false;
  if (groups != 0) {
    if (parity_size % per_row != 0 || parity_size / per_row > parity_rows_max) return false;
    trailer.parity = {groups, static_cast<std::uint32_t>(parity_size / per_row)};
  }
  if (!is_possible(trailer.parity, sectors)) return false;
  const auto size = 8 * (sectors + trailer.parity.sectors()) + trailer_fixed_size;
  const auto between = parity_size == 0 ? 0 : pack_header_size + size + parity_size;
  if (covered + between + size != pack_size) return false;
  trailer.trailer_offset = pack_size - size;
  trailer.sector_checksums.resize(sectors);
  trailer.parity_checksums.resize(trailer.parity.sectors());
  return true;
}

}  // namespace

PackTrailer parse_pack_trailer(ByteView tail, std::uint64_t pack_size) {
  if (tail.size() < trailer_size_bound(pack_size)) fail_corrupt("the trailer is cut off");
  const auto fixed = tail.last(trailer_fixed_size);
  if (!begins_with(fixed.subspan(trailer_at::magic), trailer_magic)) {
    fail_corrupt("it does not end with the trailer magic");
  }
  PackTrailer trailer;
  if (!take_layout(trailer, fixed, pack_size) || trailer.size() > tail.size()) {
    fail_corrupt("its parts are not where the trailer says");
  }
  const auto whole = tail.last(trailer.size());
  const auto checksum =
      sector_checksum(whole.first(whole.size() - trailer_fixed_size + trailer_at::checksum));
  if (load_le<std::uint64_t>(fixed.data() + trailer_at::checksum) != checksum) {
    fail_corrupt("the trailer's checksum differs");
  }
  const auto version = load_le<std::uint16_t>(fixed.data() + trailer_at::version);
  if (version != pack_version) fail_unsupported("trailer version", version);
  if (!are_zeros(fixed.subspan(trailer_at::zeros, trailer_at::checksum - trailer_at::zeros))) {
    fail_corrupt("the trailer's reserve is not zero");
  }
  const auto data_size = 8 * trailer.sector_checksums.size();
  std::memcpy(trailer.sector_checksums.data(), whole.data(), data_size);
  if (!trailer.parity_checksums.empty()) {
    std::memcpy(trailer.parity_checksums.data(), whole.data() + data_size,
                8 * trailer.parity_checksums.size());
  }
  return trailer;
}

namespace {

/// One segment of the directory. Vectors grow as bytes are read, so that a count alone reserves
/// nothing.
SegmentInPack take_segment(base::ByteReader& reader, const base::PackId& pack) {
  constexpr const char* too_large = "the directory holds a size that no segment has";
  const auto position = reader.take_varint();
  const auto stored_size = reader.take_varint();
  const auto count = reader.take_varint();
  if (position > UINT32_MAX || count > segment_chunks_max || stored_size <= frame_overhead ||
      stored_size > encoded_segment_size_max + frame_overhead) {
    fail_corrupt(pack, too_large);
  }
  SegmentInPack segment;
  segment.position = static_cast<std::uint32_t>(position);
  segment.stored_size = static_cast<std::uint32_t>(stored_size);
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto id = base::ChunkId::from_bytes(reader.take_bytes(base::ChunkId::size));
    const auto length = reader.take_varint();
    if (length > segment_raw_size_max - end) fail_corrupt(pack, too_large);
    segment.chunks.push_back(
        {id, static_cast<std::uint32_t>(end), static_cast<std::uint32_t>(length)});
    end += length;
  }
  segment.encoded_size = static_cast<std::uint32_t>(4 + 4 * count + end);
  if (segment.stored_size > segment.encoded_size + frame_overhead) fail_corrupt(pack, too_large);
  return segment;
}

}  // namespace

PackDirectory open_pack_directory(const PackWriteKeys& keys, const PackHeader& header,
                                  ByteView sealed, std::uint64_t pack_size) {
  if (pack_size > pack_size_max || sealed.size() > pack_size) {
    fail_corrupt(header.pack, "it has an impossible size");
  }
  const auto text = base::with_context(
      [&] { return fmt::format("opening the directory of pack {}", header.pack.short_hex()); },
      [&] {
        return crypto::open_box(
            keys.index_key.view(), directory_label,
            directory_associated(keys.repository, header.pack, header.kind, header.epoch), sealed);
      });
  base::ByteReader reader(text, "pack directory");
  PackDirectory directory{header.pack, header.kind, header.epoch, pack_size, {}};
  std::uint64_t offset = pack_header_size;
  const auto count = reader.take_varint();
  for (std::uint64_t i = 0; i < count; ++i) {
    auto segment = take_segment(reader, header.pack);
    segment.offset = offset;
    offset += segment.stored_size;
    if (offset > pack_size - sealed.size()) {
      fail_corrupt(header.pack, "its segments reach beyond its directory");
    }
    directory.segments.push_back(std::move(segment));
  }
  reader.expect_end();
  return directory;
}

std::vector<FoundFrame> find_frames(ByteView pack_bytes) {
  std::vector<FoundFrame> found;
  const std::string_view text = base::as_text(pack_bytes);
  const std::string_view magic(frame_magic, sizeof frame_magic);
  // Steps into the frames found, too: the sizes of a damaged one may lie, and its seal tells later.
  for (auto at = text.find(magic); at != std::string_view::npos; at = text.find(magic, at + 1)) {
    const auto frame = parse_frame_header(pack_bytes.subspan(at));
    if (!frame || frame->box_size > pack_bytes.size() - at - frame_header_size) continue;
    found.push_back({at, static_cast<std::uint32_t>(frame_header_size) + frame->box_size,
                     frame->encoded_size, frame->position});
  }
  return found;
}

}  // namespace holdfast::pipeline
