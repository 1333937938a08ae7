#include "pack_verifier.hpp"

#include "base/error.hpp"
#include "stored_pack.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using pipeline::sector_size;

namespace {

/// Large enough that a store streams, small enough that two threads share the last pack.
constexpr std::uint64_t piece_size = 4ULL * 1024 * 1024;

}  // namespace

PackVerifier::PackVerifier(Repository& repository, const PackPlaces& places,
                           CheckFindings& findings)
    : repository_(repository),
      places_(places),
      findings_(findings),
      reads_(repository.keys().can(Ability::read_content)),
      ciphers_(repository) {}

storage::Backend& PackVerifier::place_of(const base::PackId& pack) const {
  const auto at = places_.find(pack);
  return at == places_.end() ? repository_.backend() : *at->second;
}

/// Runs `work`, which reads the pack; false when it met damage, which is noted. The pack may have
/// gone since it was listed, when nobody needs it.
template <class Work>
bool PackVerifier::tolerates(const base::PackId& pack, Work work) {
  try {
    work();
    return true;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    const auto name = pack_object_name(pack);
    if (error.kind() == ErrorKind::not_found && !place_of(pack).stat(name)) {
      findings_.miss_pack(pack, name);
    } else {
      findings_.add(name, error.what());
    }
    return false;
  }
}

std::optional<PackToRead> PackVerifier::open(const IndexedPack& pack) {
  auto& backend = place_of(pack.info.id);
  PackToRead opened;
  opened.pack = &pack;
  const bool readable = tolerates(pack.info.id, [&] {
    opened.header = read_pack_header(backend, pack.info.id);
    expect_header_of(opened.header, pack.info);
  });
  tolerates(pack.info.id, [&] {
    auto trailer = read_pack_trailer(backend, pack.info.id, pack.info.size);
    if (trailer.directory_offset < pack.end) {
      throw Error(ErrorKind::corrupt, "its directory stands where segments are");
    }
    opened.trailer = std::move(trailer);
  });
  if (readable) return opened;
  findings_.lose_pack(pack.info.id);
  return std::nullopt;
}

/// The pack's own, or if that is damaged the index's: what is lost is then told exactly.
void PackVerifier::load_directory(PackToRead& opened) {
  const auto& pack = *opened.pack;
  const auto keys = repository_.keys().pack_write_keys(repository_.id());
  const bool whole = opened.trailer && tolerates(pack.info.id, [&] {
                       opened.directory =
                           read_pack_directory(place_of(pack.info.id), keys, opened.header,
                                               *opened.trailer, pack.info.size);
                       if (hash_directory(opened.directory) != pack.directory_hash) {
                         throw Error(ErrorKind::corrupt, "its directory differs from the index");
                       }
                     });
  if (!whole) opened.directory = directory_from_index(repository_, pack);
}

std::vector<PackPiece> PackVerifier::prepare(PackToRead opened) {
  const auto& id = opened.pack->info.id;
  const bool has_key = !reads_ || tolerates(id, [&] { ciphers_.get(opened.header); });
  if (!has_key) {
    findings_.lose_pack(id);
    return {};
  }
  load_directory(opened);
  const auto shared = std::make_shared<const PackToRead>(std::move(opened));
  const auto& segments = shared->directory.segments;
  const auto end_of_pack = shared->trailer ? shared->trailer->covered_size() : shared->pack->end;
  std::vector<PackPiece> pieces;
  for (std::size_t i = 0; i < segments.size();) {
    PackPiece piece{shared, i, i, segments[i].offset / sector_size * sector_size, 0};
    if (i == 0) piece.begin = 0;
    do {
      piece.end = segments[i].offset + segments[i].stored_size;
      ++i;
    } while (i < segments.size() &&
             segments[i].offset + segments[i].stored_size - piece.begin <= piece_size);
    piece.end_segment = i;
    piece.end = (piece.end + sector_size - 1) / sector_size * sector_size;
    piece.end = i == segments.size() ? end_of_pack : std::min(piece.end, end_of_pack);
    pieces.push_back(std::move(piece));
  }
  if (shared->trailer && shared->trailer->parity.sectors() != 0) {
    pieces.push_back({shared, segments.size(), segments.size(), end_of_pack,
                      shared->trailer->trailer_offset + shared->trailer->size()});
  }
  return pieces;
}

