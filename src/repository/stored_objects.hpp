// What lies in the store of a repository, for who handles objects without opening them.
#pragma once

#include "base/ids.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <optional>
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
inline constexpr std::string_view hold_prefix = "holds/";

/// Whether a store may lock an object of that name: it is needed for as long as a snapshot that
/// needs it. Leases, tombs and the like come and go, and must be free to.
bool is_kept_object(std::string_view name);

/// Whether an object of that name that begins with `beginning`, which has a pack's header at least,
/// is a pack of content: what only restores and checks read.
bool is_content_object(std::string_view name, base::ByteView beginning);
/// As storage::put, for an object of any kind: the store is told whether it is content.
storage::PutOutcome put_object(storage::Backend& backend, const std::string& name,
                               base::ByteView bytes);

std::string pack_object_name(const base::PackId& id);
std::string index_object_name(const base::IndexId& id);

struct StoredPack {
  base::PackId id;
  std::uint64_t size = 0;
  bool is_archived = false;  // must be thawed before it is read
};

/// The pack that has this object name; nothing when none can.
std::optional<base::PackId> pack_of_object(std::string_view name);
/// All packs in the store, by id. Objects with other names are passed over; check names them.
std::vector<StoredPack> list_packs(storage::Backend& backend);

}  // namespace holdfast::repository
