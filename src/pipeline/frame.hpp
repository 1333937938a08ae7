#pragma once

#include "base/bytes.hpp"
#include "crypto/aead.hpp"

#include <cstdint>
#include <optional>

namespace holdfast::pipeline {

/// What stands in clear before the box of a segment, so that a damaged pack can be searched for
/// segments.
///
/// Layout: magic "HFSG", u32 position, u32 box size, u32 encoded size, u8 encoding, seven zero
/// bytes.
struct FrameHeader {
  enum class Encoding : std::uint8_t { plain = 0, zstd = 1 };

  std::uint32_t position = 0;
  std::uint32_t box_size = 0;      // ciphertext and tag
  std::uint32_t encoded_size = 0;  // of the encoded segment, before compression
  Encoding encoding = Encoding::plain;
};

inline constexpr std::size_t frame_header_size = 24;
inline constexpr std::uint32_t frame_overhead = frame_header_size + crypto::aead_tag_size;
inline constexpr char frame_magic[] = {'H', 'F', 'S', 'G'};

void store_frame_header(const FrameHeader& header, std::byte* to);
/// Nothing unless `bytes` begin with a header whose sizes are possible for a segment.
std::optional<FrameHeader> parse_frame_header(base::ByteView bytes);

}  // namespace holdfast::pipeline