bool PackVerifier::fetch(const PackPiece& piece) {
  const auto name = pack_object_name(piece.pack->pack->info.id);
  const auto size = piece.end - piece.begin;
  return tolerates(piece.pack->pack->info.id, [&] {
    bytes_.reserve_discarding(size);
    bytes_.set_size(
        place_of(piece.pack->pack->info.id).read(name, piece.begin, bytes_.all().first(size)));
    if (bytes_.size() != size) {
      throw Error(ErrorKind::corrupt,
                  fmt::format("it ends at byte {}", piece.begin + bytes_.size()));
    }
  });
}

void PackVerifier::verify_sectors(const PackPiece& piece) {
  if (!piece.pack->trailer) return;
  const auto& checksums = piece.pack->trailer->sector_checksums;
  auto sector = piece.begin / sector_size;
  for (auto rest = bytes_.view(); !rest.empty(); ++sector) {
    const auto size = std::min(rest.size(), sector_size);
    if (sector >= checksums.size() ||
        pipeline::sector_checksum(rest.first(size)) != checksums[sector]) {
      findings_.add(pack_object_name(piece.pack->pack->info.id),
                    fmt::format("bytes {} to {} are not what was written", sector * sector_size,
                                sector * sector_size + size - 1));
    }
    rest = rest.subspan(size);
  }
}

/// The copies of header and trailer, and the parity: damage there costs nobody anything yet, but
/// it does not mend what breaks next.
void PackVerifier::verify_parity(const PackPiece& piece) {
  const auto& trailer = *piece.pack->trailer;
  const auto name = pack_object_name(piece.pack->pack->info.id);
  auto rest = bytes_.view();
  const auto header = rest.first(pipeline::pack_header_size);
  const auto copy = rest.subspan(header.size(), trailer.size());
  if (!tolerates(piece.pack->pack->info.id, [&] { pipeline::parse_pack_header(header); })) {
    return;
  }
  if (!std::ranges::equal(copy, rest.last(trailer.size()))) {
    findings_.add(name, "the copy of its trailer is not what was written");
  }
  rest = rest.subspan(header.size() + copy.size());
  const auto size = pipeline::parity_sector_size(trailer.covered_size());
  for (const auto checksum : trailer.parity_checksums) {
    if (pipeline::sector_checksum(rest.first(size)) != checksum) {
      findings_.add(name, fmt::format("its parity at byte {} is not what was written",
                                      piece.end - rest.size()));
    }
    rest = rest.subspan(size);
  }
}

std::uint64_t PackVerifier::verify_segment(const PackPiece& piece,
                                           const pipeline::SegmentInPack& segment) {
  const auto& pack = *piece.pack->pack;
  const auto framed = bytes_.view().subspan(segment.offset - piece.begin, segment.stored_size);
  const pipeline::SegmentContext context{repository_.id(), pack.info.id,
                                         static_cast<std::uint8_t>(pack.info.kind), pack.info.epoch,
                                         segment.position};
  const auto encoded = codec_.open(ciphers_.get(piece.pack->header), context, framed);
  const auto decoded = pipeline::decode_segment(encoded);
  if (encoded.size() != segment.encoded_size || decoded.lengths.size() != segment.chunks.size()) {
    throw Error(ErrorKind::corrupt,
                fmt::format("segment {} differs from the directory", segment.position));
  }
  for (const auto& chunk : segment.chunks) {
    if (chunk.offset > decoded.bytes.size() || chunk.length > decoded.bytes.size() - chunk.offset ||
        repository_.keys().chunk_id(decoded.bytes.subspan(chunk.offset, chunk.length)) !=
            chunk.id) {
      throw Error(ErrorKind::corrupt, fmt::format("chunk {} in segment {} has other bytes",
                                                  chunk.id.short_hex(), segment.position));
    }
  }
  return decoded.bytes.size();
}

std::uint64_t PackVerifier::verify(const PackPiece& piece) {
  const auto& pack = piece.pack->pack->info;
  const auto& segments = piece.pack->directory.segments;
  std::uint64_t hashed = 0;
  const bool fetched = fetch(piece);
  if (fetched && piece.first_segment == segments.size()) {
    verify_parity(piece);
  } else if (fetched) {
    verify_sectors(piece);
  }
  for (auto i = piece.first_segment; i < piece.end_segment; ++i) {
    const bool whole = fetched && tolerates(pack.id, [&] {
                         if (reads_) hashed += verify_segment(piece, segments[i]);
                       });
    if (!whole) findings_.lose_segment(pack.id, segments[i].position);
  }
  return hashed;
}

}  // namespace holdfast::repository
