#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>

namespace {

using namespace holdfast;

void parse(base::ByteView input) {
  try {
    const auto header = pipeline::parse_pack_header(input);
    HF_ASSERT(header.sealed_key.size() == pipeline::sealed_secret_size, "the box has its size");
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    if (kind != base::ErrorKind::corrupt && kind != base::ErrorKind::unsupported) throw;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView input = std::as_bytes(std::span(data, size));
  parse(input);
  pipeline::find_frames(input);
  if (size < pipeline::pack_header_size) return 0;
  // Beyond the checksum, which no fuzzer guesses.
  auto fixed = base::copy_of(input);
  const auto covered = base::ByteView(fixed).first(pipeline::header_at::checksum);
  base::store_le(fixed.data() + covered.size(), pipeline::sector_checksum(covered));
  parse(fixed);
  return 0;
}
