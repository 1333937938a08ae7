#include "base/error.hpp"
#include "base/random.hpp"
#include "pack_layout.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>

// The input as a box from a hostile store, and as the text in a box of a hostile writer who has the
// index key.

namespace {

using namespace holdfast;

constexpr std::uint64_t pack_size = 64 * 1024 * 1024;

void open(const pipeline::PackWriteKeys& keys, const pipeline::PackHeader& header,
          base::ByteView sealed) {
  try {
    const auto directory = pipeline::open_pack_directory(keys, header, sealed, pack_size);
    for (const auto& segment : directory.segments) {
      HF_ASSERT(segment.offset + segment.stored_size <= pack_size, "segments are inside the pack");
      for (const auto& chunk : segment.chunks) {
        HF_ASSERT(chunk.offset + chunk.length <= segment.encoded_size, "chunks are inside");
      }
    }
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    if (kind != base::ErrorKind::corrupt && kind != base::ErrorKind::wrong_key) throw;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pipeline::PackWriteKeys keys{{}, 0, {}, base::Secret(base::Bytes(32, std::byte{1}))};
  static const pipeline::PackHeader header;
  static base::SeededRandom random(1);
  const base::ByteView input = std::as_bytes(std::span(data, size));
  open(keys, header, input);
  const auto associated =
      pipeline::directory_associated(keys.repository, header.pack, header.kind, header.epoch);
  open(keys, header,
       crypto::seal_box(keys.index_key.view(), pipeline::directory_label, associated, input,
                        random));
  return 0;
}
