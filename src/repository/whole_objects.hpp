// Small objects that are damaged here and whole elsewhere.
#pragma once

#include "base/bytes.hpp"
#include "repository/repair.hpp"
#include "repository/repository.hpp"

#include <optional>
#include <string>

namespace holdfast::repository {

struct WholeObject {
  RepairKind kind = RepairKind::format_copy;
  base::Bytes bytes;
  bool from_copy = false;  // of the repository; else from another object of the same one
};

/// What should stand under `name`: of the format and of epochs from their other copies, or from
/// `copy`; of key slots and snapshot records from `copy` alone, which may be null. Nothing for
/// other names, and when none is whole.
/// Errors: as the stores, but for damage.
std::optional<WholeObject> find_whole_object(Repository& repository, Repository* copy,
                                             const std::string& name);

}  // namespace holdfast::repository
