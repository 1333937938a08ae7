#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstddef>
#include <memory>

namespace holdfast::crypto {

inline constexpr std::size_t sha256_size = 32;
inline constexpr std::size_t sha1_size = 20;
inline constexpr std::size_t md5_size = 16;

using Sha256Digest = std::array<std::byte, sha256_size>;
using Sha1Digest = std::array<std::byte, sha1_size>;

/// SHA-256 of a stream of pieces (FIPS 180-4), for protocols that ask for it: what Holdfast itself
/// names and checks is BLAKE3. Threads: one stream per object.
class Sha256 {
public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(base::ByteView bytes);
  /// Once, at the end.
  Sha256Digest finish();

private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha256Digest sha256(base::ByteView bytes);
/// HMAC-SHA256 (RFC 2104).
Sha256Digest hmac_sha256(base::ByteView key, base::ByteView text);

/// SHA-1 (FIPS 180-4) and its HMAC (RFC 2104): SHA-1 alone protects nothing, but Tencent's
/// signatures want it.
Sha1Digest sha1(base::ByteView bytes);
Sha1Digest hmac_sha1(base::ByteView key, base::ByteView text);

/// MD5 (RFC 1321) protects nothing: some protocols want it as a checksum.
std::array<std::byte, md5_size> md5(base::ByteView bytes);

}  // namespace holdfast::crypto
