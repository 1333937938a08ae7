// Epochs after the first, as objects epochs/<number>.<copy>: a public key that packs are sealed to
// from then on, and its private half for each slot that may read.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "crypto/keys.hpp"
#include "repository/keys.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace holdfast::repository {

/// The private key of an epoch for one slot.
struct EpochGrant {
  crypto::PublicKey grant_key{};  // of the slot
  base::Bytes sealed;             // to that key
};

/// What the owner signs when an epoch begins.
struct EpochRecord {
  base::RepositoryId repository;
  std::uint32_t number = 0;  // 2, 3, ...
  crypto::PublicKey public_key{};
  std::int64_t created_seconds = 0;
  std::vector<EpochGrant> grants;
  std::vector<crypto::PublicKey> revoked;  // grant keys of slots that were removed, of all epochs
};

inline constexpr std::uint32_t epoch_number_max = 1024;
inline constexpr std::size_t epoch_slots_max = 1024;
inline constexpr std::size_t epoch_object_size_max = 512 * 1024;

base::Bytes encode_epoch(const EpochRecord& record, const crypto::SigningKeyPair& owner);
/// Errors: corrupt also when it is not signed by `owner` or of another repository; unsupported.
EpochRecord decode_epoch(base::ByteView object, const base::RepositoryId& repository,
                         const crypto::PublicKey& owner);

/// The names of the three copies, in the order in which they are written and read.
std::vector<std::string> epoch_names(std::uint32_t number);

/// What stands below epochs/.
struct StoredEpochs {
  std::vector<EpochRecord> records;  // ascending numbers
  std::uint32_t newest = 1;          // also of a damaged one
  std::vector<std::string> damage;   // an epoch of which no copy is whole: one sentence each
};
/// The names of the copies that there are, by number.
using EpochCopies = std::map<std::uint32_t, std::set<std::string>>;
EpochCopies list_epoch_copies(storage::Backend& backend);
StoredEpochs load_epochs(storage::Backend& backend, const EpochCopies& listed,
                         const base::RepositoryId& repository, const crypto::PublicKey& owner);
/// A copy that is not what the owner signed.
struct DamagedEpoch {
  std::string name;
  std::string why;
};
std::vector<DamagedEpoch> find_damaged_epochs(storage::Backend& backend,
                                              const base::RepositoryId& repository,
                                              const crypto::PublicKey& owner);
/// Writes the copies that an interrupted rotation left out.
void complete_epoch_copies(storage::Backend& backend, const base::RepositoryId& repository,
                           const crypto::PublicKey& owner);
/// Adds those that the bundle does not hold, with their private keys as far as they are granted.
/// Errors: corrupt when a granted key is not the epoch's.
void add_epochs(KeyBundle& keys, const std::vector<EpochRecord>& records);

}  // namespace holdfast::repository
