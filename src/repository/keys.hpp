#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "crypto/blake3.hpp"
#include "crypto/keys.hpp"
#include "crypto/passphrase.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::repository {

enum class Role : std::uint8_t { owner = 1, writer = 2, reader = 3, maintainer = 4, auditor = 5 };
std::string_view name_of(Role role);

/// One generation of the pair that pack keys are sealed to. Without the private half packs can be
/// written, not read.
struct Epoch {
  std::uint32_t number = 0;
  crypto::PublicKey public_key{};
  base::Secret private_key;  // empty when this role may not read
};

/// The secrets of one role. All are random; none is derived from a passphrase. An owner has
/// everything; what a role does not hold is empty.
struct KeyBundle {
  Role role = Role::owner;
  base::Secret chunk_id_key;              // 32: chunk ids are BLAKE3 keyed with it
  base::Secret chunker_secret;            // 32: the gear table
  base::Secret index_key;                 // 32: index segments, pack directories
  base::Secret metadata_key;              // 32: snapshot records
  base::Secret signing_seed;              // 32: Ed25519 seed of this writer
  crypto::PublicKey owner_signing_key{};  // who signed the format object
  std::vector<Epoch> epochs;              // ascending, at least one; the last is written to

  KeyBundle clone() const;
  const Epoch& epoch(std::uint32_t number) const;  // Errors: wrong_key when it is not held
  const Epoch& newest_epoch() const { return epochs.back(); }
  base::ChunkId chunk_id(base::ByteView bytes) const;
  pipeline::PackWriteKeys pack_write_keys(const base::RepositoryId& repository) const;
};

KeyBundle make_owner_bundle(base::Random& random);

/// What a new slot costs to try unless told otherwise: the strongest that stays under a tenth of a
/// second and 32 MiB (docs/decisions has the measurement).
inline constexpr crypto::PassphraseCost default_passphrase_cost{4, 32ULL * 1024 * 1024};

/// A key slot: a bundle wrapped by a passphrase (Argon2id). Stored as keys/<slot id>.
struct SlotInfo {
  std::string id;  // object name without "keys/"
  base::RepositoryId repository;
  Role role = Role::owner;
  std::string label;  // "laptop of ada"
};
inline constexpr std::size_t slot_size_max = 256 * 1024;

base::Bytes seal_slot(const KeyBundle& bundle, const base::RepositoryId& repository,
                      const base::Secret& passphrase, const crypto::PassphraseCost& cost,
                      const std::string& label, base::Random& random);
/// Errors: wrong_key when the passphrase does not open it; corrupt when the slot is damaged or of
/// another repository; unsupported for a newer version.
KeyBundle open_slot(base::ByteView slot, const base::RepositoryId& repository,
                    const base::Secret& passphrase);
/// What a slot says about itself without the passphrase; `id` stays empty. Errors: corrupt,
/// unsupported.
SlotInfo describe_slot(base::ByteView slot);

}  // namespace holdfast::repository
