// Key slots: bundles wrapped for somebody, as objects keys/<slot id>.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "crypto/keys.hpp"
#include "crypto/passphrase.hpp"
#include "repository/keys.hpp"

#include <cstdint>
#include <string>
#include <variant>

namespace holdfast::repository {

/// What opens a slot: a passphrase, somebody's private key, or a private key that was split into
/// shares.
enum class SlotKind : std::uint8_t { passphrase = 1, recipient = 2, shares = 3 };
std::string_view name_of(SlotKind kind);

/// What a new slot costs to try unless told otherwise: the strongest that stays under a tenth of a
/// second and 32 MiB (docs/decisions has the measurement).
inline constexpr crypto::PassphraseCost default_passphrase_cost{4, 32ULL * 1024 * 1024};

/// What a slot says about itself to everybody; all of it is authenticated when it is opened.
struct SlotInfo {
  std::string id;  // object name without "keys/"
  base::RepositoryId repository;
  SlotKind kind = SlotKind::passphrase;
  std::string label;  // "laptop of ada"
  std::int64_t created_seconds = 0;
  Certificate certificate;
  crypto::PublicKey recipient{};  // unless a passphrase opens it
  std::uint32_t shares = 0;       // of SlotKind::shares: how many there are,
  std::uint32_t threshold = 0;    // and how many open it

  Role role() const { return certificate.role; }
};
inline constexpr std::size_t slot_size_max = 256 * 1024;
inline constexpr std::size_t slot_label_size_max = 200;

/// How a new slot is closed.
struct PassphraseLock {
  const base::Secret& passphrase;
  crypto::PassphraseCost cost = default_passphrase_cost;
};
struct RecipientLock {
  crypto::PublicKey recipient;
};
struct ShareLock {
  crypto::PublicKey recipient;
  std::uint32_t shares;
  std::uint32_t threshold;
};
using SlotLock = std::variant<PassphraseLock, RecipientLock, ShareLock>;

struct SlotLabel {
  std::string text;
  std::int64_t created_seconds = 0;
};

/// Errors: invalid_input when the label is too long or the recipient's key is not a usable one.
base::Bytes seal_slot(const KeyBundle& bundle, const base::RepositoryId& repository,
                      const SlotLock& lock, const SlotLabel& label, base::Random& random);

/// What is tried on slots. Borrowed: what it was made of must outlive it.
class Credential {
public:
  Credential(const base::Secret& passphrase) : key_(&passphrase) {}  // NOLINT: a passphrase is one
  Credential(const crypto::BoxKeyPair& private_key) : key_(&private_key) {}  // NOLINT: so is a key

  const base::Secret* passphrase() const { return get<base::Secret>(); }
  const crypto::BoxKeyPair* private_key() const { return get<crypto::BoxKeyPair>(); }

private:
  template <class Key>
  const Key* get() const {
    const auto* found = std::get_if<const Key*>(&key_);
    return found == nullptr ? nullptr : *found;
  }
  std::variant<const base::Secret*, const crypto::BoxKeyPair*> key_;
};

/// Errors: wrong_key when the credential does not open it; corrupt when the slot is damaged or of
/// another repository; unsupported for a newer version.
KeyBundle open_slot(base::ByteView slot, const base::RepositoryId& repository,
                    const Credential& credential);
/// What a slot says about itself without being opened; `id` stays empty. Errors: corrupt,
/// unsupported.
SlotInfo describe_slot(base::ByteView slot);

}  // namespace holdfast::repository
