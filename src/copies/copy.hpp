#pragma once

#include "base/ids.hpp"
#include "base/progress.hpp"
#include "repository/repository.hpp"
#include "repository/stored_objects.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::copies {

/// What a copy lacks of the repository, and what it has beyond it. A copy is a repository of its
/// own with the same id, keys, packs and snapshots: objects are the same, byte for byte.
struct CopyPlan {
  bool is_new = false;                        // there is nothing yet
  std::vector<repository::StoredPack> packs;  // to be sent, as they lie here
  std::vector<repository::StoredPack> away;   // lacking there, and in yet another store, not here
  std::vector<std::string> broken_packs;      // there, and not of the right size
  std::vector<std::string> objects;           // to be sent: format, keys, reach, index
  std::vector<std::string> records;           // to be sent, in the order of their chains
  std::vector<base::SnapshotId> snapshots;    // of these records
  std::vector<base::SnapshotId> forgotten;    // there, and forgotten here
  std::vector<base::SnapshotId> only_there;   // not here, though nobody forgot them
  std::vector<std::string> removed_slots;     // key slots that are there and not here any more
  std::vector<repository::StoredPack> superfluous;  // packs there that the repository deleted

  std::uint64_t pack_bytes() const;
  bool up_to_date() const {
    return packs.empty() && away.empty() && objects.empty() && records.empty() && forgotten.empty();
  }
};

struct CopyOptions {
  /// Packs that are sent at the same time.
  unsigned streams = 4;
  /// Reads each pack again from the copy after it was sent.
  bool read_back = false;
  /// Removes key slots from the copy that the repository has no more.
  bool remove_slots = false;
  /// The store of that name, for packs that are there instead of in the repository; null when it is
  /// not at hand. What it returns is borrowed. Threads: called from one.
  std::function<storage::Backend*(const std::string& store)> open_store{};
};

/// What a prune of a copy did.
struct CollectReport {
  std::uint64_t packs_deleted = 0;
  std::uint64_t bytes_deleted = 0;
  std::uint64_t packs_kept = 0;      // gone from the repository, but needed by a snapshot there
  std::uint64_t index_segments = 0;  // removed: others say the same
  std::vector<std::string> waiting;  // runs that deletion waits for
};

/// What could not be sent as it was written.
struct CopyProblem {
  std::string object;
  std::string message;
};

struct CopyReport {
  std::uint64_t packs_sent = 0;
  std::uint64_t bytes_sent = 0;    // of packs
  std::uint64_t packs_mended = 0;  // of these, from their parity
  std::uint64_t objects_sent = 0;  // all others
  std::vector<base::SnapshotId> snapshots_sent;
  std::uint64_t snapshots_removed = 0;
  std::uint64_t slots_removed = 0;
  std::vector<CopyProblem> problems;
};

/// Compares names and sizes. Changes nothing.
/// Errors: conflict when another repository is there; access_denied for a role without the index
/// key; as the stores.
CopyPlan plan_copy(repository::Repository& source, storage::Backend& copy);

/// Brings the copy up to date. It needs no key that reads contents, and may be killed at any point
/// and repeated: what was sent is not sent again. Any number of runs, also of prune, may work on
/// both sides at the same time.
/// Errors: as plan_copy; conflict when a prune of the copy did not wait for it. Cancelled.
CopyReport run_copy(repository::Repository& source, storage::Backend& copy,
                    const CopyOptions& options, base::ProgressObserver& progress,
                    const std::stop_token& stopping);

/// Deletes from the copy, opened as `copy` and called `name` in the configuration, the packs that
/// the repository has deleted and that no snapshot there needs. To be called after run_copy. May be
/// killed at any point and repeated.
/// Errors: access_denied for a role that does not maintain; as repository::apply_prune.
CollectReport collect_copy(repository::Repository& source, repository::Repository& copy,
                           const std::string& name, base::ProgressObserver& progress,
                           const std::stop_token& stopping);

}  // namespace holdfast::copies
