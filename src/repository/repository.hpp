#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "crypto/passphrase.hpp"
#include "repository/chunk_io.hpp"
#include "repository/format_object.hpp"
#include "repository/index.hpp"
#include "repository/key_slot.hpp"
#include "repository/keys.hpp"
#include "repository/snapshot.hpp"
#include "storage/backend.hpp"

#include <memory>
#include <string>

namespace holdfast::repository {

/// What the repository needs from its surroundings. Borrowed; must outlive it.
struct Environment {
  base::Clock& clock;
  base::Random& random;
  /// Where this machine caches; a folder per repository is made in it (0700).
  std::string cache_directory;
  /// Requests to the store that are in flight together where order does not matter; with 1 all are
  /// made by the calling thread, so that a simulator decides their order.
  unsigned io_threads = 8;
};

struct CreateOptions {
  crypto::PassphraseCost cost = default_passphrase_cost;
  std::string label = "owner";
  /// Of all packs, in percent; 0 to pipeline::parity_percent_max.
  unsigned parity_percent = pipeline::parity_percent_default;
};

/// An opened repository: keys in memory, index and snapshots at hand.
/// Threads: const calls from any thread, and index() and chunks() too.
class Repository {
  struct State;

public:
  /// Makes a new one. The format object is written last: until it is there, there is no repository.
  /// Errors: already_exists; invalid_input for an empty passphrase.
  static std::unique_ptr<Repository> create(storage::Backend& backend,
                                            const base::Secret& passphrase,
                                            const CreateOptions& options, Environment environment);
  /// Errors: not_found (no repository there), wrong_key, unsupported, corrupt.
  static std::unique_ptr<Repository> open(storage::Backend& backend, const Credential& credential,
                                          Environment environment);
  /// For create and open: nobody else has a State.
  explicit Repository(std::unique_ptr<State> state);
  ~Repository();

  const base::RepositoryId& id() const;
  const FormatObject& format() const;
  const KeyBundle& keys() const;
  /// The slot that opened it.
  const SlotInfo& slot() const;
  storage::Backend& backend() const;
  const Environment& environment() const;
  /// The cache folder of this repository.
  const std::string& cache_directory() const;
  /// The greatest number of an epoch that this machine has seen here.
  std::uint32_t newest_epoch_seen() const;
  /// Errors: access_denied for a role that does not back up; corrupt when the store has lost the
  /// epoch that new packs must be sealed to.
  void expect_writable() const;
  /// What opens packs of an epoch, also of one that began since this was opened. Any thread.
  /// Errors: wrong_key when this slot does not hold it; access_denied for one that does not read.
  crypto::BoxKeyPair epoch_pair(std::uint32_t number) const;
  /// For key_ring: what is written from now on is sealed to it. Nothing else may run.
  void learn_epoch(Epoch epoch);
  /// Refreshed at the first call. Errors: access_denied for a role that holds no index key.
  Index& index();
  /// As index(), refreshed at every call. Pack numbers given out before become invalid.
  Index& fresh_index();
  /// Whether what the index lost is looked for in packs that no index segment names. Off at first,
  /// and off again when a WriteSession begins: what is in such packs may go at any time, so nothing
  /// may be built on it. Nothing else may run.
  void read_unindexed_packs(bool wanted);
  /// For readers that miss a chunk: adds those packs to the index, once. True when there were some:
  /// then another look is worth it.
  bool find_unindexed_packs();
  /// How many packs that found.
  std::size_t unindexed_packs_found() const;
  SnapshotStore& snapshots();
  /// A reader of single chunks with a small cache of decoded segments; for trees and `cat`. Any
  /// thread (one at a time inside). Errors: access_denied for a role that does not read contents.
  ChunkSource& chunks();

private:
  std::unique_ptr<State> state_;
};

/// What a person must keep: printed by init and key export, never stored. Holds no passphrase: id,
/// location, date, the fingerprint of the owner key, how to restore, and the key slot itself and
/// all epochs as text, so that a repository whose keys/ and epochs/ were lost still opens.
std::string recovery_sheet(Repository& repository, const SlotInfo& slot,
                           const std::string& location);

}  // namespace holdfast::repository
