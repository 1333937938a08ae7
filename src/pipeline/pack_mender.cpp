// What parity gives back. Whatever the bytes say, nothing is believed that no checksum confirms.
#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace holdfast::pipeline {

using base::ByteView;
using base::Error;

namespace {

std::optional<PackTrailer> try_trailer(ByteView tail, std::uint64_t pack_size) {
  try {
    return parse_pack_trailer(tail, pack_size);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_header_of(ByteView bytes, const base::PackId& id) {
  try {
    return parse_pack_header(bytes).pack == id;
  } catch (const Error&) {
    return false;
  }
}

/// The trailer's first copy, behind the header's copy at `at`; from there its size follows from the
/// size of the pack.
std::optional<PackTrailer> try_copy(ByteView pack, std::uint64_t at) {
  const auto sector = parity_sector_size(at);
  const auto sectors = (at + sector_size - 1) / sector_size;
  const auto fixed = at + pack_header_size + 2 * (8 * sectors + trailer_fixed_size);
  if (fixed > pack.size() || (pack.size() - fixed) % (sector + 16) != 0) return std::nullopt;
  const auto size = 8 * (sectors + (pack.size() - fixed) / (sector + 16)) + trailer_fixed_size;
  const auto begin = at + pack_header_size;
  if (size > pack.size() - begin) return std::nullopt;
  // As it would stand at the end.
  auto tail =
      base::copy_of(pack.last(std::max<std::size_t>(trailer_size_bound(pack.size()), size)));
  std::memcpy(tail.data() + tail.size() - size, pack.data() + begin, size);
  auto trailer = try_trailer(tail, pack.size());
  if (trailer && trailer->covered_size() != at) return std::nullopt;
  return trailer;
}

std::optional<PackTrailer> find_copy(ByteView pack, const base::PackId& id) {
  // The id is found too when the magic before it is damaged.
  const auto text = base::as_text(pack);
  const auto wanted = base::as_text(id.view());
  for (auto at = text.find(wanted, pack_header_size); at != std::string_view::npos;
       at = text.find(wanted, at + 1)) {
    if (auto trailer = try_copy(pack, at - header_at::pack)) return trailer;
  }
  return std::nullopt;
}

std::vector<std::size_t> differing(ByteView bytes, std::size_t size,
                                   const std::vector<std::uint64_t>& checksums) {
  std::vector<std::size_t> bad;
  const auto found = checksums_of(bytes, size);
  for (std::size_t i = 0; i < checksums.size(); ++i) {
    if (i >= found.size() || found[i] != checksums[i]) bad.push_back(i);
  }
  return bad;
}

void mend_sectors(MendedPack& pack) {
  const auto& trailer = *pack.trailer;
  const auto all = base::MutableBytes(pack.bytes);
  const auto covered = all.first(static_cast<std::size_t>(trailer.covered_size()));
  const auto parity = ByteView(all).subspan(
      static_cast<std::size_t>(trailer.parity_offset()),
      static_cast<std::size_t>(trailer.trailer_offset - trailer.parity_offset()));
  const auto bad = differing(covered, sector_size, trailer.sector_checksums);
  const auto bad_parity =
      differing(parity, parity_sector_size(covered.size()), trailer.parity_checksums);
  pack.sectors_damaged = bad.size() + bad_parity.size();
  auto lost = recover_sectors(covered, parity, trailer.parity, bad, bad_parity);
  for (const auto i : bad) {
    const auto begin = i * sector_size;
    const auto sector = covered.subspan(begin, std::min(sector_size, covered.size() - begin));
    const bool left = std::binary_search(lost.begin(), lost.end(), i);
    if (!left && sector_checksum(sector) == trailer.sector_checksums[i]) {
      ++pack.sectors_mended;
    } else {
      pack.sectors_lost.push_back(i);
    }
  }
}

/// The header from its copy, for when the first sector could not be mended.
void mend_header(MendedPack& pack, const base::PackId& id) {
  const auto all = base::MutableBytes(pack.bytes);
  if (is_header_of(all, id) || pack.trailer->parity.sectors() == 0) return;
  const auto copy = all.subspan(static_cast<std::size_t>(pack.trailer->covered_size()));
  if (!is_header_of(copy, id)) return;
  std::memcpy(all.data(), copy.data(), pack_header_size);
  pack.front_mended = true;
}

/// Behind the directory, when all before is whole: both copies, and the parity, as they were.
void mend_rest(MendedPack& pack) {
  const auto& trailer = *pack.trailer;
  const auto all = base::MutableBytes(pack.bytes);
  const auto covered = static_cast<std::size_t>(trailer.covered_size());
  const auto end = static_cast<std::size_t>(trailer.trailer_offset);
  const auto size = all.size() - end;
  if (trailer.parity.sectors() == 0) return;
  const auto copy = all.subspan(covered + pack_header_size, size);
  if (try_trailer(all, all.size())) {
    std::ranges::copy(all.subspan(end), copy.begin());
  } else {
    std::ranges::copy(copy, all.begin() + static_cast<std::ptrdiff_t>(end));
  }
  std::ranges::copy(all.first(pack_header_size),
                    all.begin() + static_cast<std::ptrdiff_t>(covered));
  const auto parity = parity_of(all.first(covered), trailer.parity);
  std::ranges::copy(parity, all.begin() + static_cast<std::ptrdiff_t>(trailer.parity_offset()));
}

}  // namespace

MendedPack mend_pack(base::Bytes bytes, const base::PackId& id, std::uint64_t pack_size) {
  MendedPack pack;
  pack.bytes = std::move(bytes);
  if (pack_size > pack_size_max) return pack;
  pack.bytes.resize(static_cast<std::size_t>(pack_size));
  pack.trailer = try_trailer(pack.bytes, pack_size);
  if (!pack.trailer) {
    pack.trailer = find_copy(pack.bytes, id);
    pack.front_mended = pack.trailer.has_value();
  }
  if (!pack.trailer) return pack;
  mend_sectors(pack);
  mend_header(pack, id);
  if (pack.sectors_lost.empty()) mend_rest(pack);
  return pack;
}

}  // namespace holdfast::pipeline
