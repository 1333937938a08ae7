#include "crypto/passphrase.hpp"

#include "base/error.hpp"

#include <sodium.h>

#include <string>

namespace holdfast::crypto {

static_assert(crypto_pwhash_SALTBYTES == passphrase_salt_size);

namespace {

constexpr std::size_t derived_size = 32;

void require(bool condition, const std::string& message) {
  if (!condition) throw base::Error(base::ErrorKind::invalid_input, message);
}

void check_cost(const PassphraseCost& cost) {
  require(cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN &&
              cost.passes <= PassphraseCost::passes_max,
          "a passphrase cost of " + std::to_string(cost.passes) + " passes is out of bounds");
  require(cost.memory_bytes >= PassphraseCost::memory_bytes_min &&
              cost.memory_bytes <= PassphraseCost::memory_bytes_max,
          "a passphrase cost of " + std::to_string(cost.memory_bytes) +
              " bytes of memory is out of bounds");
}

}  // namespace

base::Secret derive_from_passphrase(const base::Secret& passphrase, base::ByteView salt,
                                    const PassphraseCost& cost) {
  check_cost(cost);
  require(salt.size() == passphrase_salt_size, "the salt of a passphrase has 16 bytes");
  base::Secret derived(derived_size);
  const int outcome = crypto_pwhash(
      reinterpret_cast<unsigned char*>(derived.mutable_view().data()), derived.size(),
      // An empty secret has no memory of its own, and libsodium wants a place to point to.
      passphrase.empty() ? "" : reinterpret_cast<const char*>(passphrase.view().data()),
      passphrase.size(), reinterpret_cast<const unsigned char*>(salt.data()), cost.passes,
      cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
  if (outcome == 0) return derived;
  throw base::Error(base::ErrorKind::io,
                    "deriving a key from a passphrase: " + std::to_string(cost.memory_bytes >> 20) +
                        " MiB of memory are not to be had")
      .set_hint("free some memory or use a machine with more");
}

}  // namespace holdfast::crypto
