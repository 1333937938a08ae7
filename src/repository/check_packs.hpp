#pragma once

#include "base/progress.hpp"
#include "check_findings.hpp"
#include "check_index.hpp"
#include "read_log.hpp"
#include "repository/check.hpp"
#include "repository/repository.hpp"

#include <stop_token>
#include <vector>

namespace holdfast::repository {

/// Compares the packs in the store with `packs` (as read_indexed_packs gives them) and verifies
/// them from outside, and those that `log` chooses whole. Fills packs, chunks, bytes and unused
/// packs of `report`.
void check_packs(Repository& repository, const std::vector<IndexedPack>& packs,
                 const CheckOptions& options, base::ProgressObserver& progress,
                 CheckFindings& findings, CheckReport& report, ReadLog& log,
                 std::stop_token stopping);

}  // namespace holdfast::repository
