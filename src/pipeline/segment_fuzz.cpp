#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pipeline/segment.hpp"

#include <cstdint>

// Three ways in: a frame from a hostile store, a compressed segment from a hostile writer who has
// the key, and what such a segment decodes to.

namespace {

using namespace holdfast;

template <class Work>
void run(Work work) {
  try {
    work();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::corrupt) throw;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pipeline::SegmentCodec codec;
  static crypto::Aead key(base::Bytes(crypto::aead_key_size, std::byte{1}));
  const base::ByteView input = std::as_bytes(std::span(data, size));
  const pipeline::SegmentContext context{{}, {}, 1, 0, 0};
  run([&] { codec.open(key, context, input); });
  run([&] { pipeline::decode_segment(input); });
  if (size < 4) return 0;
  const std::uint32_t claimed = base::load_le<std::uint32_t>(input.data()) % (1U << 22);
  const auto text = input.subspan(4);
  // A frame is never larger than its segment: parse_frame_header refuses that before anything is
  // opened.
  if (text.size() >= claimed) return 0;
  run([&] { codec.seal(key, context, {text, claimed, true}, {}); });
  return 0;
}
