// Packs that no index segment names, for who reads from a repository that lost some of its index.
#pragma once

#include "repository/repository.hpp"

#include <cstddef>

namespace holdfast::repository {

/// Adds to `index`, in this process alone, what the directories of these packs say; of a damaged
/// pack what can be mended. Returns how many packs it found.
/// Errors: as the store, but for damage.
std::size_t add_unindexed_packs(Repository& repository, Index& index);

}  // namespace holdfast::repository
