#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "crypto/blake3.hpp"
#include "crypto/keys.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::repository {

enum class Role : std::uint8_t { owner = 1, writer = 2, reader = 3, maintainer = 4, auditor = 5 };
std::string_view name_of(Role role);
/// Errors: invalid_input, naming the roles there are.
Role role_named(std::string_view name);

/// One generation of the pair that pack keys are sealed to. Without the private half packs can be
/// written, not read.
struct Epoch {
  std::uint32_t number = 0;
  crypto::PublicKey public_key{};
  base::Secret private_key;  // empty when this role may not read
};

/// The owner's word that two keys belong to a role. Without it nobody's records count, and no later
/// epoch is sealed to anybody.
struct Certificate {
  Role role = Role::owner;
  crypto::PublicKey signing_key{};  // Ed25519, of records; zero for a role that signs none
  crypto::PublicKey grant_key{};    // X25519: private keys of later epochs are sealed to it
  crypto::Signature signature{};    // the owner's
  bool operator==(const Certificate&) const = default;
};
inline constexpr std::size_t certificate_size = 1 + 32 + 32 + 64;
base::Bytes encode_certificate(const Certificate& certificate);
/// Errors: corrupt unless it is of the right size and names a role.
Certificate decode_certificate(base::ByteView bytes);
/// Whether the owner with this key signed it for this repository.
[[nodiscard]] bool certified(const Certificate& certificate, const base::RepositoryId& repository,
                             const crypto::PublicKey& owner);

/// What somebody may do with a repository: each role holds the keys of some of these.
enum class Ability : std::uint8_t {
  list,
  search_index,
  back_up,
  read_content,
  maintain,
  issue_keys
};

bool role_can(Role role, Ability ability);

/// The secrets of one role. All are random; none is derived from a passphrase. An owner has
/// everything; what a role does not hold is empty.
struct KeyBundle {
  Role role = Role::owner;
  base::Secret chunk_id_key;              // 32: chunk ids are BLAKE3 keyed with it
  base::Secret chunker_secret;            // 32: the gear table
  base::Secret index_key;                 // 32: index segments, pack directories
  base::Secret metadata_key;              // 32: snapshot records
  base::Secret signing_seed;              // 32: Ed25519 seed of this slot; the owner's own
  crypto::PublicKey owner_signing_key{};  // who signed the format object
  std::vector<Epoch> epochs;              // ascending, at least one; the last is written to
  base::Secret grant_key;                 // 32: X25519; later epochs are sealed to it
  Certificate certificate;

  KeyBundle clone() const;
  /// Errors: wrong_key when it is not held.
  const Epoch& epoch(std::uint32_t number) const;
  const Epoch& newest_epoch() const { return epochs.back(); }
  base::ChunkId chunk_id(base::ByteView bytes) const;
  pipeline::PackWriteKeys pack_write_keys(const base::RepositoryId& repository) const;

  bool can(Ability ability) const;
  /// Errors: access_denied, naming the roles that can.
  void require(Ability ability) const;
};

/// The secrets of the one who makes a repository, not yet certified.
KeyBundle make_owner_bundle(base::Random& random);
/// Gives the owner's bundle a grant key and a certificate, which its slot needs.
void certify_owner(KeyBundle& owner, const base::RepositoryId& repository, base::Random& random);
/// What the owner gives to somebody: the secrets of the role and keys of its own, certified.
KeyBundle issue_bundle(const KeyBundle& owner, Role role, const base::RepositoryId& repository,
                       base::Random& random);
/// Whether the keys of the bundle are those that its certificate names, and the owner signed it.
/// Errors: corrupt.
void check_bundle(const KeyBundle& bundle, const base::RepositoryId& repository);

}  // namespace holdfast::repository
