// How the objects of the collection of garbage lie in the store: leases, tombs, holds, marks of
// packs elsewhere and reach objects.
// Whoever writes or collects holds the index key; none of them needs to read contents.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "repository/keys.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::repository {

struct CollectionKind {
  std::string_view magic;
  std::string_view label;  // of the seal
};
inline constexpr CollectionKind lease_kind{"HFLEASE\n", "holdfast/v1/lease"};
inline constexpr CollectionKind lease_end_kind{"HFLEAEND", "holdfast/v1/lease end"};
inline constexpr CollectionKind tomb_kind{"HFTOMB\r\n", "holdfast/v1/tomb"};
inline constexpr CollectionKind hold_kind{"HFHOLD\r\n", "holdfast/v1/hold"};
inline constexpr CollectionKind elsewhere_kind{"HFAWAY\r\n", "holdfast/v1/elsewhere"};
inline constexpr CollectionKind reach_kind{"HFREACH\n", "holdfast/v1/reach"};

/// `name` is the object's: a box moved to another name does not open.
base::Bytes seal_collection_object(const CollectionKind& kind, const std::string& name,
                                   base::ByteView text, const base::RepositoryId& repository,
                                   const KeyBundle& keys, base::Random& random);
/// Errors: corrupt, wrong_key, unsupported; each names the object.
base::Bytes open_collection_object(const CollectionKind& kind, const std::string& name,
                                   base::ByteView object, const base::RepositoryId& repository,
                                   const KeyBundle& keys);

/// The order of keys is that of ids, so that a sorted index is searched by keys from front to back.
/// Two ids may share a key: what is found by keys alone may be too much and never too little.
inline std::uint64_t key_of(base::ByteView id) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i)
    key = key << 8 | static_cast<std::uint64_t>(id[i]);
  return key;
}
template <class Tag>
std::uint64_t key_of(const base::Digest32<Tag>& id) {
  return key_of(id.view());
}

}  // namespace holdfast::repository
