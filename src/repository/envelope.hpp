// The frozen outside of small objects: format, key slots, snapshot and deletion records.
//
// No later version changes it, so that an object of a newer program is "unsupported" and never
// "corrupt", and a damaged one is "corrupt" and never "wrong key".
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::repository {

/// Layout: magic 8, version u32, required features u64, body length u32, body, plain BLAKE3 of all
/// before 32.
struct Envelope {
  std::uint32_t version = 1;
  std::uint64_t required_features = 0;
  base::Bytes body;
};

inline constexpr std::size_t envelope_magic_size = 8;
inline constexpr std::size_t envelope_head_size = envelope_magic_size + 4 + 8 + 4;
inline constexpr std::size_t envelope_overhead = envelope_head_size + 32;

base::Bytes wrap_envelope(std::string_view magic, const Envelope& envelope);
/// `what` names the object in messages. Errors: corrupt; unsupported for a version or feature that
/// this program does not know.
Envelope unwrap_envelope(std::string_view magic, base::ByteView bytes, const std::string& what);

}  // namespace holdfast::repository
