#include "frame.hpp"

#include "base/little_endian.hpp"
#include "pipeline/segment.hpp"

#include <algorithm>
#include <cstring>

namespace holdfast::pipeline {

using base::load_le;
using base::store_le;

void store_frame_header(const FrameHeader& header, std::byte* to) {
  std::memset(to, 0, frame_header_size);
  std::memcpy(to, frame_magic, sizeof frame_magic);
  store_le(to + 4, header.position);
  store_le(to + 8, header.box_size);
  store_le(to + 12, header.encoded_size);
  store_le(to + 16, static_cast<std::uint8_t>(header.encoding));
}

std::optional<FrameHeader> parse_frame_header(base::ByteView bytes) {
  if (bytes.size() < frame_header_size) return std::nullopt;
  if (std::memcmp(bytes.data(), frame_magic, sizeof frame_magic) != 0) return std::nullopt;
  FrameHeader header;
  header.position = load_le<std::uint32_t>(bytes.data() + 4);
  header.box_size = load_le<std::uint32_t>(bytes.data() + 8);
  header.encoded_size = load_le<std::uint32_t>(bytes.data() + 12);
  const auto encoding = load_le<std::uint8_t>(bytes.data() + 16);
  const auto zeros = bytes.subspan(17, frame_header_size - 17);
  if (std::any_of(zeros.begin(), zeros.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return std::nullopt;
  }
  if (header.encoded_size > encoded_segment_size_max) return std::nullopt;
  const auto plain_box_size = header.encoded_size + crypto::aead_tag_size;
  switch (encoding) {
    case static_cast<std::uint8_t>(FrameHeader::Encoding::plain):
      if (header.box_size != plain_box_size) return std::nullopt;
      break;
    case static_cast<std::uint8_t>(FrameHeader::Encoding::zstd):
      // Compressed bytes are stored only when they are fewer.
      if (header.box_size <= crypto::aead_tag_size || header.box_size >= plain_box_size) {
        return std::nullopt;
      }
      break;
    default:
      return std::nullopt;
  }
  header.encoding = static_cast<FrameHeader::Encoding>(encoding);
  return header;
}

}  // namespace holdfast::pipeline
