#pragma once

#include "base/ids.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <vector>

namespace holdfast::repository {

struct StoredPack {
  base::PackId id;
  std::uint64_t size = 0;
};

/// All packs in the store, by id. Objects with other names are passed over; check names them.
std::vector<StoredPack> list_packs(storage::Backend& backend);

}  // namespace holdfast::repository
