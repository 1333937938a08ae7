// A tomb names packs that a maintainer means to delete: tombs/<id>. While it is there, writers that
// see it count these packs as absent. It is removed when its packs are gone, and not before:
// whoever made it may be about to delete them, however long ago that was decided.
// See docs/decisions/0015-collection-without-locks.md.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "repository/keys.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace holdfast::repository {

struct Tomb {
  std::string id;  // 32 hexadecimal digits, or 64, the id of its one pack; not encoded
  base::WallTime created;
  /// Keys of the snapshots that the maintainer saw when it found the packs unreferenced, ascending.
  std::vector<std::uint64_t> considered;
  std::vector<base::PackId> packs;
  /// It counts as naming every pack, because nobody can tell what it named.
  bool damaged = false;

  bool has_considered(const base::SnapshotId& snapshot) const;
};

inline constexpr std::string_view tomb_prefix = "tombs/";
inline constexpr std::size_t tomb_packs_max = 100'000;
inline constexpr std::size_t tomb_size_max = 16UL * 1024 * 1024;

std::string tomb_object_name(const std::string& id);
/// The plain text of a tomb. Errors: decoding throws corrupt, unsupported.
base::Bytes encode_tomb(const Tomb& tomb);
Tomb decode_tomb(base::ByteView text);

/// Stores `tomb` under a new id, which it gets. Errors: as the store.
void put_tomb(storage::Backend& backend, const base::RepositoryId& repository,
              const KeyBundle& keys, base::Random& random, Tomb& tomb);
/// For a store without room: names a pack by the name of an empty object.
void put_empty_tomb(storage::Backend& backend, const base::PackId& pack);
/// All tombs; one that goes meanwhile is left out.
/// Errors: unsupported for one of a newer version; what the store says.
std::vector<Tomb> list_tombs(storage::Backend& backend, const base::RepositoryId& repository,
                             const KeyBundle& keys);

/// The packs of several tombs together.
class TombedPacks {
public:
  TombedPacks() = default;
  explicit TombedPacks(const std::vector<Tomb>& tombs);
  bool empty() const { return !all_ && packs_.empty(); }
  bool contains(const base::PackId& pack) const { return all_ || names(pack); }
  /// Whether one that is whole names it.
  bool names(const base::PackId& pack) const { return packs_.contains(pack); }

private:
  bool all_ = false;
  std::set<base::PackId> packs_;
};

}  // namespace holdfast::repository
