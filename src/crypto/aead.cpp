#include "crypto/aead.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "openssl_errors.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <limits>
#include <string>

namespace holdfast::crypto {

namespace {

constexpr std::size_t nonce_size = 12;
constexpr std::size_t block_size = 16;
constexpr std::uint64_t first_text_counter = 2;
// OpenSSL counts in int.
constexpr std::size_t text_size_max = std::numeric_limits<int>::max() - aead_tag_size;

using Nonce = std::array<std::byte, nonce_size>;

Nonce nonce_of(std::uint64_t position) {
  Nonce nonce{};
  base::store_le(nonce.data() + (nonce_size - sizeof position), position);
  return nonce;
}

/// Fetched once: a fetch walks the provider tables under a lock.
const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  if (cipher == nullptr) throw openssl_error("fetching AES-256-GCM");
  return cipher;
}

const EVP_CIPHER* aes_256_ctr() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  if (cipher == nullptr) throw openssl_error("fetching AES-256-CTR");
  return cipher;
}

const unsigned char* in(base::ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* out(base::MutableBytes bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

enum class Direction : int { open = 0, seal = 1 };

}  // namespace

/// One context with the key schedule of its key; each box only sets the nonce and the direction.
struct Aead::Context {
  explicit Context(base::ByteView key) : cipher(EVP_CIPHER_CTX_new()) {
    HF_ASSERT(key.size() == aead_key_size, "an AES-256 key has 32 bytes");
    if (cipher == nullptr) throw openssl_error("making a cipher context");
    check(EVP_CipherInit_ex2(cipher.get(), aes_256_gcm(), in(key), nullptr, 1, nullptr));
    std::ranges::copy(key, key_bytes.begin());
  }
  ~Context() { base::wipe(key_bytes); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// GCM encrypts by counting: block n of a text is the one with the counter n + 2 (NIST SP
  /// 800-38D, 7.1, for a nonce of 96 bits).
  void decrypt_part(std::uint64_t position, std::uint64_t offset, base::ByteView part,
                    base::MutableBytes text) {
    if (!counting) {
      counting.reset(EVP_CIPHER_CTX_new());
      if (counting == nullptr) throw openssl_error("making a cipher context");
      check(EVP_CipherInit_ex2(counting.get(), aes_256_ctr(), in(key_bytes), nullptr, 0, nullptr));
    }
    std::array<std::byte, block_size> counter{};
    std::ranges::copy(nonce_of(position), counter.begin());
    const auto block = static_cast<std::uint32_t>(offset / block_size + first_text_counter);
    base::store_le(counter.data() + nonce_size, __builtin_bswap32(block));
    check(EVP_CipherInit_ex2(counting.get(), nullptr, nullptr, in(counter), 0, nullptr));
    int size = 0;
    std::array<std::byte, block_size> skipped{};
    check(EVP_CipherUpdate(counting.get(), out(skipped), &size, in(skipped),
                           static_cast<int>(offset % block_size)));
    check(EVP_CipherUpdate(counting.get(), out(text), &size, in(part),
                           static_cast<int>(part.size())));
  }

  void start(Direction direction, std::uint64_t position, base::ByteView associated) {
    const auto nonce = nonce_of(position);
    check(EVP_CipherInit_ex2(cipher.get(), nullptr, nullptr, in(nonce), static_cast<int>(direction),
                             nullptr));
    if (associated.empty()) return;
    HF_ASSERT(associated.size() <= text_size_max, "associated data is small");
    int size = 0;
    check(EVP_CipherUpdate(cipher.get(), nullptr, &size, in(associated),
                           static_cast<int>(associated.size())));
  }

  void transform(base::ByteView from, base::MutableBytes to) {
    if (from.empty()) return;
    int size = 0;
    check(EVP_CipherUpdate(cipher.get(), out(to), &size, in(from), static_cast<int>(from.size())));
  }

  void control(int command, base::MutableBytes tag) {
    check(EVP_CIPHER_CTX_ctrl(cipher.get(), command, static_cast<int>(tag.size()), tag.data()));
  }

  /// Whether the tag was right, when opening.
  bool finish() {
    std::array<unsigned char, EVP_MAX_BLOCK_LENGTH> nothing;
    int size = 0;
    return EVP_CipherFinal_ex(cipher.get(), nothing.data(), &size) == 1;
  }

  static void check(int outcome) {
    if (outcome != 1) throw openssl_error("running AES-256-GCM");
  }

  CipherContext cipher;
  std::array<std::byte, aead_key_size> key_bytes{};
  CipherContext counting;  // made when a part is asked for
};

Aead::Aead(base::ByteView key) : context_(std::make_unique<Context>(key)) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::seal(std::uint64_t position, base::ByteView associated, base::ByteView text,
                base::MutableBytes box) {
  HF_ASSERT(text.size() <= text_size_max, "a text is cut into boxes long before 2 GiB");
  HF_ASSERT(box.size() == text.size() + aead_tag_size, "a box is its text and a tag");
  context_->start(Direction::seal, position, associated);
  context_->transform(text, box.first(text.size()));
  if (!context_->finish()) throw openssl_error("running AES-256-GCM");
  context_->control(EVP_CTRL_AEAD_GET_TAG, box.last(aead_tag_size));
}

void Aead::open(std::uint64_t position, base::ByteView associated, base::ByteView box,
                base::MutableBytes text) {
  if (box.size() < aead_tag_size || box.size() - aead_tag_size > text_size_max) {
    throw base::Error(base::ErrorKind::corrupt, "a sealed text has an impossible size");
  }
  HF_ASSERT(text.size() == box.size() - aead_tag_size, "a text is its box without the tag");
  std::array<std::byte, aead_tag_size> tag;
  std::ranges::copy(box.last(aead_tag_size), tag.begin());
  context_->start(Direction::open, position, associated);
  context_->transform(box.first(text.size()), text);
  context_->control(EVP_CTRL_AEAD_SET_TAG, tag);
  if (context_->finish()) return;
  discard_openssl_errors();
  base::wipe(text);  // nobody uses what was not authenticated
  throw base::Error(base::ErrorKind::corrupt, "a sealed text is not what was written");
}

void Aead::decrypt_part(std::uint64_t position, std::uint64_t offset, base::ByteView part,
                        base::MutableBytes text) {
  HF_ASSERT(offset <= text_size_max && part.size() <= text_size_max - offset,
            "a part lies within a text");
  HF_ASSERT(text.size() == part.size(), "a part has as many bytes in clear");
  context_->decrypt_part(position, offset, part, text);
}

namespace {

struct FreeKdf {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

EVP_KDF* hkdf_algorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  if (algorithm == nullptr) throw openssl_error("fetching HKDF");
  return algorithm;
}

/// OpenSSL takes its input by pointer to non-const and does not write to it.
OSSL_PARAM octets(const char* name, base::ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                           bytes.size());
}

void hkdf_into(base::MutableBytes derived, base::ByteView secret, base::ByteView salt,
               std::string_view label) {
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(hkdf_algorithm()));
  if (context == nullptr) throw openssl_error("making an HKDF context");
  std::string digest = "SHA256";
  std::array<OSSL_PARAM, 5> parameters;
  std::size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_utf8_string("digest", digest.data(), 0);
  parameters[count++] = octets("key", secret);
  if (!salt.empty()) parameters[count++] = octets("salt", salt);
  if (!label.empty()) parameters[count++] = octets("info", base::as_bytes(label));
  parameters[count] = OSSL_PARAM_construct_end();
  if (EVP_KDF_derive(context.get(), out(derived), derived.size(), parameters.data()) != 1) {
    throw openssl_error("deriving a key by HKDF");
  }
}

/// The key of a box while it is sealed or opened: on the stack, because a Secret costs more time
/// than sealing a small text, and wiped.
class BoxKey {
public:
  BoxKey(base::ByteView secret, base::ByteView salt, std::string_view label) {
    hkdf_into(bytes_, secret, salt, label);
  }
  ~BoxKey() { base::wipe(bytes_); }
  BoxKey(const BoxKey&) = delete;
  BoxKey& operator=(const BoxKey&) = delete;

  base::ByteView key() const { return base::ByteView(bytes_).first(aead_key_size); }
  base::ByteView commitment() const { return base::ByteView(bytes_).last(commitment_size); }

private:
  std::array<std::byte, aead_key_size + commitment_size> bytes_;
};

}  // namespace

