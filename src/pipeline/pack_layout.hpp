#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"
#include "crypto/aead.hpp"
#include "pipeline/pack.hpp"

#include <array>
#include <string>

// What the writer and the reader of packs must agree on. docs/format/repository.md is the page to
// read.

namespace holdfast::pipeline {

inline constexpr std::string_view pack_magic = "HFPACK\r\n";
inline constexpr std::string_view trailer_magic = "HFPACKND";
inline constexpr std::string_view directory_label = "holdfast/v1/directory";
inline constexpr std::uint16_t pack_version = 1;
/// X25519 sealed box, AES-256-GCM, HKDF-SHA256, zstd.
inline constexpr std::uint8_t pack_suite = 1;
inline constexpr std::size_t pack_secret_size = 32;
inline constexpr std::size_t sealed_secret_size = pack_secret_size + crypto::sealed_box_overhead;

/// Offsets in the header.
namespace header_at {
inline constexpr std::size_t version = 8, suite = 10, kind = 11, epoch = 12, pack = 16,
                             sealed_secret = 48, commitment = 128, checksum = 160, zeros = 168;
}
static_assert(header_at::sealed_secret + sealed_secret_size == header_at::commitment);
static_assert(header_at::commitment + crypto::commitment_size == header_at::checksum);

/// Offsets in the fixed part that ends the trailer; the sector checksums stand before it.
namespace trailer_at {
inline constexpr std::size_t directory_offset = 0, directory_size = 8, parity_size = 12,
                             version = 16, parity_groups = 18, zeros = 20, checksum = 24,
                             magic = 32;
}
inline constexpr std::size_t trailer_fixed_size = 40;

/// The checksums of all sectors of `bytes`, the last of which may be shorter than `size`.
std::vector<std::uint64_t> checksums_of(base::ByteView bytes, std::size_t size);

crypto::ObjectKey derive_pack_key(const base::Secret& secret, const base::PackId& pack,
                                  const base::RepositoryId& repository);
/// Repository, pack, kind, epoch.
std::array<std::byte, 69> directory_associated(const base::RepositoryId& repository,
                                               const base::PackId& pack, PackKind kind,
                                               std::uint32_t epoch);

}  // namespace holdfast::pipeline
