#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "repository/keys.hpp"
#include "repository/tree.hpp"
#include "sources/source.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {

/// `full`: every source byte was read and hashed. `incremental`: unchanged items were recognised
/// without reading. `safety`: taken by a restore before it wrote in place.
enum class SnapshotKind : std::uint8_t { full = 1, incremental = 2, realtime = 3, safety = 4 };
std::string_view name_of(SnapshotKind kind);

enum class ItemKind : std::uint8_t { files = 1, config = 2, database = 3, stream = 4 };
std::string_view name_of(ItemKind kind);

/// One source of a snapshot.
struct SnapshotItem {
  ItemKind kind = ItemKind::files;
  std::string path;  // absolute, raw bytes
  /// Its name is the last part of path. Long lists are detached (see detach_lists, attach_lists).
  Node root;
  std::vector<sources::Entry> ancestors;  // of "/srv/blog/uploads": "srv", "blog"; or none
  sources::ConsistencyStamp stamp;
};

struct SnapshotStatistics {
  std::uint64_t files = 0;  // all entries that are not directories
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;      // of file content, holes left out
  std::uint64_t files_new = 0;  // read because new or changed
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_new = 0;     // raw bytes of chunks that were not there before
  std::uint64_t bytes_stored = 0;  // what the repository grew by, packs and index
  std::uint64_t problems = 0;  // items that could not be taken: the snapshot is partial when not 0
  std::uint64_t milliseconds = 0;
  bool operator==(const SnapshotStatistics&) const = default;
};

/// A whole point in time, complete by itself.
struct Snapshot {
  base::SnapshotId id;  // not encoded: the keyed hash of the encoded record
  std::string site;
  std::string host;
  SnapshotKind kind = SnapshotKind::full;
  base::WallTime started;
  base::WallTime finished;
  std::vector<SnapshotItem> items;
  std::optional<base::SnapshotId> parent;
  SnapshotStatistics statistics;
  std::vector<sources::ItemProblem> problems;  // the first problems_max of them
  std::vector<std::string> tags;
  std::string tool_version;
  std::string hold;  // why forget must leave it alone; empty when nothing holds it
  std::optional<base::WallTime> locked_until;
  crypto::PublicKey writer{};
  std::uint64_t sequence = 0;              // 1, 2, ... per writer
  base::Hash previous;                     // id of this writer's record before; zero for the first
  std::optional<Certificate> certificate;  // of the writer, unless the owner wrote it

  static constexpr std::size_t problems_max = 1000;
  bool partial() const { return statistics.problems != 0; }
};

/// A snapshot that was forgotten on purpose.
struct DeletedRecord {
  base::SnapshotId id;
  crypto::PublicKey writer{};
  std::uint64_t sequence = 0;  // 0 when the record was too damaged to tell
  bool operator==(const DeletedRecord&) const = default;
};

/// The record that says so. It stays for ever, and is a link of its writer's chain like a snapshot.
struct Deletion {
  base::Hash id;  // not encoded
  std::vector<DeletedRecord> deleted;
  base::WallTime time;
  std::string reason;
  crypto::PublicKey writer{};
  std::uint64_t sequence = 0;
  base::Hash previous;
  std::optional<Certificate> certificate;
  bool operator==(const Deletion&) const = default;
};

/// A record that this machine saw, and that is gone from the store though no deletion record names
/// it: the store went back to an older state, or somebody removed or replaced it.
struct LostRecord {
  std::string object;   // "snapshots/...", "deletions/..."
  std::string message;  // what was seen, and what is there instead
};

/// Signed, sealed snapshot records and deletion records: snapshots/<id>, deletions/<id>.
///
/// Records are immutable, so each is read, opened and verified once; sealed copies are kept in
/// `cache_directory`, if there is one, and a list of all that were seen there.
/// Threads: all calls from any thread.
class SnapshotStore {
public:
  /// Told about a record that does not open: its object name, and why.
  using DamageSink = std::function<void(const std::string& name, const std::string& why)>;

  SnapshotStore(storage::Backend& backend, base::RepositoryId repository, const KeyBundle& keys,
                base::Random& random, const std::string& cache_directory = {});
  ~SnapshotStore();

  /// All, oldest first, without what a deletion record names. A record that does not open is passed
  /// to `damaged` and left out; without `damaged` it throws.
  std::vector<Snapshot> list(const DamageSink& damaged = {}) const;
  /// All deletion records, in no particular order.
  std::vector<Deletion> deletions(const DamageSink& damaged = {}) const;
  /// Errors: not_found, corrupt, unsupported.
  Snapshot load(const base::SnapshotId& id) const;
  /// Whether it is there and no deletion record names it.
  bool exists(const base::SnapshotId& id) const;
  /// From here on every record is read from the store itself, each time: for check.
  void distrust_caches();
  /// Fills writer, sequence, previous and id, signs, seals, stores. The snapshot is acknowledged
  /// when this returns. Errors: access_denied for a role that does not back up; tampered
  /// when records are lost; invalid_input when it cannot be encoded; what the store says.
  base::SnapshotId commit(Snapshot& snapshot) { return commit(snapshot, {}); }
  /// Gets the id and the sealed object right before it is stored, and may throw to prevent it.
  using CommitGate = std::function<void(const base::SnapshotId& id, base::ByteView object)>;
  base::SnapshotId commit(Snapshot& snapshot, const CommitGate& gate);
  /// Stores a record that somebody else sealed and could not store. Errors: corrupt when it is not
  /// the record that `id` names.
  void complete(const base::SnapshotId& id, base::ByteView object);
  /// Writes a signed deletion record first, then removes the snapshots, damaged ones too.
  /// Errors: access_denied for a role that does not maintain; tampered when records are lost;
  /// not_found; conflict when one is held or locked, before anything is removed.
  void forget(const std::vector<base::SnapshotId>& ids, base::WallTime now,
              const std::string& reason);
  /// What is wrong with the writers' chains: a record that is gone without a deletion record, or
  /// does not follow the one before. One sentence each.
  std::vector<std::string> chain_problems() const;
  /// What this machine saw and the store has lost. Empty at the first sight.
  std::vector<LostRecord> lost_records() const;
  /// Before something is written. Errors: tampered when records are lost, naming the first.
  void expect_none_lost() const;
  /// After a real loss: writes a deletion record that names all that is lost and all that chains
  /// miss, if anything is. A role that does not maintain only stops missing it on this machine.
  /// Returns how many it named.
  std::size_t accept_losses(base::WallTime now);

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The plain encoded records (proto/snapshot.proto), for golden tests and fuzzing.
/// Errors: encoding throws invalid_input, decoding corrupt or unsupported.
base::Bytes encode_snapshot(const Snapshot& snapshot);
Snapshot decode_snapshot(base::ByteView bytes);
base::Bytes encode_deletion(const Deletion& deletion);
Deletion decode_deletion(base::ByteView bytes);

/// Which snapshot a person means: "latest", "latest:SITE", an id or a unique prefix of at least 4
/// digits, a site name ("blog" = its newest), "blog@TIME" or "@TIME" (the newest at or before),
/// each of `snapshots` as listed. A site name goes before a prefix. Errors: not_found with what
/// there is; invalid_input when a prefix is ambiguous (the candidates are named).
const Snapshot& resolve_snapshot(const std::vector<Snapshot>& snapshots, std::string_view text);

}  // namespace holdfast::repository