base::Secret hkdf(base::ByteView secret, base::ByteView salt, std::string_view label,
                  std::size_t size) {
  base::Secret derived(size);
  hkdf_into(derived.mutable_view(), secret, salt, label);
  return derived;
}

ObjectKey derive_object_key(base::ByteView secret, base::ByteView salt, std::string_view label) {
  HF_ASSERT(salt.size() == salt_size, "an object has a salt of 32 bytes");
  const BoxKey derived(secret, salt, label);
  ObjectKey object{base::Secret(derived.key()), {}};
  std::ranges::copy(derived.commitment(), object.commitment.begin());
  return object;
}

base::Bytes seal_box(base::ByteView secret, std::string_view label, base::ByteView associated,
                     base::ByteView text, base::Random& random) {
  base::Bytes box(box_overhead + text.size());
  const auto salt = base::MutableBytes(box).first(salt_size);
  random.fill(salt);
  const BoxKey derived(secret, salt, label);
  std::ranges::copy(derived.commitment(), box.begin() + salt_size);
  Aead(derived.key())
      .seal(0, associated, text, base::MutableBytes(box).subspan(salt_size + commitment_size));
  return box;
}

base::Bytes open_box(base::ByteView secret, std::string_view label, base::ByteView associated,
                     base::ByteView box) {
  if (box.size() < box_overhead) {
    throw base::Error(base::ErrorKind::corrupt, "a sealed object is cut short");
  }
  const BoxKey derived(secret, box.first(salt_size), label);
  if (!base::equal_in_constant_time(derived.commitment(),
                                    box.subspan(salt_size, commitment_size))) {
    throw base::Error(base::ErrorKind::wrong_key, "a sealed object belongs to another key");
  }
  base::Bytes text(box.size() - box_overhead);
  Aead(derived.key()).open(0, associated, box.subspan(salt_size + commitment_size), text);
  return text;
}

}  // namespace holdfast::crypto
