#pragma once

#include "base/bytes.hpp"
#include "base/secret.hpp"

#include <cstdint>

namespace holdfast::crypto {

/// Argon2id cost, stored beside what it protects and bounded when read.
struct PassphraseCost {
  std::uint32_t passes = 3;
  std::uint64_t memory_bytes = 256ULL * 1024 * 1024;

  static constexpr std::uint32_t passes_max = 64;
  static constexpr std::uint64_t memory_bytes_min = 8ULL * 1024;
  static constexpr std::uint64_t memory_bytes_max = 4ULL * 1024 * 1024 * 1024;
};

inline constexpr std::size_t passphrase_salt_size = 16;

/// 32 bytes from a passphrase by Argon2id (version 1.3, one lane, as libsodium does it).
/// Errors: invalid_input when the cost is outside its bounds or the salt is not 16 bytes; io when
/// the memory is not to be had.
base::Secret derive_from_passphrase(const base::Secret& passphrase, base::ByteView salt,
                                    const PassphraseCost& cost);

}  // namespace holdfast::crypto
