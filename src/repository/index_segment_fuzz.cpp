#include "base/error.hpp"
#include "index_segment.hpp"

#include <cstdint>

// The input as the text in a box of a hostile writer who has the index key. What decodes must lie
// inside its packs and encode to the same again.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  try {
    const auto body = repository::decode_index_body(std::as_bytes(std::span(data, size)));
    for (const auto& segment : body.segments) {
      HF_ASSERT(segment.pack < body.packs.size(), "segments belong to packs");
      HF_ASSERT(segment.offset + segment.stored_size <= body.packs[segment.pack].size,
                "segments are inside their pack");
    }
    for (const auto& chunk : body.chunks) {
      HF_ASSERT(chunk.segment < body.segments.size(), "chunks belong to segments");
    }
    const auto again = repository::decode_index_body(repository::encode_index_body(body));
    HF_ASSERT(again.segments == body.segments && again.chunks.size() == body.chunks.size(),
              "what decodes encodes");
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::corrupt) throw;
  }
  return 0;
}
