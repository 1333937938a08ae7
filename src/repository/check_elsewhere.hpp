#pragma once

#include "check_findings.hpp"
#include "check_index.hpp"
#include "repository/check.hpp"
#include "repository/repository.hpp"

#include <map>
#include <vector>

namespace holdfast::repository {

/// The stores in which packs are read that are not in the repository's own.
using PackPlaces = std::map<base::PackId, storage::Backend*>;

/// Asks the stores that are named in the marks of `away` whether they have these packs; what is not
/// there as it was written is noted. Fills `elsewhere` of the report, and its figures of what is
/// frozen there. Returns those that can be read where they are.
PackPlaces look_elsewhere(Repository& repository, const std::vector<const IndexedPack*>& away,
                          const CheckOptions& options, CheckFindings& findings,
                          CheckReport& report);

}  // namespace holdfast::repository
