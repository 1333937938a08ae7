#pragma once

#include "repository/snapshot.hpp"
#include "session.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast::cli {

/// Takes a snapshot of what a restore of `snapshot` in place is about to overwrite: those of its
/// items that hold one of `paths` (all when there are none) and exist. Nothing when none exists.
/// Errors: whatever kept it from being taken.
std::optional<base::SnapshotId> take_safety_snapshot(Session& session,
                                                     const repository::Snapshot& snapshot,
                                                     const std::vector<std::string>& paths);

}  // namespace holdfast::cli
