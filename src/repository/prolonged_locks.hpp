// Locks of a store end, and what an older run stored is needed by newer snapshots: so before a
// snapshot counts, the locks of all that is kept are prolonged. See
// docs/decisions/0027-object-lock.md.
#pragma once

#include "base/clock.hpp"
#include "storage/backend.hpp"
#include "tomb.hpp"

#include <string>

namespace holdfast::repository {

struct LockKeeping {
  storage::Backend& backend;  // borrowed
  base::Clock& clock;
  std::string cache_directory;  // where this machine remembers locks; empty: it does not
  unsigned io_threads = 8;
};

/// What is locked for less than the store's period, where a lock cannot be prolonged before it is
/// over (docs/decisions/0036-worm-of-buckets.md). A day less is none.
struct LockShortfall {
  std::size_t objects = 0;
  base::WallTime first;  // when the first of them can be destroyed
};
/// "12 objects are locked for less than ...": for people.
std::string describe(const LockShortfall& shortfall, std::int64_t period_seconds);

/// Locks every object of the store that is kept for long, but the packs of `doomed`, until the
/// store's period from now at least, and says what it could not. Does nothing where nothing is to
/// be locked.
/// Cost: a list; a request for each object that this machine did not see yet; one more for each
///       whose lock ends too soon.
/// Errors: as the store; access_denied without the right to lock.
LockShortfall prolong_locks(const LockKeeping& keeping, const TombedPacks& doomed);

}  // namespace holdfast::repository
