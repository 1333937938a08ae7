#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <algorithm>
#include <cstdint>

namespace {

using namespace holdfast;

void parse(base::ByteView tail, std::uint64_t pack_size) {
  try {
    const auto trailer = pipeline::parse_pack_trailer(tail, pack_size);
    HF_ASSERT(trailer.covered_size() <= trailer.parity_offset() &&
                  trailer.parity_offset() <= trailer.trailer_offset &&
                  trailer.trailer_offset + trailer.size() == pack_size,
              "all parts are where they must be");
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    if (kind != base::ErrorKind::corrupt && kind != base::ErrorKind::unsupported) throw;
  }
}

/// The pack size that the fields of `fixed` add up to, so that the size alone does not end the
/// parsing.
std::uint64_t pack_size_for(base::ByteView fixed) {
  const auto covered = base::load_le<std::uint64_t>(fixed.data()) % pipeline::pack_size_max +
                       base::load_le<std::uint32_t>(fixed.data() + 8);
  const auto parity = base::load_le<std::uint32_t>(fixed.data() + 12);
  const auto sectors = (covered + pipeline::sector_size - 1) / pipeline::sector_size;
  const auto per_parity = std::max<std::uint64_t>(pipeline::parity_sector_size(covered), 1);
  const auto trailer = 8 * (sectors + parity / per_parity) + pipeline::trailer_fixed_size;
  return covered + trailer + (parity == 0 ? 0 : pipeline::pack_header_size + trailer + parity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Eight bytes of pack size, then the tail.
  if (size < 8) return 0;
  const auto wish = base::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(data));
  const base::ByteView tail = std::as_bytes(std::span(data, size)).subspan(8);
  parse(tail, wish);
  if (tail.size() < pipeline::trailer_fixed_size) return 0;
  const auto pack_size = pack_size_for(tail.last(pipeline::trailer_fixed_size));
  if (pack_size > 64 * pipeline::sector_size) return 0;
  // As many checksums before it as it wants, and a checksum that fits.
  base::Bytes whole(static_cast<std::size_t>(pack_size) -
                    std::min<std::size_t>(static_cast<std::size_t>(pack_size), tail.size()));
  base::append(whole, tail);
  const auto end = whole.size() - pipeline::trailer_fixed_size + pipeline::trailer_at::checksum;
  for (std::size_t count = 0; count <= end && count <= 8 * 200; count += 8) {
    const auto covered = base::ByteView(whole).subspan(end - count, count);
    base::store_le(whole.data() + end, pipeline::sector_checksum(covered));
    parse(whole, pack_size);
  }
  return 0;
}
