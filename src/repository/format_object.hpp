#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "crypto/keys.hpp"
#include "pipeline/parity.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::repository {

inline constexpr std::uint32_t format_version = 1;

/// The first thing read: who this repository is, and which version and features a reader must know.
///
/// Layout: a frozen envelope (magic, version, features a reader must know, length, checksum) that
/// no
///         later version changes, so that a newer repository is "unsupported", never "corrupt".
///         Three copies: format, format.2, format.3.
struct FormatObject {
  std::uint32_t version = format_version;
  std::uint64_t required_features = 0;
  base::RepositoryId id;
  crypto::PublicKey owner_signing_key{};  // signs this object
  std::int64_t created_seconds = 0;       // UTC
  /// Of the packs, in percent: what every writer gives them that was not told otherwise.
  std::uint32_t parity_percent = pipeline::parity_percent_default;
  bool operator==(const FormatObject&) const = default;
};

/// The names of the three copies, in the order they are read.
std::vector<std::string> format_names();

base::Bytes encode_format(const FormatObject& format, const crypto::SigningKeyPair& owner);
/// Errors: corrupt; unsupported for a version or feature that this program does not know.
FormatObject decode_format(base::ByteView bytes);

/// Creates the three copies. Errors: already_exists when there is a repository already.
void store_format(storage::Backend& backend, base::ByteView encoded);
/// The first copy that is whole. Errors: not_found (with a hint to run init) when there is none at
/// all, corrupt when none is whole.
FormatObject load_format(storage::Backend& backend);

}  // namespace holdfast::repository
