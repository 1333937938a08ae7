#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace holdfast::crypto {

inline constexpr std::size_t aead_key_size = 32;
inline constexpr std::size_t aead_tag_size = 16;
inline constexpr std::size_t salt_size = 32;
inline constexpr std::size_t commitment_size = 32;

/// AES-256-GCM under one key, with the position as the nonce: the same (key, position) must never
/// seal two different texts, so a key is derived from a fresh salt for every object.
///
/// Errors:  open throws corrupt when the box, its associated data or its position were changed.
/// Threads: one thread per object (it keeps a cipher context).
class Aead {
public:
  explicit Aead(base::ByteView key);
  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;

  /// Writes text.size() + aead_tag_size bytes to `box`.
  void seal(std::uint64_t position, base::ByteView associated, base::ByteView text,
            base::MutableBytes box);
  /// Writes box.size() - aead_tag_size bytes to `text`.
  void open(std::uint64_t position, base::ByteView associated, base::ByteView box,
            base::MutableBytes text);
  /// Decrypts `part`, which stands `offset` bytes into the box at `position`, to as many bytes of
  /// `text`. Nothing is authenticated: only for a caller that knows a digest of what it gets.
  void decrypt_part(std::uint64_t position, std::uint64_t offset, base::ByteView part,
                    base::MutableBytes text);

private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// HKDF-SHA256 (RFC 5869).
base::Secret hkdf(base::ByteView secret, base::ByteView salt, std::string_view label,
                  std::size_t size);

/// What one object is sealed with: a fresh key from a salt, and a commitment to it, because GCM
/// alone does not commit to its key.
struct ObjectKey {
  base::Secret key;
  std::array<std::byte, commitment_size> commitment;
};
ObjectKey derive_object_key(base::ByteView secret, base::ByteView salt, std::string_view label);

/// A whole small object in one box: salt, commitment, ciphertext, tag. Self-contained; `label` and
/// `associated` must be the same on both sides.
///
/// Errors: open_box throws wrong_key when the commitment differs (another key), corrupt when the
/// text does.
base::Bytes seal_box(base::ByteView secret, std::string_view label, base::ByteView associated,
                     base::ByteView text, base::Random& random);
base::Bytes open_box(base::ByteView secret, std::string_view label, base::ByteView associated,
                     base::ByteView box);
inline constexpr std::size_t box_overhead = salt_size + commitment_size + aead_tag_size;

}  // namespace holdfast::crypto
