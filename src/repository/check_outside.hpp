#pragma once

#include "base/progress.hpp"
#include "check_findings.hpp"
#include "repository/check.hpp"
#include "repository/repository.hpp"

#include <stop_token>

namespace holdfast::repository {

/// Verifies the packs that are in the store as far as that needs no key: header and trailer, and
/// of those to be read the checksum of every sector. For a role that holds no index key: what is
/// missing is not seen. Fills packs and bytes_read of `report`.
void check_packs_outside(Repository& repository, const CheckOptions& options,
                         base::ProgressObserver& progress, CheckFindings& findings,
                         CheckReport& report, const std::stop_token& stopping);

}  // namespace holdfast::repository
