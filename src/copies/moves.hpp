// Packs that leave a repository because a copy of it keeps them, and the way back. What happens
// when it is interrupted, and why no prune anywhere takes such a pack, is in
// docs/decisions/0035-packs-elsewhere.md.
#pragma once

#include "base/progress.hpp"
#include "copies/copy.hpp"
#include "repository/repository.hpp"
#include "repository/stored_objects.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::copies {

struct MovesReport {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;              // of these
  std::uint64_t packs_lacking = 0;      // left, because the copy has them not, or not yet
  std::vector<CopyProblem> problems{};  // of packs that are left too
};

/// Removes `packs` from the repository, one after the other, when the copy, called `store` in the
/// configuration, has them: of the same size, read back and equal to their checksums by this call
/// or by an earlier reading that is in the ledger there. May be killed at any point and repeated.
/// Errors: access_denied for a role that does not maintain; conflict when a prune of either store
/// did not wait for it; as the stores. Cancelled.
MovesReport move_away(repository::Repository& source, repository::Repository& copy,
                      const std::string& store, std::span<const repository::StoredPack> packs,
                      base::ProgressObserver& progress, const std::stop_token& stopping);

/// Copies packs that are away from the copy into the repository: those that `store`, the name of
/// the copy, keeps; with `any`, all that it has. May be killed at any point and repeated.
/// Errors: as move_away.
MovesReport bring_back(repository::Repository& source, storage::Backend& copy,
                       const std::string& store, bool any, base::ProgressObserver& progress,
                       const std::stop_token& stopping);

/// Tells the copy called `store` of packs that it need not keep any more for the repository: it may
/// lose them when none of its own snapshots needs them. May be killed at any point and repeated.
void settle_released(repository::Repository& source, storage::Backend& copy,
                     const std::string& store);

}  // namespace holdfast::copies
