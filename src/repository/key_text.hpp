// How keys look as text: key files, public keys, shares.
#pragma once

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "crypto/keys.hpp"
#include "crypto/shamir.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::repository {

/// "hfpub-" and 72 hex digits: the key and the first four bytes of a BLAKE3, so that a slip of the
/// pen is not taken for a key that nobody has.
std::string public_key_text(const crypto::PublicKey& key);
/// Errors: invalid_input.
crypto::PublicKey parse_public_key(std::string_view text);

/// What a key file holds.
struct KeyFile {
  crypto::BoxKeyPair pair;
  std::optional<crypto::PublicKey> owner;  // Ed25519: whose repository it may open, no other
};
inline constexpr std::size_t key_file_size_max = 16 * 1024;
base::Secret format_key_file(const KeyFile& file);
/// Errors: invalid_input, without saying what stands in it.
KeyFile parse_key_file(base::ByteView text);

/// One share of a private key that opens slot keys/<slot id>.
struct KeyShare {
  std::array<std::byte, 8> slot{};
  std::uint8_t threshold = 0;
  crypto::Share share;
};
inline constexpr std::size_t share_file_size_max = 16 * 1024;
/// A sheet with instructions and one line "share ...": twelve groups of eight hex digits.
base::Secret format_share(const KeyShare& share, unsigned count, std::string_view repository);
/// Finds the line. Errors: invalid_input when there is none, or its check value is wrong.
KeyShare parse_share(base::ByteView text);

}  // namespace holdfast::repository
