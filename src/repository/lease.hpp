// A lease says that a run relies on what is in the repository: leases/<id>.start, .1, .2, ... and
// .end. Nothing is locked: who collects garbage waits with deleting, or takes the lease away.
//
// The end is a name that the lease fixed from its beginning, and is created once: either by its
// holder, with the snapshot that it commits, or by a maintainer that gives up on it. So a holder
// that lost its lease cannot commit, however late it wakes up and whatever its clock says.
// docs/decisions/0015-collection-without-locks.md has the whole protocol.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "repository/keys.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::repository {

inline constexpr std::string_view lease_prefix = "leases/";
inline constexpr std::size_t lease_size_max = 1024UL * 1024;
/// The end may hold a snapshot record, see record_size_max.
inline constexpr std::size_t lease_end_size_max = 17UL * 1024 * 1024;

/// What the objects of a lease say, its end aside.
struct LeaseTerms {
  base::WallTime created;
  base::WallTime expires;
  std::string purpose;                   // "backup", "check": for messages
  std::vector<std::string> tombs_known;  // nothing that they name is relied on
};

/// How a lease ended: with a snapshot, or revoked.
struct LeaseEnd {
  std::optional<base::SnapshotId> snapshot;
  base::Bytes record;  // the object of the snapshot
};

struct LeaseOptions {
  std::string purpose = "backup";
  std::int64_t duration_seconds = 20 * 60;
};

/// What every call needs; borrowed.
struct LeaseStore {
  storage::Backend& backend;
  const base::RepositoryId& repository;
  const KeyBundle& keys;
  base::Clock& clock;
  base::Random& random;
};

/// A lease that this process holds. Threads: all calls from any thread.
class Lease {
public:
  /// Publishes it. Errors: as the store.
  Lease(const LeaseStore& store, LeaseOptions options);
  /// Ends it, if it can; else it expires.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::string& id() const { return id_; }
  /// Says that nothing named by these tombs is relied on.
  void know(const std::vector<std::string>& tombs);
  /// Prolongs it when a third of its time has passed by the clock that counts sleep.
  /// Errors: conflict when it was revoked.
  void renew_if_due();
  /// Errors: conflict when it was revoked.
  void expect_held();
  /// Ends the lease with a snapshot: from here on the snapshot counts, and nobody can revoke.
  /// Errors: conflict when it was revoked: then nothing may be committed.
  void commit(const base::SnapshotId& snapshot, base::ByteView record);
  /// Removes its objects.
  void end();

private:
  void put_terms(const std::string& suffix);
  void expect_not_revoked();
  [[noreturn]] void throw_lost() const;

  const LeaseStore store_;
  const LeaseOptions options_;
  const std::string id_;
  std::mutex mutex_;  // held over I/O: one renewal at a time, and rarely
  base::Instant renewed_{};
  std::uint64_t renewals_ = 0;
  std::vector<std::string> known_;
  bool committing_ = false;  // the end that there may be is ours
  bool ended_ = false;
};

/// A lease as others see it.
struct SeenLease {
  std::string id;
  bool has_start = false;
  bool has_end = false;
  bool readable = true;      // false: nothing of it opens
  LeaseTerms terms;          // of its newest object; what it knows is of all
  std::uint64_t renewals{};  // the highest number

  bool knows(const std::string& tomb) const;
  /// Over by itself, or never begun: it cannot commit any more.
  bool is_void() const { return !has_start; }
};
std::vector<SeenLease> list_leases(const LeaseStore& store);
/// Takes the lease away if it has not ended. Returns how it ended, by whoever was first; nothing
/// when its objects went meanwhile.
std::optional<LeaseEnd> revoke_lease(const LeaseStore& store, const SeenLease& lease);
/// How an ended lease ended; nothing when its objects went meanwhile, or when its end counts for
/// nothing because its start had gone before. Errors: corrupt.
std::optional<LeaseEnd> read_lease_end(const LeaseStore& store, const SeenLease& lease);
/// Removes the objects of a lease that is over.
void remove_lease(const LeaseStore& store, const SeenLease& lease);

/// Plain texts, for golden tests. Errors: decoding throws corrupt, unsupported.
base::Bytes encode_lease(const LeaseTerms& terms);
LeaseTerms decode_lease(base::ByteView text);
base::Bytes encode_lease_end(const LeaseEnd& end);
LeaseEnd decode_lease_end(base::ByteView text);

}  // namespace holdfast::repository
