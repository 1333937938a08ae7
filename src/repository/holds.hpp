// Snapshots that nobody may forget until somebody says so: holds/<snapshot>. Where the store locks
// objects, a legal hold keeps everything that they need from being destroyed, also after locks
// ended. See docs/decisions/0032-holds.md.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

struct Hold {
  base::WallTime since;
  std::string reason;  // for people; never empty in the store
};
inline constexpr std::size_t hold_reason_size_max = 1000;

/// What was done to the objects of a store.
struct HeldObjects {
  bool enforced = false;  // the store keeps them itself
  std::uint64_t count = 0;
};

/// Snapshots that are held, by the names of objects: of this store, not of its copies.
std::set<base::SnapshotId> held_snapshots(storage::Backend& backend);
/// Sets `hold` of those that are held to the reason. What cannot be read is held for all that.
void note_holds(Repository& repository, std::vector<Snapshot>& snapshots);

/// Holds a snapshot; one that is held already stays so for its old reason, and its objects are held
/// again. Cost: a request for each object that it needs, where the store locks objects.
/// Errors: access_denied for a role that does not maintain, or without the store's right to hold;
///         not_found; conflict when it was forgotten meanwhile, or when its needs are not known.
HeldObjects hold_snapshot(Repository& repository, const base::SnapshotId& id,
                          const std::string& reason, const std::stop_token& stopping);
/// Takes the hold away, and from the objects that no other held snapshot needs.
/// Errors: as hold_snapshot; not_found when it is not held.
HeldObjects release_snapshot(Repository& repository, const base::SnapshotId& id,
                             const std::stop_token& stopping);
/// Every pack with a copy of something that these snapshots need. Reads reach objects and the
/// index, and no trees. Errors: conflict when what they need is described nowhere.
std::set<base::PackId> packs_needed_by(Repository& repository,
                                       const std::vector<Snapshot>& snapshots);
/// Holds what held snapshots need since a prune wrote it anew.
void renew_holds(Repository& repository, const std::stop_token& stopping);

/// Plain text, for golden tests. Errors: decoding throws corrupt, unsupported.
base::Bytes encode_hold(const Hold& hold);
Hold decode_hold(base::ByteView text);

}  // namespace holdfast::repository
