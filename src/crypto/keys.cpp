#include "crypto/keys.hpp"

#include "base/error.hpp"

#include <sodium.h>

#include <algorithm>

namespace holdfast::crypto {

static_assert(crypto_box_PUBLICKEYBYTES == std::tuple_size_v<PublicKey>);
static_assert(crypto_box_SECRETKEYBYTES == 32);
static_assert(crypto_box_SEALBYTES == sealed_box_overhead);
static_assert(crypto_sign_PUBLICKEYBYTES == std::tuple_size_v<PublicKey>);
static_assert(crypto_sign_BYTES == std::tuple_size_v<Signature>);

namespace {

constexpr std::size_t private_key_size = 32;

const unsigned char* in(base::ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* out(base::MutableBytes bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

void require_size(base::ByteView bytes, std::size_t size, const char* what) {
  if (bytes.size() == size) return;
  throw base::Error(base::ErrorKind::corrupt, std::string(what) + " has " +
                                                  std::to_string(bytes.size()) + " bytes, not " +
                                                  std::to_string(size));
}

/// The form libsodium signs with: seed and public key.
base::Secret expand(const base::Secret& seed, PublicKey& public_key) {
  base::Secret expanded(std::size_t{crypto_sign_SECRETKEYBYTES});
  crypto_sign_seed_keypair(out(public_key), out(expanded.mutable_view()), in(seed.view()));
  return expanded;
}

}  // namespace

void initialise() {
  if (sodium_init() >= 0) return;
  throw base::Error(base::ErrorKind::unsupported,
                    "starting libsodium: it found no source of randomness");
}

BoxKeyPair make_box_key_pair(base::Random& random) {
  base::Secret private_key(private_key_size);
  random.fill(private_key.mutable_view());
  return box_key_pair_of(private_key.view());
}

BoxKeyPair box_key_pair_of(base::ByteView private_key) {
  require_size(private_key, private_key_size, "a private key");
  BoxKeyPair pair{{}, base::Secret(private_key)};
  HF_ASSERT(crypto_scalarmult_base(out(pair.public_key), in(private_key)) == 0,
            "every 32 bytes are a private key");
  return pair;
}

base::Bytes seal_to(const PublicKey& recipient, base::ByteView text) {
  base::Bytes box(text.size() + sealed_box_overhead);
  if (crypto_box_seal(out(box), in(text), text.size(), in(recipient)) != 0) {
    throw base::Error(base::ErrorKind::corrupt, "a recipient's public key is not a usable key");
  }
  return box;
}

base::Secret open_sealed(const BoxKeyPair& pair, base::ByteView box) {
  if (box.size() < sealed_box_overhead) {
    throw base::Error(base::ErrorKind::corrupt, "a sealed key is cut short");
  }
  base::Secret text(box.size() - sealed_box_overhead);
  // An empty text has no memory of its own, and libsodium wants a place to point to.
  unsigned char nothing = 0;
  unsigned char* const to = text.empty() ? &nothing : out(text.mutable_view());
  if (crypto_box_seal_open(to, in(box), box.size(), in(pair.public_key),
                           in(pair.private_key.view())) != 0) {
    throw base::Error(base::ErrorKind::wrong_key,
                      "a sealed key does not open with this private key");
  }
  return text;
}

SigningKeyPair make_signing_key_pair(base::Random& random) {
  base::Secret seed(std::size_t{crypto_sign_SEEDBYTES});
  random.fill(seed.mutable_view());
  return signing_key_pair_of(seed.view());
}

SigningKeyPair signing_key_pair_of(base::ByteView seed) {
  require_size(seed, crypto_sign_SEEDBYTES, "a signing key");
  SigningKeyPair pair{{}, base::Secret(seed)};
  expand(pair.seed, pair.public_key);
  return pair;
}

Signature sign(const SigningKeyPair& pair, base::ByteView text) {
  PublicKey public_key;
  const auto expanded = expand(pair.seed, public_key);
  Signature signature;
  crypto_sign_detached(out(signature), nullptr, in(text), text.size(), in(expanded.view()));
  return signature;
}

bool verify(const PublicKey& key, base::ByteView text, const Signature& signature) {
  return crypto_sign_verify_detached(in(signature), in(text), text.size(), in(key)) == 0;
}

}  // namespace holdfast::crypto
