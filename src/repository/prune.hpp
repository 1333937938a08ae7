#pragma once

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::repository {

struct PruneOptions {
  /// Packs with less of their bytes in use than this are written anew without the rest.
  unsigned repack_below_percent = 60;
  /// Bytes of packs that are read and written anew at most.
  std::uint64_t repack_bytes_max = std::numeric_limits<std::uint64_t>::max();
  /// Packs smaller than this are merged when there are small_packs_min of a kind.
  std::uint64_t small_pack_bytes = 4ULL * 1024 * 1024;
  std::size_t small_packs_min = 16;
  /// Packs that are sealed to another epoch than the newest are written anew under that.
  bool reencrypt = false;
  std::uint64_t pack_size_target = 64ULL * 1024 * 1024;
  int compression_level = 3;
  /// When there are any: only these may be deleted, nothing is written anew, and what is needed is
  /// taken to be needed from other packs where they have it. For copies of a repository.
  std::optional<std::set<base::PackId>> only{};
  /// These are not written anew, though little of them is needed.
  std::set<base::PackId> not_rewritten{};
  /// How long listings of the store may lag behind what was written. 0 for a local store.
  std::int64_t grace_seconds = 0;
  /// A lease is given up on so long after it expired: clocks differ.
  std::int64_t lease_margin_seconds = 60;
  /// Waits until all who might need what is deleted have ended, instead of leaving that to the next
  /// prune.
  bool wait = false;
  /// How to wait; used for the grace and for leases.
  std::function<void(std::int64_t seconds)> sleep{};
  /// How many packs are written anew at a time; 0: one more than there are cores. With 1 the
  /// calling thread does everything, so that a simulator decides what follows what.
  unsigned threads = 0;
  /// As WriteOptions::renews_by_thread.
  bool renews_by_thread = true;
};

enum class PruneReason : std::uint8_t {
  unreferenced,  // no snapshot needs anything in it
  unindexed,     // left by a run that did not end
  mostly_dead,   // what is needed is written anew
  small,         // likewise, with other small ones
  old_epoch,     // likewise, because it is sealed to an older epoch
  marked,        // an earlier prune meant to delete it; what is needed after all is written anew
};
std::string_view name_of(PruneReason reason);

struct PrunePack {
  base::PackId id;
  pipeline::PackKind kind = pipeline::PackKind::data;
  std::uint64_t size = 0;
  std::uint64_t live_bytes = 0;  // of the pack, about
  PruneReason reason = PruneReason::unreferenced;
  bool is_away = false;  // in another store, which frees it later: nothing is freed here
};

/// What was removed while the store had it locked: it takes up space until then.
struct HeldBytes {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::optional<base::WallTime> first;  // when the first of them is free
  std::optional<base::WallTime> last;
};

/// What a prune would do, and nothing that it has done.
struct PrunePlan {
  std::uint64_t snapshots = 0;
  std::uint64_t packs = 0;  // in the store
  std::uint64_t bytes = 0;
  std::uint64_t bytes_live = 0;    // about
  std::vector<PrunePack> deleted;  // as they are
  std::vector<PrunePack> repacked;
  std::uint64_t stale_packs = 0;       // named by the index, gone, and needed by nobody
  std::uint64_t packs_frozen = 0;      // to be written anew, and cannot be read without a thaw
  std::uint64_t bytes_frozen = 0;      // of these, what nothing needs
  std::uint64_t packs_away = 0;        // needed, and in another store instead
  std::uint64_t bytes_away = 0;        // of these
  std::uint64_t packs_kept = 0;        // only because another store relies on this one
  std::uint64_t packs_postponed = 0;   // to be written anew, if they were not in not_rewritten
  std::uint64_t pages_read = 0;        // of trees, because nothing said what they name
  std::vector<std::string> notes{};    // what a person should know
  std::vector<std::string> waiting{};  // runs that deletion waits for
  HeldBytes held{};                    // already removed, and still locked

  std::uint64_t bytes_deleted() const;
  std::uint64_t bytes_repacked() const;
  std::uint64_t bytes_freed() const;
  bool empty() const { return deleted.empty() && repacked.empty() && stale_packs == 0; }
};

struct PruneReport {
  std::uint64_t packs_deleted = 0;
  std::uint64_t bytes_deleted = 0;   // without what is held
  std::uint64_t bytes_released = 0;  // of what earlier runs removed and a lock held
  HeldBytes held{};                  // for a prune after its lock
  std::uint64_t packs_released = 0;  // that another store kept for this one
  std::uint64_t packs_repacked = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t packs_marked = 0;         // still there: the next prune deletes them
  std::uint64_t packs_kept = 0;           // of the marked: needed after all, and to be moved
  std::uint64_t leases_removed = 0;       // of runs that are over
  std::uint64_t snapshots_completed = 0;  // committed by runs that died right after
  std::vector<std::string> waiting{};     // what the marked packs wait for
  bool finished() const { return packs_marked == 0; }
};

/// Finds what no snapshot needs. Reads records, leases, reach objects and the index, and no trees
/// unless something is missing. Changes nothing.
///
/// What must be thawed to be read, or is in another store instead, is never written anew: it goes
/// when nothing of it is needed. What another store relies on stays.
///
/// Memory: about 16 bytes for each chunk that is in use.
/// Errors: corrupt when a record or index segment is damaged, or when something that a snapshot
///         needs is nowhere: then nothing may be deleted before it is mended or forgotten.
/// wrong_key
///         when pages must be read and this key cannot. Cancelled.
PrunePlan plan_prune(Repository& repository, const PruneOptions& options,
                     base::ProgressObserver& progress, std::stop_token stopping);

/// Does what `plan` says, as far as it still holds: before anything is deleted it is found anew
/// what the snapshots need, once nobody is left that could know better. May be killed at any point
/// and repeated; any number of backups, restores, checks and prunes may run at the same time.
/// Errors: as plan_prune; tampered when records are lost; no_space only when not even a name fits
/// into the store.
PruneReport apply_prune(Repository& repository, const PrunePlan& plan, const PruneOptions& options,
                        base::ProgressObserver& progress, std::stop_token stopping);

}  // namespace holdfast::repository
