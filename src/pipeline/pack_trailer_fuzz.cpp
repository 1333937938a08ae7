#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>

namespace {

using namespace holdfast;

void parse(base::ByteView tail, std::uint64_t pack_size) {
  try {
    const auto trailer = pipeline::parse_pack_trailer(tail, pack_size);
    HF_ASSERT(trailer.directory_offset + trailer.directory_size == trailer.trailer_offset &&
                  trailer.trailer_offset + tail.size() == pack_size,
              "the directory is where it must be");
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    if (kind != base::ErrorKind::corrupt && kind != base::ErrorKind::unsupported) throw;
  }
}

/// A pack size that has a trailer of `size`, so that the size alone does not end the parsing.
std::uint64_t pack_size_for(std::size_t size, std::uint64_t wish) {
  const auto sectors = (size - pipeline::trailer_fixed_size) / sizeof(std::uint64_t);
  const auto in_last_sector = 1 + wish % pipeline::sector_size;
  return (sectors - 1) * pipeline::sector_size + in_last_sector + size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Eight bytes of pack size, then the tail.
  if (size < 8) return 0;
  const auto wish = base::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(data));
  const base::ByteView tail = std::as_bytes(std::span(data, size)).subspan(8);
  parse(tail, wish);
  constexpr auto smallest = pipeline::trailer_fixed_size + sizeof(std::uint64_t);
  if (tail.size() < smallest || tail.size() % sizeof(std::uint64_t) != 0) return 0;
  auto fixed = base::copy_of(tail);
  const auto end = fixed.size() - pipeline::trailer_fixed_size + pipeline::trailer_at::checksum;
  const auto covered = base::ByteView(fixed).first(end);
  base::store_le(fixed.data() + end, pipeline::sector_checksum(covered));
  parse(fixed, pack_size_for(fixed.size(), wish));
  return 0;
}
