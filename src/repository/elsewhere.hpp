// Packs that are not here: a store gave them up because another one, a copy of the repository, has
// them. The store that gave a pack up says so, and the one that has it says that it is kept for
// that. See docs/decisions/0035-packs-elsewhere.md.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "repository/repository.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace holdfast::repository {

enum class PackMark : std::uint8_t {
  away,      // elsewhere/<pack>: not here, or on its way; a store of another name has it
  kept,      // elsewhere/<pack>.kept: here for another store, and not deleted whoever needs it
  released,  // elsewhere/<pack>.released: it was away, and need not be kept there any more
};

/// What a mark says.
struct Elsewhere {
  base::WallTime since;
  std::string store;  // in the configuration, the one that has the pack; never empty in the store
};
inline constexpr std::size_t store_name_size_max = 200;

/// The marks of a store by the names of objects alone: a damaged one counts.
struct MarkedPacks {
  std::set<base::PackId> away;
  std::set<base::PackId> kept;
  std::set<base::PackId> released;
};
/// To be called after packs are listed: a pack that goes away is here, or it is marked by then.
MarkedPacks list_marked_packs(storage::Backend& backend);
bool is_away(storage::Backend& backend, const base::PackId& pack);

/// Marks a pack in `store`, which is the repository's own or a copy of it; a mark that is there
/// stays as it is. It is durable when this returns. Errors: as the store.
void put_mark(Repository& repository, storage::Backend& store, const base::PackId& pack,
              PackMark mark, const Elsewhere& what);
void remove_mark(storage::Backend& store, const base::PackId& pack, PackMark mark);
/// Errors: not_found; corrupt, wrong_key, unsupported, naming the object.
Elsewhere read_mark(Repository& repository, const base::PackId& pack, PackMark mark);

/// Nothing when there is none, or when it does not open: a check names it.
std::optional<Elsewhere> find_mark(Repository& repository, const base::PackId& pack, PackMark mark);

std::string mark_object_name(const base::PackId& pack, PackMark mark);

/// Plain text, for golden tests. Errors: decoding throws corrupt, unsupported.
base::Bytes encode_elsewhere(const Elsewhere& what);
Elsewhere decode_elsewhere(base::ByteView text);

}  // namespace holdfast::repository
