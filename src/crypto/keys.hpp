#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"

#include <array>

namespace holdfast::crypto {

using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;

/// X25519 pair for sealed boxes (libsodium crypto_box).
struct BoxKeyPair {
  PublicKey public_key;
  base::Secret private_key;  // 32 bytes
};
BoxKeyPair make_box_key_pair(base::Random& random);
/// The pair of a stored private key.
BoxKeyPair box_key_pair_of(base::ByteView private_key);

inline constexpr std::size_t sealed_box_overhead = 48;
/// Anyone with the public key can seal; only the private key opens.
base::Bytes seal_to(const PublicKey& recipient, base::ByteView text);
/// Errors: wrong_key when it does not open.
base::Secret open_sealed(const BoxKeyPair& pair, base::ByteView box);

/// Ed25519.
struct SigningKeyPair {
  PublicKey public_key;
  base::Secret seed;  // 32 bytes
};
SigningKeyPair make_signing_key_pair(base::Random& random);
SigningKeyPair signing_key_pair_of(base::ByteView seed);
Signature sign(const SigningKeyPair& pair, base::ByteView text);
[[nodiscard]] bool verify(const PublicKey& key, base::ByteView text, const Signature& signature);

/// Must be called once before anything else here (libsodium picks its code for this processor).
/// Errors: throws unsupported if the library cannot start. Threads: safe, idempotent.
void initialise();

}  // namespace holdfast::crypto
