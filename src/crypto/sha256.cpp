#include "crypto/sha256.hpp"

#include "base/error.hpp"
#include "openssl_errors.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>

namespace holdfast::crypto {

namespace {

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// Fetched once: a fetch walks the provider tables under a lock.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (method == nullptr) throw openssl_error("fetching SHA-256");
  return method;
}

unsigned char* out(base::MutableBytes bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

/// `digest` has the size that the method gives.
void hmac(const EVP_MD* method, base::ByteView key, base::ByteView text,
          base::MutableBytes digest) {
  HF_ASSERT(key.size() <= std::numeric_limits<int>::max(), "OpenSSL counts keys in int");
  if (HMAC(method, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), out(digest),
           nullptr) == nullptr) {
    throw openssl_error("computing an HMAC");
  }
}

void hash_once(const EVP_MD* method, base::ByteView bytes, base::MutableBytes digest) {
  if (EVP_Digest(bytes.data(), bytes.size(), out(digest), nullptr, method, nullptr) != 1) {
    throw openssl_error("computing a digest");
  }
}

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, FreeDigestContext> digest{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (context_->digest == nullptr ||
      EVP_DigestInit_ex(context_->digest.get(), sha256_method(), nullptr) != 1) {
    throw openssl_error("preparing SHA-256");
  }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(base::ByteView bytes) {
  if (EVP_DigestUpdate(context_->digest.get(), bytes.data(), bytes.size()) != 1) {
    throw openssl_error("hashing with SHA-256");
  }
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  if (EVP_DigestFinal_ex(context_->digest.get(), out(digest), nullptr) != 1) {
    throw openssl_error("finishing SHA-256");
  }
  return digest;
}

Sha256Digest sha256(base::ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Sha256Digest hmac_sha256(base::ByteView key, base::ByteView text) {
  Sha256Digest digest{};
  hmac(sha256_method(), key, text, digest);
  return digest;
}

Sha1Digest sha1(base::ByteView bytes) {
  Sha1Digest digest{};
  hash_once(EVP_sha1(), bytes, digest);
  return digest;
}

Sha1Digest hmac_sha1(base::ByteView key, base::ByteView text) {
  Sha1Digest digest{};
  hmac(EVP_sha1(), key, text, digest);
  return digest;
}

std::array<std::byte, md5_size> md5(base::ByteView bytes) {
  std::array<std::byte, md5_size> digest{};
  hash_once(EVP_md5(), bytes, digest);
  return digest;
}

}  // namespace holdfast::crypto
