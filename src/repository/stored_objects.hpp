// What lies in the store of a repository, for who handles objects without opening them.
#pragma once

#include "base/ids.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::repository {

inline constexpr std::string_view slot_prefix = "keys/";
inline constexpr std::string_view epoch_prefix = "epochs/";
inline constexpr std::string_view index_prefix = "index/";
inline constexpr std::string_view reach_prefix = "reach/";
inline constexpr std::string_view snapshot_prefix = "snapshots/";
inline constexpr std::string_view deletion_prefix = "deletions/";

std::string pack_object_name(const base::PackId& id);
std::string index_object_name(const base::IndexId& id);

struct StoredPack {
  base::PackId id;
  std::uint64_t size = 0;
};

/// All packs in the store, by id. Objects with other names are passed over; check names them.
std::vector<StoredPack> list_packs(storage::Backend& backend);

}  // namespace holdfast::repository
