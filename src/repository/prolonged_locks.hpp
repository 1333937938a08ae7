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

/// Locks every object of the store that is kept for long, but the packs of `doomed`, until the
/// store's period from now at least. Does nothing where nothing is to be locked.
/// Cost: a list; a request for each object that this machine did not see yet; one more for each
///       whose lock ends too soon.
/// Errors: as the store; access_denied without the right to lock.
void prolong_locks(const LockKeeping& keeping, const TombedPacks& doomed);

}  // namespace holdfast::repository
