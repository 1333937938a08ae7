#pragma once

#include "base/progress.hpp"
#include "check_findings.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"

#include <stop_token>
#include <vector>

namespace holdfast::repository {

/// Reads every tree page, list and map of the snapshots, each subtree once however many share it,
/// and asks the index for every chunk they name.
void check_trees(Repository& repository, const std::vector<Snapshot>& snapshots, unsigned threads,
                 base::ProgressObserver& progress, CheckFindings& findings,
                 std::stop_token stopping);

/// Names the snapshots and paths that need what the findings say is lost.
void find_affected(Repository& repository, const std::vector<Snapshot>& snapshots,
                   CheckFindings& findings, std::stop_token stopping);

}  // namespace holdfast::repository
