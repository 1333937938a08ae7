#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::sources {

/// SQLite's files are big-endian.
inline std::uint32_t load_be32(const std::byte* from) {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}

}  // namespace holdfast::sources
