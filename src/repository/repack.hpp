#pragma once

#include "pack_use.hpp"
#include "repository/prune.hpp"

#include <stop_token>
#include <vector>

namespace holdfast::repository {

/// Writes what is needed of some packs into new ones, and indexes those. Returns the packs of which
/// nothing is needed any more; one that is damaged is left alone, with a warning.
/// Errors: as WriteSession; wrong_key when contents cannot be read with this key.
std::vector<base::PackId> repack(Repository& repository, const RepositoryUse& use,
                                 const std::vector<PrunePack>& packs, const PruneOptions& options,
                                 base::ProgressObserver& progress, PruneReport& report,
                                 const std::stop_token& stopping);

}  // namespace holdfast::repository
